"""Work that was given up: looked at by operators, and tried again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
import pytest

from deploy.parts import Parts
from portico.common.v1 import common_pb2
from portico.common.v1 import repair_pb2 as pb
from portico.common.v1.repair_pb2_grpc import RepairServiceStub
from portico.tickets.v1 import events_pb2
from services.chassis import consume, jobs
from services.chassis.actor import Grant
from services.chassis.db import Database, Tx
from services.chassis.jobs import LeasedJob
from tests.chassis.conftest import NewDatabase
from tests.chassis.echo import KEY, Mounted, eventually, open_ticket, running
from tests.chassis.test_edge import Caller
from tests.chassis.test_events import Publish, publish, sees

if TYPE_CHECKING:
    from portico.common.v1.repair_pb2_grpc import RepairServiceAsyncStub

__all__ = ["publish"]  # a fixture


@dataclass
class Broken:
    """A service whose handler and job fail while `fails`."""

    echo: Mounted
    stub: "RepairServiceAsyncStub"
    options: dict[str, Any]
    fails: bool = True

    async def dead(self, count: int) -> list[pb.DeadJob]:
        """The list, once it is so long."""

        found: list[pb.DeadJob] = []

        async def long_enough() -> bool:
            answer = await self.stub.ListDeadJobs(pb.ListDeadJobsRequest(), **self.options)
            assert not answer.broker_away
            found[:] = answer.jobs
            return len(found) == count

        await eventually(long_enough)
        return found

    async def replay(self, *ids: str, everything: bool = False) -> list[str]:
        request = pb.ReplayDeadJobsRequest(ids=ids, all=everything)
        return list((await self.stub.ReplayDeadJobs(request, **self.options)).ids)


@pytest.fixture
async def broken(
    database: NewDatabase, parts: Parts, jwks: Path, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Broken]:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 2)
    monkeypatch.setattr(consume, "MAX_ATTEMPTS", 2)
    made: list[Broken] = []

    async def work(job: LeasedJob, _app: object) -> None:
        if made[0].fails:
            raise RuntimeError("the panel is away")

    async def handle(_tx: Tx, _event: events_pb2.TicketOpened) -> None:
        if made[0].fails:
            raise LookupError("no such department")

    async with running(await database("repair"), parts.rabbitmq.url, jwks, job_handlers={"work": work}) as echo:
        made.append(Broken(echo, RepairServiceStub(echo.channel), caller(Grant("operator"))))
        echo.app.handle = handle
        yield made[0]


async def test_a_dead_letter_can_be_looked_at_as_often_as_one_likes_and_tried_again(broken: Broken) -> None:
    app = broken.echo.app
    async with app.db.transaction() as tx:
        await open_ticket(tx, app, "bad")
    [letter] = await broken.dead(1)
    assert (letter.kind, letter.event, letter.account_id) == ("event", KEY, str(app.account))
    assert letter.cause == "LookupError: no such department"
    assert await broken.dead(1) == [letter]
    assert await broken.replay(letter.id) == [letter.id]

    async def back() -> bool:
        answer = await broken.stub.ListDeadJobs(pb.ListDeadJobsRequest(), **broken.options)
        return list(answer.jobs) == [letter]

    # It fails again, is given up again, and is the same one.
    await eventually(back)
    broken.fails = False
    await asyncio.gather(*(broken.replay(everything=True) for _ in range(5)))
    await sees(broken.echo, "bad")
    assert await broken.dead(0) == []


async def test_a_job_that_was_given_up_is_listed_with_its_cause_and_tried_again(broken: Broken) -> None:
    db = broken.echo.app.db
    async with db.transaction() as tx:
        for _ in range(3):
            await jobs.add(tx, "work", {"password": "titok"})
    found = await broken.dead(3)
    assert {(one.kind, one.attempts, one.cause) for one in found} == {("work", 2, "RuntimeError: the panel is away")}
    assert "titok" not in str(found)
    first = pb.ListDeadJobsRequest(page=common_pb2.PageRequest(first=2))
    page = await broken.stub.ListDeadJobs(first, **broken.options)
    assert (list(page.jobs), page.page.has_next) == (found[:2], True)
    after = pb.ListDeadJobsRequest(page=common_pb2.PageRequest(first=2, after=page.page.cursors[-1]))
    assert list((await broken.stub.ListDeadJobs(after, **broken.options)).jobs) == found[2:]
    broken.fails = False
    assert await broken.replay(found[0].id, str(uuid4())) == [found[0].id]

    async def done() -> bool:
        return bool(await db.fetchval("SELECT count(*) = 1 FROM jobs WHERE state = 'done'"))

    await eventually(done)
    assert await broken.replay(found[0].id) == []
    assert await broken.dead(2) == found[1:]


async def test_a_message_that_the_broker_gave_up_is_listed_too(broken: Broken, publish: Publish) -> None:
    await publish(broken.echo.app, "", message_id="no uuid")
    [letter] = await broken.dead(1)
    assert (letter.event, letter.cause) == (KEY, "the broker gave it up: rejected")


async def test_looking_and_trying_again_are_for_operators_and_name_what_to_try(broken: Broken, caller: Caller) -> None:
    for grants in ((), (Grant("tickets.read"),)):
        for call in (
            broken.stub.ListDeadJobs(pb.ListDeadJobsRequest(), **caller(*grants)),
            broken.stub.ReplayDeadJobs(pb.ReplayDeadJobsRequest(all=True), **caller(*grants)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    for request in (
        pb.ReplayDeadJobsRequest(),
        pb.ReplayDeadJobsRequest(ids=["x"]),
        pb.ReplayDeadJobsRequest(ids=[str(uuid4())], all=True),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await broken.stub.ReplayDeadJobs(request, **broken.options)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_letter_whose_event_is_still_being_tried_stays_in_the_queue(db: Database) -> None:
    key = uuid4().hex

    async def buried(cause: str) -> bool:
        async with db.transaction() as tx:
            return await jobs.bury(tx, "event", {}, key=key, attempts=30, cause=cause)

    async def state(state: str) -> None:
        await db.execute("UPDATE jobs SET state = $2, leased_until = now() WHERE key = $1", key, state)

    assert await buried("one")
    assert await buried("again")
    await state("ready")
    assert not await buried("two")
    await state("done")
    assert await buried("three")
    row = await db.fetchrow("SELECT state, last_error, leased_until FROM jobs WHERE key = $1", key)
    assert row is not None
    assert tuple(row) == ("dead", "three", None)
    await db.execute("DELETE FROM jobs WHERE key = $1", key)
