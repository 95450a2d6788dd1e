"""Registering a paid name: each is created once, whatever happens to the answer, and ends ACTIVE or FAILED (credited)."""

import logging
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis import audit, jobs, outbox, times
from services.chassis.actor import Actor, system
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.errors import DomainError
from services.chassis.operations import FAILED, RUNNING, SUCCEEDED, WAITING
from services.domains import (
    confirmations,
    contact_fetch,
    contacts,
    hosts,
    intents,
    object_intents,
    order_items,
    orders,
    store,
    transforms,
    zones,
)
from services.domains.app import App, operations
from services.domains.epp import (
    DomainInfo,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
)

log = logging.getLogger(__name__)
KIND = "register_domain"
_REFUSED = "REGISTRY_REFUSED"
GIVEN_UP = "REGISTRATION_GIVEN_UP"
_BILLING_FAILURE = 2104
_NOT_AUTHORIZED = 2201
_OBJECT_EXISTS = 2302
#: Seconds before an unknown outcome is looked into, and between looks at a pending one.
_SETTLE_SECONDS = 2.0
_PENDING_SECONDS = 30.0
_PENDING_SECONDS_MOST = 3600.0
#: After so many creates, a name that exists for create but not for info is refused.
_EXISTS_ATTEMPTS = 8
_ABSENT = "info: the name does not exist"
#: How far our clock and a registry's may be apart.
_CLOCKS_APART = timedelta(hours=1)


class OrderItemNotOpen(DomainError):
    """It waits for no registry: not paid yet, or at its end."""

    reason = "ORDER_ITEM_NOT_OPEN"


class OrderItemBusy(DomainError):
    reason = "ORDER_ITEM_BUSY"


class OrderItemAtRegistry(DomainError):
    """The name is registered for us, so it cannot have failed: try it again, and it succeeds."""

    reason = "ORDER_ITEM_AT_REGISTRY"


async def start(tx: Tx, item: Row, now: datetime) -> None:
    """Payment came: the name goes to its registry."""
    await store.mark_pending(tx, item["domain_id"], "PENDING_REGISTRATION", now)
    await jobs.add(tx, KIND, {"domain_id": str(item["domain_id"])}, key=str(item["domain_id"]))


async def retry_given_up(q: Queryable) -> None:
    """Somebody's money is in these names: their jobs are never given up for good."""
    await jobs.revive(q, KIND)


async def wake(q: Queryable, domain_id: UUID) -> None:
    """The registry has told of a registration that it had left pending: its job looks now."""
    await q.execute(
        "UPDATE jobs SET run_at = now() WHERE kind = $1 AND key = $2 AND state = 'ready'", KIND, str(domain_id)
    )


async def retry(db: Database, domain: Row, actor: Actor) -> None:
    """For an operator: a registration that hangs is tried at once. OrderItemNotOpen."""
    _open(domain)
    async with db.transaction() as tx:
        await jobs.revive(tx, KIND, [str(domain["id"])])
        await wake(tx, domain["id"])
        subject = ("Domain", domain["id"], domain["unicode_name"])
        await audit.record(tx, actor, "domain.registration_retried", subject=subject)


async def give_up(app: App, domain: Row, actor: Actor, why: str, now: datetime) -> None:
    """For an operator: a registration that hangs has failed, and billing credits it. Never while it may still succeed:
    the registry must say that it has no such name of ours. OrderItemNotOpen, OrderItemBusy, OrderItemAtRegistry."""
    _open(domain)
    job = await jobs.take(app.db, KIND, str(domain["id"]))
    if job is None:
        raise OrderItemBusy("it is being worked on at this moment", name=domain["unicode_name"])
    try:
        intent = await intents.open_of(app.db, domain["id"])
        registry = app.registries.of(domain["name"])
        info = await registry.info(domain["name"])
        if info is not None and info.cl_id == registry.registrar:
            pending = "pendingCreate" in info.statuses
            detail = "it is pending at the registry" if pending else "the registry has it for us"
            raise OrderItemAtRegistry(detail, name=domain["unicode_name"])
        await _fail(job, app, domain, intent, GIVEN_UP, why, now, actor)
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise orders.RegistryUnavailable(f"the registry does not answer: {error}") from error
    except jobs.LeaseLost as error:
        raise OrderItemBusy("it was taken up again meanwhile", name=domain["unicode_name"]) from error
    finally:
        await jobs.give_back(app.db, job)


def _open(domain: Row) -> None:
    if domain["state"] != "PENDING_REGISTRATION":
        raise OrderItemNotOpen(f"it is {domain['state']}", name=domain["unicode_name"], state=domain["state"])


async def run(job: jobs.LeasedJob, app: App, now: datetime) -> None:
    """One attempt. RetryLater while the outcome is open; the domain has ended when it returns."""
    domain = await store.get(app.db, UUID(job.payload["domain_id"]))
    if domain is None or domain["state"] != "PENDING_REGISTRATION":
        return
    intent = await intents.open_of(app.db, domain["id"])
    # An open one: an earlier attempt spoke, or may have spoken, and never learned the answer.
    if intent is not None and await _settle(job, app, domain, intent, now):
        return
    try:
        registry = app.registries.of(domain["name"])
        holder = await contacts.holder(app, registry, domain, now)
        await hosts.ensure(app.db, registry, domain["id"], dict.fromkeys(domain["nameservers"], ()))
        required = (await store.tld(app.db, domain["tld"]))["required_contacts"]
    except (EppServerFailure, EppUnavailable, EppUnknown) as error:
        await _away(job, app, domain, None, error)
    except EppRefused as error:
        await _refused(job, app, domain, None, error, now)
        return
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, domain["operation_id"], "registry_create", RUNNING)
        intent = await intents.begin(tx, app.sealer, domain["id"], "create")
    try:
        created = await registry.create(
            domain["name"],
            years=domain["years"],
            registrant=holder,
            contacts=[(role, holder) for role in required if role != "registrant"],
            nameservers=list(domain["nameservers"]),
            auth_info=intents.auth_info(intent, app.sealer),
            cl_trid=str(intent["id"]),
        )
    except EppUnavailable as error:
        await _away(job, app, domain, intent, error)
    except EppServerFailure as error:
        await _unanswered(job, app, domain, None, f"the registry failed: {error}", error)
    except EppRefused as error:
        # 2302: perhaps our own earlier create, the answer to which was lost.
        if error.code == _OBJECT_EXISTS:
            if await _settle(job, app, domain, intent, now):
                return
            if await intents.count_settled(app.db, domain["id"], _ABSENT) < _EXISTS_ATTEMPTS:
                raise jobs.RetryLater(cause="2302: the name exists, but info does not know it") from error
        await _refused(job, app, domain, intent, error, now)
        return
    except EppUnknown as error:
        await _unanswered(job, app, domain, _SETTLE_SECONDS, f"outcome unknown: {error}", error)
    if created.pending:
        await _wait(job, app, domain, intent, now)
    try:
        info = await registry.info(domain["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause=f"created, but not confirmed yet: {error}") from error
    if info is None:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause="created, but the registry does not know it yet")
    await _succeed(job, app, domain, intent, info, now)


async def _unanswered(
    job: jobs.LeasedJob, app: App, domain: Row, seconds: float | None, cause: str, error: Exception
) -> NoReturn:
    """It may have been carried out: the next attempt looks first."""
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, domain["operation_id"], "registry_create", WAITING, detail=transforms.UNANSWERED)
    raise jobs.RetryLater(seconds, cause=cause) from error


async def _settle(job: jobs.LeasedJob, app: App, domain: Row, intent: Row, now: datetime) -> bool:
    """Asks the registry what became of an intent. True: the domain has ended. False: it was not carried out."""
    try:
        info = await app.registries.of(domain["name"]).info(domain["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        if isinstance(error, EppRefused) and error.code == _NOT_AUTHORIZED:
            await _fail(job, app, domain, intent, "DOMAIN_TAKEN", "another registrar's: 2201", now)
            return True
        raise jobs.RetryLater(cause=f"cannot settle: {error}") from error
    if info is None and intent["detail"] in intents.LEFT_PENDING:
        await _fail(job, app, domain, intent, *confirmations.refusal(intent, _REFUSED), now)
        return True
    if info is None:
        async with app.db.transaction() as tx:
            await job.hold(tx)
            await intents.settle(tx, intent["id"], intents.NOT_CARRIED_OUT, _ABSENT)
        return False
    if not _is_ours(app, info, intent):
        await _fail(job, app, domain, intent, "DOMAIN_TAKEN", "registered by somebody else", now)
        return True
    if "pendingCreate" in info.statuses:
        await _wait(job, app, domain, intent, now)
    await _succeed(job, app, domain, intent, info, now)
    return True


def _is_ours(app: App, info: DomainInfo, intent: Row) -> bool:
    # The registry tells authInfo to the sponsor alone, and this one only we have ever known.
    if info.auth_info:
        return info.auth_info == intents.auth_info(intent, app.sealer)
    # One that tells it to nobody: what we sponsor and is no older than our command came from it.
    young = info.created_at is None or info.created_at > intent["created_at"] - _CLOCKS_APART
    return info.cl_id == app.registries.of(info.name).registrar and young


async def _wait(job: jobs.LeasedJob, app: App, domain: Row, intent: Row, now: datetime) -> None:
    async with app.db.transaction() as tx:
        await job.hold(tx)
        waits = await confirmations.note_pending(tx, domain, intent, confirmations.REGISTRATION, now)
        await operations.step(tx, domain["operation_id"], "registry_create", WAITING, detail=waits)
    # It may take days: look ever less often.
    seconds = min(_PENDING_SECONDS * 2 ** (job.attempt - 1), _PENDING_SECONDS_MOST)
    raise jobs.RetryLater(seconds, cause="pending at the registry")


async def _refused(
    job: jobs.LeasedJob, app: App, domain: Row, intent: Row | None, error: EppRefused, now: datetime
) -> None:
    """The end of a registration that the registry refuses, unless it is for want of our own deposit there."""
    if error.code != _BILLING_FAILURE:
        await _fail(job, app, domain, intent, _REFUSED, str(error), now)
        return
    log.error("the registrar's deposit at the registry is used up", extra={"domain": domain["name"]})
    await _away(job, app, domain, intent, error)


async def _away(job: jobs.LeasedJob, app: App, domain: Row, intent: Row | None, error: Exception) -> NoReturn:
    """The name was not created: it waits for the registry."""
    async with app.db.transaction() as tx:
        await job.hold(tx)
        if intent is not None:
            await intents.settle(tx, intent["id"], intents.NOT_CARRIED_OUT, str(error))
        await operations.step(tx, domain["operation_id"], "registry_create", WAITING, detail="registry away")
    raise jobs.RetryLater(cause=f"the registry is away: {error}") from error


async def _succeed(job: jobs.LeasedJob, app: App, domain: Row, intent: Row, info: DomainInfo, now: datetime) -> None:
    if info.created_at is None or info.expires_at is None:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause="the registry gives no dates yet")
    async with job.finishing(app.db) as tx:
        await intents.settle(tx, intent["id"], intents.DONE)
        await object_intents.close(tx, domain["id"], served=True)
        await store.mark_active(
            tx, domain["id"], info.created_at, info.expires_at, [*info.statuses, *info.rgp_statuses], now
        )
        await operations.step(tx, domain["operation_id"], "registry_create", SUCCEEDED)
        await zones.create(tx, domain)
        await contact_fetch.schedule(tx, [domain["id"]])
        await audit.record(
            tx,
            system("domains", domain["account_id"]),
            "domain.registered",
            subject=("Domain", domain["id"], domain["unicode_name"]),
            before={"state": "PENDING_REGISTRATION"},
            after={"state": "ACTIVE", "expires_at": info.expires_at.isoformat()},
        )
        event = events_pb2.DomainRegistered(
            domain_id=str(domain["id"]),
            order_id=str(domain["order_id"]),
            account_id=str(domain["account_id"]),
            name=domain["name"],
            unicode_name=domain["unicode_name"],
            registered_at=times.to_pb(info.created_at),
            expires_at=times.to_pb(info.expires_at),
            locale=await order_items.locale(tx, domain["order_id"]),
        )
        await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain["id"])
        await order_items.done(tx, await _item(tx, domain), now)


async def _fail(
    job: jobs.LeasedJob,
    app: App,
    domain: Row,
    intent: Row | None,
    reason: str,
    detail: str,
    now: datetime,
    actor: Actor | None = None,
) -> None:
    log.warning("a registration failed", extra={"domain": domain["name"], "reason": reason, "detail": detail})
    async with job.finishing(app.db) as tx:
        if intent is not None:
            await intents.settle(tx, intent["id"], intents.REFUSED, detail)
        await object_intents.close(tx, domain["id"], served=False)
        await store.mark_failed(tx, domain["id"], reason, now)
        await operations.finish(
            tx,
            domain["operation_id"],
            FAILED,
            reason=reason,
            metadata={"name": domain["unicode_name"], "detail": detail},
        )
        await audit.record(
            tx,
            actor or system("domains", domain["account_id"]),
            "domain.registration_failed",
            subject=("Domain", domain["id"], domain["unicode_name"]),
            before={"state": domain["state"]},
            after={"state": "FAILED", "reason": reason} | ({"why": detail} if actor else {}),
        )
        await order_items.failed(tx, await _item(tx, domain), reason, detail, now)


async def _item(tx: Tx, domain: Row) -> Row:
    item = await order_items.paid_of(tx, domain["id"], order_items.REGISTER)
    if item is None:
        raise LookupError(f"no paid registration of {domain['name']}")
    return item
