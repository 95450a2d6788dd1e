"""Jobs: leased, fenced, tried again, given up."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.parts import Parts
from services.chassis import jobs
from services.chassis.db import Database, Row, connect
from tests.chassis.conftest import NewDatabase
from tests.chassis.echo import App, eventually, running
from tests.chassis.proxy import before


@pytest.fixture
def kind() -> str:
    """A kind of job that no other test's worker takes."""
    return f"work_{uuid4().hex[:8]}"


@asynccontextmanager
async def working(db: Database, kind: str, handler: Callable[[jobs.LeasedJob], Any]) -> AsyncIterator[None]:
    async def handle(job: jobs.LeasedJob, _app: object) -> None:
        await handler(job)

    task = asyncio.create_task(jobs.Worker(db, None, {kind: handle}).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def add(db: Database, kind: str, key: str | None = None, **more: Any) -> None:
    async with db.transaction() as tx:
        await jobs.add(tx, kind, {"key": key}, key=key, **more)


async def ended(db: Database, kind: str, count: int = 1) -> list[Row]:
    """The jobs of a kind, once so many are done or dead."""

    async def enough() -> bool:
        sql = "SELECT count(*) FROM jobs WHERE kind = $1 AND state <> 'ready'"
        return bool(await db.fetchval(sql, kind) >= count)

    await eventually(enough)
    return await db.fetch("SELECT * FROM jobs WHERE kind = $1 ORDER BY id", kind)


async def effects(db: Database, kind: str) -> list[str]:
    return [row["subject"] for row in await db.fetch("SELECT subject FROM seen WHERE ticket_id = $1 ORDER BY n", kind)]


async def effect(tx: Any, kind: str, text: str) -> None:
    await tx.execute("INSERT INTO seen (ticket_id, subject) VALUES ($1, $2)", kind, text)


async def test_job_runs_once_however_many_workers(db: Database, kind: str) -> None:
    ran = list[str]()

    async def handle(job: jobs.LeasedJob) -> None:
        ran.append(job.payload["key"])

    async with working(db, kind, handle), working(db, kind, handle), working(db, kind, handle):
        for n in range(40):
            await add(db, kind, str(n))
        rows = await ended(db, kind, 40)
    assert sorted(ran, key=int) == [str(n) for n in range(40)]
    assert {(row["state"], row["attempts"]) for row in rows} == {("done", 1)}


async def test_job_of_a_rolled_back_transaction_never_runs(db: Database, kind: str) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await jobs.add(tx, kind, {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert not await db.fetchval("SELECT count(*) FROM jobs WHERE kind = $1", kind)


async def test_key_adds_a_job_once_even_after_it_is_done(db: Database, kind: str) -> None:
    async def handle(_job: jobs.LeasedJob) -> None:
        return

    await asyncio.gather(*(add(db, kind, "same") for _ in range(5)))
    async with working(db, kind, handle):
        await ended(db, kind)
    await add(db, kind, "same")
    assert await db.fetchval("SELECT count(*) FROM jobs WHERE kind = $1", kind) == 1
    other = kind + "_other"
    await add(db, other, "same")
    await add(db, other)
    await add(db, other)
    assert await db.fetchval("SELECT count(*) FROM jobs WHERE kind = $1", other) == 3


async def test_retry_later_keeps_the_cause_and_comes_back_in_time(db: Database, kind: str) -> None:
    times = list[datetime]()

    async def handle(job: jobs.LeasedJob) -> None:
        times.append(datetime.now(UTC))
        if job.attempt == 1:
            raise jobs.RetryLater(0.3, cause="the registry sleeps")

    await add(db, kind)
    async with working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert (row["state"], row["attempts"]) == ("done", 2)
    assert row["last_error"] == "RetryLater: the registry sleeps"
    assert times[1] - times[0] >= timedelta(seconds=0.3)


async def test_job_for_later_does_not_run_early(db: Database, kind: str) -> None:
    at, times = datetime.now(UTC) + timedelta(seconds=0.4), list[datetime]()

    async def handle(_job: jobs.LeasedJob) -> None:
        times.append(datetime.now(UTC))

    await add(db, kind, run_at=at)
    async with working(db, kind, handle):
        await ended(db, kind)
    assert times[0] >= at


async def test_unexpected_failure_is_tried_again_and_its_effects_are_rolled_back(
    db: Database, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)

    async def handle(job: jobs.LeasedJob) -> None:
        async with job.finishing(db) as tx:
            await effect(tx, kind, f"attempt {job.attempt}")
            if job.attempt < 3:
                raise ZeroDivisionError

    await add(db, kind)
    async with working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert row["attempts"] == 3
    assert await effects(db, kind) == ["attempt 3"]


@pytest.mark.parametrize("second_ends", ["before", "after"])
async def test_worker_that_lost_its_lease_changes_nothing(db: Database, kind: str, second_ends: str) -> None:
    """Neither when the job is done by then, nor while another worker has it in hand."""
    frozen, thaw, taken_over, lost = (asyncio.Event() for _ in range(4))

    async def slow(job: jobs.LeasedJob) -> None:
        frozen.set()
        await thaw.wait()
        try:
            async with job.finishing(db) as tx:
                await effect(tx, kind, "frozen worker")
        except jobs.LeaseLost:
            lost.set()
            raise

    async def second(job: jobs.LeasedJob) -> None:
        taken_over.set()
        if second_ends == "after":
            await lost.wait()
        async with job.finishing(db) as tx:
            await effect(tx, kind, "second worker")

    await add(db, kind)
    async with working(db, kind, slow):
        await asyncio.wait_for(frozen.wait(), 10)
        await db.execute("UPDATE jobs SET leased_until = now() - interval '1 s' WHERE kind = $1", kind)
        async with working(db, kind, second):
            await asyncio.wait_for(taken_over.wait(), 10)
            if second_ends == "before":
                await ended(db, kind)
            thaw.set()
            await asyncio.wait_for(lost.wait(), 10)
            (row,) = await ended(db, kind)
    assert await effects(db, kind) == ["second worker"]
    assert (row["state"], row["attempts"]) == ("done", 2)


async def test_lease_taken_in_the_middle_of_finishing_waits_for_the_commit(db: Database, kind: str) -> None:
    holding, go_on = asyncio.Event(), asyncio.Event()

    async def slow(job: jobs.LeasedJob) -> None:
        async with job.finishing(db) as tx:
            await effect(tx, kind, "first worker")
            holding.set()
            await go_on.wait()

    async def never(_job: jobs.LeasedJob) -> None:
        pytest.fail("the job was handed out twice")

    await add(db, kind)
    async with working(db, kind, slow):
        await asyncio.wait_for(holding.wait(), 10)
        # What a worker with an expired lease would see: the row is locked, so nobody else takes it.
        taken = await db.fetch("SELECT id FROM jobs WHERE kind = $1 FOR UPDATE SKIP LOCKED", kind)
        assert taken == []
        async with working(db, kind, never):
            go_on.set()
            await ended(db, kind)
    assert await effects(db, kind) == ["first worker"]


async def test_killed_workers_job_is_taken_over(db: Database, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(db, kind)
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DOOMED, db.url, kind, env={"PYTHONPATH": ":".join(sys.path)}
    )
    try:

        async def begun() -> bool:
            return await effects(db, kind) == ["begun"]

        await eventually(begun)
    finally:
        doomed.kill()
        await doomed.wait()

    async def handle(job: jobs.LeasedJob) -> None:
        async with job.finishing(db) as tx:
            await effect(tx, kind, "finished")

    async with working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert row["attempts"] == 2
    assert await effects(db, kind) == ["begun", "finished"]


#: A worker process that hangs in the middle of a job. Its lease is short, so that the test is too.
DOOMED = """
import asyncio, sys
from services.chassis import jobs
from services.chassis.db import connect

async def main(url, kind):
    db = await connect(url)
    async def handle(job, app):
        await db.execute("INSERT INTO seen (ticket_id, subject) VALUES ($1, 'begun')", kind)
        await asyncio.sleep(60)
    jobs.LEASE_SECONDS = 1
    await jobs.Worker(db, None, {kind: handle}).run()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_lease_is_renewed_while_the_handler_runs(
    db: Database, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0.5)
    starts = list[int]()

    async def handle(job: jobs.LeasedJob) -> None:
        starts.append(job.attempt)
        await asyncio.sleep(1.2)

    await add(db, kind)
    async with working(db, kind, handle), working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert starts == [1]
    assert row["state"] == "done"


async def test_job_is_given_up_after_the_last_attempt(
    db: Database, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)
    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 3)

    async def handle(job: jobs.LeasedJob) -> None:
        raise LookupError(f"attempt {job.attempt}")

    await add(db, kind)
    async with working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert (row["state"], row["attempts"], row["last_error"]) == ("dead", 3, "LookupError: attempt 3")
    assert "a job is given up" in caplog.text


async def test_job_that_kills_every_worker_is_given_up(
    db: Database, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handle(_job: jobs.LeasedJob) -> None:
        pytest.fail("the job ran again")

    await add(db, kind)
    await db.execute(
        "UPDATE jobs SET attempts = $2, leased_until = now() - interval '1 s' WHERE kind = $1", kind, jobs.MAX_ATTEMPTS
    )
    async with working(db, kind, handle):
        (row,) = await ended(db, kind)
    assert row["state"] == "dead"


async def test_stopping_worker_finishes_the_job_in_hand(db: Database, kind: str) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(job: jobs.LeasedJob) -> None:
        begun.set()
        await go_on.wait()
        async with job.finishing(db) as tx:
            await effect(tx, kind, "finished")

    await add(db, kind)
    async with working(db, kind, handle):
        await asyncio.wait_for(begun.wait(), 10)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
    assert await effects(db, kind) == ["finished"]


async def test_worker_goes_on_after_the_database_was_away(db: Database, kind: str, database: NewDatabase) -> None:
    ran = list[str]()

    async def handle(job: jobs.LeasedJob) -> None:
        ran.append(job.payload["key"])

    async with before(db.url) as (proxy, url):
        far = await connect(url)
        async with working(far, kind, handle):
            await add(db, kind, "before")
            await ended(db, kind)
            await proxy.cut()
            await add(db, kind, "meanwhile")
            await proxy.mend()
            await ended(db, kind, 2)
        await far.close()
    assert ran == ["before", "meanwhile"]


async def test_periodic_work_runs_on_one_replica_at_a_time_and_survives_failure(db: Database, kind: str) -> None:
    running, most, rounds = 0, 0, 0

    async def act(_app: object) -> None:
        nonlocal running, most, rounds
        running, rounds = running + 1, rounds + 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        if rounds == 2:
            raise LookupError

    tasks = [asyncio.create_task(jobs.run_periodic(db, kind, 0.005, act, None)) for _ in range(3)]

    async def enough() -> bool:
        return rounds >= 6

    await eventually(enough)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1


async def test_periodic_work_however_much_of_it_leaves_the_database_to_those_who_work(
    database: NewDatabase, parts: Parts, jwks: Path
) -> None:
    names, acting, done = [f"work {n}" for n in range(15)], asyncio.Barrier(15), 0

    async def act(app: App) -> None:
        nonlocal done
        # All of them have begun, and each keeps its guard, before any does its work.
        await acting.wait()
        await app.db.fetchval("SELECT 1")
        done += 1

    periodic: dict[str, jobs.Periodic] = dict.fromkeys(names, (60.0, act))
    async with running(await database("periodic"), parts.rabbitmq.url, jwks, periodic=periodic):

        async def all_done() -> bool:
            return done == len(names)

        await eventually(all_done)
