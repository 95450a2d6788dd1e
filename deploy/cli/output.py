"""What commands print: tables for people, JSON for scripts."""

import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from portico.common.v1 import common_pb2

A = TypeVar("A", bound=Message)

First = Annotated[int, typer.Option(min=1, max=100, help="How many at most.")]
After = Annotated[str, typer.Option(help="Those after this cursor.")]
Everything = Annotated[bool, typer.Option("--all", help="Every page.")]


def as_json(message: Message) -> None:
    """The message with the names of its proto; unset times and locks are left out."""
    print_json(MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Columns under heads; `empty` when there is no row."""
    lines = [tuple(row) for row in rows]
    if not lines:
        typer.echo(empty)
        return
    widths = [max(map(_width, column)) for column in zip(heads, *lines, strict=True)]
    for line in (heads, *lines):
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values below each other; empty values are left out."""
    told = [(name, value) for name, value in pairs if value]
    width = max(len(name) for name, _ in told)
    for name, value in told:
        typer.echo(f"{name:<{width}}  {value}")


def moment(message: Message, field: str) -> str:
    """A time in UTC to the minute; empty when it is unset."""
    if not message.HasField(field):
        return ""
    stamp: Timestamp = getattr(message, field)
    return f"{stamp.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%M}Z"


def pages(ask: Callable[[common_pb2.PageRequest], A], first: int, after: str, everything: bool) -> A:
    """One page, or all of them as one answer."""
    answer = ask(common_pb2.PageRequest(first=100 if everything else first, after=after))
    page: Any = answer
    while everything and page.page.has_next:
        page = ask(common_pb2.PageRequest(first=100, after=page.page.cursors[-1]))
        answer.MergeFrom(page)
        answer.page.CopyFrom(page.page)  # type: ignore[attr-defined]  # every answer of a list has one
    return answer


def more(page: common_pb2.PageInfo) -> None:
    """Says how to see the next page, if there is one."""
    if page.has_next:
        typer.echo(f"There are more: --after {page.cursors[-1]}, or --all", err=True)


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
