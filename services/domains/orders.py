"""Ordering registrations. The order's items wait for payment; what billing and the registry do follows by events."""

import asyncio
import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2
from services.chassis import idempotency
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError, Invalid, PermissionDenied, Unavailable
from services.domains import contact_data, nameservers, order_items, store
from services.domains.app import App
from services.domains.epp import EppRefused, EppUnavailable, EppUnknown, Registry
from services.domains.names import DomainInvalid, Name, parse, refused_character
from services.domains.order_items import Wanted
from services.domains.registries import WHILE_WAITING

log = logging.getLogger(__name__)


class DomainTaken(DomainError):
    reason = "DOMAIN_TAKEN"


class DomainAlreadyOrdered(DomainError):
    reason = "DOMAIN_ALREADY_ORDERED"


class DomainAlreadyHere(DomainError):
    """With us, or on its way to us: for whom is nobody's business."""

    reason = "DOMAIN_ALREADY_HERE"


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


async def check(
    app: App, account_id: UUID | None, inputs: Sequence[str]
) -> list[tuple[Name | None, DomainError | None]]:
    """For each name as typed: what it is, and why it cannot be registered now (None: it can). Only who may see an account's
    names is told, by its id, which of them it has itself.

    RegistryUnavailable stands beside the names of a registry that is silent, and is raised where every one is.
    """
    sold = await store.tlds(app.db)
    found: list[tuple[Name | None, DomainError | None]] = []
    for text in inputs:
        try:
            name = parse(text)
        except DomainInvalid as error:
            found.append((None, error))
            continue
        found.append((name, _sold(app, name, sold)))
    asked = [name for name, problem in found if name is not None and problem is None]
    owned = await store.live_owners(app.db, [name.ascii for name in asked])
    free = await _free(app, {name.ascii for name in asked if name.ascii not in owned})
    return [
        (name, problem or _taken(name, owned, free, account_id)) if name else (None, problem) for name, problem in found
    ]


def _sold(app: App, name: Name, sold: dict[str, Row]) -> DomainError | None:
    tld = sold.get(name.tld)
    if tld is None or not app.registries.runs(name.tld):
        return TldNotSold(f".{name.tld} is not sold here", name=name.unicode, tld=name.tld)
    return refused_character(name, tld["idn_scripts"], tld["idn_characters"])


def in_house(
    name: Name, owner: UUID, state: str, account_id: UUID | None, *, foreign: type[DomainError]
) -> DomainError:
    """Why a name that is held or being bought in the house cannot be ordered; `foreign` where another account's is."""
    kind = foreign
    if owner == account_id:
        coming = state.startswith("PENDING_") and state != "PENDING_DELETE"
        kind = DomainAlreadyOrdered if coming else DomainAlreadyHere
    return kind("held or ordered in the house", field="name", name=name.unicode)


def _taken(
    name: Name, owned: dict[str, tuple[UUID, str]], free: dict[str, bool], account_id: UUID | None
) -> DomainError | None:
    if name.ascii in owned:
        return in_house(name, *owned[name.ascii], account_id, foreign=DomainTaken)
    if free.get(name.ascii) is False:
        return DomainTaken(f"{name.ascii} is taken", name=name.unicode)
    if name.ascii not in free:
        return RegistryUnavailable("its registry does not answer", name=name.unicode)
    return None


async def _free(app: App, names: Set[str]) -> dict[str, bool]:
    """Whether each is free, as its registry says; names of a silent one are left out. RegistryUnavailable: all are."""
    by_registry: dict[Registry, list[str]] = {}
    for name in sorted(names):
        by_registry.setdefault(app.registries.of(name), []).append(name)
    free: dict[str, bool] = {}

    async def ask(registry: Registry, its: Sequence[str]) -> None:
        try:
            answers = await registry.within(WHILE_WAITING).check(its)
        except (EppUnavailable, EppUnknown, EppRefused) as error:
            log.warning("a registry cannot say what is free", extra={"registry": registry.name, "cause": str(error)})
            return
        free.update((name, answer.available) for name, answer in answers.items())

    await asyncio.gather(*(ask(registry, its) for registry, its in by_registry.items()))
    if by_registry and not free:
        raise RegistryUnavailable("no registry answers")
    return free


async def register(
    app: App, actor: Actor, scope: Scope, request: domains_pb2.RegisterDomainsRequest, now: datetime
) -> Ordered:
    """Orders names. Taken, repeated and malformed ones are refused, and those that cannot have the nameservers asked for;
    the others go on, unless one of the nameservers is none. Nothing is charged yet.

    Repeating with the same request_id answers the same. RegistryUnavailable: nothing was written, try again.
    """
    if scope.resources is not None:
        # A grant on named domains says nothing about names that are not among them yet.
        raise PermissionDenied("domains.order")
    first = await idempotency.peek(app.db, actor.account_id, request.request_id, request)
    if first is not None:
        return await recall_first(app, actor.account_id, first)
    years, names = request.years or 1, list(request.names)
    checked = await check(app, actor.account_id, names)
    sold = await store.tlds(app.db)
    holder = await store.registrant(app.db, actor.account_id)
    hosts, wrong = nameservers.for_registration(request.nameservers)
    accepted: dict[str, tuple[int, Name]] = {}
    refusals = [common_pb2.Refusal(reason=one.reason, field=one.field, metadata=one.metadata) for one in wrong]
    for index, (name, error) in enumerate(checked):
        problem = error
        if problem is None and name is not None:
            tld = sold[name.tld]
            problem = _offered(name, years, tld) or _repeated(name, accepted)
            if problem is None and hosts and not wrong:
                problem = nameservers.unfit(name.ascii, hosts, tld)
            # Where identity has not told of the account yet, the registry will say.
            if problem is None and holder is not None:
                problem = contact_data.local_presence(tld, holder["country"], "names", name=name.unicode)
        if problem is not None or name is None:
            refusals.append(_refusal(index, problem or DomainInvalid(name=names[index])))
        else:
            accepted[name.ascii] = (index, name)
    if wrong:
        accepted = {}
    return await _write(app, actor, request, years, hosts or app.nameservers, accepted, refusals, now)


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
    hosts: Sequence[str],
    accepted: dict[str, tuple[int, Name]],
    refusals: list[common_pb2.Refusal],
    now: datetime,
) -> Ordered:
    async with app.db.transaction() as tx:
        first = await idempotency.claim(tx, actor.account_id, request.request_id, request)
        if first is None:
            order_id: UUID | None = None
            if accepted:
                order_id, lost = await _insert(tx, actor, request, years, hosts, accepted, now)
                refusals = sorted([*refusals, *lost], key=lambda refusal: refusal.index)
            first = {
                "order_id": str(order_id) if order_id else None,
                "refusals": [MessageToDict(refusal, preserving_proto_field_name=True) for refusal in refusals],
            }
            await idempotency.keep(tx, actor.account_id, request.request_id, first)
    return await recall_first(app, actor.account_id, first)


async def _insert(
    tx: Tx,
    actor: Actor,
    request: domains_pb2.RegisterDomainsRequest,
    years: int,
    hosts: Sequence[str],
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
        nameservers=hosts,
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
    rows = await store.by_ids(tx, actor.account_id, None, list(ids.values()))
    wanted = [Wanted(row, order_items.REGISTER, years) for row in sorted(rows, key=lambda row: str(row["name"]))]
    await order_items.place(tx, actor, order_id, wanted, actor.locale, now)
    await store.link_registrations(tx, order_id)
    return order_id, lost


async def keep(
    tx: Tx,
    actor: Actor,
    request_id: str,
    wanted: Sequence[Wanted],
    refusals: Sequence[common_pb2.Refusal],
    now: datetime,
) -> dict[str, Any]:
    """Orders what is wanted of domains that are ours, unless it is nothing; answers what `recall_first` reads."""
    order_id: UUID | None = None
    if wanted:
        order_id = await store.insert_order(tx, actor.account_id, actor.ref_json(), actor.locale, now)
        await order_items.place(tx, actor, order_id, wanted, actor.locale, now)
    first = {
        "order_id": str(order_id) if order_id else None,
        "refusals": [MessageToDict(refusal, preserving_proto_field_name=True) for refusal in refusals],
    }
    await idempotency.keep(tx, actor.account_id, request_id, first)
    return first


async def recall_first(app: App, account_id: UUID, first: dict[str, Any]) -> Ordered:
    """The first answer to a request, with its order as it is now."""
    refusals = [common_pb2.Refusal(**refusal) for refusal in first["refusals"]]
    if first["order_id"] is None:
        return Ordered(None, [], refusals)
    order_id = UUID(first["order_id"])
    order = await store.order(app.db, account_id, order_id)
    return Ordered(order, await order_items.of_order(app.db, account_id, order_id), refusals)
