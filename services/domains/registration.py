"""Registering a paid name: each is created once, whatever happens to the answer, and ends ACTIVE or FAILED (credited)."""

import base64
import hashlib
import logging
import re
from datetime import datetime
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis import audit, jobs, outbox, times
from services.chassis.actor import system
from services.chassis.db import Row, Tx
from services.chassis.operations import FAILED, RUNNING, SUCCEEDED, WAITING
from services.domains import intents, orders, store, zones
from services.domains.app import App, operations
from services.domains.epp import ContactData, DomainInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown

log = logging.getLogger(__name__)
KIND = "register_domain"
_OBJECT_EXISTS = 2302
#: Seconds before an unknown outcome is looked into, and between looks at a pending one.
_SETTLE_SECONDS = 2.0
_PENDING_SECONDS = 30.0


async def start_paid(tx: Tx, account_id: UUID, domain_ids: list[UUID], now: datetime) -> None:
    """Payment came: the names go to their registries. A name already on its way is left alone."""
    for row in await store.mark_paid(tx, account_id, domain_ids, now):
        await operations.step(tx, row["operation_id"], "payment", SUCCEEDED)
        await jobs.add(tx, KIND, {"domain_id": str(row["id"])}, key=str(row["id"]))


async def run(job: jobs.LeasedJob, app: App, now: datetime) -> None:
    """One attempt. RetryLater while the outcome is open; the domain has ended when it returns."""
    domain = await store.get(app.db, UUID(job.payload["domain_id"]))
    if domain is None or domain["state"] != "PENDING_REGISTRATION":
        return
    intent = await intents.open_of(app.db, domain["id"])
    if intent is not None:
        # An earlier attempt spoke, or may have spoken, and never learned the answer.
        if await _settle(job, app, domain, intent, now):
            return
        intent = None
    registrant = await _registrant(app, domain["account_id"])
    await _nameservers(app, domain)
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, domain["operation_id"], "registry_create", RUNNING)
        intent = await intents.begin(tx, domain["id"], "create")
    try:
        created = await app.registry.create(
            domain["name"],
            years=domain["years"],
            registrant=registrant,
            admin=registrant,
            tech=registrant,
            nameservers=list(domain["nameservers"]),
            auth_info=intent["auth_info"],
            cl_trid=str(intent["id"]),
        )
    except EppUnavailable as error:
        async with app.db.transaction() as tx:
            await job.hold(tx)
            await intents.settle(tx, intent["id"], intents.NOT_CARRIED_OUT, str(error))
            await operations.step(tx, domain["operation_id"], "registry_create", WAITING, detail="registry away")
        raise jobs.RetryLater(cause=f"the registry is away: {error}") from error
    except EppServerFailure as error:
        raise jobs.RetryLater(cause=f"the registry failed: {error}") from error
    except EppRefused as error:
        if error.code == _OBJECT_EXISTS:
            # Perhaps our own earlier create, the answer to which was lost.
            raise jobs.RetryLater(_SETTLE_SECONDS, cause="2302: the name exists") from error
        await _fail(job, app, domain, intent, "REGISTRY_REFUSED", f"{error.code} {error}", now)
        return
    except EppUnknown as error:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause=f"outcome unknown: {error}") from error
    if created.pending:
        await _wait(job, app, domain)
    info = await app.registry.info(domain["name"])
    if info is None:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause="created, but the registry does not know it yet")
    await _succeed(job, app, domain, intent, info, now)


async def _settle(job: jobs.LeasedJob, app: App, domain: Row, intent: Row, now: datetime) -> bool:
    """Asks the registry what became of an intent. True: the domain has ended. False: it was not carried out."""
    try:
        info = await app.registry.info(domain["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(cause=f"cannot settle: {error}") from error
    if info is None:
        async with app.db.transaction() as tx:
            await job.hold(tx)
            await intents.settle(tx, intent["id"], intents.NOT_CARRIED_OUT, "info: the name does not exist")
        return False
    if not _is_ours(info, intent):
        await _fail(job, app, domain, intent, "DOMAIN_TAKEN", "registered by somebody else", now)
        return True
    if "pendingCreate" in info.statuses:
        await _wait(job, app, domain)
    await _succeed(job, app, domain, intent, info, now)
    return True


def _is_ours(info: DomainInfo, intent: Row) -> bool:
    # The registry tells authInfo to the sponsor alone, and this one only we have ever known.
    return bool(info.auth_info == intent["auth_info"])


async def _wait(job: jobs.LeasedJob, app: App, domain: Row) -> None:
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await operations.step(tx, domain["operation_id"], "registry_create", WAITING, detail="pending at the registry")
    raise jobs.RetryLater(_PENDING_SECONDS, cause="pending at the registry")


async def _succeed(job: jobs.LeasedJob, app: App, domain: Row, intent: Row, info: DomainInfo, now: datetime) -> None:
    if info.created_at is None or info.expires_at is None:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause="the registry gives no dates yet")
    async with job.finishing(app.db) as tx:
        await intents.settle(tx, intent["id"], intents.DONE)
        await store.mark_active(
            tx, domain["id"], info.created_at, info.expires_at, [*info.statuses, *info.rgp_statuses], now
        )
        await operations.step(tx, domain["operation_id"], "registry_create", SUCCEEDED)
        await zones.create(tx, domain)
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
            locale=await store.order_locale(tx, domain["order_id"]),
        )
        await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain["id"])
        await orders.complete(tx, domain["order_id"], now)


async def _fail(
    job: jobs.LeasedJob, app: App, domain: Row, intent: Row, reason: str, detail: str, now: datetime
) -> None:
    log.warning("a registration failed", extra={"domain": domain["name"], "reason": reason, "detail": detail})
    async with job.finishing(app.db) as tx:
        await intents.settle(tx, intent["id"], intents.REFUSED, detail)
        await store.mark_failed(tx, domain["id"], reason, now)
        await operations.finish(
            tx, domain["operation_id"], FAILED, reason=reason, metadata={"name": domain["unicode_name"]}
        )
        await audit.record(
            tx,
            system("domains", domain["account_id"]),
            "domain.registration_failed",
            subject=("Domain", domain["id"], domain["unicode_name"]),
            after={"state": "FAILED", "reason": reason},
        )
        event = events_pb2.RegistrationFailed(
            domain_id=str(domain["id"]),
            order_id=str(domain["order_id"]),
            account_id=str(domain["account_id"]),
            name=domain["name"],
            unicode_name=domain["unicode_name"],
            reason=reason,
            detail=detail,
            locale=await store.order_locale(tx, domain["order_id"]),
        )
        await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain["id"])
        await orders.complete(tx, domain["order_id"], now)


async def _registrant(app: App, account_id: UUID) -> str:
    """The account's contact at the registry, made when missing. Its id follows from its data, so a repeat is harmless."""
    row = await store.registrant(app.db, account_id)
    if row is None:
        raise jobs.RetryLater(cause="identity has not told of the account yet")
    data = "|".join(str(row[k]) for k in row.keys() if k != "updated_at")  # noqa: SIM118 - a Record iterates values
    contact_id = "PT" + base64.b32encode(hashlib.sha256(data.encode()).digest()).decode()[:14]
    contact = ContactData(
        id=contact_id,
        name=row["name"],
        org=row["name"] if row["company"] else "",
        street=(row["street"],),
        city=row["city"],
        postal_code=row["postal_code"],
        country=row["country"],
        voice=_epp_phone(row["phone"]),
        email=row["email"],
        auth_info=base64.b32encode(hashlib.sha256(b"contact" + data.encode()).digest()).decode()[:16],
    )
    try:
        await app.registry.create_contact(contact, cl_trid=contact_id)
    except EppServerFailure as error:
        raise jobs.RetryLater(cause=f"the registry failed: {error}") from error
    except EppRefused as error:
        if error.code != _OBJECT_EXISTS:
            raise
    except (EppUnavailable, EppUnknown) as error:
        raise jobs.RetryLater(cause=f"the registry is away: {error}") from error
    return contact_id


async def _nameservers(app: App, domain: Row) -> None:
    """The host objects that the registry wants to know before a domain names them (RFC 5732); repeats are harmless."""
    try:
        await app.registry.ensure_hosts(list(domain["nameservers"]), cl_trid=f"hosts-{domain['id']}")
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(cause=f"the nameservers are not known to the registry: {error}") from error


def _epp_phone(phone: str) -> str:
    """A Hungarian or international number as EPP writes it (RFC 5733: +CCC.NNN); empty when it cannot be told."""
    digits = re.sub(r"[^\d+]", "", phone)
    found = re.fullmatch(r"\+(36|1|44|49|43|40|421|420|385|386|381|380|33|39|34|48|31|32|41)(\d{4,14})", digits)
    return f"+{found[1]}.{found[2]}" if found else ""
