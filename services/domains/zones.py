"""Zones: our database holds them, PowerDNS serves them. A job brings the nameservers to the zone's version."""

import logging
from uuid import UUID

from services.chassis import audit, jobs
from services.chassis.actor import system
from services.chassis.db import Queryable, Row, Tx
from services.chassis.operations import RUNNING, SUCCEEDED, WAITING
from services.domains import store, zone_store
from services.domains.app import App, operations
from services.domains.powerdns import PowerDnsUnavailable
from services.domains.records import DEFAULT_TTL, Key

log = logging.getLogger(__name__)
KIND = "apply_zone"


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
        DEFAULT_TTL,
        [f"{host}." for host in domain["nameservers"]],
    )
    await operations.step(tx, domain["operation_id"], "zone", RUNNING)
    await audit.record(
        tx,
        system("domains", domain["account_id"]),
        "zone.created",
        subject=("Zone", domain["id"], domain["unicode_name"]),
        after={"nameservers": list(domain["nameservers"])},
    )
    await schedule(tx, zone_id, 1)


async def schedule(tx: Tx, zone_id: UUID, version: int) -> None:
    """A job for this version; a later one may carry it along."""
    await jobs.add(tx, KIND, {"zone_id": str(zone_id)}, key=f"{zone_id}:{version}")


class _Newer(Exception):
    """The zone has a newer version than the one that has just been written."""


async def apply(job: jobs.LeasedJob, app: App) -> None:
    """Brings the nameservers to the zone's present version; writing it twice changes nothing.

    Of a zone's jobs one writes at a time: what is slow on its way must not land on what is newer. It goes on until it has
    written the newest version, so the others have nothing to do.
    """
    zone_id = UUID(job.payload["zone_id"])
    while await zone_store.claim(app.db, zone_id, job.id):
        try:
            await _write(job, app, zone_id)
            return
        except _Newer:
            continue
        except Exception:
            await zone_store.release(app.db, zone_id, job.id)
            raise


async def _write(job: jobs.LeasedJob, app: App, zone_id: UUID) -> None:
    """The first attempt writes what has changed since the version that is served. Any later one writes the whole zone: what
    an attempt that ended badly has left there is then made good, whatever it was."""
    async with app.db.transaction(isolation="repeatable_read") as tx:
        zone = await zone_store.get(tx, zone_id)
        if zone is None:
            return
        keys = await _changed(tx, zone) if job.attempt == 1 else None
        sets = await zone_store.sets(tx, zone_id, keys)
    domain = await store.get(app.db, zone["domain_id"])
    assert domain is not None
    try:
        if keys is None or not await app.powerdns.patch_zone(zone["name"], list(sets.values()), keys - set(sets)):
            whole = list((await zone_store.sets(app.db, zone_id)).values()) if keys is not None else list(sets.values())
            await app.powerdns.put_zone(zone["name"], domain["nameservers"], whole)
    except PowerDnsUnavailable as error:
        async with app.db.transaction() as tx:
            for operation_id in await _operations(tx, domain, zone):
                await operations.step(tx, operation_id, "zone", WAITING, detail="nameservers away")
        raise jobs.RetryLater(cause=str(error)) from error
    async with job.finishing(app.db) as tx:
        if await tx.fetchval("SELECT version FROM zones WHERE id = $1 FOR UPDATE", zone_id) != zone["version"]:
            raise _Newer
        await zone_store.note_served(tx, zone_id, zone["version"])
        for operation_id in await _operations(tx, domain, zone):
            await operations.finish(tx, operation_id, SUCCEEDED)


async def _changed(tx: Tx, zone: Row) -> set[Key] | None:
    """The sets that changed since what the nameservers serve; None where that cannot be told."""
    changes = await zone_store.diffs(tx, zone["id"], zone["applied_version"], zone["version"])
    if not zone["applied_version"] or len(changes) != zone["version"] - zone["applied_version"]:
        return None
    return {(one["name"], one["type"]) for change in changes for one in change["diff"]}


async def _operations(tx: Tx, domain: Row, zone: Row) -> list[UUID]:
    """What waits for the nameservers: the domain's registration, and the zone's changes in their order."""
    waiting = await zone_store.unfinished(tx, zone["id"], zone["version"])
    return [domain["operation_id"], *waiting] if domain["operation_id"] else waiting


async def retry_given_up(q: Queryable) -> None:
    """A zone that the nameservers do not serve is never given up for good."""
    await jobs.revive(q, KIND)
