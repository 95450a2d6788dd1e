"""Record sets: names, types, TTLs and data as the nameservers want them, in presentation format (RFC 1035 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.tokenizer

from services.chassis.errors import Invalid

TYPES = ("A", "AAAA", "ALIAS", "CAA", "CNAME", "DS", "MX", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT")
MIN_TTL, MAX_TTL, DEFAULT_TTL = 60, 604_800, 3600
MOST_RECORDS = 100
"""Records of one set."""
MOST_OCTETS = 16_384
"""Of the data of one set together, as text: an answer has to fit in a message."""
MOST_SETS = 20_000
"""Record sets of a zone."""

#: The field of a type's data that names a host.
TARGETS = {"CNAME": "target", "NS": "target", "PTR": "target", "MX": "exchange", "SRV": "target"}
_CODEC = dns.name.IDNA_2008_Practical
_LABEL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")


class RecordNameInvalid(Invalid):
    reason = "RECORD_NAME_INVALID"


class RecordOutsideZone(Invalid):
    reason = "RECORD_OUTSIDE_ZONE"


class RecordTypeUnknown(Invalid):
    reason = "RECORD_TYPE_UNKNOWN"


class RecordInvalid(Invalid):
    reason = "RECORD_INVALID"


class TtlOutOfRange(Invalid):
    reason = "TTL_OUT_OF_RANGE"


class RecordSetTooLarge(Invalid):
    reason = "RECORD_SET_TOO_LARGE"


class ZoneTooLarge(Invalid):
    reason = "ZONE_TOO_LARGE"


Key = tuple[str, str]
"""(name, type) of a set."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """`name` with its trailing dot, in A-labels; `ttl` in seconds; `records` in presentation format, each once."""

    name: str
    type: str
    ttl: int
    records: tuple[str, ...]
    comment: str = ""

    @property
    def key(self) -> Key:
        return self.name, self.type


def apex(zone: str) -> dns.name.Name:
    """The zone's name with its trailing dot."""
    return dns.name.from_text(f"{zone}.")


def owner(text: str, zone: str, field: str, origin: dns.name.Name | None = None) -> str:
    """A set's name, from "@", "www", "www.example.hu" or "www.example.hu."; RecordNameInvalid, RecordOutsideZone.

    With `origin` it is read as in a zone file: whatever has no dot at its end is below the origin.
    """
    base, plain = apex(zone), text.strip()
    try:
        if origin is None:
            found = dns.name.from_text(plain or "@", base, idna_codec=_CODEC)
            whole = dns.name.from_text(plain, dns.name.root, idna_codec=_CODEC) if plain not in {"", "@"} else base
            found = whole if whole.is_subdomain(base) else found
        else:
            found = dns.name.from_text(plain, origin, idna_codec=_CODEC)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise RecordNameInvalid(str(error), field=field, name=plain[:255]) from None
    found = found.canonicalize()
    if not found.is_subdomain(base):
        raise RecordOutsideZone(f"{found} is not in {zone}", field=field, name=found.to_text()[:255], zone=zone)
    for index, label in enumerate(found.relativize(base).labels):
        if not (label == b"*" and index == 0) and not set(label) <= _LABEL:
            raise RecordNameInvalid("letters, digits, - and _ only", field=field, name=plain[:255])
    return found.to_text()


def data(type_: str, text: str, zone: str, field: str, origin: dns.name.Name | None = None) -> str:
    """One record's data, checked and in one canonical spelling; RecordInvalid.

    Without `origin` it is what people type: a host without any dot is in the zone, one with dots stands for itself, and
    text without quotes is one string. With it, it is read as in a zone file.
    """
    try:
        if len(text.strip().splitlines()) > 1:
            raise ValueError("a record is one line")
        if type_ == "TXT":
            return _strings(text, as_in_file=origin is not None)
        parsed: Any = dns.rdata.from_text(
            "IN", "CNAME" if type_ == "ALIAS" else type_, text, origin=origin, relativize=False, idna_codec=_CODEC
        )
        target = TARGETS.get("CNAME" if type_ == "ALIAS" else type_)
        if target is not None:
            host = getattr(parsed, target)
            if not host.is_absolute():
                host = host.derelativize(apex(zone) if len(host) <= 1 else dns.name.root)
            if len(host) > 1 and host.labels[-2].isdigit():
                raise ValueError("an address where a host name is expected")
            parsed = parsed.replace(**{target: host.canonicalize()})
        return str(parsed.to_text())
    except (dns.exception.DNSException, ValueError, OverflowError) as error:
        raise RecordInvalid(
            str(error)[:200] or type(error).__name__, field=field, type=type_, value=text[:100]
        ) from None


def record_set(
    zone: str, name: str, type_: str, ttl: int | None, texts: list[str], comment: str, field: str
) -> tuple[RecordSet | None, list[Invalid]]:
    """A set from what people type, or everything that is wrong with it; `field` is the request's path to it."""
    problems: list[Invalid] = []
    records: dict[str, None] = {}
    try:
        name = owner(name, zone, f"{field}.name")
        checked_type(type_, f"{field}.type")
    except Invalid as error:
        return None, [error]
    if not texts:
        problems.append(RecordInvalid("at least one record", field=f"{field}.records", type=type_, value=""))
    if too_much(texts):
        return None, [too_large(name, type_, f"{field}.records")]
    for index, text in enumerate(texts):
        try:
            records[data(type_, text, zone, f"{field}.records[{index}]")] = None
        except Invalid as error:
            problems.append(error)
    seconds = DEFAULT_TTL if ttl is None else ttl
    if not MIN_TTL <= seconds <= MAX_TTL:
        problems.append(ttl_out_of_range(seconds, f"{field}.ttl"))
    if problems:
        return None, problems
    return RecordSet(name, type_, seconds, tuple(records), comment.strip()), []


def checked_type(type_: str, field: str) -> None:
    """RecordTypeUnknown for a type that we do not serve."""
    if type_ not in TYPES:
        shown = type_[:20]
        raise RecordTypeUnknown(f"{shown} is none of {', '.join(TYPES)}", field=field, type=shown)


def too_much(texts: Sequence[str]) -> bool:
    """Whether it is more than one set can hold."""
    return len(texts) > MOST_RECORDS or sum(map(len, texts)) > MOST_OCTETS


def too_large(name: str, type_: str, field: str) -> RecordSetTooLarge:
    detail = f"at most {MOST_RECORDS} records and {MOST_OCTETS} octets"
    most = {"records": str(MOST_RECORDS), "octets": str(MOST_OCTETS)}
    return RecordSetTooLarge(detail, field=field, name=name, type=type_, **most)


def too_many_sets(field: str) -> ZoneTooLarge:
    return ZoneTooLarge(f"at most {MOST_SETS} record sets", field=field, most=str(MOST_SETS))


def ttl_out_of_range(ttl: int, field: str) -> TtlOutOfRange:
    detail = f"{ttl} is not between {MIN_TTL} and {MAX_TTL}"
    return TtlOutOfRange(detail, field=field, value=str(ttl), min=str(MIN_TTL), max=str(MAX_TTL))


def targets(one: RecordSet) -> list[str]:
    """The hosts that a set's records name, with their trailing dots; the root for "nothing here" (RFC 7505)."""
    if one.type not in TARGETS:
        return []
    return [record.rpartition(" ")[2] for record in one.records]


def merged(into: RecordSet, more: RecordSet) -> RecordSet:
    """Two parts of one set, as a zone file gives them a line each; the first TTL counts (RFC 2181 5.2)."""
    return replace(into, records=tuple(dict.fromkeys((*into.records, *more.records))))


def _strings(text: str, *, as_in_file: bool) -> str:
    """Character-strings, each in quotes; one of over 255 octets becomes several, which readers join again (RFC 7208 3.3)."""
    stripped = text.strip()
    if not as_in_file and not stripped.startswith('"'):
        parts = [stripped.encode()]
    else:
        parts = []
        tokenizer = dns.tokenizer.Tokenizer(stripped)
        while not (token := tokenizer.get()).is_eol_or_eof():
            parts.append(token.unescape_to_bytes().value)
    if not parts:
        raise ValueError("no text")
    chunks = [part[i : i + 255] for part in parts for i in range(0, max(len(part), 1), 255)]
    return " ".join(f'"{_escaped(chunk)}"' for chunk in chunks)


def _escaped(chunk: bytes) -> str:
    return "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}" for byte in chunk
    )
