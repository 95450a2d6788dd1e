"""BIND zone files (RFC 1035 5): read line by line, so that every line that cannot be taken is named; and written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dns.exception
import dns.name

from services.chassis.errors import Invalid
from services.domains import records
from services.domains.records import Key, RecordSet

MOST_OCTETS = 1_500_000
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TTL = re.compile(r"(?:\d+[smhdw]?)+", re.IGNORECASE)
_CLASSES = {"IN", "CH", "HS", "CS"}


class ZoneLineInvalid(Invalid):
    """A line that cannot be read: what is wrong stands in the detail, its number in `line`."""

    reason = "ZONE_LINE_INVALID"


@dataclass(frozen=True, slots=True)
class Entry:
    """A logical line: where it begins in the file, whether it begins with the name it is about, its words."""

    line: int
    owned: bool
    words: list[str]


def read(zone: str, text: str) -> tuple[dict[Key, RecordSet], list[Invalid]]:
    """The record sets of a file, and what is wrong with which line. SOA is left out: it is the nameservers' own."""
    origin, default_ttl, last_ttl, last_owner = records.apex(zone), None, None, ""
    found: dict[Key, RecordSet] = {}
    problems: list[Invalid] = []
    for entry in entries(text, problems):
        try:
            head = entry.words[0].upper()
            if head == "$ORIGIN":
                origin = _origin(entry, origin)
            elif head == "$TTL":
                default_ttl = _seconds(entry.words[1] if len(entry.words) > 1 else "", entry.line)
            elif head.startswith("$"):
                raise ZoneLineInvalid(f"{head} is not supported", field=_field(entry.line), line=str(entry.line))
            else:
                one, last_owner, last_ttl = _record(zone, entry, origin, default_ttl, last_ttl, last_owner)
                if one is not None:
                    kept = found.get(one.key)
                    # What is too large already only has to be said so.
                    if kept is None or len(kept.records) <= records.MOST_RECORDS:
                        found[one.key] = one if kept is None else records.merged(kept, one)
        except Invalid as error:
            problems.append(error)
    problems += [
        records.too_large(f"zone_file.{one.name} {one.type}")
        for one in found.values()
        if len(one.records) > records.MOST_RECORDS or sum(map(len, one.records)) > records.MOST_OCTETS
    ]
    return found, problems


def write(zone: str, version: int, sets: Iterable[RecordSet], nameserver: str) -> str:
    """A file that reads back as the same sets. The SOA stands for the nameservers' own."""
    out = [
        f"; {zone}, version {version}",
        f"$ORIGIN {zone}.",
        f"$TTL {records.DEFAULT_TTL}",
        f"@ IN SOA {nameserver}. hostmaster.{zone}. ( {version} 10800 3600 604800 3600 )",
    ]
    for one in sorted(sets, key=lambda s: (s.name != f"{zone}.", s.name, s.type)):
        if one.comment:
            out += [f"; {line}" for line in one.comment.splitlines()]
        out += [f"{one.name} {one.ttl} IN {one.type} {record}" for record in one.records]
    return "\n".join(out) + "\n"


def entries(text: str, problems: list[Invalid]) -> Iterator[Entry]:
    """The file's logical lines: comments dropped, parentheses joined, quotes kept. What does not close goes to `problems`."""
    words: list[str] = []
    begun, depth, owned = 0, 0, False
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not depth:
            words, begun, owned = [], number, bool(line) and not line[0].isspace()
        closed, depth = _scan(line, words, depth)
        if not closed or depth < 0:
            what = "a quote does not close on its line" if not closed else "a parenthesis closes that was never open"
            problems.append(ZoneLineInvalid(what, field=_field(number), line=str(number)))
            words, depth = [], 0
        elif not depth and words:
            yield Entry(begun, owned, words)
    if depth:
        what = "a parenthesis does not close"
        problems.append(ZoneLineInvalid(what, field=_field(begun), line=str(begun)))


def _scan(line: str, words: list[str], depth: int) -> tuple[bool, int]:
    """Adds the line's words; (whether every quote closes, how deep in parentheses it ends)."""
    at, word = 0, ""
    while at < len(line):
        char = line[at]
        if char == '"':
            end = at + 1
            while end < len(line) and line[end] != '"':
                end += 2 if line[end] == "\\" else 1
            if end >= len(line):
                return False, depth
            word, at = word + line[at : end + 1], end + 1
            continue
        if char == "\\":
            word, at = word + line[at : at + 2], at + 2
            continue
        if char in " \t();":
            if word:
                words.append(word)
                word = ""
            depth += {"(": 1, ")": -1}.get(char, 0)
            if char == ";" or depth < 0:
                return True, depth
        else:
            word += char
        at += 1
    if word:
        words.append(word)
    return True, depth


def _record(
    zone: str, entry: Entry, origin: dns.name.Name, default_ttl: int | None, last_ttl: int | None, last_owner: str
) -> tuple[RecordSet | None, str, int | None]:
    """[name] [TTL] [class] type data, TTL and class in either order; what is left out is as before."""
    field, at = _field(entry.line), 0
    if entry.owned:
        last_owner, at = records.owner(entry.words[0], zone, field, origin), 1
    elif not last_owner:
        raise ZoneLineInvalid("the first record needs a name", field=field, line=str(entry.line))
    ttl: int | None = None
    while at < len(entry.words):
        word = entry.words[at].upper()
        if word in _CLASSES:
            if word != "IN":
                raise ZoneLineInvalid(f"class {word} is not supported", field=field, line=str(entry.line))
        elif ttl is None and _TTL.fullmatch(word):
            ttl = _seconds(word, entry.line)
        else:
            break
        at += 1
    if at >= len(entry.words):
        raise ZoneLineInvalid("the record has no type", field=field, line=str(entry.line))
    type_ = entry.words[at].upper()
    seconds = next((t for t in (ttl, default_ttl, last_ttl) if t is not None), records.DEFAULT_TTL)
    if type_ == "SOA":
        return None, last_owner, ttl if ttl is not None else last_ttl
    records.checked_type(type_, field)
    text = records.data(type_, " ".join(entry.words[at + 1 :]), zone, field, origin)
    if not records.MIN_TTL <= seconds <= records.MAX_TTL:
        raise records.ttl_out_of_range(seconds, field)
    return RecordSet(last_owner, type_, seconds, (text,)), last_owner, seconds


def _origin(entry: Entry, origin: dns.name.Name) -> dns.name.Name:
    try:
        return dns.name.from_text(entry.words[1], origin, idna_codec=dns.name.IDNA_2008_Practical)
    except (IndexError, dns.exception.DNSException, UnicodeError):
        raise ZoneLineInvalid("$ORIGIN needs a name", field=_field(entry.line), line=str(entry.line)) from None


def _seconds(text: str, line: int) -> int:
    """ "3600" or "1h30m" in seconds."""
    if not _TTL.fullmatch(text) or len(text) > 20:
        raise ZoneLineInvalid(f"{text[:20]!r} is no TTL", field=_field(line), line=str(line))
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in re.findall(r"(\d+)([smhdwSMHDW]?)", text))


def _field(line: int) -> str:
    return f"zone_file[{line}]"
