"""What can be done with a domain while something of it is ordered, or being carried out, and once that has ended."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from portico.domains.v1 import lifecycle_pb2
from portico.domains.v1 import operator_pb2 as op
from portico.domains.v1 import orders_pb2 as pb
from tests.domains.order_desk import CODE, EVERY, Desk
from tests.serving import person

OPERATOR = person(UUID(int=0), "operator")


async def blockers(desk: Desk, account: UUID, domain_id: str) -> dict[str, set[str]]:
    """Action -> codes, of what is blocked."""
    request = lifecycle_pb2.BatchGetLifecyclesRequest(domain_ids=[domain_id])
    [found] = (await desk.domains.call(person(account, *EVERY), "BatchGetLifecycles", request)).lifecycles
    return {one.action: {blocker.code for blocker in one.blockers} for one in found.permits if one.blockers}


async def test_a_renewal_is_not_permitted_while_one_is_ordered_or_under_way(desk: Desk) -> None:
    account = await desk.account()
    name, domain_id = await desk.held(account)
    assert "renew" not in await blockers(desk, account, domain_id)
    await desk.renew(account, domain_id)
    assert (await blockers(desk, account, domain_id))["renew"] == {"RENEWAL_ALREADY_ORDERED"}
    desk.registry.fault("pending", command="renew", name=name)
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    assert (await blockers(desk, account, domain_id))["renew"] == {"RENEWAL_ALREADY_ORDERED"}
    desk.registry.control("POST", f"/pending/{name}/complete", {"approve": False})
    await desk.ended(name)
    assert "renew" not in await blockers(desk, account, domain_id)


async def test_a_restore_is_permitted_again_once_the_operator_has_given_one_up(desk: Desk) -> None:
    account, now = await desk.account(), datetime.now(UTC)
    name, domain_id = await desk.held(account, days=100, deleted=(now - timedelta(days=2)).isoformat())
    await desk.domains.db.execute(
        "UPDATE domains SET state = 'REDEMPTION', statuses = '{pendingDelete,redemptionPeriod}' WHERE id = $1",
        UUID(domain_id),
    )
    assert "restore" not in await blockers(desk, account, domain_id)
    await desk.restore(account, domain_id)
    assert (await blockers(desk, account, domain_id))["restore"] == {"RESTORE_ALREADY_ORDERED"}
    desk.registry.fault("result", command="update", name=name, code=2104, times=None)
    await desk.pay(account)
    await desk.waits(name, "2104")
    await desk.domains.db.execute("UPDATE jobs SET run_at = now() + interval '1 day' WHERE leased_until IS NULL")
    await desk.domains.call(OPERATOR, "FailOrderItem", op.FailOrderItemRequest(name=name, reason="no deposit"))
    assert "restore" not in await blockers(desk, account, domain_id)


async def test_a_domain_on_its_way_permits_nothing_and_one_that_was_taken_back_has_ended(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    domain_id = (await desk.domain(account, name)).id
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    assert set.union(*(await blockers(desk, account, domain_id)).values()) == {"DOMAIN_NOT_THERE_YET"}
    await desk.domains.call(person(account, *EVERY), "CancelTransfer", pb.CancelTransferRequest(domain_id=domain_id))
    await desk.ended(name)
    assert set.union(*(await blockers(desk, account, domain_id)).values()) == {"DOMAIN_ENDED"}
    assert await desk.spent(account) == 0
