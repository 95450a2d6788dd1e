"""The first answer to a request_id is the answer."""

import asyncio
from uuid import UUID, uuid4

import grpc
import pytest

from portico.tickets.v1 import tickets_pb2
from services.chassis import idempotency
from services.chassis.db import Database
from services.chassis.idempotency import IdempotencyConflict
from tests.chassis.test_jobs import effect, effects

ONE, OTHER = tickets_pb2.ListTicketsRequest(search="one"), tickets_pb2.ListTicketsRequest(search="other")


async def order(
    db: Database, account: UUID, request_id: str, request: tickets_pb2.ListTicketsRequest = ONE, pause: float = 0
) -> dict[str, object]:
    """A use case that takes effect once for a request_id."""
    async with db.transaction() as tx:
        kept = await idempotency.claim(tx, account, request_id, request)
        if kept is not None:
            return kept
        await asyncio.sleep(pause)
        answer: dict[str, object] = {"order": str(uuid4())}
        await effect(tx, str(account), str(answer["order"]))
        await idempotency.keep(tx, account, request_id, answer)
        return answer


async def test_parallel_repeats_have_one_effect_and_one_answer(db: Database) -> None:
    account = uuid4()
    answers = await asyncio.gather(*(order(db, account, "key-0001", pause=0.05) for _ in range(6)))
    assert len({str(answer) for answer in answers}) == 1
    assert len(await effects(db, str(account))) == 1


async def test_another_request_under_the_same_id_is_refused(db: Database) -> None:
    account = uuid4()
    answer = await order(db, account, "key-0001")
    with pytest.raises(IdempotencyConflict) as caught:
        await order(db, account, "key-0001", OTHER)
    assert (caught.value.reason, caught.value.status) == ("IDEMPOTENCY_CONFLICT", grpc.StatusCode.ABORTED)
    with pytest.raises(IdempotencyConflict):
        await idempotency.peek(db, account, "key-0001", OTHER)
    assert await idempotency.peek(db, account, "key-0001", ONE) == answer


async def test_same_fields_of_another_kind_of_request_are_another_request(db: Database) -> None:
    account = uuid4()
    async with db.transaction() as tx:
        await idempotency.claim(tx, account, "key-0001", tickets_pb2.GetDashboardRequest())
        with pytest.raises(IdempotencyConflict):
            await idempotency.claim(tx, account, "key-0001", tickets_pb2.ListTicketsRequest())


async def test_id_of_a_rolled_back_request_is_free_again(db: Database) -> None:
    account = uuid4()

    async def fail() -> None:
        async with db.transaction() as tx:
            assert await idempotency.claim(tx, account, "key-0001", ONE) is None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await order(db, account, "key-0001", OTHER)
    assert len(await effects(db, str(account))) == 1


async def test_accounts_do_not_share_ids(db: Database) -> None:
    first, second = uuid4(), uuid4()
    assert await order(db, first, "key-0001") != await order(db, second, "key-0001", OTHER)


async def test_claim_without_a_kept_answer_is_not_carried_out_again(db: Database) -> None:
    account = uuid4()
    async with db.transaction() as tx:
        await idempotency.claim(tx, account, "key-0001", ONE)
    assert await order(db, account, "key-0001") == {}
    assert await effects(db, str(account)) == []
