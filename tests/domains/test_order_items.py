"""Items of orders, whatever they are for: each is paid once, ends done or credited, and stays so; who may order."""

import random
import time
from collections import Counter
from uuid import uuid4

import grpc
import pytest

from portico.domains.v1 import orders_pb2 as pb
from tests.domains.order_desk import CODE, FAULTS, RENEW, TRANSFER, Desk, gross, until
from tests.serving import holding_all_but, person


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
