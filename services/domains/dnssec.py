"""DNSSEC on and off (RFC 6781): the keys at our nameservers, their DS at the registry, and never one without the other.

On: keys first, then the DS. Off: the DS first; the keys go once no resolver can know the DS any longer. Until then one can
turn back, and the chain was never broken. Each wish is an operation; a later one ends the earlier.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from services.chassis import jobs
from services.chassis.actor import Actor, Scope
from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import Conflict, DomainError
from services.chassis.operations import CANCELLED, RUNNING, SUCCEEDED, WAITING
from services.domains import changes, confirmations, intents, nameservers, store, transforms, zone_store
from services.domains.app import App, operations
from services.domains.epp import DomainInfo, DsRecord
from services.domains.powerdns import PowerDnsUnavailable
from services.domains.transforms import Command, Task
from services.domains.zone_changes import ZoneNotFound

COMMAND = "dnssec"
OPERATION = "ZONE_DNSSEC"
SIGN, UNSIGN = "sign_zone", "unsign_zone"
_STEPS = {True: ["keys", "published", "ds_sent", "ds_seen"], False: ["ds_sent", "ds_gone", "keys"]}


class DnssecForeignNameservers(DomainError):
    """Others serve the zone, and they do not have our keys."""

    reason = "DNSSEC_FOREIGN_NAMESERVERS"


class DomainBusy(Conflict):
    """Something is under way that has to end first."""

    reason = "DOMAIN_BUSY"


async def set_dnssec(
    app: App, actor: Actor, scope: Scope, domain_id: UUID, enabled: bool, now: datetime
) -> tuple[Row, UUID | None]:
    """The zone, and the operation that brings it there; None when it is there. Refusals say what is in the way."""
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        zone = await zone_store.lock(tx, actor.account_id, scope.resources, domain_id)
        if zone is None:
            raise ZoneNotFound("no such zone", field="domain_id")
        if zone["dnssec"] in ({"ON", "ENABLING"} if enabled else {"OFF", "DISABLING", "REMOVING"}):
            return zone, zone["dnssec_operation_id"]
        changes.updatable(domain)
        if enabled:
            await _may_enable(tx, app, domain, zone)
        if zone["dnssec_operation_id"] is not None:
            await operations.finish(tx, zone["dnssec_operation_id"], CANCELLED)
        [operation] = await operations.start(
            tx,
            OPERATION,
            zone["account_id"],
            subject_type="Zone",
            # A zone is found by its domain, and so are the rights to it.
            subject_ids=[domain_id],
            steps=_STEPS[enabled],
            now=now,
        )
        state = "ENABLING" if enabled else "DISABLING"
        await zone_store.keep_dnssec(
            tx,
            zone["id"],
            state,
            since=now,
            # Until when resolvers may know an earlier DS: if the registry refuses this one, its keys still wait it out.
            until=zone["dnssec_until"] if enabled else None,
            operation_id=operation["id"],
            ds=zone["ds"] if not enabled else [],
        )
        if enabled:
            payload = {"zone_id": str(zone["id"]), "operation_id": str(operation["id"]), "actor": actor.ref_json()}
            await jobs.add(tx, SIGN, payload, key=str(operation["id"]))
        else:
            await transforms.start(tx, domain, COMMAND, {"ds": []}, operation_id=operation["id"], actor=actor)
        moved = await zone_store.get(tx, zone["id"])
    assert moved is not None
    return moved, operation["id"]


async def _may_enable(tx: Tx, app: App, domain: Row, zone: Row) -> None:
    foreign = sorted(set(domain["nameservers"]) - set(app.nameservers))
    if foreign or not domain["nameservers"]:
        raise DnssecForeignNameservers(
            "other nameservers serve the zone", field="domain_id", nameservers=", ".join(foreign)
        )
    if zone["dnssec"] == "REMOVING" or await intents.has_unsettled(tx, domain["id"], nameservers.COMMAND):
        raise DomainBusy("something is under way", field="domain_id", name=domain["unicode_name"])


async def sign(job: jobs.LeasedJob, app: App) -> None:
    """The keys and what they sign; then the registry is asked to take their DS. Repeating it changes nothing."""
    zone_id, operation_id = UUID(job.payload["zone_id"]), UUID(job.payload["operation_id"])
    zone = await zone_store.get(app.db, zone_id)
    if zone is None or zone["dnssec_operation_id"] != operation_id:
        return
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, operation_id, "keys", RUNNING)
    try:
        if not zone["applied_version"]:
            raise PowerDnsUnavailable("the nameservers do not serve the zone yet")
        ds = await app.powerdns.sign(zone["name"])
        if not ds:
            raise PowerDnsUnavailable("the nameservers tell no DS of the key")
    except PowerDnsUnavailable as error:
        await _nameservers_away(job, app, operation_id, error)
    async with job.finishing(app.db) as tx:
        domain = await store.lock(tx, zone["domain_id"])
        zone = await zone_store.lock_by_id(tx, zone_id)
        if zone is None or zone["dnssec_operation_id"] != operation_id:
            return
        records = [asdict(one) for one in ds]
        await zone_store.keep_dnssec(
            tx,
            zone_id,
            zone["dnssec"],
            since=zone["dnssec_since"],
            until=zone["dnssec_until"],
            operation_id=operation_id,
            ds=records,
        )
        await operations.step(tx, operation_id, "keys", SUCCEEDED)
        await operations.step(tx, operation_id, "published", SUCCEEDED)
        actor = transforms.actor_of(job.payload["actor"], domain["account_id"])
        await transforms.start(tx, domain, COMMAND, {"ds": records}, operation_id=operation_id, actor=actor)


async def unsign(job: jobs.LeasedJob, app: App, now: datetime) -> None:
    """The keys go, once the time has come and nobody has turned back."""
    zone_id, operation_id = UUID(job.payload["zone_id"]), UUID(job.payload["operation_id"])
    async with app.db.transaction() as tx:
        zone = await zone_store.lock_by_id(tx, zone_id)
        if zone is None or zone["dnssec_operation_id"] != operation_id:
            return
        if zone["dnssec_until"] is None or zone["dnssec_until"] > now:
            raise jobs.RetryLater(cause="resolvers may know the DS yet")
        # From here on there is no way back: a wish to sign it again waits for the end of this.
        await zone_store.keep_dnssec(
            tx,
            zone_id,
            "REMOVING",
            since=zone["dnssec_since"],
            until=zone["dnssec_until"],
            operation_id=operation_id,
            ds=zone["ds"],
        )
        await operations.step(tx, operation_id, "ds_gone", SUCCEEDED)
        await operations.step(tx, operation_id, "keys", RUNNING)
    try:
        await app.powerdns.unsign(zone["name"])
    except PowerDnsUnavailable as error:
        await _nameservers_away(job, app, operation_id, error)
    async with job.finishing(app.db) as tx:
        domain = await store.lock(tx, zone["domain_id"])
        await zone_store.keep_dnssec(tx, zone_id, "OFF", since=now, ds=[])
        if "refused" in job.payload:
            return  # which was told, and nothing has changed for anybody
        await operations.finish(tx, operation_id, SUCCEEDED)
        actor = transforms.actor_of(job.payload["actor"], domain["account_id"])
        await changes.tell(
            tx, actor, domain, "domain.dnssec_changed", before={"dnssec": "DISABLING"}, after={"dnssec": "OFF"}
        )


async def _nameservers_away(job: jobs.LeasedJob, app: App, operation_id: UUID, error: Exception) -> NoReturn:
    """The work waits for them."""
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, operation_id, "keys", WAITING, detail="nameservers away")
    raise jobs.RetryLater(cause=str(error)) from error


async def retry_given_up(q: Queryable) -> None:
    """A zone is never left half signed."""
    await jobs.revive(q, SIGN)
    await jobs.revive(q, UNSIGN)


# -- at the registry


async def _send(task: Task) -> bool:
    info = await task.registry.info(task.domain["name"])
    present, wanted = set() if info is None else set(info.ds), _wanted(task)
    added, removed = sorted(wanted - present, key=str), sorted(present - wanted, key=str)
    if not added and not removed:
        return False
    done = await task.registry.update(task.domain["name"], add_ds=added, rem_ds=removed, cl_trid=task.cl_trid)
    return done.pending


def _wanted(task: Task) -> set[DsRecord]:
    return {DsRecord(**one) for one in task.parameters["ds"]}


def _carried_out(task: Task, info: DomainInfo) -> bool:
    return set(info.ds) == _wanted(task)


async def _succeed(tx: Tx, task: Task, _info: DomainInfo | None) -> None:
    zone = await _current(tx, task)
    if zone is None or task.operation_id is None:
        return  # somebody wished otherwise meanwhile
    records: list[dict[str, Any]] = task.parameters["ds"]
    if records:
        await zone_store.keep_dnssec(tx, zone["id"], "ON", since=task.now, ds=records)
        await operations.finish(tx, task.operation_id, SUCCEEDED)
        before, after = {"dnssec": zone["dnssec"]}, {"dnssec": "ON", "ds": records}
        await changes.tell(tx, task.actor, task.domain, "domain.dnssec_changed", before=before, after=after)
        return
    until = task.now + timedelta(seconds=(await store.tld(tx, task.domain["tld"]))["ds_seconds"])
    await zone_store.keep_dnssec(
        tx,
        zone["id"],
        "DISABLING",
        since=zone["dnssec_since"],
        until=until,
        operation_id=task.operation_id,
        ds=zone["ds"],
    )
    await operations.step(tx, task.operation_id, "ds_gone", WAITING, detail=f"until {until:%Y-%m-%dT%H:%M:%SZ}")
    payload = {
        "zone_id": str(zone["id"]),
        "operation_id": str(task.operation_id),
        "actor": task.intent["actor"],
    }
    await jobs.add(tx, UNSIGN, payload, key=str(task.operation_id), run_at=until)
    before, after = {"dnssec": "ON"}, {"dnssec": "DISABLING", "until": until.isoformat()}
    await changes.tell(tx, task.actor, task.domain, "domain.dnssec_changed", before=before, after=after)


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    """Back to where it was: with a DS that stays the keys stay too; keys whose DS the registry never took go."""
    await changes.log_refusal(tx, task, "domain.dnssec_refused", reason)
    zone = await _current(tx, task)
    if zone is None or task.operation_id is None:
        return
    if not task.parameters["ds"]:
        await zone_store.keep_dnssec(tx, zone["id"], "ON", since=task.now, ds=zone["ds"])
        return
    until = max(zone["dnssec_until"] or task.now, task.now)
    state = "DISABLING" if until > task.now else "REMOVING"
    await zone_store.keep_dnssec(
        tx, zone["id"], state, since=task.now, until=until, operation_id=task.operation_id, ds=zone["ds"]
    )
    payload = {"zone_id": str(zone["id"]), "operation_id": str(task.operation_id), "refused": True}
    await jobs.add(tx, UNSIGN, payload, key=str(task.operation_id), run_at=until)


async def _current(tx: Tx, task: Task) -> Row | None:
    """The zone, if this command's wish is still the last one."""
    zone = await zone_store.lock(tx, task.domain["account_id"], None, task.domain["id"])
    return zone if zone is not None and zone["dnssec_operation_id"] == task.operation_id else None


COMMANDS = {
    COMMAND: Command(
        "ds_sent",
        _send,
        transforms.shown_by_info(_carried_out),
        _succeed,
        _refuse,
        transforms.always(confirmations.DNSSEC),
        ends_operation=False,
    )
}
