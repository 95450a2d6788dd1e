"""A command whose answer was lost, and that its registry refuses when it is said again, because it has carried it out: that
is a success, for the right money."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from portico.domains.v1 import events_pb2
from services.domains import renewals
from tests.domains.order_desk import CODE, RENEW, RESTORE, TRANSFER, Desk, gross

#: Carried out only when the next one is on its way: so the look between the two does not see it.
LATE = {"action": "cut_late"}


def said(desk: Desk, command: str, name: str, operation: str | None = None) -> list[int | None]:
    return [entry["code"] for entry in desk.registry.log(command, name) if entry["op"] == operation]


async def paid_once(desk: Desk, account: UUID, name: str, price: int) -> None:
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.state(account, name) == "ACTIVE"
    assert await desk.spent(account) == gross(price)
    assert await desk.domains.told(events_pb2.OrderItemFailed, account) == []


@pytest.mark.parametrize("code", [None, 2106, 2304])
async def test_a_transfer_that_was_asked_for_already(desk: Desk, code: int | None) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.fault(command="transfer:request", name=name, **LATE)
    if code:
        desk.registry.fault("result", command="transfer:request", name=name, code=code)
    await desk.pay(account)
    await desk.waits(name, "outcome unknown")
    await desk.hurry()
    await desk.waits(name, "pending at the registry")
    assert said(desk, "transfer", name, "request") == [1001, code or 2300]
    desk.decide(name)
    await paid_once(desk, account, name, TRANSFER)


async def test_a_name_that_came_at_once_where_no_record_is_kept_of_transfers(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.fault(command="transfer:request", name=name, action="cut_after")
    desk.registry.fault("result", command="transfer:query", name=name, code=2301, times=None)
    await desk.pay(account)
    await desk.waits(name, "outcome unknown")
    desk.decide(name)
    await paid_once(desk, account, name, TRANSFER)
    assert said(desk, "transfer", name, "request") == [1001]


async def test_a_name_that_was_ours_long_before_is_not_what_a_transfer_brought(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    long_ago = (datetime.now(UTC) - timedelta(days=200)).isoformat()
    desk.registry.seed(name, registrar="portico", nameservers=["ns1.x.example"], transferred=long_ago)
    await desk.pay(account)
    assert (await desk.ended(name))["state"] == "FAILED"
    assert said(desk, "transfer", name, "request") == [2106]
    assert await desk.spent(account) == 0


@pytest.mark.parametrize("code", [None, 2105, 2302])
async def test_a_renewal_that_was_carried_out_already(desk: Desk, code: int | None) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    before = (await desk.domain(account, name)).expires_at.ToDatetime(tzinfo=UTC)
    await desk.renew(account, domain_id, years=2)
    desk.registry.fault(command="renew", name=name, **LATE)
    if code:
        desk.registry.fault("result", command="renew", name=name, code=code)
    await desk.pay(account)
    await paid_once(desk, account, name, 2 * RENEW)
    assert said(desk, "renew", name) == [1000, code or 2306]
    after = (await desk.domain(account, name)).expires_at.ToDatetime(tzinfo=UTC)
    assert after == renewals.later(before, 2)
    assert desk.registry.control("GET", f"/domains/{name}")["expires"][:10] == after.date().isoformat()


@pytest.mark.parametrize("half", ["request", "report"])
@pytest.mark.parametrize("code", [None, 2306])
async def test_a_restore_of_which_a_half_was_carried_out_already(desk: Desk, half: str, code: int | None) -> None:
    account, now = await desk.account(), datetime.now(UTC)
    name, domain_id = await desk.held(account, days=100, deleted=(now - timedelta(days=2)).isoformat())
    await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(domain_id))
    await desk.restore(account, domain_id)
    desk.registry.fault(command=f"update:{half}", name=name, **LATE)
    if code:
        desk.registry.fault("result", command=f"update:{half}", name=name, code=code)
    await desk.pay(account)
    await paid_once(desk, account, name, RESTORE)
    other = "report" if half == "request" else "request"
    assert said(desk, "update", name, half) == [1000, code or 2304]
    assert said(desk, "update", name, other) == [1000]


@pytest.mark.parametrize(
    ("action", "command", "codes"),
    [
        ("renewal", "renew", (2105, 2306)),
        ("restore", "update:request", (2304, 2306)),
        ("restore", "update:report", (2304,)),
    ],
)
async def test_the_same_refusals_of_what_was_never_carried_out_are_credited(
    desk: Desk, action: str, command: str, codes: tuple[int, ...]
) -> None:
    for code in codes:
        account, deleted = await desk.account(), (datetime.now(UTC) - timedelta(days=2)).isoformat()
        seed: dict[str, Any] = {"deleted": deleted} if action == "restore" else {}
        name, domain_id = await desk.held(account, days=100, **seed)
        if action == "restore":
            await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(domain_id))
            await desk.restore(account, domain_id)
        else:
            await desk.renew(account, domain_id)
        desk.registry.fault("result", command=command, name=name, code=code)
        await desk.pay(account)
        assert (await desk.ended(name))["failure"] == "REGISTRY_REFUSED"
        assert await desk.spent(account) == 0
