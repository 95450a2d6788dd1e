"""The items of orders: what was ordered of which domain. Each is paid once, and ends done or credited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID, uuid4

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor
from services.chassis.db import Queryable, Row, Tx
from services.chassis.operations import SUCCEEDED, WAITING
from services.domains.app import operations

REGISTER, TRANSFER, RENEW, RESTORE = "REGISTER", "TRANSFER", "RENEW", "RESTORE"
#: What each is followed as: the operation's kind and its steps.
OPERATIONS: Mapping[str, tuple[str, Sequence[str]]] = {
    REGISTER: ("DOMAIN_REGISTRATION", ("payment", "registry_create", "zone")),
    TRANSFER: ("DOMAIN_TRANSFER", ("payment", "registry_transfer")),
    RENEW: ("DOMAIN_RENEWAL", ("payment", "registry_renew")),
    RESTORE: ("DOMAIN_RESTORE", ("payment", "registry_restore")),
}
_ITEM = """i.id, i.order_id, i.account_id, i.domain_id, i.action, i.years, i.state, i.failure, i.operation_id,
           i.period_start, i.auth_code, i.code_wanted, d.name, d.unicode_name, d.tld, d.expires_at"""
_ITEMS = f"SELECT {_ITEM} FROM order_items i JOIN domains d ON d.id = i.domain_id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item to be ordered; `domain` is its row, or as much of it as id, name, unicode_name and tld."""

    domain: Row
    action: str
    years: int
    period_start: datetime | None = None
    auth_code: bytes | None = None
    id: UUID = field(default_factory=uuid4)


async def place(
    tx: Tx,
    actor: Actor,
    order_id: UUID,
    wanted: Sequence[Wanted],
    locale: str,
    now: datetime,
    *,
    pay_by: date | None = None,
    automatic: bool = False,
) -> None:
    """Adds the items to a new order and asks for its proforma. Their domains are locked, or new."""
    started: dict[UUID, UUID] = {}
    for action in dict.fromkeys(item.action for item in wanted):
        kind, steps = OPERATIONS[action]
        items = [item for item in wanted if item.action == action]
        rows = await operations.start(
            tx,
            kind,
            actor.account_id,
            subject_type="Domain",
            subject_ids=[item.domain["id"] for item in items],
            steps=steps,
            now=now,
            state=WAITING,
        )
        started.update((item.id, row["id"]) for item, row in zip(items, rows, strict=True))
    await tx.execute(
        """INSERT INTO order_items (id, order_id, account_id, domain_id, action, years, operation_id, period_start,
                                    auth_code, automatic, created_at)
           SELECT w.id, $1, $2, w.domain_id, w.action, w.years, w.operation_id, w.period_start, w.auth_code, $3, $4
           FROM unnest($5::uuid[], $6::uuid[], $7::text[], $8::int[], $9::uuid[], $10::timestamptz[], $11::bytea[])
                AS w (id, domain_id, action, years, operation_id, period_start, auth_code)""",
        order_id,
        actor.account_id,
        automatic,
        now,
        [item.id for item in wanted],
        [item.domain["id"] for item in wanted],
        [item.action for item in wanted],
        [item.years for item in wanted],
        [started[item.id] for item in wanted],
        [item.period_start for item in wanted],
        [item.auth_code for item in wanted],
    )
    names = [item.domain["unicode_name"] for item in wanted]
    audited = {
        REGISTER: "domain.registration_ordered",
        TRANSFER: "domain.transfer_ordered",
        RENEW: "domain.renewal_ordered",
        RESTORE: "domain.restore_ordered",
    }[wanted[0].action]
    await audit.record(
        tx,
        actor,
        audited,
        subject=("Order", order_id, ", ".join(names[:5]) + (" …" if len(names) > 5 else "")),
        after={"names": [item.domain["name"] for item in wanted], "years": wanted[0].years},
    )
    event = events_pb2.OrderRequested(
        order_id=str(order_id),
        account_id=str(actor.account_id),
        items=[
            events_pb2.OrderedItem(
                item_id=str(item.id),
                domain_id=str(item.domain["id"]),
                name=item.domain["name"],
                unicode_name=item.domain["unicode_name"],
                tld=item.domain["tld"],
                action=item.action,
                years=item.years,
            )
            for item in wanted
        ],
        actor=actor.ref(),
        locale=locale,
        occurred_at=times.to_pb(now),
        pay_by=pay_by.isoformat() if pay_by else "",
    )
    await outbox.add(tx, event, account_id=actor.account_id, aggregate=order_id)


async def of_order(q: Queryable, account_id: UUID, order_id: UUID) -> list[Row]:
    return await q.fetch(
        f"{_ITEMS} WHERE i.account_id = $1 AND i.order_id = $2 ORDER BY d.name, i.id", account_id, order_id
    )


async def get(q: Queryable, item_id: UUID) -> Row | None:
    """For jobs, which act for the house; never for a customer's call."""
    return await q.fetchrow(f"{_ITEMS} WHERE i.id = $1", item_id)


async def paid_of(tx: Tx, domain_id: UUID, action: str) -> Row | None:
    """The domain's item of this kind that is being carried out."""
    return await tx.fetchrow(
        f"{_ITEMS} WHERE i.domain_id = $1 AND i.action = $2 AND i.state = 'PAID' FOR UPDATE OF i", domain_id, action
    )


async def of_name(q: Queryable, name: str) -> list[Row]:
    """For an operator: what is being carried out of a name, whoever's it is; of its latest holder who waits for anything."""
    rows = await q.fetch(
        f"{_ITEMS} WHERE d.name = $1 AND i.state = 'PAID' ORDER BY d.created_at DESC, d.id DESC, i.action",
        name,
    )
    return [row for row in rows if row["domain_id"] == rows[0]["domain_id"]]


async def open_actions(q: Queryable, domain_ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """What is ordered or being carried out, by domain."""
    rows = await q.fetch(
        "SELECT domain_id, action FROM order_items WHERE domain_id = ANY($1) AND state IN ('ORDERED', 'PAID')",
        list(domain_ids),
    )
    found: dict[UUID, set[str]] = {}
    for row in rows:
        found.setdefault(row["domain_id"], set()).add(row["action"])
    return found


async def mark_paid(
    tx: Tx, account_id: UUID, order_id: UUID, item_ids: Sequence[UUID], now: datetime
) -> tuple[list[Row], list[Row]]:
    """Those whose payment came now, in the order in which they were ordered; and those that had failed before it came."""
    paid = await tx.fetch(
        """UPDATE order_items SET state = 'PAID', paid_at = $4
           WHERE account_id = $1 AND order_id = $2 AND id = ANY($3) AND state = 'ORDERED' RETURNING id, operation_id""",
        account_id,
        order_id,
        list(item_ids),
        now,
    )
    for row in paid:
        await operations.step(tx, row["operation_id"], "payment", SUCCEEDED)
    rows = await tx.fetch(
        f"{_ITEMS} WHERE i.account_id = $1 AND i.order_id = $2 AND i.id = ANY($3) ORDER BY i.action DESC, i.id",
        account_id,
        order_id,
        list(item_ids),
    )
    now_paid = {row["id"] for row in paid}
    return [row for row in rows if row["id"] in now_paid], [row for row in rows if row["state"] == "FAILED"]


async def done(tx: Tx, item: Row, now: datetime) -> None:
    """What was paid for has come about. LookupError for an item that was not being carried out."""
    if not await _end(tx, item, "DONE", "", now):
        raise LookupError(f"item {item['id']} is not being carried out")
    await _complete(tx, item["order_id"], now)


async def failed(tx: Tx, item: Row, reason: str, detail: str, now: datetime) -> None:
    """It ends without what was ordered; what was paid for it is credited. An item that has ended is left as it is."""
    if not await _end(tx, item, "FAILED", reason, now):
        return
    if item["state"] == "PAID":
        await tell_failed(tx, item, reason, detail)
    await _complete(tx, item["order_id"], now)


async def _end(tx: Tx, item: Row, state: str, failure: str, now: datetime) -> bool:
    ended = await tx.fetchval(
        """UPDATE order_items SET state = $2, failure = $3, ended_at = $4, auth_code = NULL, code_wanted = NULL
           WHERE id = $1 AND state = $5 RETURNING true""",
        item["id"],
        state,
        failure,
        now,
        item["state"] if state == "FAILED" else "PAID",
    )
    return bool(ended)


async def tell_failed(tx: Tx, item: Row, reason: str, detail: str) -> None:
    """Money for an item that has failed goes back: billing credits it once, however often it hears of it."""
    event = events_pb2.OrderItemFailed(
        item_id=str(item["id"]),
        order_id=str(item["order_id"]),
        account_id=str(item["account_id"]),
        domain_id=str(item["domain_id"]),
        name=item["name"],
        unicode_name=item["unicode_name"],
        action=item["action"],
        reason=reason,
        detail=detail,
        locale=await locale(tx, item["order_id"]),
    )
    await outbox.add(tx, event, account_id=item["account_id"], aggregate=item["domain_id"])


async def locale(tx: Tx, order_id: UUID) -> str:
    found: str = await tx.fetchval("SELECT locale FROM orders WHERE id = $1", order_id)
    return found


async def actor_ref(tx: Tx, order_id: UUID) -> dict[str, str]:
    """Who ordered, as `Actor.ref_json` kept it."""
    found: dict[str, str] = await tx.fetchval("SELECT actor FROM orders WHERE id = $1", order_id)
    return found


async def unpaid(tx: Tx, account_id: UUID, order_id: UUID) -> list[Row]:
    """An order's items that wait for payment, locked."""
    return await tx.fetch(
        f"{_ITEMS} WHERE i.account_id = $1 AND i.order_id = $2 AND i.state = 'ORDERED' ORDER BY i.id FOR UPDATE OF i",
        account_id,
        order_id,
    )


async def _complete(tx: Tx, order_id: UUID, now: datetime) -> None:
    """Tells what became of an order once its last item has ended."""
    # NO KEY: a domain's row that is written twice here has its reference to the order checked, and that locks the key.
    await tx.fetchval("SELECT 1 FROM orders WHERE id = $1 FOR NO KEY UPDATE", order_id)
    order = await tx.fetchrow(
        """UPDATE orders SET completed_at = $2
           WHERE id = $1 AND completed_at IS NULL AND NOT EXISTS (
               SELECT FROM order_items WHERE order_id = $1 AND state IN ('ORDERED', 'PAID'))
           RETURNING id, account_id, actor, locale""",
        order_id,
        now,
    )
    if order is None:
        return
    event = events_pb2.OrderCompleted(
        order_id=str(order_id),
        account_id=str(order["account_id"]),
        outcomes=[
            events_pb2.OrderOutcome(
                domain_id=str(item["domain_id"]),
                name=item["name"],
                unicode_name=item["unicode_name"],
                registered=item["state"] == "DONE",
                reason=item["failure"],
                expires_at=times.to_pb(item["expires_at"]),
                action=item["action"],
            )
            for item in await of_order(tx, order["account_id"], order_id)
        ],
        actor=common_pb2.ActorRef(**order["actor"]),
        locale=order["locale"],
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=order["account_id"], aggregate=order_id)
