"""Bringing names here from other registrars (RFC 5731 section 3.2.4).

A name waits for payment, then for the registry and the registrar that gives it up; it ends ours, or FAILED and credited. A
wrong code ends nothing: the transfer waits for another one, for as long as the top-level domain's rules say. Codes are
sealed while they are needed, and gone after that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict, ParseDict

from portico.domains.v1 import events_pb2, orders_pb2
from services.chassis import audit, idempotency, outbox, times
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Row, Tx
from services.chassis.errors import Invalid, PermissionDenied
from services.chassis.operations import FAILED, RUNNING
from services.domains import code_guesses, contact_fetch, intents, order_items, store, transfer_ends, transforms
from services.domains.app import App, operations
from services.domains.changes import DomainNotFound
from services.domains.epp import DomainInfo
from services.domains.order_items import Wanted
from services.domains.orders import DomainAlreadyOrdered
from services.domains.transfer_checks import Check, check, refuse_silent, wrong_code
from services.domains.transfer_ends import TransferNotWaiting
from services.domains.transfer_lists import Line, decode, read
from services.domains.transforms import Command, Refused, Seen, State, Task

COMMAND = "transfer"
AUTH_CODE_WRONG = "AUTH_CODE_WRONG"
_WAITS = "waits for the right auth code"


@dataclass(frozen=True, slots=True)
class Transferring:
    """What a list came to: its order and items (None when nothing was ordered), and what was said of each line."""

    order: Row | None
    items: list[Row]
    checks: list[orders_pb2.TransferCheck]


async def order(
    app: App, actor: Actor, scope: Scope, request: orders_pb2.TransferDomainsRequest, now: datetime
) -> Transferring:
    """Orders the names that can be moved; each other one says why not. Nothing is charged yet, and a dry run writes
    nothing at all. CsvInvalid, TooManyLines; RegistryUnavailable, unless for a dry run."""
    if scope.resources is not None:
        # A grant on named domains says nothing about names that are not among them yet.
        raise PermissionDenied("domains.order")
    if request.dry_run:
        checks = await check(app, actor.account_id, _lines(request), now)
        return Transferring(None, [], [_to_pb(one) for one in checks])
    if not request.request_id:
        raise Invalid("is required", field="request_id")
    first = await idempotency.peek(app.db, actor.account_id, request.request_id, request)
    if first is None:
        checks = refuse_silent(await check(app, actor.account_id, _lines(request), now))
        async with app.db.transaction() as tx:
            first = await idempotency.claim(tx, actor.account_id, request.request_id, request)
            if first is None:
                first = await _place(tx, app, actor, checks, now)
                await idempotency.keep(tx, actor.account_id, request.request_id, first)
    return await _recall(app, actor.account_id, first)


def _lines(request: orders_pb2.TransferDomainsRequest) -> list[Line]:
    given = [bool(request.items), bool(request.csv), bool(request.csv_file)]
    if sum(given) != 1:
        raise Invalid("either items or one file", field="items")
    if request.items:
        return [Line(n, item.name.strip(), item.auth_code.strip()) for n, item in enumerate(request.items, start=1)]
    return read(request.csv or decode(request.csv_file))


async def _place(tx: Tx, app: App, actor: Actor, checks: Sequence[Check], now: datetime) -> dict[str, Any]:
    good = {one.name.ascii: one for one in checks if one.name is not None and one.problem is None}
    order_id: UUID | None = None
    answers = [_to_pb(one) for one in checks]
    if good:
        order_id = await store.insert_order(tx, actor.account_id, actor.ref_json(), actor.locale, now)
        ids = await store.insert_ordered(
            tx,
            actor.account_id,
            order_id,
            [one.name for one in good.values() if one.name is not None],
            years=1,
            auto_renew=True,
            nameservers=[],
            now=now,
        )
        lost = DomainAlreadyOrdered("ordered meanwhile", field="name")
        for one, answer in zip(checks, answers, strict=True):
            if answer.ok and answer.name not in ids:
                shown = one.name.unicode if one.name else ""
                answer.MergeFrom(orders_pb2.TransferCheck(reason=lost.reason, field="name", metadata={"name": shown}))
                answer.ok = False
        tlds = await store.tlds(tx)
        rows = await store.by_ids(tx, actor.account_id, None, list(ids.values()))
        wanted = [_wanted(app, row, good[row["name"]], tlds) for row in sorted(rows, key=lambda row: str(row["name"]))]
        if wanted:
            await order_items.place(tx, actor, order_id, wanted, actor.locale, now)
        else:
            await tx.execute("DELETE FROM orders WHERE id = $1", order_id)
            order_id = None
    return {
        "order_id": str(order_id) if order_id else None,
        "checks": [MessageToDict(answer, preserving_proto_field_name=True) for answer in answers],
    }


def _wanted(app: App, row: Row, one: Check, tlds: Mapping[str, Row]) -> Wanted:
    item = Wanted(row, order_items.TRANSFER, tlds[row["tld"]]["transfer_years"])
    sealed = app.sealer.seal(one.line.code.encode(), _purpose(item.id))
    return Wanted(item.domain, item.action, item.years, auth_code=sealed, id=item.id)


def _purpose(item_id: UUID) -> str:
    return f"transfer:{item_id}"


def _to_pb(one: Check) -> orders_pb2.TransferCheck:
    return orders_pb2.TransferCheck(
        input=one.line.name,
        name=one.name.ascii if one.name else "",
        tld=one.name.tld if one.name else "",
        line=one.line.number,
        ok=one.problem is None,
        reason=one.problem.reason if one.problem else "",
        field=one.problem.field if one.problem else "",
        metadata=one.problem.metadata if one.problem else None,
        blockers=[
            orders_pb2.TransferBlocker(reason=blocker.error.reason, until=times.to_pb(blocker.until))
            for blocker in one.blockers
        ],
        asked=one.asked,
    )


async def _recall(app: App, account_id: UUID, first: dict[str, Any]) -> Transferring:
    checks = [ParseDict(one, orders_pb2.TransferCheck()) for one in first["checks"]]
    if first["order_id"] is None:
        return Transferring(None, [], checks)
    order_id = UUID(first["order_id"])
    return Transferring(
        await store.order(app.db, account_id, order_id),
        await order_items.of_order(app.db, account_id, order_id),
        checks,
    )


async def start(tx: Tx, item: Row, now: datetime) -> None:
    """Payment came: the registry is asked."""
    await store.mark_pending(tx, item["domain_id"], "PENDING_TRANSFER", now)
    await _ask_registry(
        tx, item, transforms.actor_of(await order_items.actor_ref(tx, item["order_id"]), item["account_id"])
    )


async def _ask_registry(tx: Tx, item: Row, actor: Actor) -> None:
    domain = await store.lock(tx, item["domain_id"])
    parameters = {"item_id": str(item["id"])}
    await transforms.start(tx, domain, COMMAND, parameters, operation_id=item["operation_id"], actor=actor)


async def retry(app: App, actor: Actor, scope: Scope, domain_id: UUID, code: str, now: datetime) -> tuple[Row, UUID]:
    """Another code for a transfer that waits for one; answers the domain and its operation.

    DomainNotFound, TransferNotWaiting, AuthCodeInvalid, AuthCodeThrottled.
    """
    async with app.db.transaction() as tx:
        domain, item = await _waiting(tx, actor, scope, domain_id)
        code = code.strip()
        if (problem := wrong_code(code, await store.tld(tx, domain["tld"]))) is not None:
            raise problem
        # Each of a name's codes is asked for only once the one before it is refused, and counted.
        await code_guesses.refuse_exhausted(tx, actor.account_id, domain["name"], domain["unicode_name"], now)
        await tx.execute(
            "UPDATE order_items SET auth_code = $2, code_wanted = NULL WHERE id = $1",
            item["id"],
            app.sealer.seal(code.encode(), _purpose(item["id"])),
        )
        await operations.step(tx, item["operation_id"], "registry_transfer", RUNNING)
        await _ask_registry(tx, item, actor)
        subject = ("Domain", domain["id"], domain["unicode_name"])
        await audit.record(tx, actor, "domain.transfer_retried", subject=subject)
    return domain, item["operation_id"]


async def _waiting(tx: Tx, actor: Actor, scope: Scope, domain_id: UUID) -> tuple[Row, Row]:
    domain = await store.lock_owned(tx, actor.account_id, scope.resources, domain_id)
    if domain is None:
        raise DomainNotFound("no such domain", field="domain_id")
    item = await order_items.paid_of(tx, domain_id, order_items.TRANSFER)
    if item is None or item["code_wanted"] is None:
        raise TransferNotWaiting("it does not wait for a code", field="domain_id", name=domain["unicode_name"])
    return domain, item


async def give_up_waiting(app: App, now: datetime) -> None:
    """Transfers that have waited for the right code for as long as the rules say."""
    rows = await app.db.fetch(
        """SELECT i.domain_id, i.account_id FROM order_items i
           JOIN domains d ON d.id = i.domain_id JOIN tlds t ON t.tld = d.tld
           WHERE i.code_wanted < $1::timestamptz - make_interval(days => t.auth_code_wait_days) LIMIT 1000""",
        now,
    )
    for row in rows:
        async with app.db.transaction() as tx:
            await store.lock(tx, row["domain_id"])
            item = await order_items.paid_of(tx, row["domain_id"], order_items.TRANSFER)
            if item is not None and item["code_wanted"] is not None:
                actor = system("domains", row["account_id"])
                await transfer_ends.give_up(tx, actor, item, AUTH_CODE_WRONG, FAILED, now)


async def _send(task: Task) -> bool:
    if await transfer_ends.is_taken_back(task.app.db, task.intent["id"]):
        raise Refused(transfer_ends.TAKEN_BACK, "taken back before it was asked for")
    item = await order_items.get(task.app.db, UUID(task.parameters["item_id"]))
    if item is None or item["auth_code"] is None:
        raise Refused(transforms.REFUSED, "there is no code any more")
    code = task.app.sealer.open(item["auth_code"], _purpose(item["id"])).decode()
    answer = await task.registry.request_transfer(
        task.domain["name"], code, item["years"] or None, cl_trid=task.cl_trid
    )
    return answer.pending or answer.status == "pending"


async def _look(task: Task) -> Seen:
    """A transfer is ours when we asked for it, and not long ago: what else is there of the name is not this command's."""
    registry, name = task.registry, task.domain["name"]
    transfer = await transfer_ends.find(task.app.db, registry, name, task.intent)
    if transfer is None:
        return await _look_at_name(task)
    if transfer.status in transfer_ends.APPROVED:
        info = await registry.info(name)
        return _held(info, registry.registrar) or Seen(State.PENDING, info)
    if transfer.status == "pending":
        return Seen(State.PENDING)
    reason = "TRANSFER_REJECTED" if transfer.status == "clientRejected" else transfer_ends.TAKEN_BACK
    return Seen(State.REFUSED, reason=reason, detail=f"the registry says {transfer.status}")


async def _look_at_name(task: Task) -> Seen:
    """Some registries keep no record of transfers that have ended: the name says whether it has come, and when."""
    info = await transfer_ends.info_of(task.registry, task.domain["name"])
    taken = task.intent["detail"] in {intents.PENDING, intents.ANSWERED}
    if taken and info is not None and "pendingTransfer" in info.statuses:
        return Seen(State.PENDING)
    held = _held(info, task.registry.registrar)
    if held is None or held.info is None:
        return Seen(State.NOT_DONE)
    since = task.intent["created_at"] - transfer_ends.CLOCKS_APART
    lately = held.info.transferred_at is not None and held.info.transferred_at >= since
    return held if taken or lately else Seen(State.NOT_DONE)


def _held(info: DomainInfo | None, registrar: str) -> Seen | None:
    """DONE for a name that is ours, with its dates."""
    if info is None or info.cl_id != registrar or info.created_at is None or info.expires_at is None:
        return None
    return Seen(State.DONE, info)


async def _succeed(tx: Tx, task: Task, info: DomainInfo | None) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.TRANSFER)
    if item is None or info is None or info.created_at is None or info.expires_at is None:
        raise LookupError(f"no paid transfer of {task.domain['name']}, or no dates")
    statuses = [*info.statuses, *info.rgp_statuses]
    await store.mark_active(tx, task.domain["id"], info.created_at, info.expires_at, statuses, task.now)
    # Its nameservers stay what they were: the zone that they serve is not ours.
    await store.keep_nameservers(tx, task.domain["id"], info.nameservers, {})
    await contact_fetch.schedule(tx, [task.domain["id"]])
    await audit.record(
        tx,
        task.actor,
        "domain.transferred_in",
        subject=("Domain", task.domain["id"], task.domain["unicode_name"]),
        before={"state": "PENDING_TRANSFER"},
        after={"state": "ACTIVE", "expires_at": info.expires_at.isoformat()},
    )
    event = events_pb2.DomainTransferredIn(
        domain_id=str(task.domain["id"]),
        order_id=str(item["order_id"]),
        account_id=str(item["account_id"]),
        name=item["name"],
        unicode_name=item["unicode_name"],
        expires_at=times.to_pb(info.expires_at),
    )
    await outbox.add(tx, event, account_id=item["account_id"], aggregate=task.domain["id"])
    await transfer_ends.came(tx, task.intent, item)
    await code_guesses.settle_names(tx, item["account_id"], [item["name"]], [])
    await order_items.done(tx, item, task.now)


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.TRANSFER)
    if item is None:
        return
    if reason == AUTH_CODE_WRONG and await transfer_ends.is_taken_back(tx, task.intent["id"]):
        reason = transfer_ends.TAKEN_BACK
    if reason != AUTH_CODE_WRONG:
        await transfer_ends.refused(tx, task, item, reason)
        return
    await tx.execute("UPDATE order_items SET auth_code = NULL, code_wanted = $2 WHERE id = $1", item["id"], task.now)
    await code_guesses.count_wrong(tx, item["account_id"], item["name"], task.now)
    subject = ("Domain", task.domain["id"], task.domain["unicode_name"])
    await audit.record(tx, task.actor, "domain.transfer_code_refused", subject=subject)


COMMANDS = {
    COMMAND: Command(
        "registry_transfer",
        _send,
        _look,
        _succeed,
        _refuse,
        reasons={2202: AUTH_CODE_WRONG, 2300: "TRANSFER_PENDING", 2304: "DOMAIN_TRANSFER_LOCKED"},
        waits={AUTH_CODE_WRONG: _WAITS},
    )
}
