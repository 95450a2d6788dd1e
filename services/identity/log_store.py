"""The event log's SQL."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx, like
from services.chassis.pages import Page
from services.identity.conditions import Conditions

COLUMNS = """account_id, seq, id, occurred_at, actor_kind, actor_id, actor_label, actor_ip, actor_contact_id, action,
             subject_type, subject_id, subject_label, before_json, after_json"""


async def lock_head(tx: Tx, account_id: UUID) -> Row | None:
    """The chain's last row; None when it has none. Appends to the account wait for this transaction."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('event_log:' || $1, 0))", str(account_id))
    return await tx.fetchrow("SELECT seq, hash FROM event_log_heads WHERE account_id = $1", account_id)


async def append(tx: Tx, values: tuple[object, ...], row_hash: bytes) -> None:
    """`values` as in COLUMNS; moves the head too."""
    await tx.execute(
        f"""WITH added AS (INSERT INTO event_log ({COLUMNS}, hash)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                           RETURNING account_id, seq, hash)
            INSERT INTO event_log_heads (account_id, seq, hash) SELECT account_id, seq, hash FROM added
            ON CONFLICT (account_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash""",  # noqa: S608
        *values,
        row_hash,
    )


async def chain(q: Queryable, account_id: UUID, after_seq: int, limit: int) -> list[Row]:
    return await q.fetch(
        f"SELECT {COLUMNS}, hash FROM event_log WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",  # noqa: S608
        account_id,
        after_seq,
        limit,
    )


async def head(q: Queryable, account_id: UUID) -> Row | None:
    return await q.fetchrow("SELECT seq, hash FROM event_log_heads WHERE account_id = $1", account_id)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a page is limited to; empty and None limit nothing. `search` is part of the actor's or the object's label."""

    action: str = ""
    actor_kinds: Sequence[str] = ()
    contact_id: str = ""
    subject_type: str = ""
    subject_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""


async def page(q: Queryable, account_id: UUID, resources: list[UUID] | None, wanted: Filter, page: Page) -> list[Row]:
    """Newest first."""
    where = Conditions("account_id = {}", account_id)
    if resources is not None:
        where.add("subject_id = ANY({}::text[])", [str(r) for r in resources])
    if action := wanted.action.strip().lower():
        # As a range, not LIKE: that is what an index can answer whatever the plan was made for.
        where.add('action COLLATE "C" >= {} AND action COLLATE "C" < {}', action, action + chr(sys.maxunicode))
    if wanted.actor_kinds:
        where.add("actor_kind = ANY({}::text[])", list(wanted.actor_kinds))
    if wanted.contact_id:
        where.add("actor_contact_id = {}", wanted.contact_id)
    if wanted.subject_type:
        where.add("subject_type = {}", wanted.subject_type)
    if wanted.subject_id:
        where.add("subject_id = {}", wanted.subject_id)
    if wanted.since is not None:
        where.add("occurred_at >= {}", wanted.since)
    if wanted.until is not None:
        where.add("occurred_at < {}", wanted.until)
    if search := like(wanted.search):
        where.add("(actor_label || ' ' || subject_label) ILIKE {}", search)
    after, order = page.sql([("occurred_at", "timestamptz"), ("seq", "bigint")], len(where.args) + 1, descending=True)
    return await q.fetch(
        f"SELECT {COLUMNS} FROM event_log WHERE {where.sql} AND {after} ORDER BY {order} LIMIT {page.limit}",  # noqa: S608
        *where.args,
        *page.args,
    )


def cursor(row: Row) -> tuple[datetime, int]:
    return row["occurred_at"], row["seq"]
