"""Lists of names and auth codes, as people's spreadsheets and old registrars export them."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.chassis.errors import Invalid
from services.domains.names import DomainInvalid, spelled

MOST = 10_000
_HEADS = {"name", "domain", "domain name", "domainname", "név", "domain név", "domainnév", "domén", "domain-név"}
_SEPARATED = re.compile(r'\s*(?:"(?:[^"]|"")*"|[^,;\t"][^,;\t]*)\s*([,;\t])')


class CsvInvalid(Invalid):
    reason = "CSV_INVALID"


class TooManyLines(Invalid):
    reason = "TOO_MANY_LINES"


class LineInvalid(Invalid):
    reason = "LINE_INVALID"


@dataclass(frozen=True, slots=True)
class Line:
    """A name and a code as given; `number` counts from 1, a heading and empty lines included."""

    number: int
    name: str
    code: str = field(repr=False)
    problem: LineInvalid | None = None


def decode(data: bytes) -> str:
    """A file's text: UTF-8, or UTF-16 with its mark, else ISO 8859-2. CsvInvalid for what is no text."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("iso-8859-2")
    if "\0" in text:
        raise CsvInvalid("it is no text file", field="csv")
    return text


def read(text: str) -> list[Line]:
    """The lines with something on them: a name, then its code, separated by a comma, a semicolon or a tab.

    A heading is passed over, quotes and a mark at the beginning are understood, and so is the code before the name. A
    line that cannot be read carries its problem. TooManyLines; CsvInvalid when there is none.
    """
    found = list(_lines(text.removeprefix("\ufeff")))
    if len(found) > MOST:
        raise TooManyLines(f"at most {MOST} lines", field="csv", most=str(MOST), count=str(len(found)))
    if not found:
        raise CsvInvalid("there is no line with a name", field="csv")
    return found


def _lines(text: str) -> Iterator[Line]:
    first = True
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if not line.strip(" \t,;"):
            continue
        read_line = _line(number, line)
        if not (first and read_line.name.casefold() in _HEADS):
            yield read_line
        first = False


def _line(number: int, line: str) -> Line:
    separated = _SEPARATED.match(line)
    try:
        cells = next(
            csv.reader([line], delimiter=separated[1] if separated else ",", skipinitialspace=True, strict=True)
        )
    except csv.Error as error:
        return Line(number, "", "", LineInvalid(str(error), line=str(number)))
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > 2:
        return Line(number, cells[0], "", LineInvalid("more than a name and a code", line=str(number)))
    name, code = (*cells, "", "")[:2]
    if code and not _is_name(name) and _is_name(code):
        name, code = code, name
    return Line(number, name, code)


def _is_name(text: str) -> bool:
    try:
        spelled(text)
    except DomainInvalid:
        return False
    return True
