"""All SQL of domains and orders. Every query of a customer's carries the account and the grant's resources."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.pages import Page
from services.domains import intents
from services.domains.names import Name

_DOMAIN = """id, account_id, order_id, operation_id, name, unicode_name, tld, state, state_since, years, statuses, registered_at,
             expires_at, auto_renew, nameservers, glue, failure, created_at"""
ENDED = ("DELETED", "TRANSFERRED_AWAY", "FAILED")
LIVE = "(state NOT IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED'))"
_OWNED = "account_id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2))"
_TRIGRAM = 3
"""Characters that a search needs to find its text anywhere in a name; a shorter one finds the names that begin with it."""
_ANYWHERE = ("(name || ' ' || unicode_name) LIKE {0}",)
# Either form has its index. An OR of them would be sorted before its first page is cut: a statement's part each is not.
_BEGINNING = ("name LIKE {0}", "name LIKE 'xn--%' AND unicode_name LIKE {0} AND name NOT LIKE {0}")
SORTS = {
    "NAME": [("name", "text"), ("id", "uuid")],
    "EXPIRES_AT": [("coalesce(expires_at, 'infinity')", "timestamptz"), ("id", "uuid")],
    "CREATED_AT": [("created_at", "timestamptz"), ("id", "uuid")],
}


def _sort_key(sort: str, row: Row) -> tuple[object, UUID]:
    if sort == "EXPIRES_AT":
        return (row["expires_at"] or "infinity", row["id"])
    return (row[sort.lower()], row["id"])


async def tlds(q: Queryable) -> dict[str, Row]:
    rows = await q.fetch("SELECT * FROM tlds WHERE sold")
    return {row["tld"]: row for row in rows}


async def tld(q: Queryable, name: str) -> Row:
    """A top-level domain's rules, sold or not."""
    row = await q.fetchrow("SELECT * FROM tlds WHERE tld = $1", name)
    if row is None:
        raise LookupError(f"no TLD {name}")
    return row


async def live_owners(q: Queryable, names: Sequence[str]) -> dict[str, tuple[UUID, str]]:
    """Which of these names the house holds or is buying: for which account, in which state."""
    rows = await q.fetch(f"SELECT name, account_id, state FROM domains WHERE name = ANY($1) AND {LIVE}", list(names))  # noqa: S608
    return {row["name"]: (row["account_id"], row["state"]) for row in rows}


async def list_domains(
    db: Database,
    account_id: UUID,
    resources: Sequence[UUID] | None,
    *,
    states: Sequence[str],
    search: str,
    sort: str,
    descending: bool,
    page: Page,
) -> tuple[list[Row], common_pb2.PageInfo]:
    # Only what is asked for is in the statement, so that the planner can choose: an index in the list's order where much
    # is found, one for the search where little is.
    wanted, args = _filter(account_id, resources, states, search)
    condition, order = page.sql(SORTS[sort], len(args) + 1, descending=descending)
    parts = [
        f"(SELECT {_DOMAIN} FROM domains WHERE {one} AND {condition} ORDER BY {order} LIMIT {page.limit})"  # noqa: S608
        for one in wanted
    ]
    async with db.transaction() as tx:
        if states or search:
            # A plan made without looking at the values would take either index for every search.
            await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        rows = await tx.fetch(
            f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY {order} LIMIT {page.limit}",  # noqa: S608
            *args,
            *page.args,
        )
    return page.cut(rows, lambda row: _sort_key(sort, row))


def _filter(
    account_id: UUID, resources: Sequence[UUID] | None, states: Sequence[str], search: str
) -> tuple[list[str], list[object]]:
    """(conditions, their arguments) of a list's filter: what meets one of them is in the list, and nothing meets two."""
    parts: list[str] = ["account_id = $1"]
    args: list[object] = [account_id]
    conditions: list[tuple[str, object]] = []
    if resources is not None:
        conditions.append(("id = ANY({})", list(resources)))
    if len(states) == 1:
        # Of one state the index has them in the list's order.
        conditions.append(("state = {}", states[0]))
    elif states:
        conditions.append(("state = ANY({})", list(states)))
    for condition, value in conditions:
        args.append(value)
        parts.append(condition.format(f"${len(args)}"))
    found = ["true"]
    text = unicodedata.normalize("NFC", search.strip().lower())
    if text:
        short = len(text) < _TRIGRAM
        args.append(f"{escape_like(text)}%" if short else f"%{escape_like(text)}%")
        found = [one.format(f"${len(args)}") for one in (_BEGINNING if short else _ANYWHERE)]
    return [" AND ".join([*parts, one]) for one in found], args


def escape_like(text: str) -> str:
    """Stands for itself in a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def by_ids(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, ids: Sequence[UUID]) -> list[Row]:
    return await q.fetch(
        f"SELECT {_DOMAIN} FROM domains WHERE {_OWNED} AND id = ANY($3)",  # noqa: S608
        account_id,
        resources,
        list(ids),
    )


async def by_name(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, name: str) -> Row | None:
    """The account's domain of this name: the live one, else the latest that ended."""
    return await q.fetchrow(
        f"""SELECT {_DOMAIN} FROM domains WHERE {_OWNED} AND name = $3
            ORDER BY {LIVE} DESC, created_at DESC LIMIT 1""",  # noqa: S608
        account_id,
        resources,
        name,
    )


async def newest(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, limit: int) -> list[Row]:
    return await q.fetch(
        f"SELECT {_DOMAIN} FROM domains WHERE {_OWNED} ORDER BY created_at DESC, id DESC LIMIT {limit}",  # noqa: S608
        account_id,
        resources,
    )


async def expiring(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, now: datetime, within: timedelta, limit: int
) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_DOMAIN} FROM domains
            WHERE {_OWNED} AND state IN ('ACTIVE', 'EXPIRED') AND coalesce(expires_at, 'infinity') < $3
            ORDER BY coalesce(expires_at, 'infinity'), id LIMIT {limit}""",  # noqa: S608
        account_id,
        resources,
        now + within,
    )


async def counts(q: Queryable, account_id: UUID, resources: Sequence[UUID] | None) -> list[Row]:
    return await q.fetch(
        f"SELECT state, count(*) AS count FROM domains WHERE {_OWNED} GROUP BY state ORDER BY state",  # noqa: S608
        account_id,
        resources,
    )


async def insert_order(tx: Tx, account_id: UUID, actor: Mapping[str, Any], locale: str, now: datetime) -> UUID:
    order_id: UUID = await tx.fetchval(
        "INSERT INTO orders (account_id, actor, locale, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
        account_id,
        dict(actor),
        locale,
        now,
    )
    return order_id


async def insert_ordered(
    tx: Tx,
    account_id: UUID,
    order_id: UUID,
    names: Sequence[Name],
    *,
    years: int,
    auto_renew: bool,
    nameservers: Sequence[str],
    now: datetime,
) -> dict[str, UUID]:
    """Rows waiting for payment; a name that somebody else took meanwhile is left out. Answers name -> id."""
    rows = await tx.fetch(
        f"""INSERT INTO domains (account_id, order_id, name, unicode_name, tld, state, state_since, years, auto_renew,
                                 nameservers, created_at)
            SELECT $1, $2, n.name, n.unicode_name, n.tld, 'PENDING_PAYMENT', $6, $7, $8, $9, $6
            FROM unnest($3::text[], $4::text[], $5::text[]) AS n (name, unicode_name, tld)
            -- In one order everywhere: two orders for the same names wait for each other only one way.
            ORDER BY n.name
            ON CONFLICT (name) WHERE {LIVE} DO NOTHING RETURNING id, name""",  # noqa: S608
        account_id,
        order_id,
        [name.ascii for name in names],
        [name.unicode for name in names],
        [name.tld for name in names],
        now,
        years,
        auto_renew,
        list(nameservers),
    )
    return {row["name"]: row["id"] for row in rows}


async def link_registrations(tx: Tx, order_id: UUID) -> None:
    """A new domain's row names the operation of its registration, which its first zone moves on."""
    await tx.execute(
        """UPDATE domains d SET operation_id = i.operation_id
           FROM order_items i WHERE i.order_id = $1 AND i.action = 'REGISTER' AND d.id = i.domain_id""",
        order_id,
    )


async def order(q: Queryable, account_id: UUID, order_id: UUID) -> Row | None:
    return await q.fetchrow("SELECT id, created_at FROM orders WHERE account_id = $1 AND id = $2", account_id, order_id)


async def get(q: Queryable, domain_id: UUID) -> Row | None:
    """For jobs, which act for the house; never for a customer's call."""
    return await q.fetchrow(f"SELECT {_DOMAIN} FROM domains WHERE id = $1", domain_id)  # noqa: S608


async def lock(tx: Tx, domain_id: UUID) -> Row:
    row = await tx.fetchrow(f"SELECT {_DOMAIN} FROM domains WHERE id = $1 FOR UPDATE", domain_id)  # noqa: S608
    if row is None:
        raise LookupError(f"no domain {domain_id}")
    return row


async def lock_owned(tx: Tx, account_id: UUID, resources: Sequence[UUID] | None, domain_id: UUID) -> Row | None:
    rows = await lock_many(tx, account_id, resources, [domain_id])
    return rows[0] if rows else None


async def lock_many(tx: Tx, account_id: UUID, resources: Sequence[UUID] | None, ids: Sequence[UUID]) -> list[Row]:
    return await tx.fetch(
        f"SELECT {_DOMAIN} FROM domains WHERE {_OWNED} AND id = ANY($3) ORDER BY id FOR UPDATE",  # noqa: S608
        account_id,
        resources,
        list(ids),
    )


async def lock_filtered(
    tx: Tx, account_id: UUID, resources: Sequence[UUID] | None, states: Sequence[str], search: str, limit: int
) -> list[Row]:
    """The live ones that a list with this filter shows."""
    wanted, args = _filter(account_id, resources, states, search)
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    return await tx.fetch(
        f"SELECT {_DOMAIN} FROM domains WHERE ({' OR '.join(wanted)}) AND {LIVE} ORDER BY id LIMIT {limit} FOR UPDATE",  # noqa: S608
        *args,
    )


async def keep_auto_renew(tx: Tx, ids: Sequence[UUID], auto_renew: bool) -> None:
    await tx.execute("UPDATE domains SET auto_renew = $2 WHERE id = ANY($1)", list(ids), auto_renew)


async def keep_nameservers(tx: Tx, domain_id: UUID, hosts: Sequence[str], glue: dict[str, list[str]]) -> None:
    await tx.execute("UPDATE domains SET nameservers = $2, glue = $3 WHERE id = $1", domain_id, list(hosts), glue)


async def mark_active(
    tx: Tx, domain_id: UUID, registered_at: datetime, expires_at: datetime, statuses: Sequence[str], now: datetime
) -> None:
    await tx.execute(
        """UPDATE domains SET state = 'ACTIVE', state_since = $5, synced_at = $5, registered_at = $2, expires_at = $3,
                  statuses = $4
           WHERE id = $1""",
        domain_id,
        registered_at,
        expires_at,
        list(statuses),
        now,
    )


async def mark_pending(tx: Tx, domain_id: UUID, state: str, now: datetime) -> None:
    """Its payment has come: from PENDING_PAYMENT to the state in which the registry works on it."""
    await tx.execute("UPDATE domains SET state = $2, state_since = $3 WHERE id = $1", domain_id, state, now)


async def mark_failed(tx: Tx, domain_id: UUID, failure: str, now: datetime) -> None:
    await tx.execute(
        "UPDATE domains SET state = 'FAILED', state_since = $3, failure = $2 WHERE id = $1", domain_id, failure, now
    )


async def save_registrant(tx: Tx, account_id: UUID, data: dict[str, Any], at: datetime) -> None:
    """The latest data wins, whatever order the events come in."""
    await tx.execute(
        """INSERT INTO registrants (account_id, name, company, email, phone, country, postal_code, city, street, locale,
                                    updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           ON CONFLICT (account_id) DO UPDATE SET (name, company, email, phone, country, postal_code, city, street,
               locale, updated_at) = (excluded.name, excluded.company, excluded.email, excluded.phone, excluded.country,
               excluded.postal_code, excluded.city, excluded.street, excluded.locale, excluded.updated_at)
           WHERE registrants.updated_at <= excluded.updated_at""",
        account_id,
        data["name"],
        data["company"],
        data["email"],
        data["phone"],
        data["country"],
        data["postal_code"],
        data["city"],
        data["street"],
        data["locale"],
        at,
    )


async def registrant(q: Queryable, account_id: UUID) -> Row | None:
    """What identity told of the account last."""
    return await q.fetchrow("SELECT * FROM registrants WHERE account_id = $1", account_id)


async def lock_registrant(tx: Tx, account_id: UUID) -> Row | None:
    """The same; nobody else makes its contacts before this transaction ends."""
    return await tx.fetchrow("SELECT * FROM registrants WHERE account_id = $1 FOR UPDATE", account_id)


async def stuck(q: Queryable, before: datetime) -> list[Row]:
    """Domains that have waited for a registry since before this time, the longest first; a registrar may take days to let
    one go, and a holder to confirm."""
    return await q.fetch(
        """SELECT id, name, state_since FROM domains
           WHERE (state = 'PENDING_REGISTRATION' AND state_since < $1
                  OR state = 'PENDING_TRANSFER' AND state_since < $1 - interval '20 days')
             AND NOT EXISTS (SELECT FROM registry_intents i
                             WHERE i.domain_id = domains.id AND i.outcome = '' AND i.detail = $2)
           ORDER BY state_since LIMIT 100""",
        before,
        intents.UNCONFIRMED,
    )
