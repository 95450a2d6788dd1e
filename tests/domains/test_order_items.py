"""Transfers, renewals and restores: the domains service at the sandbox registry over EPP, with the billing service beside
it, and every event carried between the two; so each ends in the right state, with the right money."""

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from portico.billing.v1 import billing_pb2
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import orders_pb2 as pb
from services.billing import proformas
from services.domains import renewals, transfers
from services.domains.transfer_lists import decode, read
from tests.billing.conftest import SELLER
from tests.domains.order_desk import CODE, EVERY, FAULTS, RENEW, TRANSFER, Desk, gross, until, wrong_code
from tests.serving import Refused, holding_all_but, person

# Transfers


async def test_a_name_comes_here_with_its_dates_and_keeps_its_nameservers(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    answer = await desk.transfer(account, (name.upper(), f" {CODE} "))
    [check] = answer.checks
    assert (check.ok, check.asked, check.name, check.line) == (True, True, name, 1)
    assert [(item.name, item.operation.kind) for item in answer.order.items] == [(name, "DOMAIN_TRANSFER")]
    assert await desk.state(account, name) == "PENDING_PAYMENT"
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    assert await desk.state(account, name) == "PENDING_TRANSFER"
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
    domain = await desk.domain(account, name)
    assert [server.host for server in domain.nameservers] == ["ns1.masnal.example"]
    assert domain.HasField("expires_at")
    assert desk.said("transfer", name).count(1001) == 1
    assert (await desk.operation(account, name)).state == common_pb2.OPERATION_STATE_SUCCEEDED
    assert not await desk.domains.db.fetchval("SELECT 1 FROM zones WHERE name = $1", name)
    assert await desk.spent(account) == gross(TRANSFER)
    [moved] = await desk.domains.told(events_pb2.DomainTransferredIn, account)
    assert moved.name == name
    [completed] = await desk.domains.told(events_pb2.OrderCompleted, account)
    assert [(o.registered, o.action) for o in completed.outcomes] == [(True, "TRANSFER")]


async def test_a_registry_that_forgets_transfers_that_have_ended_is_asked_whose_the_name_is(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    desk.registry.seed(name, registrar="portico", nameservers=["ns1.masnal.example"])
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.spent(account) == gross(TRANSFER)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_transfer_is_asked_for_once_whatever_happens_to_the_answer(desk: Desk, fault: str) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.fault(command="transfer", name=name, **FAULTS[fault])
    await desk.pay(account)

    async def asked() -> bool:
        await desk.domains.db.execute("UPDATE jobs SET run_at = least(run_at, now()) WHERE state = 'ready'")
        return desk.registry.control("GET", f"/domains/{name}")["transfer"] is not None

    await until(asked)
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.state(account, name) == "ACTIVE"
    assert desk.said("transfer", name).count(1001) <= 1
    assert await desk.spent(account) == gross(TRANSFER)
    assert await desk.domains.told(events_pb2.OrderItemFailed, account) == []


@pytest.mark.parametrize(("code", "reason"), [(2304, "DOMAIN_TRANSFER_LOCKED"), (2306, "REGISTRY_REFUSED")])
async def test_a_transfer_that_the_registry_refuses_is_credited(desk: Desk, code: int, reason: str) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.fault("result", command="transfer", name=name, code=code)
    await desk.pay(account)
    assert (await desk.ended(name))["failure"] == reason
    assert await desk.state(account, name) == "FAILED"
    assert await desk.spent(account) == 0


async def test_a_transfer_that_is_rejected_is_credited_with_its_reason_and_can_be_ordered_again(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    desk.decide(name, approve=False)
    item = await desk.ended(name)
    assert (item["state"], item["failure"], item["auth_code"]) == ("FAILED", "TRANSFER_CANCELLED", None)
    assert (await desk.operation(account, name)).error_reason == "TRANSFER_CANCELLED"
    assert await desk.spent(account) == 0
    assert (await desk.transfer(account, (name, CODE))).order.items


async def test_a_wrong_code_waits_for_the_right_one(desk: Desk) -> None:
    account, name, domain_id = await wrong_code(desk)
    who = person(account, *EVERY)
    operation = await desk.operation(account, name)
    assert operation.state == common_pb2.OPERATION_STATE_WAITING
    assert [step.detail for step in operation.steps if step.name == "registry_transfer"]
    assert (await desk.item(name))["auth_code"] is None
    short = pb.RetryTransferRequest(domain_id=domain_id, auth_code="x")
    assert (await desk.domains.refused(who, "RetryTransfer", short)).reason == "AUTH_CODE_INVALID"
    again = pb.RetryTransferRequest(domain_id=domain_id, auth_code="Uj-kod-9876")
    assert (await desk.domains.refused(person(uuid4(), *EVERY), "RetryTransfer", again)).reason == "DOMAIN_NOT_FOUND"
    await desk.domains.call(who, "RetryTransfer", again)
    assert (await desk.domains.refused(who, "RetryTransfer", again)).reason == "TRANSFER_NOT_WAITING"
    await desk.waits(name, "pending at the registry")
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.spent(account) == gross(TRANSFER)


async def test_a_transfer_that_waits_for_a_code_can_be_given_up_for_its_price(desk: Desk) -> None:
    account, _, domain_id = await wrong_code(desk)
    who, wish = person(account, *EVERY), pb.CancelTransferRequest(domain_id=domain_id)
    answer = await desk.domains.call(who, "CancelTransfer", wish)
    assert answer.domain.state == domains_pb2.DOMAIN_STATE_FAILED
    assert answer.operation.state == common_pb2.OPERATION_STATE_CANCELLED
    assert (await desk.domains.refused(who, "CancelTransfer", wish)).reason == "TRANSFER_NOT_WAITING"
    assert await desk.spent(account) == 0


async def test_a_code_that_never_comes_ends_the_transfer_when_its_time_is_over(desk: Desk) -> None:
    account, name, _ = await wrong_code(desk)
    await transfers.give_up_waiting(desk.domains.app, datetime.now(UTC) + timedelta(days=13))
    assert (await desk.item(name))["state"] == "PAID"
    await transfers.give_up_waiting(desk.domains.app, datetime.now(UTC) + timedelta(days=15))
    assert (await desk.item(name))["failure"] == "AUTH_CODE_WRONG"
    assert await desk.spent(account) == 0


async def test_a_dry_run_says_what_is_wrong_with_each_name_and_writes_nothing(desk: Desk) -> None:
    account, other = await desk.account(), await desk.account()
    now = datetime.now(UTC)
    good, locked = desk.foreign(), desk.foreign(statuses=["clientTransferProhibited"])
    young = f"fiatal-{uuid4().hex[:10]}.com"
    desk.registry.seed(young, registrar="other", auth=CODE, created=(now - timedelta(days=10)).isoformat())
    ours, _ = await desk.held(account)
    theirs, _ = await desk.held(other)
    ordered = desk.foreign()
    await desk.transfer(account, (ordered, CODE))
    free = f"szabad-{uuid4().hex[:10]}.hu"
    before = (
        await desk.domains.db.fetchval("SELECT count(*) FROM domains"),
        await desk.domains.db.fetchval("SELECT count(*) FROM first_answers"),
    )
    answer = await desk.transfer(
        account,
        (good, CODE),
        ("nem név.hu", CODE),
        ("valami.nincsilyen", CODE),
        (ours, CODE),
        (theirs, CODE),
        (ordered, CODE),
        (good.upper(), CODE),
        (desk.foreign(), ""),
        (desk.foreign(), "rövid"),
        (desk.foreign(), "x" * 65),
        (desk.foreign(), "Rossz-kod-1"),
        (locked, CODE),
        (young, CODE),
        (free, CODE),
        dry_run=True,
        request_id="",
    )
    assert not answer.HasField("order")
    assert [(check.line, check.reason, check.field) for check in answer.checks] == [
        (1, "", ""),
        (2, "DOMAIN_INVALID", "name"),
        (3, "TLD_NOT_SOLD", "name"),
        (4, "DOMAIN_ALREADY_HERE", "name"),
        (5, "DOMAIN_ALREADY_HERE", "name"),
        (6, "DOMAIN_ALREADY_ORDERED", "name"),
        (7, "DOMAIN_REPEATED", "name"),
        (8, "AUTH_CODE_MISSING", "auth_code"),
        (9, "AUTH_CODE_INVALID", "auth_code"),
        (10, "AUTH_CODE_INVALID", "auth_code"),
        (11, "AUTH_CODE_WRONG", "auth_code"),
        (12, "DOMAIN_TRANSFER_LOCKED", "name"),
        (13, "TRANSFER_TOO_EARLY", "name"),
        (14, "DOMAIN_NOT_REGISTERED", "name"),
    ]
    assert answer.checks[12].blockers[0].until.ToDatetime(tzinfo=UTC) > now + timedelta(days=49)
    assert before == (
        await desk.domains.db.fetchval("SELECT count(*) FROM domains"),
        await desk.domains.db.fetchval("SELECT count(*) FROM first_answers"),
    )


async def test_the_good_names_of_a_list_are_ordered_once_and_the_codes_are_told_to_nobody(desk: Desk) -> None:
    account, names, key = await desk.account(), [desk.foreign() for _ in range(3)], uuid4().hex
    pairs = [*((name, CODE) for name in names), ("rossz", CODE)]
    answers = await asyncio.gather(*(desk.transfer(account, *pairs, request_id=key) for _ in range(4)))
    assert len({answer.order.id for answer in answers}) == 1
    assert [check.reason for check in answers[0].checks] == ["", "", "", "DOMAIN_INVALID"]
    await desk.exchange(account)
    [proforma] = await desk.invoices(account)
    assert [line.description for line in proforma.lines] == [f"{name} domain áthozatala" for name in sorted(names)]
    kept = await desk.domains.db.fetch(
        """SELECT body::text AS text FROM outbox UNION ALL SELECT answer::text FROM first_answers
           UNION ALL SELECT parameters::text FROM registry_intents UNION ALL SELECT auth_code::text FROM order_items"""
    )
    assert not any(CODE in (row["text"] or "") or CODE.encode().hex() in (row["text"] or "") for row in kept)


async def test_a_file_in_latin_2_with_semicolons_is_read_line_by_line(desk: Desk) -> None:
    account, good, quoted = await desk.account(), desk.foreign(), desk.foreign(code='a"b;c,d12')
    text = f'Domain név;Kód\r\n{good};{CODE}\r\n\r\nőszirózsa-{uuid4().hex[:8]}.hu;{CODE}\r\n"{quoted}";"a""b;c,d12"\r\na;b;c\r\n'
    answer = await desk.transfer(account, csv_file=text.encode("iso-8859-2"), items=[], dry_run=True)
    assert [(check.line, check.reason) for check in answer.checks] == [
        (2, ""),
        (4, "DOMAIN_NOT_REGISTERED"),
        (5, ""),
        (6, "LINE_INVALID"),
    ]
    assert answer.checks[1].input.startswith("őszirózsa")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\ufeffname,code\na.hu,x1\n", [(2, "a.hu", "x1")]),
        ("a.hu\tx;1,2\r\rb.hu , y", [(1, "a.hu", "x;1,2"), (3, "b.hu", "y")]),
        ("x-code-1;a.hu", [(1, "a.hu", "x-code-1")]),
        ("a.hu", [(1, "a.hu", "")]),
        ("a.hu;x;;;", [(1, "a.hu", "x")]),
    ],
)
def test_lists_are_read_as_people_write_them(text: str, lines: list[tuple[int, str, str]]) -> None:
    for data in (text.encode(), text.encode("utf-16")):
        assert [(line.number, line.name, line.code) for line in read(decode(data))] == lines


async def test_too_many_lines_no_lines_and_both_kinds_of_list_are_refused_as_a_whole(desk: Desk) -> None:
    who = person(uuid4(), *EVERY)

    async def refused(**fields: Any) -> Refused:
        return await desk.domains.refused(
            who, "TransferDomains", pb.TransferDomainsRequest(request_id=uuid4().hex, **fields)
        )

    over = await refused(csv="\n".join(f"a{n}.hu;{CODE}" for n in range(10_001)))
    assert (over.reason, over.fields, over.metadata["count"]) == ("TOO_MANY_LINES", ["csv"], "10001")
    assert (await refused(csv="név;kód\n")).reason == "CSV_INVALID"
    assert (await refused()).fields == ["items"]
    assert (await refused(csv="a.hu;b", csv_file=b"a.hu;b")).fields == ["items"]


async def test_while_the_registry_is_away_nothing_is_ordered_and_a_dry_run_says_what_it_can(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    desk.registry.fault("result", command="info", name=name, code=2400, times=2)
    request = pb.TransferDomainsRequest(request_id=uuid4().hex, items=[pb.TransferItem(name=name, auth_code=CODE)])
    refused = await desk.domains.refused(person(account, *EVERY), "TransferDomains", request)
    assert refused.reason == "REGISTRY_UNAVAILABLE"
    [check] = (await desk.transfer(account, (name, CODE), dry_run=True)).checks
    assert (check.ok, check.asked) == (True, False)


# Renewals


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


# Restores


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


# Money


async def test_whatever_becomes_of_each_item_it_is_paid_once_and_ends_done_or_credited(desk: Desk) -> None:
    account, dice = await desk.account(), random.Random(7)
    wanted = [desk.foreign() for _ in range(12)]
    held = [await desk.held(account) for _ in range(6)]
    await desk.transfer(account, *((name, CODE) for name in wanted))
    await desk.renew(account, *(domain_id for _, domain_id in held))
    for name, command in [*((n, "transfer") for n in wanted), *((n, "renew") for n, _ in held)]:
        wish = dice.choice([*FAULTS.values(), {"action": "result", "code": 2306}, None, None])
        if wish is not None and wish.get("seconds") is None:
            desk.registry.fault(command=command, name=name, **wish)
    approve = {name: dice.random() < 0.7 for name in wanted}
    await desk.pay(account)
    open_names = set(wanted)

    async def all_ended() -> bool:
        await desk.domains.db.execute("UPDATE jobs SET run_at = least(run_at, now()) WHERE state = 'ready'")
        for name in list(open_names):
            transfer = desk.registry.control("GET", f"/domains/{name}")["transfer"]
            if transfer is not None and transfer["status"] == "pending":
                desk.decide(name, approve=approve[name])
                open_names.discard(name)
        query = "SELECT count(*) FROM order_items WHERE account_id = $1 AND state IN ('ORDERED', 'PAID')"
        return not await desk.domains.db.fetchval(query, account)

    await until(all_ended)
    spent = await desk.spent(account)
    rows = await desk.domains.db.fetch("SELECT id, action, state FROM order_items WHERE account_id = $1", account)
    price = {"TRANSFER": gross(TRANSFER), "RENEW": gross(RENEW)}
    assert spent == sum(price[row["action"]] for row in rows if row["state"] == "DONE")
    credited = {
        row["item_id"]
        for row in await desk.billing.db.fetch("SELECT item_id FROM credited_items WHERE account_id = $1", account)
    }
    assert credited == {row["id"] for row in rows if row["state"] == "FAILED"}
    assert Counter(row["state"] for row in rows).keys() == {"DONE", "FAILED"}
    for name in wanted:
        ours = desk.registry.control("GET", f"/domains/{name}")["sponsor"] == "portico"
        assert ours == (await desk.state(account, name) == "ACTIVE")


async def test_an_item_that_has_ended_cannot_end_otherwise(desk: Desk) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    await desk.renew(account, domain_id)
    await desk.pay(account)
    item = await desk.ended(name)
    for state in ("ORDERED", "PAID", "FAILED"):
        with pytest.raises(Exception, match="does not go from DONE"):
            await desk.domains.db.execute("UPDATE order_items SET state = $2 WHERE id = $1", item["id"], state)


async def test_ten_thousand_names_are_checked_within_the_gateways_patience(desk: Desk) -> None:
    account, start = await desk.account(), time.monotonic()
    text = "\n".join(f"sok-{n}-{uuid4().hex[:8]}.hu;{CODE}" for n in range(10_000))
    answer = await desk.transfer(account, csv=text, items=[], dry_run=True)
    assert len(answer.checks) == 10_000
    assert all(check.ok != check.asked for check in answer.checks)
    assert time.monotonic() - start < 10


REQUESTS = {
    "TransferDomains": pb.TransferDomainsRequest(dry_run=True, items=[pb.TransferItem(name="a.hu")]),
    "RetryTransfer": pb.RetryTransferRequest(domain_id=str(uuid4()), auth_code=CODE),
    "CancelTransfer": pb.CancelTransferRequest(domain_id=str(uuid4())),
    "RenewDomains": pb.RenewDomainsRequest(request_id="12345678", domain_ids=[str(uuid4())]),
    "RestoreDomain": pb.RestoreDomainRequest(request_id="12345678", domain_id=str(uuid4())),
}


def test_every_call_of_the_service_is_among_those_that_are_refused_below() -> None:
    assert {method.name for method in pb.DESCRIPTOR.services_by_name["OrdersService"].methods} == set(REQUESTS)


@pytest.mark.parametrize("method", REQUESTS)
async def test_each_call_refuses_who_lacks_the_right(desk: Desk, method: str) -> None:
    who = holding_all_but(person(uuid4()), "domains.order")
    refused = await desk.domains.refused(who, method, REQUESTS[method])
    assert (refused.code, refused.metadata) == (grpc.StatusCode.PERMISSION_DENIED, {"permission": "domains.order"})
    assert (await desk.domains.refused(None, method, REQUESTS[method])).code is grpc.StatusCode.UNAUTHENTICATED
