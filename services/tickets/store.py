"""All SQL of tickets. Every query of a customer's carries the account and the grant's resources."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

_TICKET = """t.id, t.account_id, t.number, t.subject, t.state, t.priority, t.related_type, t.related_id, t.opened_at,
             t.updated_at, t.closed_at, d.id AS department_id, d.code, d.name_hu, d.name_en"""
_FROM = "FROM tickets t JOIN departments d ON d.id = t.department_id"
_OWNED = "t.account_id = $1 AND ($2::uuid[] IS NULL OR t.id = ANY($2))"


async def newest_open(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, limit: int) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_TICKET} {_FROM} WHERE {_OWNED} AND t.state <> 'CLOSED'
            ORDER BY t.updated_at DESC, t.id DESC LIMIT {limit}""",
        account_id,
        resources,
    )


async def open_total(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None) -> int:
    total: int = await q.fetchval(
        f"SELECT count(*) FROM tickets t WHERE {_OWNED} AND t.state <> 'CLOSED'",  # noqa: S608
        account_id,
        resources,
    )
    return total


async def list_tickets(
    q: Queryable,
    account_id: UUID,
    resources: Sequence[UUID] | None,
    *,
    states: Sequence[str],
    search: str,
    page: Page,
) -> tuple[list[Row], common_pb2.PageInfo]:
    condition, order = page.sql([("t.updated_at", "timestamptz"), ("t.id", "uuid")], 5, descending=True)
    rows = await q.fetch(
        f"""SELECT {_TICKET} {_FROM}
            WHERE {_OWNED} AND (cardinality($3::text[]) = 0 OR t.state = ANY($3))
              AND ($4 = '' OR lower(t.subject) LIKE '%' || $4 || '%' OR lower(t.number) = $4) AND {condition}
            ORDER BY {order} LIMIT {page.limit}""",
        account_id,
        resources,
        list(states),
        search.strip().lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"),
        *page.args,
    )
    return page.cut(rows, lambda row: (row["updated_at"], row["id"]))


async def by_ids(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, ids: Sequence[UUID]) -> list[Row]:
    return await q.fetch(
        f"SELECT {_TICKET} {_FROM} WHERE {_OWNED} AND t.id = ANY($3)",
        account_id,
        resources,
        list(ids),
    )


async def message_pages(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, ticket_ids: Sequence[UUID], page: Page
) -> list[tuple[UUID, list[Row], common_pb2.PageInfo]]:
    """The same page of each ticket's messages, the oldest first, in one statement; foreign tickets are left out."""
    condition, order = page.sql([("m.sent_at", "timestamptz"), ("m.id", "uuid")], 4)
    rows = await q.fetch(
        f"""SELECT t.id AS ticket, s.* FROM tickets t LEFT JOIN LATERAL (
                SELECT m.id, m.author_kind, m.author_name, m.body, m.sent_at FROM messages m
                WHERE m.ticket_id = t.id AND {condition} ORDER BY {order} LIMIT {page.limit}) s ON true
            WHERE {_OWNED} AND t.id = ANY($3) ORDER BY t.id, {order.replace("m.", "s.")}""",  # noqa: S608
        account_id,
        resources,
        list(ticket_ids),
        *page.args,
    )
    by_ticket: dict[UUID, list[Row]] = {}
    for row in rows:
        by_ticket.setdefault(row["ticket"], [])
        if row["id"] is not None:
            by_ticket[row["ticket"]].append(row)
    return [
        (ticket_id, *page.cut(messages, lambda row: (row["sent_at"], row["id"])))
        for ticket_id, messages in by_ticket.items()
    ]


async def insert_ticket(
    tx: Tx,
    account_id: UUID,
    *,
    subject: str,
    state: str,
    department: str,
    priority: str,
    related: tuple[str, UUID] | None,
    order_id: UUID | None,
    now: datetime,
) -> UUID | None:
    """The new ticket's id; None when the order has its ticket already."""
    ticket_id: UUID | None = await tx.fetchval(
        """INSERT INTO tickets (account_id, subject, state, department_id, priority, related_type, related_id, order_id,
                                opened_at, updated_at, closed_at)
           SELECT $1, $2, $3::text, d.id, $5, $6, $7, $8, $9::timestamptz, $9::timestamptz,
                  CASE WHEN $3::text = 'CLOSED' THEN $9::timestamptz END
           FROM departments d WHERE d.code = $4
           ON CONFLICT (order_id) DO NOTHING RETURNING id""",
        account_id,
        subject[:300],
        state,
        department,
        priority,
        related[0] if related else "",
        related[1] if related else None,
        order_id,
        now,
    )
    return ticket_id


async def insert_message(tx: Tx, ticket_id: UUID, author_kind: str, author_name: str, body: str, now: datetime) -> None:
    await tx.execute(
        "INSERT INTO messages (ticket_id, author_kind, author_name, body, sent_at) VALUES ($1, $2, $3, $4, $5)",
        ticket_id,
        author_kind,
        author_name,
        body,
        now,
    )
