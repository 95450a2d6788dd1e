"""Getting a deleted domain back while its registry still gives it (RFC 3915): a request, and a report of why.

Where the expiry has passed, a year's renewal is ordered with it; each of the two is done or credited by itself.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from portico.domains.v1 import events_pb2, orders_pb2
from services.chassis import audit, idempotency, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError
from services.domains import object_intents, order_items, orders, store, transforms
from services.domains.app import App
from services.domains.changes import DomainNotFound
from services.domains.epp import (
    DomainInfo,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
    Registry,
    RestoreReport,
)
from services.domains.order_items import Wanted
from services.domains.orders import Ordered, RegistryUnavailable
from services.domains.registries import WHILE_WAITING
from services.domains.transforms import Command, Refused, Seen, State, Task

COMMAND = "restore"
_REDEEMABLE, RESTORING = "redemptionPeriod", "pendingRestore"
_REPORT = (
    "The registrant asked for the name back.",
    (
        "This registrar has not restored the Registered Name in order to assume the rights to use or sell it for itself "
        "or for any third party.",
        "The information in this report is true to the best of this registrar's knowledge.",
    ),
)


class DomainNotRestorable(DomainError):
    reason = "DOMAIN_NOT_RESTORABLE"


class RestoreAlreadyOrdered(DomainError):
    reason = "RESTORE_ALREADY_ORDERED"


async def order(
    app: App, actor: Actor, scope: Scope, request: orders_pb2.RestoreDomainRequest, now: datetime
) -> Ordered:
    """Orders a restore. DomainNotFound, DomainNotRestorable, RestoreAlreadyOrdered, RegistryUnavailable."""
    first = await idempotency.peek(app.db, actor.account_id, request.request_id, request)
    if first is not None:
        return await orders.recall_first(app, actor.account_id, first)
    domain_id = UUID(request.domain_id)
    rows = await store.by_ids(app.db, actor.account_id, scope.resources, [domain_id])
    if not rows:
        raise DomainNotFound("no such domain", field="domain_id")
    try:
        registry = app.registries.of(rows[0]["name"])
        info = await registry.within(WHILE_WAITING).info(rows[0]["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise RegistryUnavailable(f"the registry does not answer: {error}") from error
    async with app.db.transaction() as tx:
        first = await idempotency.claim(tx, actor.account_id, request.request_id, request)
        if first is None:
            domain = await store.lock_owned(tx, actor.account_id, scope.resources, domain_id)
            if domain is None:
                raise DomainNotFound("no such domain", field="domain_id")
            name = domain["unicode_name"]
            opened = (await order_items.open_actions(tx, [domain_id])).get(domain_id, set())
            if order_items.RESTORE in opened:
                raise RestoreAlreadyOrdered("a restore is under way", field="domain_id", name=name)
            if domain["state"] in store.ENDED or not _redeemable(registry, info):
                raise DomainNotRestorable("not in its redemption period", field="domain_id", name=name)
            wanted = [Wanted(domain, order_items.RESTORE, 0)]
            expires_at = info.expires_at if info else None
            if expires_at is not None and expires_at < now + timedelta(days=1) and order_items.RENEW not in opened:
                wanted.append(Wanted(domain, order_items.RENEW, 1, expires_at))
            first = await orders.keep(tx, actor, request.request_id, wanted, [], now)
    return await orders.recall_first(app, actor.account_id, first)


def _redeemable(registry: Registry, info: DomainInfo | None) -> bool:
    return info is not None and info.cl_id == registry.registrar and _REDEEMABLE in info.rgp_statuses


async def start(tx: Tx, item: Row, now: datetime) -> None:
    """Payment came: the registry is asked."""
    domain = await store.lock(tx, item["domain_id"])
    actor = transforms.actor_of(await order_items.actor_ref(tx, item["order_id"]), item["account_id"])
    parameters = {"restored_at": now.isoformat()}
    await transforms.start(tx, domain, COMMAND, parameters, operation_id=item["operation_id"], actor=actor)


async def _send(task: Task) -> bool:
    """The half or halves that the registry does not have yet."""
    registry, name = task.registry, task.domain["name"]
    info = await registry.info(name)
    if info is None:
        raise Refused(transforms.REFUSED, "the registry does not know the name any more")
    if RESTORING not in info.rgp_statuses:
        try:
            asked = await registry.restore_request(name, cl_trid=task.cl_trid)
        except EppServerFailure:
            raise
        except EppRefused:
            # Perhaps an earlier one of ours was carried out after we had looked: then its report is what is missing.
            info = await registry.info(name)
            if info is None or RESTORING not in info.rgp_statuses:
                raise
        else:
            if asked.pending:
                return True
            if asked.rgp_status != RESTORING:
                return False
    report = RestoreReport(
        before=f"Registrant: {info.registrant}; name servers: {' '.join(info.nameservers)}",
        after=f"Registrant: {info.registrant}; name servers: {' '.join(info.nameservers)}",
        deleted_at=info.updated_at or task.domain["state_since"],
        restored_at=datetime.fromisoformat(task.parameters["restored_at"]),
        reason=_REPORT[0],
        statements=_REPORT[1],
    )
    return await object_intents.say(
        task.app.db,
        registry.name,
        task.domain["id"],
        "report_restore",
        name,
        lambda cl_trid: _report(registry, name, report, cl_trid),
        lambda: _taken(registry, name),
        undecided=bool,
    )


async def _report(registry: Registry, name: str, report: RestoreReport, cl_trid: str) -> bool:
    """Whether the registry left it pending."""
    return (await registry.restore_report(name, report, cl_trid=cl_trid)).pending


async def _taken(registry: Registry, name: str) -> bool | None:
    """False once the registry has believed a report; None while it waits for one."""
    info = await registry.info(name)
    return None if info is None or RESTORING in info.rgp_statuses else False


def _carried_out(_task: Task, info: DomainInfo) -> bool:
    gone = {"pendingDelete", _REDEEMABLE, RESTORING}
    return not gone & {*info.statuses, *info.rgp_statuses}


_look_at_info = transforms.shown_by_info(_carried_out)


async def _look(task: Task) -> Seen:
    seen = await _look_at_info(task)
    if seen.state is State.DONE and (seen.info is None or seen.info.expires_at is None):
        return Seen(State.PENDING, seen.info)
    if seen.state is State.NOT_DONE and seen.info is not None and RESTORING in seen.info.rgp_statuses:
        reported = await object_intents.is_open(task.app.db, task.registry.name, task.domain["name"])
        return replace(seen, half=not reported)
    return seen


async def _succeed(tx: Tx, task: Task, info: DomainInfo | None) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.RESTORE)
    if item is None or info is None or info.expires_at is None:
        raise LookupError(f"no paid restore of {task.domain['name']}, or no dates")
    await tx.execute(
        "UPDATE domains SET state = 'ACTIVE', state_since = $2, expires_at = $3 WHERE id = $1",
        task.domain["id"],
        task.now,
        info.expires_at,
    )
    await audit.record(
        tx,
        task.actor,
        "domain.restored",
        subject=("Domain", task.domain["id"], task.domain["unicode_name"]),
        before={"state": task.domain["state"]},
        after={"state": "ACTIVE", "expires_at": info.expires_at.isoformat()},
    )
    event = events_pb2.DomainRestored(
        domain_id=str(task.domain["id"]),
        order_id=str(item["order_id"]),
        account_id=str(item["account_id"]),
        name=item["name"],
        unicode_name=item["unicode_name"],
        expires_at=times.to_pb(info.expires_at),
    )
    await outbox.add(tx, event, account_id=item["account_id"], aggregate=task.domain["id"])
    await order_items.done(tx, item, task.now)


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.RESTORE)
    if item is not None:
        subject = ("Domain", task.domain["id"], task.domain["unicode_name"])
        await audit.record(tx, task.actor, "domain.restore_failed", subject=subject, after={"reason": reason})
        await order_items.failed(tx, item, reason, "the registry did not restore it", task.now)


COMMANDS = {COMMAND: Command("registry_restore", _send, _look, _succeed, _refuse)}
