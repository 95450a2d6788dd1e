"""SQL of what registries told us: rules of top-level domains, messages, drift, and a domain as its registry has it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.domains import lifecycle
from services.domains.epp import DomainInfo

_HELD = "state IN ('ACTIVE', 'EXPIRED', 'REDEMPTION', 'PENDING_DELETE')"
RULES = (
    "sold", "min_years", "max_years", "auth_code_delivery", "min_nameservers", "max_nameservers", "add_grace_days",
    "renew_grace_days", "redemption_days", "pending_delete_days", "required_contacts", "local_presence", "dnssec",
    "registrant_change", "confirmed_changes", "confirmation_days", "contact_verified_days", "idn_scripts", "idn_characters",
    "lock_statuses", "ds_seconds", "transferable", "transfer_years", "auth_code_min", "auth_code_max",
    "auth_code_wait_days", "renew_ahead_days", "renew_pay_days",
)  # fmt: skip
"""Columns of tlds that an operator may change."""

# -- rules


async def rules(q: Queryable, tlds: Sequence[str] | None = None) -> dict[str, lifecycle.Rules]:
    """Of these top-level domains, or of all."""
    return {
        row["tld"]: lifecycle.Rules(
            tld=row["tld"],
            max_years=row["max_years"],
            add_grace_days=row["add_grace_days"],
            renew_grace_days=row["renew_grace_days"],
            redemption_days=row["redemption_days"],
            pending_delete_days=row["pending_delete_days"],
            registrant_change=row["registrant_change"],
            dnssec=row["dnssec"],
            confirmed_changes=frozenset(row["confirmed_changes"]),
            locks=[
                lifecycle.LockPeriod(one["kind"], date.fromisoformat(one["from_date"]), one["days"])
                for one in row["locks"]
            ],
        )
        for row in await list_tlds(q, tlds)
    }


async def list_tlds(q: Queryable, tlds: Sequence[str] | None = None) -> list[Row]:
    """Every column, and `locks` as [{"kind", "from_date", "days"}]."""
    return await q.fetch(
        """SELECT t.*, coalesce((SELECT jsonb_agg(jsonb_build_object('kind', l.kind, 'from_date', l.from_date, 'days', l.days)
                                                  ORDER BY l.kind, l.from_date)
                                 FROM tld_locks l WHERE l.tld = t.tld), '[]') AS locks
           FROM tlds t WHERE $1::text[] IS NULL OR t.tld = ANY($1) ORDER BY t.tld""",
        None if tlds is None else list(tlds),
    )


async def lock_tld(tx: Tx, tld: str) -> bool:
    """Whether there is one; nobody else changes it before this transaction ends."""
    return await tx.fetchval("SELECT 1 FROM tlds WHERE tld = $1 FOR UPDATE", tld) is not None


async def insert_tld(tx: Tx, tld: str) -> bool:
    """A new one with the usual rules, not sold yet; False when it is there."""
    inserted = await tx.fetchval(
        "INSERT INTO tlds (tld, sold) VALUES ($1, false) ON CONFLICT DO NOTHING RETURNING true", tld
    )
    return inserted is not None


async def save_tld(tx: Tx, tld: str, changed: dict[str, Any]) -> None:
    """Columns of RULES."""
    if unknown := set(changed) - set(RULES):
        raise ValueError(f"no rules: {unknown}")
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(changed, 2))
    await tx.execute(f"UPDATE tlds SET {columns} WHERE tld = $1", tld, *changed.values())  # noqa: S608


async def replace_locks(tx: Tx, tld: str, locks: Sequence[lifecycle.LockPeriod]) -> None:
    await tx.execute("DELETE FROM tld_locks WHERE tld = $1", tld)
    await tx.execute(
        """INSERT INTO tld_locks (tld, kind, from_date, days)
           SELECT $1, l.kind, l.from_date, l.days FROM unnest($2::text[], $3::date[], $4::int[]) AS l (kind, from_date, days)""",
        tld,
        [lock.kind for lock in locks],
        [lock.from_date for lock in locks],
        [lock.days for lock in locks],
    )


# -- domains


async def facts(q: Queryable, domain_ids: Sequence[UUID]) -> dict[UUID, tuple[str, lifecycle.Facts]]:
    """(top-level domain, what is known) of each; for whom they may be told was decided before."""
    rows = await q.fetch(
        """SELECT id, tld, state, state_since, statuses, registered_at, expires_at, transferred_at, registrant_changed_at,
                  ARRAY(SELECT i.action FROM order_items i
                        WHERE i.domain_id = d.id AND i.state IN ('ORDERED', 'PAID')) AS ordered
           FROM domains d WHERE id = ANY($1)""",
        list(domain_ids),
    )
    return {
        row["id"]: (
            row["tld"],
            lifecycle.Facts(
                state=row["state"],
                since=row["state_since"],
                statuses=frozenset(row["statuses"]),
                registered_at=row["registered_at"],
                expires_at=row["expires_at"],
                transferred_at=row["transferred_at"],
                registrant_changed_at=row["registrant_changed_at"],
                ordered=frozenset(row["ordered"]),
            ),
        )
        for row in rows
    }


async def held(q: Queryable, name: str) -> Row | None:
    """The house's domain of this name, if one is held or on its way."""
    return await q.fetchrow(
        """SELECT id, account_id, name, unicode_name, state FROM domains
           WHERE name = $1 AND state NOT IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED')""",
        name,
    )


async def keep_told(tx: Tx, domain_id: UUID, info: DomainInfo, now: datetime) -> None:
    """Statuses and dates as the registry tells them. A date that it leaves out stays."""
    await tx.execute(
        """UPDATE domains SET statuses = $2, registered_at = coalesce($3, registered_at),
                  expires_at = coalesce($4, expires_at), transferred_at = coalesce($5, transferred_at), synced_at = $6
           WHERE id = $1""",
        domain_id,
        [*info.statuses, *info.rgp_statuses],
        info.created_at,
        info.expires_at,
        info.transferred_at,
        now,
    )


async def keep_state(tx: Tx, domain_id: UUID, state: str, due_at: datetime | None, now: datetime) -> None:
    """`state_since` moves with the state alone."""
    await tx.execute(
        """UPDATE domains SET state_since = CASE WHEN state = $2 THEN state_since ELSE $4 END, state = $2, due_at = $3
           WHERE id = $1""",
        domain_id,
        state,
        due_at,
        now,
    )


async def note_synced(q: Queryable, domain_id: UUID, now: datetime) -> None:
    """It was asked about, with nothing to keep."""
    await q.execute("UPDATE domains SET synced_at = $2 WHERE id = $1", domain_id, now)


async def unsynced(q: Queryable, tlds: Iterable[str], before: datetime, limit: int) -> list[Row]:
    """Held domains of these whose registry was last asked before this time, the longest ago first."""
    return await q.fetch(
        f"""SELECT d.id, d.name FROM unnest($1::text[]) AS t (tld) CROSS JOIN LATERAL (
                SELECT id, name, synced_at FROM domains WHERE tld = t.tld AND {_HELD} AND synced_at < $2
                ORDER BY synced_at LIMIT {limit}) d
            ORDER BY d.synced_at LIMIT {limit}""",  # noqa: S608
        list(tlds),
        before,
    )


async def due(q: Queryable, now: datetime, limit: int) -> list[Row]:
    """Held domains that time alone has changed, or should have."""
    return await q.fetch(
        f"""SELECT id, coalesce(due_at, expires_at) AS due_at FROM domains
            WHERE {_HELD} AND coalesce(due_at, expires_at) <= $1 ORDER BY coalesce(due_at, expires_at) LIMIT {limit}""",  # noqa: S608
        now,
    )


# -- drift and messages


async def insert_drift(
    tx: Tx, domain_id: UUID, found: Sequence[tuple[str, str, str]], *, cause: str, settled: str, now: datetime
) -> None:
    """(field, ours, theirs) of each."""
    await tx.execute(
        """INSERT INTO registry_drift (domain_id, field, ours, theirs, cause, settled, found_at)
           SELECT $1, f.field, f.ours, f.theirs, $5, $6, $7
           FROM unnest($2::text[], $3::text[], $4::text[]) AS f (field, ours, theirs)""",
        domain_id,
        [field for field, _, _ in found],
        [ours for _, ours, _ in found],
        [theirs for _, _, theirs in found],
        cause,
        settled,
        now,
    )


async def insert_message(
    tx: Tx, registry: str, id_: str, *, at: datetime | None, kind: str, text: str, name: str, xml: str, now: datetime
) -> bool:
    """False for one that is there already. It belongs to the domain of the name that the house holds now."""
    row = await tx.fetchrow(
        """INSERT INTO registry_messages (registry, id, at, kind, text, name, domain_id, xml, received_at)
           VALUES ($1, $2, $3, $4, $5, $6,
                   (SELECT id FROM domains WHERE name = $6 AND state NOT IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED')),
                   $7, $8)
           ON CONFLICT (registry, id) DO NOTHING RETURNING id""",
        registry,
        id_,
        at,
        kind,
        text,
        name,
        xml,
        now,
    )
    return row is not None


async def note_polled(q: Queryable, registry: str, queue_length: int, now: datetime) -> None:
    await q.execute(
        """INSERT INTO registries (name, polled_at, queue_length) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET polled_at = $2, queue_length = $3, failed_at = NULL, failure = ''""",
        registry,
        now,
        queue_length,
    )


async def note_failed(q: Queryable, registry: str, failure: str, now: datetime) -> None:
    """`failed_at` stays at the first of the failures since it last answered."""
    await q.execute(
        """INSERT INTO registries (name, failed_at, failure) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET failed_at = coalesce(registries.failed_at, $2), failure = $3""",
        registry,
        now,
        failure[:1000],
    )


async def registries(q: Queryable) -> dict[str, Row]:
    """How the message queue of each was found, by its name."""
    return {row["name"]: row for row in await q.fetch("SELECT * FROM registries")}


# -- a name's history


async def holdings(q: Queryable, name: str, limit: int) -> list[Row]:
    return await q.fetch(
        f"""SELECT * FROM domains WHERE name = $1
            ORDER BY state IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED'), created_at DESC LIMIT {limit}""",  # noqa: S608
        name,
    )


async def latest_intents(q: Queryable, domain_id: UUID, limit: int) -> list[Row]:
    """The domain's own and those about contacts and hosts; without what they were to bring about, and without codes."""
    return await q.fetch(
        f"""SELECT id, command, outcome, detail, created_at, said_at, settled_at FROM registry_intents
            WHERE domain_id = $1
            UNION ALL
            SELECT id, command || ' ' || object, outcome, detail, said_at, said_at, settled_at FROM registry_object_intents
            WHERE domain_id = $1
            ORDER BY id DESC LIMIT {limit}""",  # noqa: S608
        domain_id,
    )


async def latest_messages(q: Queryable, domain_id: UUID, limit: int) -> list[Row]:
    query = f"SELECT * FROM registry_messages WHERE domain_id = $1 ORDER BY received_at DESC, id DESC LIMIT {limit}"  # noqa: S608
    return await q.fetch(query, domain_id)


async def latest_drift(q: Queryable, domain_id: UUID, limit: int) -> list[Row]:
    query = f"SELECT * FROM registry_drift WHERE domain_id = $1 ORDER BY id DESC LIMIT {limit}"  # noqa: S608
    return await q.fetch(query, domain_id)


async def zone_history(q: Queryable, domain_id: UUID) -> Row | None:
    """Its version, and how many changes made it."""
    return await q.fetchrow(
        """SELECT version, (SELECT count(*) FROM zone_changes c WHERE c.zone_id = z.id) AS changes
           FROM zones z WHERE domain_id = $1""",
        domain_id,
    )
