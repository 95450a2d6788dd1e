"""All of hosting's SQL."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

_SERVICE = """s.id, s.account_id, s.label, s.state, s.domain, s.next_due_on, s.price_minor AS price, s.currency,
    s.period_months, s.node, s.started_at, s.created_at,
    p.id AS plan_id, p.code AS plan_code, p.name AS plan_name, p.disk_mib AS plan_disk_mib,
    p.traffic_mib AS plan_traffic_mib"""
_REACHED = "s.account_id = $1 AND ($2::uuid[] IS NULL OR s.id = ANY($2))"


async def add_service(
    tx: Tx,
    *,
    account_id: UUID,
    label: str,
    plan_code: str,
    state: str,
    domain: str,
    domain_unicode: str,
    next_due_on: date | None,
    price: int,
    currency: str,
    period_months: int,
    node: str,
    started_at: datetime | None,
    now: datetime,
) -> UUID | None:
    """None when there is no such plan."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO services (account_id, label, plan_id, state, domain, domain_unicode, next_due_on, due_day,
                                 price_minor, currency, period_months, node, started_at, created_at)
           SELECT $1, $2, p.id, $4, $5, $6, $7::date, extract(day FROM $7::date), $8, $9, $10, $11, $12, $13
           FROM plans p WHERE p.code = $3 RETURNING id""",
        account_id,
        label,
        plan_code,
        state,
        domain,
        domain_unicode,
        next_due_on,
        price,
        currency,
        period_months,
        node,
        started_at,
        now,
    )
    return added


async def services_by_ids(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, ids: Sequence[UUID]
) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_SERVICE} FROM services s JOIN plans p ON p.id = s.plan_id
            WHERE {_REACHED} AND s.id = ANY($3::uuid[])""",  # noqa: S608
        account_id,
        resources,
        ids,
    )


async def service_page(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, states: Sequence[str], search: str, page: Page
) -> list[Row]:
    condition, order = page.sql([("s.label", "text"), ("s.id", "uuid")], start=6)
    pattern = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await q.fetch(
        f"""SELECT {_SERVICE} FROM services s JOIN plans p ON p.id = s.plan_id
            WHERE {_REACHED} AND (cardinality($3::text[]) = 0 OR s.state = ANY($3))
              AND ($4 = '' OR lower(s.label || ' ' || s.domain || ' ' || s.domain_unicode) LIKE '%' || lower($4) || '%')
              AND {condition} ORDER BY {order} LIMIT $5""",  # noqa: S608
        account_id,
        resources,
        states,
        pattern,
        page.limit,
        *page.args,
    )


async def first_services(q: Queryable, account_id: UUID, resources: list[UUID] | None, limit: int) -> list[Row]:
    """With `total`, the count of all that are not terminated."""
    return await q.fetch(
        f"""SELECT {_SERVICE}, count(*) OVER () AS total FROM services s JOIN plans p ON p.id = s.plan_id
            WHERE {_REACHED} AND s.state <> 'TERMINATED' ORDER BY s.label, s.id LIMIT $3""",  # noqa: S608
        account_id,
        resources,
        limit,
    )


async def due_services(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, until: date, limit: int
) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_SERVICE} FROM services s JOIN plans p ON p.id = s.plan_id
            WHERE {_REACHED} AND s.state IN ('ACTIVE', 'SUSPENDED') AND s.next_due_on <= $3
            ORDER BY s.next_due_on, s.id LIMIT $4""",  # noqa: S608
        account_id,
        resources,
        until,
        limit,
    )


async def save_login(tx: Tx, service_id: UUID, url: str, username: str, host: str) -> Row:
    """The account and label of the service that it belongs to."""
    row = await tx.fetchrow(
        """WITH saved AS (
               INSERT INTO panel_logins (service_id, url, username, host) VALUES ($1, $2, $3, $4)
               ON CONFLICT (service_id) DO UPDATE
               SET url = excluded.url, username = excluded.username, host = excluded.host RETURNING service_id)
           SELECT s.account_id, s.label FROM services s JOIN saved ON saved.service_id = s.id""",
        service_id,
        url,
        username,
        host,
    )
    assert row is not None
    return row


async def logins(q: Queryable, account_id: UUID, resources: list[UUID] | None, ids: Sequence[UUID]) -> list[Row]:
    return await q.fetch(
        f"""SELECT l.service_id, l.url, l.username, l.host
            FROM panel_logins l JOIN services s ON s.id = l.service_id
            WHERE {_REACHED} AND s.id = ANY($3::uuid[])""",  # noqa: S608
        account_id,
        resources,
        ids,
    )


async def lock_service(tx: Tx, account_id: UUID, service_id: UUID) -> Row | None:
    return await tx.fetchrow(
        """SELECT label, state, next_due_on, due_day FROM services
           WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE""",
        account_id,
        service_id,
    )


async def was_applied(tx: Tx, invoice_line_id: UUID) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM extensions WHERE invoice_line_id = $1)", invoice_line_id
    )
    return found


async def apply_extension(
    tx: Tx, invoice_line_id: UUID, service_id: UUID, invoice_id: UUID, before: date, after: date, now: datetime
) -> None:
    await tx.execute(
        """INSERT INTO extensions (invoice_line_id, service_id, invoice_id, due_before, due_after, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        invoice_line_id,
        service_id,
        invoice_id,
        before,
        after,
        now,
    )
    await tx.execute("UPDATE services SET next_due_on = $2 WHERE id = $1", service_id, after)
