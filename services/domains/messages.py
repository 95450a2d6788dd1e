"""A registry's message queue (RFC 5730 section 2.9.2.3): what it tells of its own accord.

A message's row and its effect are committed before it is acknowledged, so one that is delivered again changes nothing.
Messages that nobody understands are kept and acknowledged all the same: they must not hold up those behind them.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import system
from services.chassis.db import Row, Tx
from services.domains import (
    intents,
    lifecycle,
    object_intents,
    registration,
    registry_store,
    standing,
    store,
    sync,
    transforms,
)
from services.domains.app import App
from services.domains.epp import EppError, PendingAction, PollMessage, Registry, Transfer

log = logging.getLogger(__name__)
ACTION, TRANSFER, RENEWAL, CHANGE, UNKNOWN = "ACTION", "TRANSFER", "RENEWAL", "CHANGE", "UNKNOWN"
#: Messages of one round; the rest wait for the next.
_AT_ONCE = 1000
_APPROVED = ("clientApproved", "serverApproved")


def polling(name: str) -> Callable[[App], Awaitable[None]]:
    """What runs on a clock for the registry of that name."""
    return lambda app: poll(app, name)


async def poll(app: App, name: str) -> None:
    """Empties that registry's queue. A failure is kept for the operator; the next round tries again, on a new session."""
    registry = app.registries.named(name)
    left = 0
    try:
        for _ in range(_AT_ONCE):
            message = await registry.poll_request()
            if message is None:
                left = 0
                break
            await take(app, registry, message, datetime.now(UTC))
            left = await registry.poll_ack(message.id)
    except EppError as error:
        log.warning("a registry's messages cannot be read", extra={"registry": name, "cause": str(error)})
        await registry_store.note_failed(app.db, name, str(error), datetime.now(UTC))
        return
    await registry_store.note_polled(app.db, name, left, datetime.now(UTC))


async def take(app: App, registry: Registry, message: PollMessage, now: datetime) -> None:
    """Keeps a message and brings about what follows from it, once."""
    kind, name = kind_of(message), message.domain
    async with app.db.transaction() as tx:
        # No registry has a say in a name that another one runs.
        held = await registry_store.held(tx, name) if name and registry.runs(name) else None
        # First of all, as jobs lock themselves before their domains. Once more than needed is harmless.
        if message.action is not None:
            await _action(tx, message.action)
        if held is not None and _incoming(registry, message):
            await _wake_open(tx, held["id"])
        new = await registry_store.insert_message(
            tx,
            registry.name,
            message.id,
            at=message.queued_at,
            kind=kind,
            text=message.text,
            name=name,
            xml=message.xml,
            now=now,
        )
        if not new:
            return
        if held is not None and not _incoming(registry, message):
            await _tell_domain(tx, registry, held["id"], message, now)
    if kind == UNKNOWN or (name and held is None and message.action is None):
        log.warning(
            "a registry said something that nobody acts on",
            extra={"registry": registry.name, "message_id": message.id, "text": message.text[:500], "domain": name},
        )


def kind_of(message: PollMessage) -> str:
    if message.action is not None:
        return ACTION
    if message.transfer is not None:
        return TRANSFER
    if message.renewed is not None:
        return RENEWAL
    return CHANGE if message.info is not None else UNKNOWN


async def _action(tx: Tx, action: PendingAction) -> None:
    """A command that was left pending is decided: whoever waits for it looks at once, and sees what became of it."""
    try:
        intent_id = UUID(action.cl_trid)
    except ValueError:
        return
    intent = await intents.get(tx, intent_id)
    if intent is None and (domain_id := await object_intents.domain_of(tx, intent_id)) is not None:
        # It was said of a contact, for the sake of a domain.
        intent = await intents.open_of(tx, domain_id)
    if intent is not None and not intent["outcome"]:
        await _wake(tx, intent)


async def _wake(tx: Tx, intent: Row) -> None:
    """A registration's job is the domain's, another command's is the intent's."""
    await registration.wake(tx, intent["domain_id"])
    await transforms.wake(tx, intent["id"])


async def _tell_domain(tx: Tx, registry: Registry, domain_id: UUID, message: PollMessage, now: datetime) -> None:
    domain, transfer = await store.lock(tx, domain_id), message.transfer
    if domain["state"] not in lifecycle.HELD:
        return
    if transfer is not None:
        await _outgoing(tx, domain, transfer, now)
        if transfer.status in _APPROVED:
            return
    # A message says what was so when it was written: the registry is asked how it is now.
    await sync.schedule(tx, {f"{domain_id}:{registry.name}:{message.id}": domain_id}, sync.MESSAGE)


def _incoming(registry: Registry, message: PollMessage) -> bool:
    """Whether it tells of a transfer that we asked for."""
    return message.transfer is not None and message.transfer.requested_by == registry.registrar


async def _wake_open(tx: Tx, domain_id: UUID) -> None:
    """The command that waits for what was decided looks at once."""
    intent = await intents.open_of(tx, domain_id)
    if intent is not None:
        await _wake(tx, intent)


async def _outgoing(tx: Tx, domain: Row, transfer: Transfer, now: datetime) -> None:
    """Another registrar asks for a domain of ours, or has got it, or has not."""
    await audit.record(
        tx,
        system("domains", domain["account_id"]),
        "domain.transfer_away",
        subject=("Domain", domain["id"], domain["unicode_name"]),
        after={"status": transfer.status, "registrar": transfer.requested_by},
    )
    if transfer.status in _APPROVED:
        await standing.end(tx, domain, lifecycle.TRANSFERRED_AWAY, now)
