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
MOST_PROBLEMS = 1_000
"""Reading ends after so many: that is no zone file."""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TTL = re.compile(r"(?:\d+[smhdw]?)+", re.IGNORECASE)
_CLASSES = {"IN", "CH", "HS", "CS"}


class ZoneLineInvalid(Invalid):
    """A line that cannot be read: `problem` is one of the codes in gateway/messages/zones, `word` what it is about."""

    reason = "ZONE_LINE_INVALID"

    def __init__(self, problem: str, detail: str, line: int, word: str = "") -> None:
        super().__init__(detail, field=_field(line), line=str(line), problem=problem, word=word)


@dataclass(frozen=True, slots=True)
class Entry:
    """A logical line: where it begins in the file, whether it begins with the name it is about, its words."""

    line: int
    owned: bool
    words: list[str]


@dataclass(frozen=True, slots=True)
class Record:
    """A record's line: whose it is; its TTL in seconds, None where the line has none; its type and its data, unread."""

    owner: str
    ttl: int | None
    type: str
    data: str

    @property
    def key(self) -> Key:
        return self.owner, self.type


def read(zone: str, text: str) -> tuple[dict[Key, RecordSet], list[Invalid]]:
    """The record sets of a file, and what is wrong with which line. SOA is left out: it is the nameservers' own.

    What is found to be too large is read no further: a set, or the whole file, which is ZoneTooLarge.
    """
    origin, default_ttl, last_ttl, last_owner = records.apex(zone), None, None, ""
    found: dict[Key, RecordSet] = {}
    too_large: set[Key] = set()
    problems: list[Invalid] = []
    for entry in entries(text, problems):
        field = _field(entry.line)
        try:
            head = entry.words[0].upper()
            if head == "$ORIGIN":
                origin = _origin(entry, origin)
            elif head == "$TTL":
                default_ttl = _seconds(entry.words[1] if len(entry.words) > 1 else "", entry.line)
            elif head.startswith("$"):
                raise ZoneLineInvalid("DIRECTIVE", f"{head[:20]} is not supported", entry.line, head[:20])
            else:
                one = _record(zone, entry, origin, last_owner)
                last_owner = one.owner
                ttl = next((t for t in (one.ttl, default_ttl, last_ttl) if t is not None), records.DEFAULT_TTL)
                if one.type != "SOA" and one.key not in too_large:
                    grown = _grown(found.get(one.key), zone, one, ttl, origin, field)
                    if grown is None:
                        too_large.add(one.key)
                        raise records.too_large(*one.key, field)
                    found[one.key] = grown
                last_ttl = last_ttl if one.ttl is None else one.ttl
        except Invalid as error:
            problems.append(error)
        if len(found) > records.MOST_SETS:
            raise records.too_many_sets("zone_file")
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
        if len(problems) >= MOST_PROBLEMS:
            return
        if not depth:
            words, begun, owned = [], number, bool(line) and not line[0].isspace()
        closed, depth = _scan(line, words, depth)
        if not closed or depth < 0:
            quote = ("QUOTE_OPEN", "a quote does not close on its line")
            stray = ("PARENTHESIS_STRAY", "a parenthesis closes that was never open")
            problems.append(ZoneLineInvalid(*(stray if closed else quote), number))
            words, depth = [], 0
        elif not depth and words:
            yield Entry(begun, owned, words)
    if depth:
        problems.append(ZoneLineInvalid("PARENTHESIS_OPEN", "a parenthesis does not close", begun))


def _scan(line: str, words: list[str], depth: int) -> tuple[bool, int]:
    """Adds the line's words; (whether every quote closes, how deep in parentheses it ends)."""
    at, word = 0, list[str]()
    while at < len(line):
        char = line[at]
        if char == '"':
            end = at + 1
            while end < len(line) and line[end] != '"':
                end += 2 if line[end] == "\\" else 1
            if end >= len(line):
                return False, depth
            word.append(line[at : end + 1])
            at = end + 1
        elif char == "\\":
            word.append(line[at : at + 2])
            at += 2
        elif char in " \t();":
            _end(word, words)
            depth += {"(": 1, ")": -1}.get(char, 0)
            if char == ";" or depth < 0:
                return True, depth
            at += 1
        else:
            word.append(char)
            at += 1
    _end(word, words)
    return True, depth


def _end(word: list[str], words: list[str]) -> None:
    if word:
        words.append("".join(word))
        word.clear()


def _record(zone: str, entry: Entry, origin: dns.name.Name, last_owner: str) -> Record:
    """[name] [TTL] [class] type data, TTL and class in either order; a name that is left out is as before."""
    field, owner, at = _field(entry.line), last_owner, 0
    if entry.owned:
        owner, at = records.owner(entry.words[0], zone, field, origin), 1
    elif not last_owner:
        raise ZoneLineInvalid("OWNER_MISSING", "the first record needs a name", entry.line)
    ttl: int | None = None
    while at < len(entry.words):
        word = entry.words[at].upper()
        if word in _CLASSES:
            if word != "IN":
                raise ZoneLineInvalid("CLASS", f"class {word} is not supported", entry.line, word)
        elif ttl is None and _TTL.fullmatch(word):
            ttl = _seconds(word, entry.line)
        else:
            break
        at += 1
    if at >= len(entry.words):
        raise ZoneLineInvalid("TYPE_MISSING", "the record has no type", entry.line)
    return Record(owner, ttl, entry.words[at].upper(), " ".join(entry.words[at + 1 :]))


def _grown(
    kept: RecordSet | None, zone: str, one: Record, ttl: int, origin: dns.name.Name, field: str
) -> RecordSet | None:
    """The set with this record too; None when that makes it too large."""
    records.checked_type(one.type, field)
    if records.too_much([one.data]):
        return None
    text = records.data(one.type, one.data, zone, field, origin)
    if not records.MIN_TTL <= ttl <= records.MAX_TTL:
        raise records.ttl_out_of_range(ttl, field)
    made = RecordSet(one.owner, one.type, ttl, (text,))
    whole = made if kept is None else records.merged(kept, made)
    return None if records.too_much(whole.records) else whole


def _origin(entry: Entry, origin: dns.name.Name) -> dns.name.Name:
    try:
        return dns.name.from_text(entry.words[1], origin, idna_codec=dns.name.IDNA_2008_Practical)
    except (IndexError, dns.exception.DNSException, UnicodeError):
        raise ZoneLineInvalid("ORIGIN", "$ORIGIN needs a name", entry.line) from None


def _seconds(text: str, line: int) -> int:
    """ "3600" or "1h30m" in seconds."""
    if not _TTL.fullmatch(text) or len(text) > 20:
        raise ZoneLineInvalid("TTL", f"{text[:20]!r} is no TTL", line, text[:20])
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in re.findall(r"(\d+)([smhdwSMHDW]?)", text))


def _field(line: int) -> str:
    return f"zone_file[{line}]"
