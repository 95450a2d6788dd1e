"""The event log's SQL."""

from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

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


async def page(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, action: str, search: str, page: Page
) -> list[Row]:
    """Newest first. `action` and `search` are LIKE patterns, or empty."""
    after, order = page.sql([("occurred_at", "timestamptz"), ("seq", "bigint")], 6, descending=True)
    return await q.fetch(
        f"""SELECT {COLUMNS} FROM event_log
            WHERE account_id = $1 AND ($2::text[] IS NULL OR subject_id = ANY($2))
              AND ($3 = '' OR action ILIKE $3)
              AND ($4 = '' OR actor_label ILIKE $4 OR subject_label ILIKE $4)
              AND {after} ORDER BY {order} LIMIT $5""",  # noqa: S608 - the chassis' text
        account_id,
        None if resources is None else [str(r) for r in resources],
        action,
        search,
        page.limit,
        *page.args,
    )


def cursor(row: Row) -> tuple[datetime, int]:
    return row["occurred_at"], row["seq"]
