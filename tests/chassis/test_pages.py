"""Keyset pages over real queries."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portico.common.v1 import common_pb2
from services.chassis import pages
from services.chassis.db import Database
from services.chassis.errors import Invalid
from services.chassis.pages import CursorInvalid

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001
#: What asyncpg takes and gives for PostgreSQL's infinite times; date.min and date.max below are its infinite dates.
INFINITE = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
Row = tuple[str, datetime, int, date, UUID]
rows_of = st.lists(
    st.tuples(
        text | st.sampled_from(["a", "b"]),
        times | st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), *INFINITE]),
        st.sampled_from([-(2**63), -1, 0, 7, 2**63 - 1]),
        st.sampled_from([date.min, date(2026, 1, 1), date.max]),
        st.uuids(),
    ),
    max_size=14,
    unique_by=lambda row: row[4],
)
COLUMNS = [("a", "text"), ("b", "timestamptz"), ("c", "bigint"), ("d", "date"), ("e", "uuid")]


async def fetch(db: Database, rows: list[Row], page: pages.Page, descending: bool) -> tuple[list[Row], Any]:
    condition, order = page.sql(COLUMNS, 6, descending=descending)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in COLUMNS]
    found = await db.fetch(
        f"""SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::date[], $5::uuid[]) AS t (a, b, c, d, e)
            WHERE {condition} ORDER BY {order} LIMIT {page.limit}""",
        *columns,
        *page.args,
    )
    kept, info = page.cut(found, tuple)
    aware = [(a, b if b.tzinfo else b.replace(tzinfo=UTC), c, d, e) for a, b, c, d, e in kept]
    return aware, info


@given(rows=rows_of, size=st.integers(1, 6), descending=st.booleans())
@settings(max_examples=40, deadline=None)
async def test_walking_either_way_gives_the_whole_list(
    db: Database, rows: list[Row], size: int, descending: bool
) -> None:
    # A text's UTF-8 bytes sort as its code points do, and the database sorts by bytes (C.UTF-8).
    whole = sorted(rows, reverse=descending)
    walked: list[Row] = []
    cursor = ""
    while True:
        page = pages.read(common_pb2.PageRequest(first=size, after=cursor))
        got, info = await fetch(db, rows, page, descending)
        assert len(info.cursors) == len(got) <= size
        assert info.has_previous == bool(cursor)
        walked += got
        assert info.has_next == (len(walked) < len(whole))
        if not info.has_next:
            break
        cursor = info.cursors[-1]
    assert walked == whole

    walked, cursor = [], ""
    while True:
        page = pages.read(common_pb2.PageRequest(last=size, before=cursor))
        got, info = await fetch(db, rows, page, descending)
        assert info.has_next == bool(cursor)
        walked = got + walked
        assert info.has_previous == (len(walked) < len(whole))
        if not info.has_previous:
            break
        cursor = info.cursors[0]
    assert walked == whole


@given(rows=rows_of.filter(lambda rows: len(rows) > 2), data=st.data())
@settings(max_examples=20, deadline=None)
async def test_cursor_stands_between_its_neighbours(db: Database, rows: list[Row], data: st.DataObject) -> None:
    whole = sorted(rows)
    at = data.draw(st.integers(0, len(whole) - 1))
    cursor = pages.encode(whole[at])
    after, _ = await fetch(db, rows, pages.read(common_pb2.PageRequest(first=100, after=cursor)), False)
    earlier, _ = await fetch(db, rows, pages.read(common_pb2.PageRequest(last=100, before=cursor)), False)
    assert [*earlier, whole[at], *after] == whole


NO_CURSORS: list[object] = [{}, [], None, 1, "a", [1], ["\ud800"], ["\0"], ["a"], [["a"]], [None, "a"], ["9" * 400]]
FORGED = [
    "x", "====", "é", urlsafe_b64encode(b"\xff\xfe").decode(), urlsafe_b64encode(b"[" * 400).decode(),
    *(urlsafe_b64encode(json.dumps(parts).encode()).decode() for parts in NO_CURSORS),
]  # fmt: skip
GOOD = ["a", "2026-01-01T00:00:00+00:00", "7", "2026-01-01", "0199f3a4-5b6c-7d8e-9f01-23456789abcd"]
BAD = {
    1: ["yesterday", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+23:59:59.5"],
    2: ["", "x", "1_000", " 7", "٧", "9223372036854775808", "-9223372036854775809", "0x10", "1e3"],
    3: ["20260101", "2026-W01-1", "today", "2026-02-30"],
    4: ["x", "urn:uuid:0199f3a4-5b6c-7d8e-9f01-23456789abcd", "{0199f3a45b6c7d8e9f0123456789abcd}", ""],
}


@pytest.mark.parametrize("cursor", FORGED)
async def test_forged_cursor_is_refused(db: Database, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        await fetch(db, [], pages.read(common_pb2.PageRequest(after=cursor)), False)


@pytest.mark.parametrize(("at", "value"), [(at, value) for at, values in BAD.items() for value in values])
async def test_cursor_of_another_type_is_refused(db: Database, at: int, value: str) -> None:
    cursor = pages.encode([*GOOD[:at], value, *GOOD[at + 1 :]])
    with pytest.raises(CursorInvalid):
        await fetch(db, [], pages.read(common_pb2.PageRequest(before=cursor)), False)


@given(parts=st.lists(st.text() | st.sampled_from(GOOD), min_size=5, max_size=5), junk=st.text(max_size=40))
@settings(max_examples=40, deadline=None)
async def test_no_cursor_whatever_breaks_the_query(db: Database, parts: list[str], junk: str) -> None:
    whole = urlsafe_b64encode(json.dumps(parts).encode()).decode()
    for cursor in (whole, whole[:-3], junk or "x"):
        try:
            await fetch(db, [], pages.read(common_pb2.PageRequest(after=cursor)), False)
        except CursorInvalid:
            continue


def test_page_that_makes_no_sense_names_its_field() -> None:
    for request, field in (
        (common_pb2.PageRequest(first=0), "page.first"),
        (common_pb2.PageRequest(first=101), "page.first"),
        (common_pb2.PageRequest(last=-1), "page.last"),
        (common_pb2.PageRequest(first=1, last=1), "page.last"),
        (common_pb2.PageRequest(after="a", before="b"), "page.last"),
        (common_pb2.PageRequest(after="?"), "page.after"),
        (common_pb2.PageRequest(before="?"), "page.before"),
    ):
        with pytest.raises(Invalid) as caught:
            pages.read(request)
        assert caught.value.field == field


def test_unasked_page_is_the_first_twenty() -> None:
    page = pages.read(common_pb2.PageRequest())
    assert (page.size, page.cursor, page.backwards) == (20, None, False)
