"""What an operator does to ordered transfers, renewals and restores that hang: tried again, or ended and credited."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import operator_pb2 as op
from portico.domains.v1 import orders_pb2 as pb
from services.chassis import jobs
from services.domains import intents
from tests.domains.order_desk import CODE, EVERY, RENEW, RESTORE, TRANSFER, Desk, gross, until, wrong_code
from tests.serving import Refused, person

OPERATOR = person(UUID(int=0), "operator")
WHY = "the registry has a bad day"
COMMANDS = {"TRANSFER": "transfer", "RENEW": "renew", "RESTORE": "update"}
PRICES = {"TRANSFER": TRANSFER, "RENEW": RENEW, "RESTORE": RESTORE}
GIVEN_UP = {"TRANSFER": "TRANSFER_GIVEN_UP", "RENEW": "RENEWAL_GIVEN_UP", "RESTORE": "RESTORE_GIVEN_UP"}


@dataclass(frozen=True)
class Ordered:
    """Something paid, of a name."""

    account: UUID
    name: str
    action: str


async def paid(desk: Desk, action: str, *faults: dict[str, Any], days: int = 100) -> Ordered:
    """Ordered and paid; these go wrong with the name from the payment on."""
    account = await desk.account()
    if action == "TRANSFER":
        name = desk.foreign()
        await desk.transfer(account, (name, CODE))
    elif action == "RENEW":
        name, domain_id = await desk.held(account, days=days)
        await desk.renew(account, domain_id)
    else:
        deleted = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        name, domain_id = await desk.held(account, days=days, deleted=deleted)
        await desk.domains.db.execute("UPDATE domains SET state = 'REDEMPTION' WHERE id = $1", UUID(domain_id))
        await desk.restore(account, domain_id)
    for fault in faults:
        desk.registry.fault(name=name, **{"command": COMMANDS[action], **fault})
    await desk.pay(account)
    return Ordered(account, name, action)


async def hanging(desk: Desk, action: str, *faults: dict[str, Any], **rest: Any) -> Ordered:
    """The same once its job rests, which no worker takes up by itself any more."""
    ordered = await paid(desk, action, *(faults or ({"action": "result", "code": 2400},)), **rest)
    assert await rests(desk, ordered)
    return ordered


async def rests(desk: Desk, ordered: Ordered) -> bool:
    keys = (
        """key IN (SELECT r.id::text FROM registry_intents r JOIN domains d ON d.id = r.domain_id WHERE d.name = $1)"""
    )

    async def postponed() -> bool:
        query = (
            f"SELECT count(*) FROM jobs WHERE {keys} AND state = 'ready' AND last_error <> '' AND leased_until IS NULL"
        )
        return bool(await desk.domains.db.fetchval(query, ordered.name))

    await until(postponed)
    later = f"UPDATE jobs SET run_at = now() + interval '1 day' WHERE {keys} AND leased_until IS NULL"
    return await desk.domains.db.execute(later, ordered.name) != "UPDATE 0"


async def fail(desk: Desk, name: str, action: str = "") -> op.FailOrderItemResponse:
    request = op.FailOrderItemRequest(name=name, reason=WHY, action=_action(action))
    answer = await desk.domains.call(OPERATOR, "FailOrderItem", request)
    assert isinstance(answer, op.FailOrderItemResponse)
    return answer


async def refused(desk: Desk, name: str, action: str = "") -> Refused:
    request = op.FailOrderItemRequest(name=name, reason=WHY, action=_action(action))
    return await desk.domains.refused(OPERATOR, "FailOrderItem", request)


async def retry(desk: Desk, name: str, action: str = "") -> None:
    request = op.RetryOrderItemRequest(name=name, action=_action(action))
    await desk.domains.call(OPERATOR, "RetryOrderItem", request)


def _action(action: str) -> Any:
    return domains_pb2.OrderAction.Value(f"ORDER_ACTION_{action or 'UNSPECIFIED'}")


async def item(desk: Desk, ordered: Ordered) -> Any:
    query = """SELECT i.* FROM order_items i JOIN domains d ON d.id = i.domain_id WHERE d.name = $1 AND i.action = $2"""
    return await desk.domains.db.fetchrow(query, ordered.name, ordered.action)


async def done(desk: Desk, ordered: Ordered) -> None:
    async def ended() -> bool:
        # Nothing is hurried here: that is what a retry does. The worker only does not sleep until it looks.
        await desk.domains.db.execute("SELECT pg_notify('jobs', '')")
        return bool((await item(desk, ordered))["state"] == "DONE")

    await until(ended)


@pytest.mark.parametrize("action", COMMANDS)
async def test_what_hangs_ends_for_the_operator_and_its_price_goes_back_once(desk: Desk, action: str) -> None:
    ordered = await hanging(desk, action)
    before = await desk.state(ordered.account, ordered.name)
    assert _action(action) == (await fail(desk, ordered.name)).action
    found = await item(desk, ordered)
    assert (found["state"], found["failure"], found["auth_code"]) == ("FAILED", GIVEN_UP[action], None)
    operation = await desk.operation(ordered.account, ordered.name)
    assert (operation.state, operation.error_reason) == (common_pb2.OPERATION_STATE_FAILED, GIVEN_UP[action])
    assert await desk.state(ordered.account, ordered.name) == ("FAILED" if action == "TRANSFER" else before)
    assert await desk.spent(ordered.account) == 0
    [told] = await desk.domains.told(events_pb2.OrderItemFailed, ordered.account)
    assert told.reason == GIVEN_UP[action]
    [event] = [
        one
        for one in await desk.domains.told(common_pb2.AuditRecorded, ordered.account)
        if one.action in {"domain.transfer_failed", "domain.renewal_failed", "domain.restore_failed"}
    ]
    assert (event.actor.id, event.subject_label) == (OPERATOR.id, ordered.name)
    assert WHY in event.after_json
    assert (await refused(desk, ordered.name)).reason == (
        "DOMAIN_NOT_FOUND" if action == "TRANSFER" else "ORDER_ITEM_NOT_OPEN"
    )
    open_intents = "SELECT count(*) FROM registry_intents WHERE domain_id = $1 AND outcome = ''"
    assert await desk.domains.db.fetchval(open_intents, found["domain_id"]) == 0


@pytest.mark.parametrize("action", ["RENEW", "RESTORE"])
async def test_what_the_registry_has_carried_out_is_not_failed_and_succeeds_when_tried_again(
    desk: Desk, action: str
) -> None:
    ordered = await hanging(desk, action, {"action": "cut_after"})
    if action == "RESTORE":
        # The request came to pass, the report has not been said: half of a restore is not failed either.
        assert desk.registry.control("GET", f"/domains/{ordered.name}")["restoring"]
    else:
        desk.registry.fault("result", command="info", name=ordered.name, code=2400, times=1)
        assert (await refused(desk, ordered.name)).reason == "REGISTRY_UNAVAILABLE"
        assert (await item(desk, ordered))["state"] == "PAID"
    assert (await refused(desk, ordered.name)).reason == "ORDER_ITEM_AT_REGISTRY"
    assert (await item(desk, ordered))["state"] == "PAID"
    await retry(desk, ordered.name)
    await done(desk, ordered)
    assert await desk.spent(ordered.account) == gross(PRICES[action])
    assert "domain.item_retried" in {
        one.action for one in await desk.domains.told(common_pb2.AuditRecorded, ordered.account)
    }


async def test_a_name_that_has_come_here_is_not_failed(desk: Desk) -> None:
    ordered = await hanging(desk, "TRANSFER", {"action": "cut_after"})
    desk.decide(ordered.name)
    assert (await refused(desk, ordered.name)).reason == "ORDER_ITEM_AT_REGISTRY"
    await retry(desk, ordered.name)
    await done(desk, ordered)
    assert await desk.spent(ordered.account) == gross(TRANSFER)


async def test_of_several_the_operator_says_which_and_one_that_waits_its_turn_ends_without_a_word(desk: Desk) -> None:
    ordered = await hanging(desk, "RESTORE", {"action": "result", "code": 2400}, days=-20)
    ambiguous = await refused(desk, ordered.name)
    assert (ambiguous.reason, ambiguous.fields) == ("ORDER_ITEM_AMBIGUOUS", ["action"])
    assert ambiguous.metadata["actions"] == "RENEW, RESTORE"
    assert (await refused(desk, ordered.name, "TRANSFER")).reason == "ORDER_ITEM_NOT_OPEN"
    await fail(desk, ordered.name, "RENEW")
    renewal = await item(desk, Ordered(ordered.account, ordered.name, "RENEW"))
    assert (renewal["state"], renewal["failure"]) == ("FAILED", "RENEWAL_GIVEN_UP")
    await retry(desk, ordered.name)
    await done(desk, ordered)
    assert desk.said("renew", ordered.name) == []
    assert await desk.spent(ordered.account) == gross(RESTORE)


async def test_a_job_that_was_given_up_is_revived_also_where_it_stands_in_anothers_way(desk: Desk) -> None:
    ordered = await hanging(desk, "RESTORE", {"action": "result", "code": 2400}, days=-20)
    keys = "key IN (SELECT id::text FROM registry_intents WHERE domain_id = $1)"
    dead = f"UPDATE jobs SET state = 'dead', attempts = 50 WHERE {keys}"
    await desk.domains.db.execute(dead, (await item(desk, ordered))["domain_id"])
    await retry(desk, ordered.name, "RENEW")
    await done(desk, ordered)
    await done(desk, Ordered(ordered.account, ordered.name, "RENEW"))
    assert await desk.spent(ordered.account) == gross(RESTORE) + gross(RENEW)


async def test_what_a_worker_has_in_hand_is_left_to_it(desk: Desk) -> None:
    ordered = await hanging(desk, "RENEW")
    leased = """UPDATE jobs SET leased_until = now() + interval '1 minute', fence = fence + 1
                WHERE key IN (SELECT id::text FROM registry_intents WHERE domain_id = $1)"""
    await desk.domains.db.execute(leased, (await item(desk, ordered))["domain_id"])
    assert (await refused(desk, ordered.name)).reason == "ORDER_ITEM_BUSY"
    assert (await item(desk, ordered))["state"] == "PAID"


async def test_a_transfer_that_waits_for_a_code_is_ended_but_cannot_be_tried_without_one(desk: Desk) -> None:
    account, name, _ = await wrong_code(desk)
    again = await desk.domains.refused(OPERATOR, "RetryOrderItem", op.RetryOrderItemRequest(name=name))
    assert again.reason == "ORDER_ITEM_NOT_OPEN"
    await fail(desk, name)
    assert (await item(desk, Ordered(account, name, "TRANSFER")))["failure"] == "TRANSFER_GIVEN_UP"
    assert await desk.spent(account) == 0
    another = pb.RetryTransferRequest(domain_id=(await desk.domain(account, name)).id, auth_code=CODE)
    assert (
        await desk.domains.refused(person(account, *EVERY), "RetryTransfer", another)
    ).reason == "TRANSFER_NOT_WAITING"


async def test_what_the_last_attempt_learned_counts_though_it_ended_while_the_operator_was_asking(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = await hanging(desk, "RENEW")
    take = jobs.take

    async def late(q: Any, kind: str, key: str) -> jobs.LeasedJob | None:
        # The registry has said yes, and does not show it yet.
        answered = "UPDATE registry_intents SET detail = $2 WHERE id = $1"
        await desk.domains.db.execute(answered, UUID(key), intents.ANSWERED)
        return await take(q, kind, key)

    monkeypatch.setattr(jobs, "take", late)
    request = op.FailOrderItemRequest(name=ordered.name, reason=WHY)
    assert (await desk.domains.refused(OPERATOR, "FailOrderItem", request)).reason == "ORDER_ITEM_AT_REGISTRY"
    assert (await item(desk, ordered))["state"] == "PAID"
    assert await desk.spent(ordered.account) == gross(RENEW)
