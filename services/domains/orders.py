"""Ordering registrations. The order's domains wait for payment; what billing and the registry do follows by events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from google.protobuf.json_format import MessageToDict

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from services.chassis import audit, idempotency, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError, Invalid, PermissionDenied, Unavailable
from services.chassis.operations import WAITING
from services.domains import store
from services.domains.app import App, operations
from services.domains.epp import EppRefused, EppUnavailable, EppUnknown
from services.domains.names import DomainInvalid, Name, parse, refused_character

REGISTRATION = "DOMAIN_REGISTRATION"
STEPS = ["payment", "registry_create", "zone"]


class DomainTaken(DomainError):
    reason = "DOMAIN_TAKEN"


class DomainAlreadyOrdered(DomainError):
    reason = "DOMAIN_ALREADY_ORDERED"


class DomainRepeated(Invalid):
    reason = "DOMAIN_REPEATED"


class TldNotSold(DomainError):
    reason = "TLD_NOT_SOLD"


class PeriodNotOffered(Invalid):
    reason = "PERIOD_NOT_OFFERED"


class RegistryUnavailable(Unavailable):
    reason = "REGISTRY_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an order came to: its row and items (None when every name was refused), and the refusals."""

    order: Row | None
    items: list[Row]
    refusals: list[common_pb2.Refusal]


async def check(app: App, inputs: Sequence[str]) -> list[tuple[Name | None, DomainError | None]]:
    """For each name as typed: what it is, and why it cannot be registered now (None: it can)."""
    sold = await store.tlds(app.db)
    found: list[tuple[Name | None, DomainError | None]] = []
    for text in inputs:
        try:
            name = parse(text)
        except DomainInvalid as error:
            found.append((None, error))
            continue
        found.append((name, _sold(name, sold)))
    asked = [name for name, problem in found if name is not None and problem is None]
    owned = await store.live_owners(app.db, [name.ascii for name in asked])
    free = await _free_at_registry(app, [name.ascii for name in asked if name.ascii not in owned])
    return [(name, problem or _taken(name, owned, free)) if name else (None, problem) for name, problem in found]


def _sold(name: Name, sold: dict[str, Row]) -> DomainError | None:
    tld = sold.get(name.tld)
    if tld is None:
        return TldNotSold(f".{name.tld} is not sold here", name=name.unicode, tld=name.tld)
    return refused_character(name, tld["idn_scripts"], tld["idn_characters"])


def _taken(name: Name, owned: dict[str, UUID], free: set[str]) -> DomainError | None:
    if name.ascii in owned or name.ascii not in free:
        return DomainTaken(f"{name.ascii} is taken", name=name.unicode)
    return None


async def _free_at_registry(app: App, names: Sequence[str]) -> set[str]:
    try:
        answers = await app.registry.check(sorted(set(names)))
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise RegistryUnavailable(f"the registry does not answer: {error}") from error
    return {name for name, answer in answers.items() if answer.available}


async def register(
    app: App, actor: Actor, scope: Scope, request: domains_pb2.RegisterDomainsRequest, now: datetime
) -> Ordered:
    """Orders names. Taken, repeated and malformed ones are refused, the others go on; nothing is charged yet.

    Repeating with the same request_id answers the same. RegistryUnavailable: nothing was written, try again.
    """
    if scope.resources is not None:
        # A grant on named domains says nothing about names that are not among them yet.
        raise PermissionDenied("domains.order")
    first = await idempotency.peek(app.db, actor.account_id, request.request_id, request)
    if first is not None:
        return await _recall(app, actor, first)
    years, names = request.years or 1, list(request.names)
    checked = await check(app, names)
    sold = await store.tlds(app.db)
    accepted: dict[str, tuple[int, Name]] = {}
    refusals: list[common_pb2.Refusal] = []
    for index, (name, error) in enumerate(checked):
        problem = error
        if problem is None and name is not None:
            problem = _offered(name, years, sold[name.tld]) or _repeated(name, accepted)
        if problem is not None or name is None:
            refusals.append(_refusal(index, problem or DomainInvalid(name=names[index])))
        else:
            accepted[name.ascii] = (index, name)
    return await _write(app, actor, request, years, accepted, refusals, now)


def _offered(name: Name, years: int, tld: Row) -> DomainError | None:
    if tld["min_years"] <= years <= tld["max_years"]:
        return None
    return PeriodNotOffered(
        f".{name.tld} is registered for {tld['min_years']} to {tld['max_years']} years",
        tld=name.tld,
        min=str(tld["min_years"]),
        max=str(tld["max_years"]),
    )


def _repeated(name: Name, accepted: dict[str, tuple[int, Name]]) -> DomainError | None:
    if name.ascii not in accepted:
        return None
    return DomainRepeated(f"{name.ascii} is in the list already", name=name.unicode)


def _refusal(index: int, error: DomainError) -> common_pb2.Refusal:
    return common_pb2.Refusal(index=index, reason=error.reason, field="names", metadata=error.metadata)


async def _write(
    app: App,
    actor: Actor,
    request: domains_pb2.RegisterDomainsRequest,
    years: int,
    accepted: dict[str, tuple[int, Name]],
    refusals: list[common_pb2.Refusal],
    now: datetime,
) -> Ordered:
    async with app.db.transaction() as tx:
        first = await idempotency.claim(tx, actor.account_id, request.request_id, request)
        if first is None:
            order_id: UUID | None = None
            if accepted:
                order_id, lost = await _insert(tx, app, actor, request, years, accepted, now)
                refusals = sorted([*refusals, *lost], key=lambda refusal: refusal.index)
            first = {
                "order_id": str(order_id) if order_id else None,
                "refusals": [MessageToDict(refusal, preserving_proto_field_name=True) for refusal in refusals],
            }
            await idempotency.keep(tx, actor.account_id, request.request_id, first)
    return await _recall(app, actor, first)


async def _insert(
    tx: Tx,
    app: App,
    actor: Actor,
    request: domains_pb2.RegisterDomainsRequest,
    years: int,
    accepted: dict[str, tuple[int, Name]],
    now: datetime,
) -> tuple[UUID | None, list[common_pb2.Refusal]]:
    order_id = await store.insert_order(tx, actor.account_id, actor.ref_json(), actor.locale, now)
    ids = await store.insert_ordered(
        tx,
        actor.account_id,
        order_id,
        [name for _, name in accepted.values()],
        years=years,
        auto_renew=request.auto_renew,
        nameservers=list(request.nameservers) or list(app.nameservers),
        now=now,
    )
    lost = [
        _refusal(index, DomainAlreadyOrdered(f"{name.ascii} is being ordered", name=name.unicode))
        for index, name in accepted.values()
        if name.ascii not in ids
    ]
    if not ids:
        await tx.execute("DELETE FROM orders WHERE id = $1", order_id)
        return None, lost
    started = await operations.start(
        tx,
        REGISTRATION,
        actor.account_id,
        subject_type="Domain",
        subject_ids=list(ids.values()),
        steps=STEPS,
        now=now,
        state=WAITING,
    )
    await store.link_operations(tx, list(ids.values()), [row["id"] for row in started])
    names = [accepted[ascii_name][1] for ascii_name in ids]
    await audit.record(
        tx,
        actor,
        "domain.registration_ordered",
        subject=("Order", order_id, ", ".join(name.unicode for name in names[:5]) + (" …" if len(names) > 5 else "")),
        after={"names": [name.ascii for name in names], "years": years},
    )
    event = events_pb2.RegistrationRequested(
        order_id=str(order_id),
        account_id=str(actor.account_id),
        items=[
            events_pb2.RegistrationItem(
                domain_id=str(ids[name.ascii]), name=name.ascii, unicode_name=name.unicode, tld=name.tld, years=years
            )
            for name in names
        ],
        actor=actor.ref(),
        locale=actor.locale,
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=actor.account_id, aggregate=order_id)
    return order_id, lost


async def _recall(app: App, actor: Actor, first: dict[str, object]) -> Ordered:
    refusals = [common_pb2.Refusal(**refusal) for refusal in first["refusals"]]  # type: ignore[attr-defined]
    if first["order_id"] is None:
        return Ordered(None, [], refusals)
    order_id = UUID(str(first["order_id"]))
    order = await store.order(app.db, actor.account_id, order_id)
    return Ordered(order, await store.order_items(app.db, actor.account_id, order_id), refusals)


async def complete(tx: Tx, order_id: UUID, now: datetime) -> None:
    """Tells what became of an order once its last item has ended."""
    order = await store.complete_order(tx, order_id, now)
    if order is None:
        return
    items = await store.order_items(tx, order["account_id"], order_id)
    event = events_pb2.OrderCompleted(
        order_id=str(order_id),
        account_id=str(order["account_id"]),
        outcomes=[
            events_pb2.OrderOutcome(
                domain_id=str(item["id"]),
                name=item["name"],
                unicode_name=item["unicode_name"],
                registered=item["state"] == "ACTIVE",
                reason=item["failure"],
                expires_at=times.to_pb(item["expires_at"]),
            )
            for item in items
        ],
        actor=common_pb2.ActorRef(**order["actor"]),
        locale=order["locale"],
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=order["account_id"], aggregate=order_id)
