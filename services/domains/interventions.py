"""What an operator does to an order's item that hangs between its payment and its end: it is tried again at once, or ends.

Nothing fails on a guess. The registry is asked what became of the item's command, with the command's job in hand, so that
no worker says it meanwhile; what the registry has carried out, or has still to decide, is not failed.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from services.chassis import audit, jobs
from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError
from services.domains import (
    fulfilment,
    intents,
    order_items,
    registration,
    registry_store,
    renewals,
    restores,
    store,
    transfer_ends,
    transfers,
    transforms,
)
from services.domains.app import App
from services.domains.changes import DomainNotFound
from services.domains.epp import EppRefused, EppUnavailable, EppUnknown
from services.domains.names import Name
from services.domains.orders import RegistryUnavailable
from services.domains.registration import OrderItemAtRegistry, OrderItemBusy, OrderItemNotOpen
from services.domains.transforms import Command, Seen, State, Task

GIVEN_UP: Mapping[str, str] = {
    order_items.TRANSFER: transfer_ends.GIVEN_UP,
    order_items.RENEW: "RENEWAL_GIVEN_UP",
    order_items.RESTORE: "RESTORE_GIVEN_UP",
}
_COMMANDS: Mapping[str, Command] = {
    order_items.TRANSFER: transfers.COMMANDS[transfers.COMMAND],
    order_items.RENEW: renewals.COMMANDS[renewals.COMMAND],
    order_items.RESTORE: restores.COMMANDS[restores.COMMAND],
}


class OrderItemAmbiguous(DomainError):
    """Several are under way for the domain; `actions` names them."""

    reason = "ORDER_ITEM_AMBIGUOUS"


async def find(db: Database, name: Name, action: str) -> Row:
    """The item that is being carried out of a name; `action` may be empty where there is only one.

    DomainNotFound, OrderItemNotOpen, OrderItemAmbiguous.
    """
    items = [item for item in await order_items.of_name(db, name.ascii) if action in {"", item["action"]}]
    if len(items) > 1:
        actions = ", ".join(item["action"] for item in items)
        raise OrderItemAmbiguous(f"say which: {actions}", field="action", name=name.unicode, actions=actions)
    if items:
        return items[0]
    held = await registry_store.held(db, name.ascii)
    if held is None:
        raise DomainNotFound(f"no domain {name.ascii}", field="name", name=name.unicode)
    raise OrderItemNotOpen("nothing of it is being carried out", name=name.unicode, state=held["state"])


async def retry(app: App, item: Row, actor: Actor) -> None:
    """Its command, and those that it waits for, are tried at once. OrderItemNotOpen."""
    if item["action"] == order_items.REGISTER:
        await registration.retry(app.db, await _domain(app, item), actor)
        return
    waiting = await intents.unsettled(app.db, item["domain_id"])
    if all(intent["operation_id"] != item["operation_id"] for intent in waiting):
        raise OrderItemNotOpen("it waits for a code from its customer", name=item["unicode_name"], state="PAID")
    async with app.db.transaction() as tx:
        await transforms.hurry(tx, [intent["id"] for intent in waiting])
        subject = ("Domain", item["domain_id"], item["unicode_name"])
        await audit.record(tx, actor, "domain.item_retried", subject=subject, after={"action": item["action"]})


async def fail(app: App, item: Row, actor: Actor, why: str, now: datetime) -> bool:
    """It ends, and billing credits it. False: a transfer that the registry has still to decide is cancelled there first.

    OrderItemNotOpen, OrderItemBusy, OrderItemAtRegistry, RegistryUnavailable.
    """
    if item["action"] == order_items.REGISTER:
        await registration.give_up(app, await _domain(app, item), actor, why, now)
        return True
    waiting = await intents.unsettled(app.db, item["domain_id"])
    intent = next((one for one in waiting if one["operation_id"] == item["operation_id"]), None)
    if intent is None:
        # A transfer whose code the registry has refused: nothing is out.
        async with app.db.transaction() as tx:
            await store.lock(tx, item["domain_id"])
            await _end(tx, item, None, actor, why, now)
        return True
    async with _in_hand(app.db, intent["id"], item["unicode_name"]) as job:
        # As the last attempt left it: whether the registry has taken it says how to read what it shows.
        intent = await intents.get(app.db, intent["id"]) or intent
        seen = await _look(app, item, intent, now)
        if item["action"] == order_items.TRANSFER and seen.state is State.PENDING:
            async with app.db.transaction() as tx:
                domain = await store.lock(tx, item["domain_id"])
                present = await _present(tx, item, intent)
                await transfer_ends.take_back(tx, domain, present, intent, actor, why=why)
            return False
        _refuse_if_at_registry(item, intent, seen)
        async with _finishing(app.db, job) as tx:
            await store.lock(tx, item["domain_id"])
            if job is None and await transforms.has_its_turn(tx, intent["id"]):
                raise OrderItemBusy("its turn has just come", name=item["unicode_name"])
            await _end(tx, item, intent, actor, why, now)
    return True


async def _domain(app: App, item: Row) -> Row:
    domain = await store.get(app.db, item["domain_id"])
    assert domain is not None
    return domain


@asynccontextmanager
async def _in_hand(db: Database, intent_id: UUID, name: str) -> AsyncIterator[jobs.LeasedJob | None]:
    """The command's job, away from the workers; None while it waits for its turn. OrderItemBusy."""
    job = await jobs.take(db, transforms.KIND, str(intent_id))
    if job is None and await transforms.has_its_turn(db, intent_id):
        raise OrderItemBusy("it is being worked on at this moment", name=name)
    try:
        yield job
    except jobs.LeaseLost as error:
        raise OrderItemBusy("it was taken up again meanwhile", name=name) from error
    finally:
        if job is not None:
            await jobs.give_back(db, job)


@asynccontextmanager
async def _finishing(db: Database, job: jobs.LeasedJob | None) -> AsyncIterator[Tx]:
    async with job.finishing(db) if job is not None else db.transaction() as tx:
        yield tx


async def _look(app: App, item: Row, intent: Row, now: datetime) -> Seen:
    try:
        return await _COMMANDS[item["action"]].look(Task(app, intent, await _domain(app, item), now))
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise RegistryUnavailable(f"the registry does not answer: {error}") from error


def _refuse_if_at_registry(item: Row, intent: Row, seen: Seen) -> None:
    answered = intent["detail"] == intents.ANSWERED and seen.state is State.NOT_DONE
    if seen.state is State.DONE or answered:
        raise OrderItemAtRegistry("the registry has carried it out: try it again", name=item["unicode_name"])
    if seen.state is State.PENDING or (item["action"] == order_items.RESTORE and _half_restored(seen)):
        raise OrderItemAtRegistry("the registry has not decided it yet", name=item["unicode_name"])


def _half_restored(seen: Seen) -> bool:
    """It was asked for and waits for its report (RFC 3915 section 3.2)."""
    return seen.info is not None and restores.RESTORING in seen.info.rgp_statuses


async def _end(tx: Tx, item: Row, intent: Row | None, actor: Actor, why: str, now: datetime) -> None:
    """The domain's row is locked."""
    present = await _present(tx, item, intent)
    if intent is not None:
        command = _COMMANDS[item["action"]]
        await transforms.drop(tx, intent, f"given up: {why}", command.forget)
    reason = GIVEN_UP[item["action"]]
    await fulfilment.fail(tx, present, actor, reason, "given up by an operator", now, why={"why": why})


async def _present(tx: Tx, item: Row, intent: Row | None) -> Row:
    """The item as it is now, locked. OrderItemNotOpen once it has ended, or goes on with another command."""
    present = await order_items.paid_of(tx, item["domain_id"], item["action"])
    if present is None or present["id"] != item["id"] or (intent is None) != (present["code_wanted"] is not None):
        raise OrderItemNotOpen("it has ended, or goes on", name=item["unicode_name"], state="")
    return present
