"""Transfers, from the order to the registry's last word, with the money that goes with them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import orders_pb2 as pb
from services.domains import messages, transfers
from services.domains.epp import PollMessage, Transfer
from services.domains.transfer_lists import decode, read
from tests.domains.order_desk import CODE, EVERY, FAULTS, TRANSFER, Desk, gross, until, wrong_code
from tests.serving import Refused, person


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
    assert [line.description for line in proforma.lines] == [
        f"{name} domain átregisztrációja" for name in sorted(names)
    ]
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


async def test_a_message_that_comes_while_the_transfer_is_being_ended_waits_for_that(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    now = datetime.now(UTC)
    transfer = Transfer(name, "clientApproved", "portico", now, "other", now)
    message = PollMessage(uuid4().hex, 1, "Transfer approved.", now, transfer=transfer)
    registry, db = desk.domains.app.registries.named("sandbox"), desk.domains.db

    async def waiting() -> bool:
        return bool(await db.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

    async with db.transaction() as tx:
        job = """SELECT j.id FROM jobs j JOIN registry_intents r ON r.id::text = j.key JOIN domains d ON d.id = r.domain_id
                 WHERE d.name = $1 FOR UPDATE OF j"""
        await tx.fetchval(job, name)
        telling = asyncio.create_task(messages.take(desk.domains.app, registry, message, now))
        await until(waiting)
        await tx.fetchval("SELECT 1 FROM domains WHERE name = $1 FOR UPDATE", name)
    await telling
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
