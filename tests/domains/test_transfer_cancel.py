"""Taking back a transfer that the other registrar has not decided: over the wire, whatever happens to the command."""

from typing import Any
from uuid import UUID

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, events_pb2
from portico.domains.v1 import operator_pb2 as op
from portico.domains.v1 import orders_pb2 as pb
from services.domains import transfer_ends
from tests import sandbox
from tests.domains.order_desk import CODE, EVERY, TRANSFER, Desk, gross, until
from tests.serving import person

OPERATOR = person(UUID(int=0), "operator")


async def pending(desk: Desk) -> tuple[UUID, str]:
    """A paid transfer that waits for the other registrar."""
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    await desk.pay(account)
    await desk.waits(name, "pending at the registry")
    return account, name


async def cancel(desk: Desk, account: UUID, name: str) -> pb.TransferResponse:
    wish = pb.CancelTransferRequest(domain_id=(await desk.domain(account, name)).id)
    answer = await desk.domains.call(person(account, *EVERY), "CancelTransfer", wish)
    assert isinstance(answer, pb.TransferResponse)
    return answer


async def step(desk: Desk, account: UUID, name: str) -> tuple[str, str]:
    """(state, detail) of the cancel, as the customer sees it."""
    [found] = [one for one in (await desk.operation(account, name)).steps if one.name == "registry_cancel"]
    return common_pb2.OperationState.Name(found.state).removeprefix("OPERATION_STATE_"), found.detail


async def intents(desk: Desk, name: str) -> dict[str, Any]:
    rows = await desk.domains.db.fetch(
        """SELECT r.* FROM registry_intents r JOIN domains d ON d.id = r.domain_id WHERE d.name = $1 ORDER BY r.id""",
        name,
    )
    return {row["command"]: row for row in rows}


def cancels(desk: Desk, name: str) -> list[dict[str, Any]]:
    """The cancel commands that the registry received."""
    return [entry for entry in desk.registry.log("transfer", name) if entry["op"] == "cancel"]


async def taken_back(desk: Desk, account: UUID, name: str) -> None:
    """It has ended as the customer wished, for nothing."""
    item = await desk.ended(name)
    assert (item["state"], item["failure"], item["auth_code"]) == ("FAILED", "TRANSFER_CANCELLED", None)
    assert await desk.state(account, name) == "FAILED"
    assert (await desk.operation(account, name)).state == common_pb2.OPERATION_STATE_CANCELLED
    assert await step(desk, account, name) == ("SUCCEEDED", "")
    assert await desk.spent(account) == 0
    assert len(await desk.domains.told(events_pb2.OrderItemFailed, account)) == 1
    found = await intents(desk, name)
    assert found["transfer"]["outcome"] == "REFUSED"


async def came(desk: Desk, account: UUID, name: str) -> None:
    """The name is ours and paid for; the cancel came too late, and the customer is told."""
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.state(account, name) == "ACTIVE"
    assert (await desk.operation(account, name)).state == common_pb2.OPERATION_STATE_SUCCEEDED
    assert await step(desk, account, name) == ("FAILED", transfer_ends.WAS_DECIDED)
    assert await desk.spent(account) == gross(TRANSFER)
    assert await desk.domains.told(events_pb2.OrderItemFailed, account) == []
    assert {row["outcome"] for row in (await intents(desk, name)).values()} == {"DONE", "REFUSED"}


async def test_a_pending_transfer_is_taken_back_under_an_intent_of_its_own(desk: Desk) -> None:
    account, name = await pending(desk)
    with sandbox.recording() as frames:
        answer = await cancel(desk, account, name)
        assert answer.operation.state in {common_pb2.OPERATION_STATE_WAITING, common_pb2.OPERATION_STATE_RUNNING}
        assert answer.domain.state == domains_pb2.DOMAIN_STATE_PENDING_TRANSFER
        await taken_back(desk, account, name)
    assert sandbox.invalid(frames) == []
    [said] = cancels(desk, name)
    intent = (await intents(desk, name))["transfer_cancel"]
    assert (said["cl_trid"], said["code"], intent["outcome"]) == (str(intent["id"]), 1000, "DONE")
    assert desk.registry.control("GET", f"/domains/{name}")["transfer"]["status"] == "clientCancelled"
    wish = pb.CancelTransferRequest(domain_id=answer.domain.id)
    refused = await desk.domains.refused(person(account, *EVERY), "CancelTransfer", wish)
    assert refused.reason == "TRANSFER_NOT_WAITING"
    logged = [one.action for one in await desk.domains.told(common_pb2.AuditRecorded, account)]
    assert logged[-2:] == ["domain.transfer_cancel_requested", "domain.transfer_failed"]
    assert (await desk.transfer(account, (name, CODE))).order.items


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"action": "cut_before"}, [None, 1000]),
        ({"action": "cut_after"}, [1000]),
        ({"action": "result", "code": 2400}, [2400, 1000]),
        ({"action": "wrong_trid"}, [1000]),
    ],
)
async def test_a_cancel_whose_answer_is_lost_is_settled_by_asking(
    desk: Desk, fault: dict[str, Any], said: list[int | None]
) -> None:
    account, name = await pending(desk)
    # What the registry is asked about meanwhile is a transfer command too.
    desk.registry.fault(command="transfer:cancel", name=name, **fault)
    await cancel(desk, account, name)
    await taken_back(desk, account, name)
    assert [one["code"] for one in cancels(desk, name)] == said


@pytest.mark.parametrize(
    ("fault", "codes"), [({"action": "delay", "seconds": 0.3}, [2301]), ({"action": "cut_before"}, [None])]
)
async def test_a_cancel_that_comes_after_the_other_registrar_let_go_is_answered_so(
    desk: Desk, fault: dict[str, Any], codes: list[int | None]
) -> None:
    account, name = await pending(desk)
    desk.registry.fault(command="transfer:cancel", name=name, **fault)
    await cancel(desk, account, name)

    async def said() -> bool:
        return bool(cancels(desk, name))

    await until(said)
    desk.decide(name)
    await came(desk, account, name)

    async def heard() -> bool:
        return [one["code"] for one in cancels(desk, name)] == codes

    await until(heard)


async def test_a_transfer_that_was_approved_before_the_cancel_was_said_succeeds_without_it(desk: Desk) -> None:
    account, name = await pending(desk)
    desk.decide(name)
    await cancel(desk, account, name)
    await came(desk, account, name)
    assert cancels(desk, name) == []


async def test_a_rejected_transfer_ends_rejected_though_it_was_to_be_taken_back(desk: Desk) -> None:
    account, name = await pending(desk)
    desk.registry.fault("result", command="transfer:cancel", name=name, code=2301)
    other = desk.registry.client(registrar="other")
    await other.reject_transfer(name, cl_trid="they-reject-it")
    await other.close()
    await cancel(desk, account, name)
    assert (await desk.ended(name))["failure"] == "TRANSFER_REJECTED"
    assert await desk.spent(account) == 0
    assert {row["outcome"] for row in (await intents(desk, name)).values()} <= {"REFUSED", "NOT_CARRIED_OUT"}


async def test_a_registry_that_does_not_take_a_cancel_leaves_the_transfer_and_it_can_be_asked_again(desk: Desk) -> None:
    account, name = await pending(desk)
    desk.registry.fault("result", command="transfer:cancel", name=name, code=2306)
    await cancel(desk, account, name)

    async def told() -> bool:
        return await step(desk, account, name) == ("FAILED", transfer_ends.GOES_ON)

    await until(told)
    assert (await desk.item(name))["state"] == "PAID"
    await cancel(desk, account, name)
    await taken_back(desk, account, name)


async def test_asking_twice_cancels_once(desk: Desk) -> None:
    account, name = await pending(desk)
    desk.registry.fault("delay", command="transfer:cancel", name=name, seconds=0.3)
    first, second = await cancel(desk, account, name), await cancel(desk, account, name)
    assert first.operation.id == second.operation.id
    await taken_back(desk, account, name)
    assert len(cancels(desk, name)) == 1


async def test_a_transfer_that_the_registry_has_not_heard_of_is_not_asked_for_any_more(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.fault("result", command="transfer:request", name=name, code=2400, times=None)
    await desk.pay(account)
    await desk.waits(name, "the registry failed")
    await cancel(desk, account, name)
    await taken_back(desk, account, name)
    assert desk.registry.control("GET", f"/domains/{name}")["transfer"] is None
    assert cancels(desk, name) == []


async def test_at_a_registry_that_keeps_no_record_the_end_is_read_from_the_name(desk: Desk) -> None:
    account, name = await pending(desk)
    desk.registry.fault("cut_after", command="transfer:cancel", name=name)
    desk.registry.fault("result", command="transfer:query", name=name, code=2301, times=None)
    await cancel(desk, account, name)
    await taken_back(desk, account, name)
    assert [one["code"] for one in cancels(desk, name)] == [1000]


async def test_a_stranger_takes_nothing_back(desk: Desk) -> None:
    account, name = await pending(desk)
    wish = pb.CancelTransferRequest(domain_id=(await desk.domain(account, name)).id)
    stranger = person(await desk.account(), *EVERY)
    assert (await desk.domains.refused(stranger, "CancelTransfer", wish)).reason == "DOMAIN_NOT_FOUND"
    assert "transfer_cancel" not in await intents(desk, name)
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"


async def test_an_operator_who_gives_a_pending_transfer_up_has_it_cancelled_first(desk: Desk) -> None:
    account, name = await pending(desk)
    request = op.FailOrderItemRequest(name=name, reason="the customer asked on the phone")
    assert (await desk.domains.call(OPERATOR, "FailOrderItem", request)).cancelling
    item = await desk.ended(name)
    assert (item["state"], item["failure"]) == ("FAILED", "TRANSFER_GIVEN_UP")
    operation = await desk.operation(account, name)
    assert (operation.state, operation.error_reason) == (common_pb2.OPERATION_STATE_FAILED, "TRANSFER_GIVEN_UP")
    assert [one["code"] for one in cancels(desk, name)] == [1000]
    assert await desk.spent(account) == 0
    logged = await desk.domains.told(common_pb2.AuditRecorded, account)
    [event] = [one for one in logged if one.action == "domain.transfer_failed"]
    assert event.actor.id == OPERATOR.id
    assert "on the phone" in event.after_json
    shown = await desk.domains.call(OPERATOR, "ShowDomain", op.ShowDomainRequest(name=name))
    assert [(one.command, one.outcome) for one in shown.histories[0].intents] == [
        ("transfer_cancel", "DONE"),
        ("transfer", "REFUSED"),
    ]
