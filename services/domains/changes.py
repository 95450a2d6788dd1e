"""Changing a domain that is ours: what every kind of change begins and ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError, NotFound
from services.domains import intents, store, transforms
from services.domains.app import operations
from services.domains.transforms import Task


class DomainNotFound(NotFound):
    reason = "DOMAIN_NOT_FOUND"


class DomainNotActive(DomainError):
    reason = "DOMAIN_NOT_ACTIVE"


class DomainLocked(DomainError):
    """The registrar lock stands in the way: take it off first."""

    reason = "DOMAIN_LOCKED"


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a wish. `operation_id` None: nothing was to be done, or `problems` say why nothing was written."""

    domain: Row
    operation_id: UUID | None = None
    problems: list[DomainError] = field(default_factory=list)


async def lock(tx: Tx, actor: Actor, scope: Scope, domain_id: UUID) -> Row:
    """The domain, which nobody else changes before this transaction ends. DomainNotFound, DomainNotActive."""
    domain = await store.lock_owned(tx, actor.account_id, scope.resources, domain_id)
    if domain is None:
        raise DomainNotFound("no such domain", field="domain_id")
    if domain["state"] != "ACTIVE":
        raise DomainNotActive(f"the domain is {domain['state']}", field="domain_id", name=domain["unicode_name"])
    return domain


def updatable(domain: Row) -> None:
    """DomainLocked while our own lock forbids updates at the registry."""
    if "clientUpdateProhibited" in domain["statuses"]:
        raise DomainLocked("the lock forbids changes", field="domain_id", name=domain["unicode_name"])


async def at_rest(tx: Tx, domain: Row) -> bool:
    """Whether our row is what the domain will be: nothing is under way for it."""
    return await intents.newest_unsettled(tx, domain["id"]) is None


async def ask(
    tx: Tx,
    domain: Row,
    command: str,
    parameters: Mapping[str, Any],
    *,
    kind: str,
    steps: Sequence[str],
    actor: Actor,
    now: datetime,
) -> UUID:
    """The operation of a command that brings the domain to `parameters`; the one under way when that does so last."""
    newest = await intents.newest_unsettled(tx, domain["id"])
    if newest is not None and (newest["command"], newest["parameters"]) == (command, dict(parameters)):
        found: UUID | None = newest["operation_id"]
        if found is not None:
            return found
    [operation] = await operations.start(
        tx, kind, domain["account_id"], subject_type="Domain", subject_ids=[domain["id"]], steps=steps, now=now
    )
    await transforms.start(tx, domain, command, parameters, operation_id=operation["id"], actor=actor)
    operation_id: UUID = operation["id"]
    return operation_id


async def tell(
    tx: Tx, actor: Actor, domain: Row, action: str, *, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """The event log's entry and the event of a change that has come about: "domain.lock_changed"."""
    await tell_many(tx, actor, action, [(domain, before, after)])


async def tell_many(
    tx: Tx, actor: Actor, action: str, changed: Sequence[tuple[Row, Mapping[str, object], Mapping[str, object]]]
) -> None:
    """The same for many domains, in two statements."""
    now = times.to_pb(datetime.now(UTC))
    entries = [
        audit.Change(action, ("Domain", domain["id"], domain["unicode_name"]), before, after)
        for domain, before, after in changed
    ]
    await audit.record_many(tx, actor, entries)
    events = [
        events_pb2.DomainChanged(
            domain_id=str(domain["id"]),
            account_id=str(domain["account_id"]),
            name=domain["name"],
            unicode_name=domain["unicode_name"],
            what=action.removeprefix("domain.").removesuffix("_changed"),
            actor=actor.ref(),
            occurred_at=now,
        )
        for domain, _, _ in changed
    ]
    await outbox.add_many(tx, [(event, event.account_id, event.domain_id) for event in events])


async def log_refusal(tx: Tx, task: Task, action: str, reason: str) -> None:
    """The event log's entry of a change that its registry refused: "domain.lock_refused"."""
    subject = ("Domain", task.domain["id"], task.domain["unicode_name"])
    await audit.record(tx, task.actor, action, subject=subject, after={"reason": reason})
