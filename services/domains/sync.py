"""Keeping our rows as the registry has them. A domain is asked about when the registry said something of it, when a date
came, when an operator wants to know, and once a day. The registry's word counts; what differed is kept as drift.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import jobs
from services.chassis.actor import system
from services.chassis.db import Queryable, Row, Tx
from services.domains import changes, intents, lifecycle, registry_store, standing, store
from services.domains.app import App
from services.domains.epp import DomainInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown, Registry

log = logging.getLogger(__name__)
KIND = "sync_domain"
WALK, MESSAGE, DATE, OPERATOR = "WALK", "MESSAGE", "DATE", "OPERATOR"
#: How old what we know of a domain may grow.
_DAY = timedelta(days=1)
#: Domains of one round of the walk, and how many a second: a registry must not feel it.
_PAGE, _PER_SECOND = 100, 5.0
_DUE_AT_ONCE = 500
_NOT_AUTHORIZED = 2201
#: Attempts that must have found the name absent before we believe it, and seconds between them.
_ABSENT_ATTEMPTS, _ABSENT_SECONDS = 2, 60.0

Difference = tuple[str, str, str]
"""(field, ours, theirs)."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The registry does not hold the domain for us: how it ended, and what the registry has instead."""

    state: str
    theirs: str


async def schedule(q: Queryable, domains: Mapping[str, UUID], cause: str) -> None:
    """Asks the registry about each soon. The keys say what for, so that the same cause asks once."""
    payloads = {key: {"domain_id": str(domain_id), "cause": cause} for key, domain_id in domains.items()}
    await jobs.add_many(q, KIND, payloads)


async def run(job: jobs.LeasedJob, app: App, now: datetime) -> None:
    """One attempt. While the registry is away the clock alone counts, and the registry is asked again."""
    domain = await store.get(app.db, UUID(job.payload["domain_id"]))
    if domain is None or domain["state"] not in lifecycle.HELD:
        return
    try:
        found = await _ask(app, domain, sure=job.attempt >= _ABSENT_ATTEMPTS)
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        async with app.db.transaction() as tx:
            await job.hold(tx)
            await standing.follow(tx, await store.lock(tx, domain["id"]), now)
        raise jobs.RetryLater(cause=f"the registry does not tell: {error}") from error
    if found is None:
        raise jobs.RetryLater(_ABSENT_SECONDS, cause="the registry does not know the name: asked once more")
    async with job.finishing(app.db) as tx:
        await _settle(tx, domain["id"], found, job.payload["cause"], now)


async def sync_now(app: App, domain: Row, now: datetime) -> list[Difference]:
    """For an operator: what differed, all of it settled. Raises EppError. A name that is absent is believed at once."""
    found = await _ask(app, domain, sure=True)
    assert found is not None
    async with app.db.transaction() as tx:
        return await _settle(tx, domain["id"], found, OPERATOR, now)


async def _ask(app: App, domain: Row, *, sure: bool) -> DomainInfo | Gone | None:
    """None: absent, but not believed yet. Raises EppError."""
    try:
        registry = app.registries.of(domain["name"])
        info = await registry.info(domain["name"])
    except EppRefused as error:
        if error.code == _NOT_AUTHORIZED:
            return Gone(lifecycle.TRANSFERRED_AWAY, "another registrar")
        raise
    if info is None:
        # A registry that has lost a name for a moment must not cost a customer the domain.
        return Gone(lifecycle.DELETED, "none") if sure or domain["state"] == lifecycle.PENDING_DELETE else None
    return info if info.cl_id == registry.registrar else Gone(lifecycle.TRANSFERRED_AWAY, info.cl_id)


async def _settle(tx: Tx, domain_id: UUID, found: DomainInfo | Gone, cause: str, now: datetime) -> list[Difference]:
    """Our row as the registry has it, in one transaction with what is told of the difference."""
    domain = await store.lock(tx, domain_id)
    if domain["state"] not in lifecycle.HELD:
        return []
    if isinstance(found, Gone):
        differences = await _end(tx, domain, found, now)
    else:
        differences = await _take(tx, domain, found, now)
    if differences:
        settled = "ENDED" if isinstance(found, Gone) else "TAKEN"
        await _report(tx, domain, differences, cause, settled, now)
    return differences


async def _end(tx: Tx, domain: Row, gone: Gone, now: datetime) -> list[Difference]:
    await standing.end(tx, domain, gone.state, now)
    return [("existence" if gone.state == lifecycle.DELETED else "sponsor", "ours", gone.theirs)]


async def _take(tx: Tx, domain: Row, info: DomainInfo, now: datetime) -> list[Difference]:
    differences: list[Difference] = []
    # While a command of ours is out, what differs may be its doing: its end brings our row along.
    if await intents.newest_unsettled(tx, domain["id"]) is None:
        differences = _differences(domain, info)
        if any(field == "nameservers" for field, _, _ in differences):
            glue = {host: addresses for host, addresses in domain["glue"].items() if host in info.nameservers}
            await store.keep_nameservers(tx, domain["id"], sorted(info.nameservers), glue)
    await standing.take(tx, domain, info, now)
    return differences


def _differences(domain: Row, info: DomainInfo) -> list[Difference]:
    found: list[Difference] = []
    ours, theirs = _telling(domain["statuses"]), _telling([*info.statuses, *info.rgp_statuses])
    if ours != theirs:
        found.append(("statuses", " ".join(ours), " ".join(theirs)))
    # Registries keep fewer digits of a second than we do.
    if info.expires_at is not None and abs(info.expires_at - domain["expires_at"]) >= timedelta(seconds=1):
        found.append(("expires_at", domain["expires_at"].isoformat(), info.expires_at.isoformat()))
    if set(info.nameservers) != set(domain["nameservers"]):
        found.append(("nameservers", " ".join(sorted(domain["nameservers"])), " ".join(sorted(info.nameservers))))
    return found


def _telling(statuses: list[str] | tuple[str, ...]) -> list[str]:
    """Without those that come and go by themselves: nobody has to hear of them."""
    return sorted(set(statuses) - lifecycle.GRACE - {"ok", "inactive"})


async def _report(tx: Tx, domain: Row, differences: list[Difference], cause: str, settled: str, now: datetime) -> None:
    await registry_store.insert_drift(tx, domain["id"], differences, cause=cause, settled=settled, now=now)
    before, after = ({one[0]: one[side] for one in differences} for side in (1, 2))
    actor = system("domains", domain["account_id"])
    await changes.tell(tx, actor, domain, "domain.registry_changed", before=before, after=after)
    log.warning(
        "a domain differed at its registry",
        extra={"domain": domain["name"], "cause": cause, "settled": settled, "fields": [one[0] for one in differences]},
    )


# -- what runs on a clock


async def walk(app: App, now: datetime) -> None:
    """The next domains of each registry that nobody has asked about for a day; where one is away, the others go on."""
    await asyncio.gather(*(_walk(app, registry, now) for registry in app.registries))


async def _walk(app: App, registry: Registry, now: datetime) -> None:
    for row in await registry_store.unsynced(app.db, registry.tlds, now - _DAY, _PAGE):
        domain = await store.get(app.db, row["id"])
        assert domain is not None
        try:
            found = await _ask(app, domain, sure=False)
        except (EppUnavailable, EppUnknown, EppServerFailure) as error:
            log.warning("the daily sync waits for a registry", extra={"registry": registry.name, "cause": str(error)})
            return
        except EppRefused as error:
            log.error("a registry refused a look at a domain", extra={"domain": domain["name"], "cause": str(error)})
            await registry_store.note_synced(app.db, domain["id"], now)
            continue
        async with app.db.transaction() as tx:
            if found is not None:
                await _settle(tx, domain["id"], found, WALK, now)
            else:
                # A job asks until it is sure; the walk goes on.
                await schedule(tx, {f"{domain['id']}:{now:%Y-%m-%d}": domain["id"]}, WALK)
                await registry_store.note_synced(tx, domain["id"], now)
        await asyncio.sleep(1 / _PER_SECOND)


async def see_dates(app: App, now: datetime) -> None:
    """Domains whose next date has come are asked about: has the registry renewed, deleted, let go?"""
    rows = await registry_store.due(app.db, now, _DUE_AT_ONCE)
    await schedule(app.db, {f"{row['id']}:{row['due_at'].isoformat()}": row["id"] for row in rows}, DATE)
