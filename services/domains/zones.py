"""Zones: our database holds them, PowerDNS serves them. A job brings the nameservers to the zone's version."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import audit, jobs
from services.chassis.actor import system
from services.chassis.db import Queryable, Row, Tx
from services.chassis.operations import RUNNING, SUCCEEDED, WAITING
from services.chassis.pages import Page
from services.domains import store
from services.domains.app import App, operations
from services.domains.powerdns import PowerDnsUnavailable, RecordSet

log = logging.getLogger(__name__)
KIND = "apply_zone"
_DEFAULT_TTL = 3600
_OWNED = "account_id = $1 AND ($2::uuid[] IS NULL OR domain_id = ANY($2))"


async def create(tx: Tx, domain: Row) -> None:
    """The first version of a new domain's zone: its nameservers, and the job that publishes it.

    The zone of whoever held the name before ends with that domain.
    """
    await tx.execute(
        f"""WITH old AS (SELECT z.id FROM zones z JOIN domains d ON d.id = z.domain_id
                         WHERE z.name = $1 AND NOT {store.LIVE}),
                 records AS (DELETE FROM record_sets WHERE zone_id IN (SELECT id FROM old))
            DELETE FROM zones WHERE id IN (SELECT id FROM old)""",  # noqa: S608
        domain["name"],
    )
    zone_id: UUID = await tx.fetchval(
        "INSERT INTO zones (account_id, domain_id, name) VALUES ($1, $2, $3) RETURNING id",
        domain["account_id"],
        domain["id"],
        domain["name"],
    )
    await tx.execute(
        "INSERT INTO record_sets (zone_id, name, type, ttl, records) VALUES ($1, $2, 'NS', $3, $4)",
        zone_id,
        domain["name"] + ".",
        _DEFAULT_TTL,
        [f"{host}." for host in domain["nameservers"]],
    )
    await operations.step(tx, domain["operation_id"], "zone", RUNNING)
    await audit.record(
        tx,
        system("domains", domain["account_id"]),
        "zone.created",
        subject=("Zone", zone_id, domain["unicode_name"]),
        after={"nameservers": list(domain["nameservers"])},
    )
    await schedule(tx, zone_id, 1)


async def schedule(tx: Tx, zone_id: UUID, version: int) -> None:
    """A job for this version; a later one may carry it along."""
    await jobs.add(tx, KIND, {"zone_id": str(zone_id)}, key=f"{zone_id}:{version}")


async def apply(job: jobs.LeasedJob, app: App) -> None:
    """Brings the nameservers to the zone's present version; writing it twice changes nothing."""
    zone_id = UUID(job.payload["zone_id"])
    async with app.db.transaction(isolation="repeatable_read") as tx:
        zone = await tx.fetchrow("SELECT id, domain_id, name, version FROM zones WHERE id = $1", zone_id)
        if zone is None:
            return
        rows = await tx.fetch("SELECT name, type, ttl, records FROM record_sets WHERE zone_id = $1", zone_id)
    domain = await store.get(app.db, zone["domain_id"])
    assert domain is not None
    sets = [RecordSet(row["name"], row["type"], row["ttl"], tuple(row["records"])) for row in rows]
    try:
        await app.powerdns.put_zone(zone["name"], domain["nameservers"], sets)
    except PowerDnsUnavailable as error:
        if domain["operation_id"]:
            async with app.db.transaction() as tx:
                await operations.step(tx, domain["operation_id"], "zone", WAITING, detail="nameservers away")
        raise jobs.RetryLater(cause=str(error)) from error
    async with job.finishing(app.db) as tx:
        version = await tx.fetchval("SELECT version FROM zones WHERE id = $1 FOR UPDATE", zone_id)
        if version != zone["version"]:
            # What we wrote may have come after a newer version, written by another job.
            raise jobs.RetryLater(0, cause=f"version {zone['version']} was written, it is {version} now")
        await tx.execute(
            "UPDATE zones SET applied_version = greatest(applied_version, $2) WHERE id = $1", zone_id, zone["version"]
        )
        if domain["operation_id"]:
            await operations.finish(tx, domain["operation_id"], SUCCEEDED)


async def retry_given_up(q: Queryable) -> None:
    """A zone that the nameservers do not serve is never given up for good."""
    await jobs.revive(q, KIND)


async def of_domains(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, domain_ids: Sequence[UUID]
) -> list[Row]:
    return await q.fetch(
        f"""SELECT id, domain_id, name, version, applied_version FROM zones
            WHERE {_OWNED} AND domain_id = ANY($3)""",  # noqa: S608
        account_id,
        resources,
        list(domain_ids),
    )


async def record_set_pages(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, zone_ids: Sequence[UUID], page: Page
) -> list[tuple[UUID, list[Any], common_pb2.PageInfo]]:
    """The same page of each zone, in one statement; foreign zones are left out."""
    condition, order = page.sql([("r.name", "text"), ("r.type", "text"), ("r.id", "uuid")], 4)
    rows = await q.fetch(
        f"""SELECT z.id AS zone, s.* FROM zones z LEFT JOIN LATERAL (
                SELECT r.id, r.zone_id, r.name, r.type, r.ttl, r.records FROM record_sets r
                WHERE r.zone_id = z.id AND {condition} ORDER BY {order} LIMIT {page.limit}) s ON true
            WHERE z.{_OWNED.replace("domain_id", "z.domain_id")} AND z.id = ANY($3) ORDER BY z.id, {order.replace("r.", "s.")}""",  # noqa: S608
        account_id,
        resources,
        list(zone_ids),
        *page.args,
    )
    by_zone: dict[UUID, list[Row]] = {}
    for row in rows:
        by_zone.setdefault(row["zone"], [])
        if row["id"] is not None:
            by_zone[row["zone"]].append(row)
    return [
        (zone_id, *page.cut(sets, lambda row: (row["name"], row["type"], row["id"])))
        for zone_id, sets in by_zone.items()
    ]
