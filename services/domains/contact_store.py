"""All SQL of registry contacts. What a customer asks carries the account and the grant's resources."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page
from services.domains.contact_data import Person

ROLES = ("registrant", "admin", "tech", "billing")
_CONTACT = """c.id, c.account_id, c.registry, c.handle, c.created, c.name, c.org, c.street, c.city, c.province,
              c.postal_code, c.country, c.phone, c.email, c.verification, c.verified_at, c.verified_until, c.created_at"""
# Whoever may see some domains only sees the contacts of these.
_OWNED = """c.account_id = $1 AND ($2::uuid[] IS NULL OR EXISTS (
                SELECT FROM domain_contacts d WHERE d.contact_id = c.id AND d.domain_id = ANY($2)))"""
_DOMAINS = """(SELECT count(DISTINCT d.domain_id)::int FROM domain_contacts d
               WHERE d.contact_id = c.id AND ($2::uuid[] IS NULL OR d.domain_id = ANY($2))) AS domains"""


async def by_ids(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, ids: Sequence[UUID]
) -> dict[UUID, Row]:
    rows = await q.fetch(
        f"SELECT {_CONTACT}, {_DOMAINS} FROM registry_contacts c WHERE {_OWNED} AND c.id = ANY($3)",  # noqa: S608
        account_id,
        resources,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def get_many(q: Queryable, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """For jobs, which act for the house."""
    rows = await q.fetch(f"SELECT {_CONTACT} FROM registry_contacts c WHERE c.id = ANY($1)", list(ids))  # noqa: S608
    return {row["id"]: row for row in rows}


async def page(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, search: str, page: Page
) -> tuple[list[Row], common_pb2.PageInfo]:
    """By name; `search` is a LIKE pattern, or empty."""
    condition, order = page.sql([("c.name", "text"), ("c.id", "uuid")], 4)
    rows = await q.fetch(
        f"""SELECT {_CONTACT}, {_DOMAINS} FROM registry_contacts c
            WHERE {_OWNED} AND c.created
              AND ($3 = '' OR c.name ILIKE $3 OR c.org ILIKE $3 OR c.email ILIKE $3) AND {condition}
            ORDER BY {order} LIMIT {page.limit}""",  # noqa: S608
        account_id,
        resources,
        search,
        *page.args,
    )
    return page.cut(rows, lambda row: (row["name"], row["id"]))


async def of_domains(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, domain_ids: Sequence[UUID]
) -> list[Row]:
    """The contacts with the domain and the role of each."""
    return await q.fetch(
        f"""SELECT dc.domain_id, dc.role, {_CONTACT}, {_DOMAINS}
            FROM domain_contacts dc JOIN registry_contacts c ON c.id = dc.contact_id
            WHERE dc.account_id = $1 AND ($2::uuid[] IS NULL OR dc.domain_id = ANY($2)) AND dc.domain_id = ANY($3)""",  # noqa: S608
        account_id,
        resources,
        list(domain_ids),
    )


async def unknown(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, domain_ids: Sequence[UUID]
) -> list[UUID]:
    """Those of the account's active domains whose contacts nobody has asked the registry for yet."""
    rows = await q.fetch(
        """SELECT id FROM domains
           WHERE account_id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2)) AND id = ANY($3) AND state = 'ACTIVE'
             AND NOT EXISTS (SELECT FROM domain_contacts d WHERE d.domain_id = domains.id)""",
        account_id,
        resources,
        list(domain_ids),
    )
    return [row["id"] for row in rows]


async def elsewhere(q: Queryable, contact_id: UUID, resources: Sequence[UUID]) -> bool:
    """Whether the contact is on a domain that is not among these."""
    query = "SELECT EXISTS (SELECT FROM domain_contacts WHERE contact_id = $1 AND domain_id <> ALL($2))"
    found: bool = await q.fetchval(query, contact_id, list(resources))
    return found


async def same(q: Queryable, account_id: UUID, registry: str, person: Person, handles: str) -> UUID | None:
    """A contact of the account at this registry that says exactly this, with a handle of this pattern."""
    found: UUID | None = await q.fetchval(
        """SELECT id FROM registry_contacts
           WHERE account_id = $1 AND handle ~ $11 AND registry = $12
             AND (name, org, street, city, province, postal_code, country, phone, email)
                 = ($2, $3, $4::text[], $5, $6, $7, $8, $9, $10)
           ORDER BY id LIMIT 1""",
        account_id,
        *_values(person),
        handles,
        registry,
    )
    return found


def _values(person: Person) -> list[object]:
    return [
        person.name,
        person.org,
        list(person.street),
        person.city,
        person.province,
        person.postal_code,
        person.country,
        person.phone,
        person.email,
    ]


async def insert(
    tx: Tx, contact_id: UUID, account_id: UUID, registry: str, handle: str, person: Person, now: datetime
) -> None:
    """A contact that the registry does not have yet."""
    await tx.execute(
        """INSERT INTO registry_contacts (id, account_id, handle, name, org, street, city, province, postal_code, country,
                                          phone, email, created_at, updated_at, registry)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)""",
        contact_id,
        account_id,
        handle,
        *_values(person),
        now,
        registry,
    )


async def mark_created(q: Queryable, contact_id: UUID, handle: str) -> None:
    """The registry has it, under this handle."""
    await q.execute("UPDATE registry_contacts SET created = true, handle = $2 WHERE id = $1", contact_id, handle)


async def keep_data(tx: Tx, contact_id: UUID, person: Person, now: datetime) -> None:
    await tx.execute(
        """UPDATE registry_contacts
           SET (name, org, street, city, province, postal_code, country, phone, email, updated_at)
             = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WHERE id = $1""",
        contact_id,
        *_values(person),
        now,
    )


async def keep_fetched(tx: Tx, account_id: UUID, registry: str, handle: str, person: Person, now: datetime) -> UUID:
    """What the registry told of a contact; its id with us."""
    contact_id: UUID = await tx.fetchval(
        """INSERT INTO registry_contacts (account_id, handle, created, name, org, street, city, province, postal_code,
                                          country, phone, email, created_at, updated_at, registry)
           VALUES ($1, $2, true, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13)
           ON CONFLICT (account_id, registry, handle) DO UPDATE
           SET (created, name, org, street, city, province, postal_code, country, phone, email, updated_at)
             = (true, excluded.name, excluded.org, excluded.street, excluded.city, excluded.province, excluded.postal_code,
                excluded.country, excluded.phone, excluded.email, excluded.updated_at)
           RETURNING id""",
        account_id,
        handle,
        *_values(person),
        now,
        registry,
    )
    return contact_id


async def keep_unreadable(tx: Tx, account_id: UUID, registry: str, handle: str, now: datetime) -> UUID:
    """A contact that the registry names, but tells us nothing of; what we know of it stays."""
    contact_id: UUID = await tx.fetchval(
        """INSERT INTO registry_contacts (account_id, handle, created, name, street, city, country, email, created_at, updated_at,
                                          registry)
           VALUES ($1, $2, true, '', '{}', '', '', '', $3, $3, $4)
           ON CONFLICT (account_id, registry, handle) DO UPDATE SET created = true RETURNING id""",
        account_id,
        handle,
        now,
        registry,
    )
    return contact_id


async def holder_rules(q: Queryable, contact_id: UUID) -> list[Row]:
    """(tld, registrant_change, local_presence) of the TLDs under which the contact holds domains."""
    return await q.fetch(
        """SELECT DISTINCT t.tld, t.registrant_change, t.local_presence FROM domain_contacts c
           JOIN domains d ON d.id = c.domain_id JOIN tlds t ON t.tld = d.tld
           WHERE c.contact_id = $1 AND c.role = 'registrant' AND d.state NOT IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED')
           ORDER BY t.tld""",
        contact_id,
    )


async def note_new_holder(tx: Tx, domain_ids: Sequence[UUID], contact_ids: Sequence[UUID], now: datetime) -> None:
    """Somebody else holds these domains, and those that these contacts are the registrant of."""
    await tx.execute(
        """UPDATE domains SET registrant_changed_at = $3
           WHERE id = ANY($1) OR id IN (
               SELECT domain_id FROM domain_contacts WHERE role = 'registrant' AND contact_id = ANY($2))""",
        list(domain_ids),
        list(contact_ids),
        now,
    )


async def keep_verification(tx: Tx, contact_id: UUID, verified_at: datetime | None, days: int) -> bool:
    """VERIFIED since then, for so many days; PENDING without a date. Whether that is news."""
    row = await tx.fetchrow(
        """UPDATE registry_contacts SET verification = $2, verified_at = $3, verified_until = $4
           WHERE id = $1 AND (verification, verified_at) IS DISTINCT FROM ($2, $3) RETURNING id""",
        contact_id,
        "PENDING" if verified_at is None else "VERIFIED",
        verified_at,
        None if verified_at is None else verified_at + timedelta(days=days),
    )
    return row is not None


async def set_roles(tx: Tx, domain: Row, roles: Mapping[str, UUID], *, others_go: bool = False) -> None:
    """Who has these roles; with `others_go`, the roles that are not named have nobody."""
    if others_go:
        await tx.execute(
            "DELETE FROM domain_contacts WHERE domain_id = $1 AND role <> ALL($2)", domain["id"], list(roles)
        )
    await tx.execute(
        """INSERT INTO domain_contacts (domain_id, account_id, role, contact_id)
           SELECT $1, $2, r.role, r.contact_id FROM unnest($3::text[], $4::uuid[]) AS r (role, contact_id)
           ON CONFLICT (domain_id, role) DO UPDATE SET contact_id = excluded.contact_id""",
        domain["id"],
        domain["account_id"],
        list(roles),
        list(roles.values()),
    )


async def waiting(q: Queryable, limit: int) -> list[Row]:
    """Contacts whose verification is open, with a domain that each is the registrant of; the longest untouched first."""
    return await q.fetch(
        """SELECT c.id, min(d.domain_id::text)::uuid AS domain_id
           FROM registry_contacts c JOIN domain_contacts d ON d.contact_id = c.id AND d.role = 'registrant'
           WHERE c.verification = 'PENDING' GROUP BY c.id ORDER BY c.updated_at LIMIT $1""",
        limit,
    )


def people(rows: Mapping[str, Row]) -> dict[str, Any]:
    """Role -> whom it names, for the event log."""
    return {role: rows[role]["org"] or rows[role]["name"] for role in ROLES if role in rows}
