"""Commands that change a domain at its registry: one at a time for each domain, in the order they were asked for.

A kind of command says how it is sent, how to tell from the registry whether it was carried out, and what follows from
either end; everything between is here. The intent is committed before anything is said. What the registry left pending
(1001), and what got no answer, is settled by asking it; only what it shows as not carried out is said again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NoReturn
from uuid import UUID

from services.chassis import jobs
from services.chassis.actor import Actor
from services.chassis.db import Queryable, Row, Tx
from services.chassis.operations import FAILED, RUNNING, SUCCEEDED, WAITING
from services.domains import confirmations, intents, object_intents, standing, store
from services.domains.app import App, operations
from services.domains.epp import DomainInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown, Registry

log = logging.getLogger(__name__)
KIND = "transform"
REFUSED = "REGISTRY_REFUSED"
#: What a step tells of a command that got no proper answer (see gateway/messages/steps).
UNANSWERED = "no answer from the registry yet"
_BILLING_FAILURE = 2104
_NOT_AUTHORIZED = 2201
#: Seconds before an unknown outcome is looked into.
_SETTLE_SECONDS = 2.0
#: Seconds between looks at a pending one: ever more, as it may take days.
_PENDING_SECONDS = 5.0
_PENDING_SECONDS_MOST = 3600.0


@dataclass(frozen=True, slots=True)
class Task:
    """A command in hand, and the domain that it is about."""

    app: App
    intent: Row
    domain: Row
    now: datetime

    @property
    def registry(self) -> Registry:
        """Whose the domain is. EppUnavailable."""
        return self.app.registries.of(self.domain["name"])

    @property
    def cl_trid(self) -> str:
        return str(self.intent["id"])

    @property
    def parameters(self) -> dict[str, Any]:
        """What the command shall bring about, as given to `start`."""
        found: dict[str, Any] = self.intent["parameters"]
        return found

    @property
    def operation_id(self) -> UUID | None:
        found: UUID | None = self.intent["operation_id"]
        return found

    @property
    def actor(self) -> Actor:
        """Who asked for it."""
        return actor_of(self.intent["actor"], self.domain["account_id"])


def actor_of(ref: Mapping[str, str], account_id: UUID) -> Actor:
    """Whom `Actor.ref_json` kept: fit for the event log, with no rights."""
    contact = UUID(ref["contact_id"]) if ref["contact_id"] else None
    return Actor(ref["kind"], ref["id"], ref["label"], account_id, contact_id=contact, ip=ref["ip"])


class State(Enum):
    """What the registry shows of a command. REFUSED: it was taken, and decided against.

    LOST: the domain is not ours any more, or not there.
    """

    DONE = "DONE"
    PENDING = "PENDING"
    NOT_DONE = "NOT_DONE"
    REFUSED = "REFUSED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Seen:
    """`info` is what the registry told of the domain, where it told anything; `reason` and `detail` go with REFUSED.

    `half` goes with NOT_DONE: what was said has been carried out, and more is to be said.
    """

    state: State
    info: DomainInfo | None = None
    reason: str = REFUSED
    detail: str = ""
    half: bool = False


class Refused(Exception):
    """A command that cannot be carried out, found while it was being sent; `metadata` fills the reason's message."""

    def __init__(self, reason: str, detail: str, **metadata: str) -> None:
        super().__init__(detail)
        self.reason, self.metadata = reason, metadata


async def _nothing(_tx: Tx, _task: Task, _reason: str) -> None:
    """A refusal that changes nothing else."""


async def _no_change(_tx: Tx, _task: Task) -> str:
    """Nothing that a holder is ever asked about."""
    return ""


def always(change: str) -> Callable[[Tx, Task], Awaitable[str]]:
    """A `confirmable` for commands that are always the same change."""

    async def confirmable(_tx: Tx, _task: Task) -> str:
        return change

    return confirmable


@dataclass(frozen=True, slots=True)
class Command:
    """A kind of command.

    `send` says it and answers whether the registry left it pending; what else it says before must be harmless to repeat.
    `look` asks what became of it. `succeed` and `refuse` are the effects, in the transaction that ends the command; the
    registry's statuses are stored already. `forget` names parameters that are not kept after the end.
    """

    #: The operation's step that shows it.
    step: str
    send: Callable[[Task], Awaitable[bool]]
    look: Callable[[Task], Awaitable[Seen]]
    succeed: Callable[[Tx, Task, DomainInfo | None], Awaitable[None]]
    refuse: Callable[[Tx, Task, str], Awaitable[None]] = _nothing
    #: Which of confirmations.CHANGES it is, empty for none: whether its holder has to confirm it is the TLD's rule.
    confirmable: Callable[[Tx, Task], Awaitable[str]] = _no_change
    #: Whether the operation has succeeded with it; else `succeed` moves the operation on.
    ends_operation: bool = True
    #: Whether its operation is another command's, which goes on when this one is refused: `refuse` shows that.
    aside: bool = False
    forget: tuple[str, ...] = ()
    #: Reasons of its own for the registry's codes; else REGISTRY_REFUSED.
    reasons: Mapping[int, str] = field(default_factory=dict)
    #: Reasons after which the operation waits for its customer: with what the step then tells.
    waits: Mapping[str, str] = field(default_factory=dict)


def shown_by_info(
    carried_out: Callable[[Task, DomainInfo], bool], pending: str = "pendingUpdate"
) -> Callable[[Task], Awaitable[Seen]]:
    """A `look` for commands whose effect is in the domain's info; `pending` is the status while one is undecided."""

    async def look(task: Task) -> Seen:
        try:
            info = await task.registry.info(task.domain["name"])
        except EppServerFailure:
            raise
        except EppRefused as error:
            if error.code == _NOT_AUTHORIZED:
                return Seen(State.LOST)
            raise
        if info is None or info.cl_id != task.registry.registrar:
            return Seen(State.LOST)
        if pending in info.statuses:
            return Seen(State.PENDING, info)
        return Seen(State.DONE if carried_out(task, info) else State.NOT_DONE, info)

    return look


async def start(
    tx: Tx,
    domain: Row,
    command: str,
    parameters: Mapping[str, Any],
    *,
    operation_id: UUID | None,
    actor: Actor,
    cancels: UUID | None = None,
) -> UUID:
    """Asks for a command; answers the intent's id. It is said once those asked for before it have ended, or at once where it
    takes one of them back."""
    await store.lock(tx, domain["id"])
    intent_id = await intents.queue(tx, domain["id"], command, parameters, operation_id, actor.ref_json(), cancels)
    if cancels is None:
        await _schedule_next(tx, domain["id"])
    else:
        await _schedule(tx, intent_id)
    return intent_id


async def _schedule_next(tx: Tx, domain_id: UUID) -> None:
    """The domain's oldest unsettled command gets its job, unless it has one. The domain's row is locked."""
    intent = await intents.oldest_unsettled(tx, domain_id)
    if intent is not None:
        await _schedule(tx, intent["id"])


async def _schedule(tx: Tx, intent_id: UUID) -> None:
    await jobs.add(tx, KIND, {"intent_id": str(intent_id)}, key=str(intent_id))


async def wake(q: Queryable, intent_id: UUID) -> None:
    """The registry has told of a command that it had left pending: its job looks now."""
    await q.execute(
        "UPDATE jobs SET run_at = now() WHERE kind = $1 AND key = $2 AND state = 'ready'", KIND, str(intent_id)
    )


async def hurry(q: Queryable, intent_ids: Sequence[UUID]) -> None:
    """Whoever waits for these commands tries again at once, also those that were given up."""
    await jobs.revive(q, KIND, [str(intent_id) for intent_id in intent_ids])
    for intent_id in intent_ids:
        await wake(q, intent_id)


async def has_its_turn(q: Queryable, intent_id: UUID) -> bool:
    """Whether it has a job; else it waits for earlier commands of its domain, and was never said."""
    query = "SELECT EXISTS (SELECT FROM jobs WHERE kind = $1 AND key = $2)"
    found: bool = await q.fetchval(query, KIND, str(intent_id))
    return found


async def drop(tx: Tx, intent: Row, why: str, forget: Sequence[str] = ()) -> None:
    """A command that the registry shows as not carried out is not said any more. The domain's row is locked."""
    await intents.settle(tx, intent["id"], intents.NOT_CARRIED_OUT, why, forget=forget)
    if intent["said_at"] is not None:
        await object_intents.close(tx, intent["domain_id"], served=False)
    await intents.settle_cancel(tx, intent["id"], why)
    await _schedule_next(tx, intent["domain_id"])


async def retry_given_up(q: Queryable) -> None:
    """What may have been carried out is never left unsettled, and what was asked for is not forgotten."""
    await jobs.revive(q, KIND)


async def run(job: jobs.LeasedJob, app: App, commands: Mapping[str, Command], now: datetime) -> None:
    """One attempt. RetryLater while the outcome is open; the command has ended when it returns."""
    intent = await intents.get(app.db, UUID(job.payload["intent_id"]))
    if intent is None or intent["outcome"]:
        return
    domain = await store.get(app.db, intent["domain_id"])
    assert domain is not None
    task, command = Task(app, intent, domain, now), commands[intent["command"]]
    if intent["said_at"] is not None and await _settle(job, task, command):
        return
    async with app.db.transaction() as tx:
        await job.hold(tx)
        await intents.say(tx, intent["id"])
        await _step(tx, task, command, RUNNING)
    await _say(job, task, command)


async def _settle(job: jobs.LeasedJob, task: Task, command: Command) -> bool:
    """What became of a command that was said. True: it has ended. False: it was not carried out, and is to be said again."""
    seen = await _look(task, command)
    if seen.state is State.PENDING:
        await _pending(job, task, command)
    if seen.state is State.LOST:
        await _refuse(job, task, command, REFUSED, "the registry does not hold the domain for us")
    elif seen.state is State.REFUSED:
        await _refuse(job, task, command, seen.reason, seen.detail)
    elif seen.state is State.DONE or task.intent["detail"] == intents.ANSWERED:
        await _succeed(job, task, command, seen.info)
    elif task.intent["detail"] in intents.LEFT_PENDING and not seen.half:
        await _refuse(job, task, command, *confirmations.refusal(task.intent, REFUSED))
    else:
        return False
    return True


async def _say(job: jobs.LeasedJob, task: Task, command: Command) -> None:
    try:
        pending = await command.send(task)
    except EppUnavailable as error:
        await _unsay(job, task, command, error)
    except EppServerFailure as error:
        # Registries have answered 2400 for work they had done.
        await _unanswered(job, task, command, None, f"the registry failed: {error}", error)
    except EppUnknown as error:
        await _unanswered(job, task, command, _SETTLE_SECONDS, f"outcome unknown: {error}", error)
    except Refused as error:
        await _refuse(job, task, command, error.reason, str(error), error.metadata)
        return
    except EppRefused as error:
        if error.code == _BILLING_FAILURE:
            log.error("the registrar's deposit at the registry is used up", extra={"domain": task.domain["name"]})
            await _unsay(job, task, command, error)
        # 2302, 2304, 2306: perhaps an earlier one of ours was carried out after we had looked.
        seen = await _look(task, command)
        if seen.state is State.PENDING:
            await _pending(job, task, command)
        if seen.state is State.DONE:
            await _succeed(job, task, command, seen.info)
        elif seen.state is State.REFUSED:
            await _refuse(job, task, command, seen.reason, seen.detail)
        else:
            await _refuse(job, task, command, command.reasons.get(error.code, REFUSED), str(error))
        return
    if pending:
        await _pending(job, task, command)
    async with task.app.db.transaction() as tx:
        await job.hold(tx)
        await intents.note(tx, task.intent["id"], intents.ANSWERED)
    seen = await _look(task, command)
    if seen.state is not State.DONE:
        raise jobs.RetryLater(_SETTLE_SECONDS, cause="carried out, but the registry does not show it yet")
    await _succeed(job, task, command, seen.info)


async def _look(task: Task, command: Command) -> Seen:
    try:
        return await command.look(task)
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(cause=f"cannot settle: {error}") from error


async def _unsay(job: jobs.LeasedJob, task: Task, command: Command, error: Exception) -> NoReturn:
    """Nothing was changed: the command waits for the registry."""
    async with task.app.db.transaction() as tx:
        await job.hold(tx)
        await intents.unsay(tx, task.intent["id"], str(error))
        await _step(tx, task, command, WAITING, "registry away")
    raise jobs.RetryLater(cause=f"the registry is away: {error}") from error


async def _unanswered(
    job: jobs.LeasedJob, task: Task, command: Command, seconds: float | None, cause: str, error: Exception
) -> NoReturn:
    """It may have been carried out: the next attempt looks first."""
    async with task.app.db.transaction() as tx:
        await job.hold(tx)
        await _step(tx, task, command, WAITING, UNANSWERED)
    raise jobs.RetryLater(seconds, cause=cause) from error


async def _pending(job: jobs.LeasedJob, task: Task, command: Command) -> NoReturn:
    """The registry, or the holder, decides later."""
    async with task.app.db.transaction() as tx:
        await job.hold(tx)
        change = await command.confirmable(tx, task)
        waits = await confirmations.note_pending(tx, task.domain, task.intent, change, task.now)
        await _step(tx, task, command, WAITING, waits)
    seconds = min(_PENDING_SECONDS * 2 ** (job.attempt - 1), _PENDING_SECONDS_MOST)
    raise jobs.RetryLater(seconds, cause="pending at the registry")


async def _step(tx: Tx, task: Task, command: Command, state: str, detail: str = "") -> None:
    if task.operation_id is not None:
        await operations.step(tx, task.operation_id, command.step, state, detail=detail)


async def _settled(tx: Tx, task: Task, command: Command, outcome: str, detail: str = "") -> None:
    await store.lock(tx, task.domain["id"])
    await intents.settle(tx, task.intent["id"], outcome, detail, forget=command.forget)
    await object_intents.close(tx, task.domain["id"], served=outcome == intents.DONE)
    await _schedule_next(tx, task.domain["id"])


async def _succeed(job: jobs.LeasedJob, task: Task, command: Command, info: DomainInfo | None) -> None:
    async with job.finishing(task.app.db) as tx:
        await _settled(tx, task, command, intents.DONE)
        if info is not None:
            await standing.take(tx, task.domain, info, task.now)
        await _step(tx, task, command, SUCCEEDED)
        await command.succeed(tx, task, info)
        if task.operation_id is not None and command.ends_operation:
            await operations.finish(tx, task.operation_id, SUCCEEDED)


async def _refuse(
    job: jobs.LeasedJob,
    task: Task,
    command: Command,
    reason: str,
    detail: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    log.warning(
        "a registry refused a command",
        extra={"domain": task.domain["name"], "command": task.intent["command"], "reason": reason, "detail": detail},
    )
    async with job.finishing(task.app.db) as tx:
        await _settled(tx, task, command, intents.REFUSED, detail)
        await command.refuse(tx, task, reason)
        if task.operation_id is None or command.aside:
            return
        if reason in command.waits:
            await operations.step(tx, task.operation_id, command.step, WAITING, detail=command.waits[reason])
        else:
            told = {"name": task.domain["unicode_name"], "detail": detail, **(metadata or {})}
            await operations.finish(tx, task.operation_id, FAILED, reason=reason, metadata=told)
