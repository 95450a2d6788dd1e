"""A name that is ordered again soon after its transfer was taken back: the registry still shows the earlier one's end."""

from typing import Any
from uuid import UUID

from portico.domains.v1 import orders_pb2 as pb
from tests.domains.order_desk import CODE, EVERY, TRANSFER, Desk, gross, until
from tests.serving import person


async def taken_back(desk: Desk) -> tuple[UUID, str]:
    """An account, and a name that it had ordered and did not want after all."""
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    await cancel(desk, account, name)
    assert (await desk.ended(name))["failure"] == "TRANSFER_CANCELLED"
    return account, name


async def cancel(desk: Desk, account: UUID, name: str) -> None:
    wish = pb.CancelTransferRequest(domain_id=(await desk.domain(account, name)).id)
    await desk.domains.call(person(account, *EVERY), "CancelTransfer", wish)


def transfer_of(desk: Desk, name: str) -> Any:
    return desk.registry.control("GET", f"/domains/{name}")["transfer"]


async def test_a_request_that_never_arrived_is_said_again(desk: Desk) -> None:
    account, name = await taken_back(desk)
    await desk.transfer(account, (name, CODE))
    desk.registry.fault("cut_before", command="transfer:request", name=name)
    await desk.pay(account)

    async def asked() -> bool:
        await desk.hurry()
        return bool(transfer_of(desk, name)["status"] == "pending" or (await desk.item(name))["state"] == "FAILED")

    await until(asked)
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.spent(account) == gross(TRANSFER)


async def test_a_wrong_code_waits_for_the_right_one(desk: Desk) -> None:
    account, name = await taken_back(desk)
    await desk.transfer(account, (name, CODE))
    desk.registry.fault("result", command="transfer:request", name=name, code=2202)
    await desk.pay(account)

    async def answered() -> bool:
        item = await desk.item(name)
        return bool(item["code_wanted"] or item["state"] == "FAILED")

    await until(answered)
    assert (await desk.item(name))["state"] == "PAID"


async def test_one_that_is_taken_back_while_it_is_asked_for_is_not_credited_before_it_is_cancelled(desk: Desk) -> None:
    account, name = await taken_back(desk)
    await desk.transfer(account, (name, CODE))
    desk.registry.fault("delay", command="transfer:request", name=name, seconds=0.5)
    await desk.pay(account)

    async def said() -> bool:
        query = """SELECT 1 FROM registry_intents i JOIN domains d ON d.id = i.domain_id
                   WHERE d.name = $1 AND i.command = 'transfer' AND i.outcome = '' AND i.said_at IS NOT NULL"""
        return bool(await desk.domains.db.fetchval(query, name))

    await until(said)
    await cancel(desk, account, name)
    assert (await desk.ended(name))["failure"] == "TRANSFER_CANCELLED"
    # The second cancel is the second order's: were its price credited for the first one's, the name would still come.
    assert [one["code"] for one in desk.registry.log("transfer", name) if one["op"] == "cancel"] == [1000, 1000]
    assert transfer_of(desk, name)["status"] == "clientCancelled"
    assert await desk.spent(account) == 0
