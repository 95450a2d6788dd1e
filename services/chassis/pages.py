"""Keyset pages, forwards and backwards. A cursor is the sort key of the row it stands at; no OFFSET anywhere."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis.errors import Invalid

DEFAULT_SIZE = 20
MAX_SIZE = 100

T = TypeVar("T")


class CursorInvalid(Invalid):
    reason = "CURSOR_INVALID"


@dataclass(frozen=True, slots=True)
class Page:
    """At most `size` rows after (or, backwards, before) `cursor`; a cursor of None starts at the end in question."""

    size: int
    cursor: tuple[str, ...] | None
    backwards: bool

    @property
    def limit(self) -> int:
        """One row more than the page, to know whether there is a next one."""
        return self.size + 1

    @property
    def args(self) -> list[str]:
        return list(self.cursor or ())

    def sql(self, columns: Sequence[tuple[str, str]], start: int, *, descending: bool = False) -> tuple[str, str]:
        """(condition, order): columns are (expression, PostgreSQL type), unique together; arguments from $start on."""
        up = descending == self.backwards
        order = ", ".join(f"{expression} {'ASC' if up else 'DESC'}" for expression, _ in columns)
        if self.cursor is None:
            return "true", order
        if len(self.cursor) != len(columns):
            raise CursorInvalid("the cursor belongs to another list or sort order", field="page")
        for value, (_, kind) in zip(self.cursor, columns, strict=True):
            _check_type(value, kind)
        left = ", ".join(expression for expression, _ in columns)
        right = ", ".join(f"${start + i}::text::{kind}" for i, (_, kind) in enumerate(columns))
        return f"({left}) {'>' if up else '<'} ({right})", order

    def cut(self, rows: Sequence[T], key: Callable[[T], Sequence[object]]) -> tuple[list[T], common_pb2.PageInfo]:
        """The page's rows in list order and its PageInfo, from `limit` rows as the query gave them."""
        more = len(rows) > self.size
        kept = list(rows[: self.size])
        if self.backwards:
            kept.reverse()
        return kept, common_pb2.PageInfo(
            has_next=self.cursor is not None if self.backwards else more,
            has_previous=more if self.backwards else self.cursor is not None,
            cursors=[encode(key(row)) for row in kept],
        )


def read(request: common_pb2.PageRequest) -> Page:
    """The page asked for; Invalid naming the field that is wrong."""
    forward = request.HasField("first") or bool(request.after)
    backwards = request.HasField("last") or bool(request.before)
    if forward and backwards:
        raise Invalid("first/after and last/before exclude each other", field="page.last")
    if backwards:
        size, cursor, field = (request.last if request.HasField("last") else DEFAULT_SIZE), request.before, "before"
    else:
        size, cursor, field = (request.first if request.HasField("first") else DEFAULT_SIZE), request.after, "after"
    if not 1 <= size <= MAX_SIZE:
        raise Invalid(f"must be 1 to {MAX_SIZE}", field="page.last" if backwards else "page.first")
    return Page(size, _decode(cursor, field) if cursor else None, backwards)


def encode(key: Sequence[object]) -> str:
    parts = [_as_text(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


#: asyncpg reads PostgreSQL's infinities as these.
_INFINITE = {
    datetime.max: "infinity",  # noqa: DTZ901 - that is how asyncpg gives them
    datetime.min: "-infinity",  # noqa: DTZ901
    date.max: "infinity",
    date.min: "-infinity",
}


def _as_text(part: object) -> str:
    if isinstance(part, datetime):
        return _INFINITE.get(part.replace(tzinfo=None)) or part.isoformat()
    if isinstance(part, date):
        return _INFINITE.get(part) or part.isoformat()
    return str(part)


def _bigint(text: str) -> str:
    return str(min(max(int(text), -(2**63)), 2**63 - 1))


#: A value as `encode` writes it, from a value that may be forged: PostgreSQL takes less than Python's parsers do.
_CANONICAL: dict[str, Callable[[str], str]] = {
    "text": str,
    "uuid": lambda text: str(UUID(text)),
    "bigint": _bigint,
    "date": lambda text: text if text in _INFINITE.values() else date.fromisoformat(text).isoformat(),
    "timestamptz": lambda text: (
        text if text in _INFINITE.values() else datetime.fromisoformat(text).astimezone(UTC).isoformat()
    ),
}


def _check_type(value: str, kind: str) -> None:
    try:
        good = _CANONICAL[kind](value) == value
    except (ValueError, OverflowError):
        good = False
    if not good:
        raise CursorInvalid("the cursor belongs to another list or sort order", field="page")


def _decode(cursor: str, field: str) -> tuple[str, ...]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        json.dumps(parts, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, binascii.Error, RecursionError):
        parts = None
    if not isinstance(parts, list) or not parts or not all(isinstance(p, str) and "\0" not in p for p in parts):
        raise CursorInvalid("is no cursor of this list", field=f"page.{field}")
    return tuple(parts)
