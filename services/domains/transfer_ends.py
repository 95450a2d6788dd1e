"""How a transfer ends without the name: failed, or taken back by whoever wanted it.

While the other registrar has not decided, taking it back is a command to the registry (RFC 5731 section 3.2.4) with an
intent of its own, the only one that is said while another of its domain is out. It may come too late: what the registry
shows of the transfer counts, and whichever of the two commands sees the end first brings it about, for both.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import audit, jobs
from services.chassis.actor import Actor, Scope
from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import DomainError
from services.chassis.operations import CANCELLED, FAILED, SUCCEEDED
from services.domains import intents, order_items, store, transforms
from services.domains.app import App, operations
from services.domains.changes import DomainNotFound
from services.domains.epp import DomainInfo, EppRefused, EppServerFailure, Registry, Transfer
from services.domains.transforms import Command, Refused, Seen, State, Task

COMMAND = "transfer_cancel"
STEP = "registry_cancel"
TAKEN_BACK = "TRANSFER_CANCELLED"
GIVEN_UP = "TRANSFER_GIVEN_UP"
TOO_LATE = "TRANSFER_CANCEL_TOO_LATE"
#: What the step tells of a cancel that changed nothing (see gateway/messages/steps).
WAS_DECIDED = "decided before the cancel reached the registry"
GOES_ON = "the registry did not cancel it, it goes on"
APPROVED = {"clientApproved", "serverApproved"}
_NOT_AUTHORIZED, _NOT_PENDING = 2201, 2301
#: How far our clock and a registry's may be apart.
CLOCKS_APART = timedelta(hours=1)
#: Seconds between looks for a transfer that the registry does not show.
_ABSENT_SECONDS = 2.0


class TransferNotWaiting(DomainError):
    """Nothing can be corrected or taken back now."""

    reason = "TRANSFER_NOT_WAITING"


async def find(q: Queryable, registry: Registry, name: str, intent: Row) -> Transfer | None:
    """The registry's transfer of a name, if it is the one that was asked for with this intent."""
    try:
        transfer = await registry.query_transfer(name)
    except EppServerFailure:
        raise
    except EppRefused as error:
        if error.code != _NOT_AUTHORIZED:
            raise
        return None
    if transfer is None or transfer.requested_by != registry.registrar:
        return None
    since = intent["created_at"] - CLOCKS_APART
    if transfer.requested_at is not None and transfer.requested_at < since:
        return None
    # Until the registry has taken this one, what has ended may be an earlier one: ordered, taken back, ordered again.
    taken = intent["detail"] in {intents.PENDING, intents.ANSWERED}
    if transfer.status != "pending" and not taken and await intents.has_earlier(q, intent, name, since=since):
        return None
    return transfer


async def info_of(registry: Registry, name: str) -> DomainInfo | None:
    """What the registry tells of a name, perhaps another registrar's; None also where it tells us nothing of those."""
    try:
        return await registry.info(name)
    except EppServerFailure:
        raise
    except EppRefused as error:
        if error.code != _NOT_AUTHORIZED:
            raise
        return None


async def cancel(app: App, actor: Actor, scope: Scope, domain_id: UUID, now: datetime) -> tuple[Row, UUID]:
    """Takes a paid transfer back that waits for a code, at once, or for the other registrar, by asking the registry; its
    price goes back once it is. Asking twice asks once. DomainNotFound, TransferNotWaiting."""
    async with app.db.transaction() as tx:
        domain = await store.lock_owned(tx, actor.account_id, scope.resources, domain_id)
        if domain is None:
            raise DomainNotFound("no such domain", field="domain_id")
        item = await order_items.paid_of(tx, domain_id, order_items.TRANSFER)
        transfer = await intents.oldest_unsettled(tx, domain_id)
        if item is None or (transfer is None and item["code_wanted"] is None):
            raise TransferNotWaiting("no transfer is under way", field="domain_id", name=domain["unicode_name"])
        if transfer is None:
            await give_up(tx, actor, item, TAKEN_BACK, CANCELLED, now)
        else:
            await take_back(tx, domain, item, transfer, actor)
        rows = await store.by_ids(tx, actor.account_id, scope.resources, [domain_id])
    if transfer is not None:
        # One that has not been asked for yet is not asked for any more.
        await transforms.hurry(app.db, [transfer["id"]])
    return rows[0], item["operation_id"]


async def take_back(tx: Tx, domain: Row, item: Row, transfer: Row, actor: Actor, *, why: str = "") -> None:
    """Asks for a transfer's cancel, unless that is asked for already; `why` is an operator's, who gives it up. The domain's
    row is locked."""
    if await intents.cancel_of(tx, transfer["id"]) is not None:
        return
    await operations.add_step(tx, item["operation_id"], STEP)
    parameters = {"why": why} if why else {}
    await transforms.start(
        tx,
        domain,
        COMMAND,
        parameters,
        operation_id=item["operation_id"],
        actor=actor,
        cancels=transfer["id"],
    )
    subject = ("Domain", domain["id"], domain["unicode_name"])
    await audit.record(tx, actor, "domain.transfer_cancel_requested", subject=subject, after=parameters)


async def is_taken_back(q: Queryable, transfer_id: UUID) -> bool:
    """Whether a transfer that has not ended is to be taken back."""
    return await intents.cancel_of(q, transfer_id) is not None


async def give_up(
    tx: Tx, actor: Actor, item: Row, reason: str, state: str, now: datetime, why: Mapping[str, str] | None = None
) -> None:
    """Ends a paid transfer and its operation, as FAILED or CANCELLED; its price goes back."""
    told = {"name": item["unicode_name"]} if state == FAILED else {}
    await operations.finish(tx, item["operation_id"], state, reason=reason if told else "", metadata=told)
    await fail(tx, actor, item, reason, now, why)


async def fail(
    tx: Tx, actor: Actor, item: Row, reason: str, now: datetime, why: Mapping[str, str] | None = None
) -> None:
    """The same where the operation is ended by whoever asks."""
    await store.mark_failed(tx, item["domain_id"], reason, now)
    await audit.record(
        tx,
        actor,
        "domain.transfer_failed",
        subject=("Domain", item["domain_id"], item["unicode_name"]),
        before={"state": "PENDING_TRANSFER"},
        after={"state": "FAILED", "reason": reason, **(why or {})},
    )
    await order_items.failed(tx, item, reason, "", now)


# -- what a transfer's end means for its cancel


async def came(tx: Tx, transfer: Row, item: Row) -> None:
    """The name is ours: taking the transfer back came too late. Its operation shows that, and succeeds."""
    if await intents.settle_cancel(tx, transfer["id"], "the transfer had gone through"):
        await operations.step(tx, item["operation_id"], STEP, FAILED, detail=WAS_DECIDED)


async def refused(tx: Tx, task: Task, item: Row, reason: str) -> None:
    """The transfer has ended at the registry, or was never said. If it was to be taken back, that is done."""
    cancelling = await intents.cancel_of(tx, task.intent["id"])
    # Where a registry keeps no record of transfers, the reason is that nothing is pending any more.
    if cancelling is not None and reason in {TAKEN_BACK, transforms.REFUSED}:
        await _taken_back(tx, cancelling, item, task.now)
        return
    await intents.settle_cancel(tx, task.intent["id"], "the transfer had ended")
    await fail(tx, task.actor, item, reason, task.now)


async def _taken_back(tx: Tx, cancelling: Row, item: Row, now: datetime) -> None:
    outcome = intents.DONE if cancelling["said_at"] is not None else intents.NOT_CARRIED_OUT
    await intents.settle(tx, cancelling["id"], outcome)
    await operations.step(tx, item["operation_id"], STEP, SUCCEEDED)
    actor = transforms.actor_of(cancelling["actor"], item["account_id"])
    if "why" in cancelling["parameters"]:
        await give_up(tx, actor, item, GIVEN_UP, FAILED, now, cancelling["parameters"])
    else:
        await give_up(tx, actor, item, TAKEN_BACK, CANCELLED, now)


# -- the command


async def _send(task: Task) -> bool:
    transfer = await _transfer_of(task)
    shown = await _find(task, transfer)
    seen = await _seen(task, transfer, shown)
    if seen.state is State.REFUSED:
        raise Refused(seen.reason, seen.detail)
    if seen.state is State.DONE:
        return False
    if shown is None and transfer["detail"] != intents.PENDING:
        # Its own job finds out whether it is on its way, and does not say it again.
        raise jobs.RetryLater(_ABSENT_SECONDS, cause="the registry does not show the transfer")
    return (await task.registry.cancel_transfer(task.domain["name"], cl_trid=task.cl_trid)).pending


async def _look(task: Task) -> Seen:
    transfer = await _transfer_of(task)
    return await _seen(task, transfer, await _find(task, transfer))


async def _find(task: Task, transfer: Row) -> Transfer | None:
    return await find(task.app.db, task.registry, task.domain["name"], transfer)


async def _transfer_of(task: Task) -> Row:
    transfer = await intents.get(task.app.db, task.intent["cancels"])
    assert transfer is not None
    return transfer


async def _seen(task: Task, transfer: Row, shown: Transfer | None) -> Seen:
    if shown is None:
        return await _seen_without_record(task, transfer)
    if shown.status == "pending":
        answered = task.intent["detail"] in {intents.ANSWERED, intents.PENDING}
        return Seen(State.PENDING if answered else State.NOT_DONE)
    if shown.status == "clientCancelled":
        return Seen(State.DONE)
    return await _too_late(task, f"the registry says {shown.status}")


async def _seen_without_record(task: Task, transfer: Row) -> Seen:
    """Some registries keep no record of transfers that have ended."""
    if transfer["detail"] != intents.PENDING:
        return Seen(State.NOT_DONE)
    info = await info_of(task.registry, task.domain["name"])
    if info is not None and info.cl_id == task.registry.registrar:
        return await _too_late(task, "the name is ours")
    pending = info is not None and "pendingTransfer" in info.statuses
    return Seen(State.NOT_DONE if pending else State.DONE)


async def _too_late(task: Task, detail: str) -> Seen:
    await transforms.hurry(task.app.db, [task.intent["cancels"]])
    return Seen(State.REFUSED, reason=TOO_LATE, detail=detail)


async def _succeed(tx: Tx, task: Task, _info: DomainInfo | None) -> None:
    transfer = await intents.get(tx, task.intent["cancels"])
    item = await order_items.paid_of(tx, task.domain["id"], order_items.TRANSFER)
    if item is None or transfer is None or transfer["outcome"]:
        return  # its own job has seen the end first
    await intents.settle(tx, transfer["id"], intents.REFUSED, "taken back")
    await _taken_back(tx, task.intent, item, task.now)


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    """The transfer goes on, or has ended."""
    if task.operation_id is not None:
        detail = WAS_DECIDED if reason == TOO_LATE else GOES_ON
        await operations.step(tx, task.operation_id, STEP, FAILED, detail=detail)
    subject = ("Domain", task.domain["id"], task.domain["unicode_name"])
    await audit.record(tx, task.actor, "domain.transfer_cancel_refused", subject=subject, after={"reason": reason})


COMMANDS = {
    COMMAND: Command(
        STEP, _send, _look, _succeed, _refuse, ends_operation=False, aside=True, reasons={_NOT_PENDING: TOO_LATE}
    )
}
