"""The code that moves a domain to another registrar (RFC 5731 authInfo): asked for by somebody, written to the event log.

Where the registrar shows it, the present one is shown, or a fresh one is set where the registry tells the present one to
nobody (RFC 9154). Where the registry mails it to the holder, setting a fresh one is what makes it send the mail.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.sealing import Sealer
from services.domains import changes, intents, store, transforms
from services.domains.app import App, operations
from services.domains.changes import DomainLocked
from services.domains.epp import DomainInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown
from services.domains.orders import RegistryUnavailable
from services.domains.registries import WHILE_WAITING
from services.domains.transforms import Command, Seen, State, Task

COMMAND = "auth_code"
OPERATION = "DOMAIN_AUTH_CODE"
SHOWN, REGISTRY_EMAIL = "SHOWN", "REGISTRY_EMAIL"
_NOT_AUTHORIZED, _WRONG_CODE = 2201, 2202


@dataclass(frozen=True, slots=True)
class Requested:
    """`code` is empty unless shown. `operation_id`: the code works once that has succeeded; None: it does already."""

    delivery: str
    code: str = ""
    operation_id: UUID | None = None


async def request(app: App, actor: Actor, scope: Scope, domain_id: UUID, now: datetime) -> Requested:
    """A code, shown or mailed. The request is in the event log before the registry is asked. DomainLocked."""
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        if "clientTransferProhibited" in domain["statuses"]:
            detail = "the lock forbids transfers, so a code would be of no use"
            raise DomainLocked(detail, field="domain_id", name=domain["unicode_name"])
        delivery: str = (await store.tld(tx, domain["tld"]))["auth_code_delivery"]
        await _tell(tx, actor, domain, delivery, now)
        if delivery == REGISTRY_EMAIL:
            newest = await intents.newest_unsettled(tx, domain_id)
            if newest is not None and newest["command"] == COMMAND:
                return Requested(delivery, operation_id=newest["operation_id"])  # that mail will be as good
            # Nobody on our side ever sees it.
            return Requested(
                delivery, operation_id=await _set(tx, app.sealer, domain, intents.new_auth_info(), actor, now)
            )
    try:
        info = await app.registries.of(domain["name"]).within(WHILE_WAITING).info(domain["name"])
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise RegistryUnavailable(f"the registry does not answer: {error}") from error
    if info is not None and info.auth_info:
        return Requested(delivery, info.auth_info)
    code = intents.new_auth_info()
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        return Requested(delivery, code, await _set(tx, app.sealer, domain, code, actor, now))


async def _set(tx: Tx, sealer: Sealer, domain: Row, code: str, actor: Actor, now: datetime) -> UUID:
    """The operation that sets the code, which is kept sealed until the registry has it."""
    changes.updatable(domain)
    [operation] = await operations.start(
        tx,
        OPERATION,
        domain["account_id"],
        subject_type="Domain",
        subject_ids=[domain["id"]],
        steps=["registry_update"],
        now=now,
    )
    operation_id: UUID = operation["id"]
    sealed = base64.b64encode(sealer.seal(code.encode(), _purpose(operation_id))).decode()
    await transforms.start(tx, domain, COMMAND, {"sealed_code": sealed}, operation_id=operation_id, actor=actor)
    return operation_id


def _purpose(operation_id: UUID | None) -> str:
    """An intent's operation is its alone."""
    return f"auth_code:{operation_id}"


def _code(task: Task) -> str:
    if "sealed_code" not in task.parameters:
        # Queued before codes were sealed.
        plain: str = task.parameters["code"]
        return plain
    sealed = base64.b64decode(task.parameters["sealed_code"])
    return task.app.sealer.open(sealed, _purpose(task.operation_id)).decode()


async def _tell(tx: Tx, actor: Actor, domain: Row, delivery: str, now: datetime) -> None:
    subject = ("Domain", domain["id"], domain["unicode_name"])
    await audit.record(tx, actor, "domain.auth_code_requested", subject=subject, after={"delivery": delivery})
    event = events_pb2.AuthCodeRequested(
        domain_id=str(domain["id"]),
        account_id=str(domain["account_id"]),
        name=domain["name"],
        unicode_name=domain["unicode_name"],
        delivery=delivery,
        actor=actor.ref(),
        locale=actor.locale,
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain["id"])


async def _send(task: Task) -> bool:
    done = await task.registry.update(task.domain["name"], auth_info=_code(task), cl_trid=task.cl_trid)
    return done.pending


async def _look(task: Task) -> Seen:
    """A registry tells whether a code is the right one to whoever gives it along."""
    code = _code(task)
    try:
        info = await task.registry.info(task.domain["name"], code)
    except EppServerFailure:
        raise
    except EppRefused as error:
        if error.code == _WRONG_CODE:
            # While the registry has not decided it, the one before is the right one.
            info = await task.registry.info(task.domain["name"])
            pending = info is not None and "pendingUpdate" in info.statuses
            return Seen(State.PENDING if pending else State.NOT_DONE)
        if error.code == _NOT_AUTHORIZED:
            return Seen(State.LOST)
        raise
    if info is None or info.cl_id != task.registry.registrar:
        return Seen(State.LOST)
    if "pendingUpdate" in info.statuses:
        return Seen(State.PENDING, info)
    right = info.auth_info in {None, code}
    return Seen(State.DONE if right else State.NOT_DONE, info)


async def _succeed(_tx: Tx, _task: Task, _info: DomainInfo | None) -> None:
    """The request was told of when it was made."""


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    await changes.log_refusal(tx, task, "domain.auth_code_refused", reason)


# The code is kept, sealed, for as long as the registry may still have to be told it.
COMMANDS = {COMMAND: Command("registry_update", _send, _look, _succeed, _refuse, forget=("sealed_code", "code"))}
