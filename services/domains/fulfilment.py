"""From payment to work: what billing says of an order is brought to its items."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, system
from services.chassis.db import Row, Tx
from services.chassis.operations import FAILED
from services.domains import order_items, registration, renewals, restores, store, transfers
from services.domains.app import operations

_STARTS: Mapping[str, Callable[[Tx, Row, datetime], Awaitable[None]]] = {
    order_items.REGISTER: registration.start,
    order_items.TRANSFER: transfers.start,
    # A restore before the renewal that goes with it: commands of one domain wait for each other in this order.
    order_items.RESTORE: restores.start,
    order_items.RENEW: renewals.start,
}


async def start_paid(tx: Tx, account_id: UUID, order_id: UUID, item_ids: Sequence[UUID], now: datetime) -> None:
    """Payment came: the items go to their registries. One already on its way is left alone."""
    paid, failed = await order_items.mark_paid(tx, account_id, order_id, item_ids, now)
    for item in paid:
        started = {
            order_items.REGISTER: "domain.registration_started",
            order_items.TRANSFER: "domain.transfer_started",
            order_items.RENEW: "domain.renewal_started",
            order_items.RESTORE: "domain.restore_started",
        }[item["action"]]
        await audit.record(
            tx,
            system("domains", account_id),
            started,
            subject=("Domain", item["domain_id"], item["unicode_name"]),
            before={"state": "ORDERED"},
            after={"state": "PAID"},
        )
        await _STARTS[item["action"]](tx, item, now)
    for item in failed:
        await order_items.tell_failed(tx, item, item["failure"], "paid after it had failed")


async def reject(tx: Tx, account_id: UUID, order_id: UUID, reason: str, now: datetime) -> None:
    """An order that nobody will pay any more ends: its names are free to be ordered again."""
    for item in await order_items.unpaid(tx, account_id, order_id):
        await fail(tx, item, system("domains", account_id), reason, "not paid", now)


async def fail(
    tx: Tx, item: Row, actor: Actor, reason: str, detail: str, now: datetime, *, why: Mapping[str, str] | None = None
) -> None:
    """An item, locked, ends without what was ordered, and what was paid for it goes back; `why` is for the event log."""
    if item["action"] in {order_items.REGISTER, order_items.TRANSFER}:
        await store.mark_failed(tx, item["domain_id"], reason, now)
    await operations.finish(tx, item["operation_id"], FAILED, reason=reason, metadata={"name": item["unicode_name"]})
    ended = {
        order_items.REGISTER: "domain.registration_failed",
        order_items.TRANSFER: "domain.transfer_failed",
        order_items.RENEW: "domain.renewal_failed",
        order_items.RESTORE: "domain.restore_failed",
    }[item["action"]]
    await audit.record(
        tx,
        actor,
        ended,
        subject=("Domain", item["domain_id"], item["unicode_name"]),
        before={"state": item["state"]},
        after={"state": "FAILED", "reason": reason, **(why or {})},
    )
    await order_items.failed(tx, item, reason, detail, now)
