"""Renewals, asked for and automatic, and restores, until each is carried out once or credited."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from portico.billing.v1 import billing_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import orders_pb2 as pb
from services.billing import proformas
from services.domains import renewals
from tests.billing.conftest import SELLER
from tests.domains.order_desk import EVERY, FAULTS, RENEW, RESTORE, Desk, gross, until
from tests.serving import person


@pytest.mark.parametrize("fault", ["", *FAULTS])
async def test_a_renewal_is_carried_out_once_whatever_happens_to_the_answer(desk: Desk, fault: str) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    before = (await desk.domain(account, name)).expires_at.ToDatetime(tzinfo=UTC)
    await desk.renew(account, domain_id, years=2)
    if fault:
        desk.registry.fault(command="renew", name=name, **FAULTS[fault])
    await desk.pay(account)
    assert (await desk.ended(name))["state"] == "DONE"
    after = (await desk.domain(account, name)).expires_at.ToDatetime(tzinfo=UTC)
    assert after == renewals.later(before, 2)
    assert fault or desk.said("renew", name) == [1000]
    assert desk.registry.control("GET", f"/domains/{name}")["expires"][:10] == after.date().isoformat()
    assert await desk.spent(account) == gross(2 * RENEW)
    [renewed] = await desk.domains.told(events_pb2.DomainRenewed, account)
    assert renewed.expires_at.ToDatetime(tzinfo=UTC) == after


@pytest.mark.parametrize("approve", [True, False])
async def test_a_renewal_that_waits_at_the_registry_ends_as_the_registry_decides(desk: Desk, approve: bool) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    await desk.renew(account, domain_id)
    desk.registry.fault("pending", command="renew", name=name)
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    desk.registry.control("POST", f"/pending/{name}/complete", {"approve": approve})
    assert (await desk.ended(name))["state"] == ("DONE" if approve else "FAILED")
    assert await desk.spent(account) == (gross(RENEW) if approve else 0)
    assert await desk.state(account, name) == "ACTIVE"


async def test_a_renewal_whose_expiry_has_moved_meanwhile_is_not_counted_from_another_day(desk: Desk) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    await desk.renew(account, domain_id, years=2)
    moved = datetime.now(UTC) + timedelta(days=200)
    desk.registry.seed(name, registrar="portico", expires=moved.isoformat(), nameservers=["ns1.x.example"])
    await desk.pay(account)
    assert (await desk.ended(name))["failure"] == "EXPIRY_CHANGED"
    assert desk.said("renew", name) == []
    assert await desk.spent(account) == 0


async def test_what_cannot_be_renewed_is_refused_by_its_place_in_the_list(desk: Desk) -> None:
    account, other = await desk.account(), await desk.account()
    good, twice, full, deleted, ordered = [(await desk.held(account, days=d))[1] for d in (30, 40, 1700, 30, 30)]
    _, foreign = await desk.held(other)
    await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(deleted))
    await desk.renew(account, ordered)
    key = uuid4().hex
    ids = [good, twice, twice, full, deleted, ordered, foreign]
    answer = await desk.renew(account, *ids, key=key)
    assert [item.domain_id for item in sorted(answer.order.items, key=lambda i: ids.index(i.domain_id))] == [
        good,
        twice,
    ]
    assert [(r.index, r.reason) for r in answer.refusals] == [
        (2, "DOMAIN_REPEATED"),
        (3, "RENEWAL_TOO_LONG"),
        (4, "DOMAIN_NOT_RENEWABLE"),
        (5, "RENEWAL_ALREADY_ORDERED"),
        (6, "DOMAIN_NOT_FOUND"),
    ]
    assert await desk.renew(account, *ids, key=key) == answer
    [refusal] = (await desk.renew(account, (await desk.held(account))[1], years=9)).refusals
    assert (refusal.reason, refusal.metadata["max"]) == ("PERIOD_NOT_OFFERED", "5")


async def test_an_order_with_many_parallel_wishes_for_one_domain_renews_it_once(desk: Desk) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    answers = await asyncio.gather(*(desk.renew(account, domain_id) for _ in range(6)))
    assert sum(answer.HasField("order") for answer in answers) == 1
    await desk.pay(account)
    await desk.ended(name)
    assert desk.said("renew", name) == [1000]


async def test_domains_that_renew_by_themselves_are_ordered_once_a_period_and_lapse_unpaid(desk: Desk) -> None:
    account, now = await desk.account(), datetime.now(UTC)
    first, first_id = await desk.held(account, days=30, auto_renew=True)
    second, _ = await desk.held(account, days=40, auto_renew=True)
    await desk.held(account, days=90, auto_renew=True)
    await desk.held(account, days=30)
    for day in range(3):
        await renewals.order_due(desk.domains.app, now + timedelta(days=day))
        await renewals.order_due(desk.domains.app, now + timedelta(days=day))
    [requested] = await desk.domains.told(events_pb2.OrderRequested, account)
    assert sorted(item.name for item in requested.items) == sorted([first, second])
    await desk.exchange(account)
    [proforma] = await desk.invoices(account)
    assert proforma.due_on == (now + timedelta(days=27)).date().isoformat()
    [refusal] = (await desk.renew(account, first_id)).refusals
    assert refusal.reason == "RENEWAL_ALREADY_ORDERED"
    # Nobody pays.
    await proformas.cancel_unpaid(desk.billing.db, SELLER, now + timedelta(days=26))
    await desk.exchange(account)
    assert (await desk.item(first))["state"] == "ORDERED"
    await proformas.cancel_unpaid(desk.billing.db, SELLER, now + timedelta(days=29))
    await desk.exchange(account)
    assert (await desk.item(first))["failure"] == "ORDER_UNPAID"
    assert await desk.state(account, first) == "ACTIVE"
    await renewals.order_due(desk.domains.app, now + timedelta(days=3))
    assert len(await desk.domains.told(events_pb2.OrderRequested, account)) == 1
    assert (await desk.renew(account, first_id)).order.items


async def test_a_registration_that_nobody_pays_frees_its_name(desk: Desk) -> None:
    account, name = await desk.account(), f"fizetetlen-{uuid4().hex[:10]}.hu"
    who = person(account, *EVERY)
    wish = domains_pb2.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    await desk.domains.call(who, "RegisterDomains", wish)
    await desk.exchange(account)
    await proformas.cancel_unpaid(desk.billing.db, SELLER, datetime.now(UTC) + timedelta(days=20))
    await desk.exchange(account)
    assert await desk.state(account, name) == "FAILED"
    [proforma] = await desk.invoices(account)
    assert proforma.state == billing_pb2.INVOICE_STATE_CANCELLED
    again = domains_pb2.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    assert (await desk.domains.call(who, "RegisterDomains", again)).order.items


@pytest.mark.parametrize("fault", ["", "cut before", "cut after", "2400"])
@pytest.mark.parametrize("days", [-20, 100])
async def test_a_deleted_domain_comes_back_renewed_where_it_had_expired(desk: Desk, fault: str, days: int) -> None:
    account, now = await desk.account(), datetime.now(UTC)
    name, domain_id = await desk.held(account, days=days, deleted=(now - timedelta(days=2)).isoformat())
    await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(domain_id))
    answer = await desk.restore(account, domain_id)
    again = pb.RestoreDomainRequest(request_id=uuid4().hex, domain_id=domain_id)
    refused = await desk.domains.refused(person(account, *EVERY), "RestoreDomain", again)
    assert refused.reason == "RESTORE_ALREADY_ORDERED"
    if fault:
        desk.registry.fault(command="update", name=name, **FAULTS[fault])
    await desk.pay(account)
    for item in answer.order.items:

        async def ended(operation_id: str = item.operation.id.split(".")[-1]) -> bool:
            await desk.domains.db.execute("UPDATE jobs SET run_at = least(run_at, now()) WHERE state = 'ready'")
            query = "SELECT state FROM order_items WHERE operation_id = $1"
            return bool(await desk.domains.db.fetchval(query, UUID(operation_id)) == "DONE")

        await until(ended)
    domain = await desk.domain(account, name)
    assert domain.state == domains_pb2.DOMAIN_STATE_ACTIVE
    assert domain.expires_at.ToDatetime(tzinfo=UTC) > now + timedelta(days=90)
    assert "redemptionPeriod" not in domain.statuses
    renewed = gross(RENEW) if days < 0 else 0
    assert await desk.spent(account) == gross(9900) + renewed


async def test_what_is_not_in_its_redemption_period_is_not_restored(desk: Desk) -> None:
    account = await desk.account()
    _, domain_id = await desk.held(account)
    wish = pb.RestoreDomainRequest(request_id=uuid4().hex, domain_id=domain_id)
    assert (
        await desk.domains.refused(person(account, *EVERY), "RestoreDomain", wish)
    ).reason == "DOMAIN_NOT_RESTORABLE"


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("half", ["request", "report"])
async def test_a_restore_that_waits_at_the_registry_ends_as_the_registry_decides(
    desk: Desk, half: str, approve: bool
) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account, days=100, deleted=(datetime.now(UTC) - timedelta(days=2)).isoformat())
    await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(domain_id))
    await desk.restore(account, domain_id)
    desk.registry.fault("pending", command=f"update:{half}", name=name)
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    desk.registry.control("POST", f"/pending/{name}/complete", {"approve": approve})
    # The half that is left over is said once the other has been approved.
    assert (await desk.ended(name))["state"] == ("DONE" if approve else "FAILED")
    assert bool(desk.registry.control("GET", f"/domains/{name}")["deleted"]) is not approve
    assert await desk.spent(account) == (gross(RESTORE) if approve else 0)
