"""Work for the outside world: committed first, then leased, done, and tried again until it is.

A lease lasts seconds and is renewed while the handler runs. Each lease has a fence number: effects commit only through
`finishing`, which fails when somebody else has leased the job since, so a worker that was frozen changes nothing.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry.trace import SpanKind

from services.chassis import telemetry
from services.chassis.db import CONNECTION_ERRORS, Database, Queryable, Row, Tx
from services.chassis.pages import Page

log = logging.getLogger(__name__)
LEASE_SECONDS = 15
MAX_ATTEMPTS = 50
CONCURRENCY = 16
_POLL_SECONDS = 1.0
_MAX_BACKOFF_SECONDS = 300.0
_done = telemetry.meter.create_counter("portico.jobs.attempts", description="Job attempts by kind and outcome")


class RetryLater(Exception):
    """Try again: after `seconds`, or with backoff when None. `cause` is kept with the job."""

    def __init__(self, seconds: float | None = None, *, cause: str) -> None:
        super().__init__(cause)
        self.seconds = seconds


class LeaseLost(Exception):
    """Another worker has the job now; this one's effects are rolled back."""


@dataclass(slots=True)
class LeasedJob:
    """A job in hand. `attempt` counts from 1."""

    id: UUID
    kind: str
    payload: dict[str, Any]
    attempt: int
    fence: int
    finished: bool = field(default=False)

    @asynccontextmanager
    async def finishing(self, db: Database) -> AsyncIterator[Tx]:
        """One transaction for the job's effects and its end."""
        async with db.transaction() as tx:
            await self.hold(tx)
            yield tx
            await tx.execute("UPDATE jobs SET state = 'done', finished_at = now() WHERE id = $1", self.id)
        self.finished = True

    async def hold(self, tx: Tx) -> None:
        """Locks the job in a transaction that commits an intermediate step; LeaseLost when it is no longer ours."""
        held = await tx.fetchval(
            "SELECT 1 FROM jobs WHERE id = $1 AND fence = $2 AND state = 'ready' FOR UPDATE", self.id, self.fence
        )
        if not held:
            raise LeaseLost(f"job {self.id} ({self.kind})")


Handler = Callable[[LeasedJob, Any], Awaitable[None]]
Periodic = tuple[float, Callable[[Any], Awaitable[None]]]


async def add(
    tx: Tx, kind: str, payload: dict[str, Any], *, key: str | None = None, run_at: datetime | None = None
) -> None:
    """Adds a job to the transaction. With a key, a second job of the kind and key is not added."""
    await tx.execute(
        """INSERT INTO jobs (kind, key, payload, run_at, traceparent) VALUES ($1, $2, $3, coalesce($4, now()), $5)
           ON CONFLICT (kind, key) DO NOTHING""",
        kind,
        key,
        payload,
        run_at,
        telemetry.traceparent(),
    )


async def add_many(q: Queryable, kind: str, payloads: Mapping[str, dict[str, Any]]) -> None:
    """Adds a job for each key in one statement; those of the kind that have the key already are left alone."""
    await q.execute(
        """INSERT INTO jobs (kind, key, payload, traceparent)
           SELECT $1, j.key, j.payload, $4 FROM unnest($2::text[], $3::jsonb[]) AS j (key, payload)
           ON CONFLICT (kind, key) DO NOTHING""",
        kind,
        list(payloads),
        list(payloads.values()),
        telemetry.traceparent(),
    )


async def revive(q: Queryable, kind: str, keys: Sequence[str] | None = None) -> None:
    """Makes jobs that were given up ready again, with all their attempts before them: those of `keys`, or the kind's."""
    await q.execute(
        """UPDATE jobs SET state = 'ready', attempts = 0, run_at = now()
           WHERE kind = $1 AND ($2::text[] IS NULL OR key = ANY($2)) AND state = 'dead'""",
        kind,
        None if keys is None else list(keys),
    )


async def take(q: Queryable, kind: str, key: str, seconds: float = 60.0) -> LeasedJob | None:
    """The job as a worker has it, for somebody who settles it by hand within some seconds; also one that was given up.
    None while a worker has it, or when it has ended."""
    row = await q.fetchrow(
        """UPDATE jobs SET state = 'ready', leased_until = now() + make_interval(secs => $3), fence = fence + 1
           WHERE kind = $1 AND key = $2 AND state <> 'done' AND (leased_until IS NULL OR leased_until < now())
           RETURNING id, kind, payload, attempts, fence""",
        kind,
        key,
        seconds,
    )
    return LeasedJob(row["id"], row["kind"], row["payload"], row["attempts"], row["fence"]) if row else None


async def give_back(q: Queryable, job: LeasedJob) -> None:
    """A job that was taken by hand goes to the workers again, at once."""
    await q.execute(
        "UPDATE jobs SET leased_until = NULL, run_at = now() WHERE id = $1 AND fence = $2 AND state = 'ready'",
        job.id,
        job.fence,
    )


async def bury(tx: Tx, kind: str, payload: dict[str, Any], *, key: str, attempts: int, cause: str) -> bool:
    """Adds a job that is given up already; one of the kind and key that had been done is given up anew. False while there
    is one that is still to be tried, or just being tried."""
    await tx.execute(
        """INSERT INTO jobs AS j (kind, key, payload, state, attempts, last_error) VALUES ($1, $2, $3, 'dead', $4, $5)
           ON CONFLICT (kind, key) DO UPDATE
           SET state = 'dead', attempts = excluded.attempts, last_error = excluded.last_error, finished_at = NULL,
               leased_until = NULL
           WHERE j.state = 'done'""",
        kind,
        key,
        payload,
        attempts,
        cause[:2000],
    )
    given_up: bool = await tx.fetchval("SELECT state = 'dead' FROM jobs WHERE kind = $1 AND key = $2", kind, key)
    return given_up


async def dead(q: Queryable, page: Page) -> list[Row]:
    """Those that were given up, the newest first; one row more than the page."""
    after, order = page.sql([("created_at", "timestamptz"), ("id", "uuid")], 2, descending=True)
    return await q.fetch(
        f"""SELECT id, kind, payload, attempts, last_error, created_at FROM jobs
            WHERE state = 'dead' AND {after} ORDER BY {order} LIMIT $1""",  # noqa: S608 - the page's text
        page.limit,
        *page.args,
    )


async def replay(tx: Tx, ids: Sequence[UUID] | None) -> list[UUID]:
    """As revive, by id; None: every one that is given up. Those that were."""
    rows = await tx.fetch(
        """UPDATE jobs SET state = 'ready', attempts = 0, run_at = now()
           WHERE state = 'dead' AND ($1::uuid[] IS NULL OR id = ANY($1)) RETURNING id""",
        None if ids is None else list(ids),
    )
    return [row["id"] for row in rows]


@dataclass(slots=True)
class _Lane:
    """Kinds of jobs that share a width."""

    kinds: list[str]
    width: int
    running: set["asyncio.Task[None]"] = field(default_factory=set)


class Worker:
    """Runs a service's jobs, CONCURRENCY at once; a kind in `at_once` beside them, in a lane of its own so wide."""

    def __init__(
        self,
        db: Database,
        app: object,
        handlers: Mapping[str, Handler],
        at_once: Mapping[str, int] | None = None,
    ) -> None:
        self._db = db
        self._app = app
        self._handlers = handlers
        own = {kind: width for kind, width in (at_once or {}).items() if kind in handlers}
        self._lanes = [_Lane([kind for kind in handlers if kind not in own], CONCURRENCY)]
        self._lanes += [_Lane([kind], width) for kind, width in own.items()]

    async def run(self) -> None:
        """Until cancelled; jobs in hand are finished first, for up to ten seconds."""
        awake = asyncio.Event()
        try:
            while True:
                try:
                    connection = await self._db.listen("jobs", lambda *_: awake.set())
                    try:
                        await self._work(awake, connection.is_closed)
                    finally:
                        with suppress(Exception):
                            await connection.close(timeout=2)
                except CONNECTION_ERRORS as error:
                    log.warning("the job worker waits for the database", extra={"cause": str(error)})
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            if running := {task for lane in self._lanes for task in lane.running}:
                _, late = await asyncio.wait(running, timeout=10)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late, timeout=2)

    async def _work(self, awake: asyncio.Event, closed: Callable[[], bool]) -> None:
        while not closed():
            awake.clear()
            more = False
            for lane in self._lanes:
                free = lane.width - len(lane.running)
                rows = await self._lease(lane.kinds, free) if free else []
                for row in rows:
                    task = asyncio.create_task(self._attempt(row))
                    lane.running.add(task)
                    task.add_done_callback(lane.running.discard)
                    task.add_done_callback(lambda _: awake.set())
                more = more or (len(rows) == free and free > 0)
            if more:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await awake.wait()

    async def _lease(self, kinds: Sequence[str], limit: int) -> list[Row]:
        return await self._db.fetch(
            """UPDATE jobs SET leased_until = now() + make_interval(secs => $3), fence = fence + 1,
                      attempts = attempts + 1
               WHERE id = ANY(ARRAY(SELECT id FROM jobs
                                    WHERE state = 'ready' AND run_at <= now() AND kind = ANY($1)
                                      AND (leased_until IS NULL OR leased_until < now())
                                    ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED))
               RETURNING id, kind, payload, attempts, fence, traceparent""",
            list(kinds),
            limit,
            LEASE_SECONDS,
        )

    async def _attempt(self, row: Row) -> None:
        job = LeasedJob(row["id"], row["kind"], row["payload"], row["attempts"], row["fence"])
        attributes: dict[str, str | int] = {"portico.job.id": str(job.id), "portico.job.attempt": job.attempt}
        renewal = asyncio.create_task(self._renew(job))
        outcome = "done"
        try:
            if job.attempt > MAX_ATTEMPTS:
                raise RetryLater(cause="every attempt ended with its worker")
            with telemetry.span(f"job {job.kind}", SpanKind.INTERNAL, parent=row["traceparent"], attributes=attributes):
                await self._handlers[job.kind](job, self._app)
                if not job.finished:
                    async with job.finishing(self._db):
                        pass
        except LeaseLost:
            outcome = "lease_lost"
            log.warning("a job was taken over", extra={"job": str(job.id), "kind": job.kind})
        except asyncio.CancelledError:
            await self._postpone(job, 0.0, "the worker stopped")
            raise
        except Exception as error:  # noqa: BLE001 - a job that failed is tried again
            outcome = "retry"
            await self._failed(job, error)
        finally:
            renewal.cancel()
            _done.add(1, {"kind": job.kind, "outcome": outcome})

    async def _failed(self, job: LeasedJob, error: Exception) -> None:
        expected = isinstance(error, RetryLater)
        log.log(
            logging.INFO if expected else logging.ERROR,
            "a job will be tried again",
            exc_info=None if expected else error,
            extra={"job": str(job.id), "kind": job.kind, "attempt": job.attempt, "cause": telemetry.cause(error)},
        )
        seconds = error.seconds if isinstance(error, RetryLater) and error.seconds is not None else backoff(job.attempt)
        try:
            await self._postpone(job, seconds, telemetry.cause(error))
        except CONNECTION_ERRORS:
            log.warning("the database is away; the job's lease runs out by itself", extra={"job": str(job.id)})

    async def _postpone(self, job: LeasedJob, seconds: float, cause: str) -> None:
        state = await self._db.fetchval(
            """UPDATE jobs SET run_at = now() + make_interval(secs => $3), leased_until = NULL, last_error = $4,
                      state = CASE WHEN attempts >= $5 THEN 'dead' ELSE 'ready' END
               WHERE id = $1 AND fence = $2 AND state = 'ready' RETURNING state""",
            job.id,
            job.fence,
            seconds,
            cause[:2000],
            MAX_ATTEMPTS,
        )
        if state == "dead":
            log.error("a job is given up", extra={"job": str(job.id), "kind": job.kind, "cause": cause})

    async def _renew(self, job: LeasedJob) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(*CONNECTION_ERRORS):
                await self._db.execute(
                    "UPDATE jobs SET leased_until = now() + make_interval(secs => $3) WHERE id = $1 AND fence = $2",
                    job.id,
                    job.fence,
                    LEASE_SECONDS,
                )


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: doubling from one, at most five minutes, jittered so that herds disperse."""
    return min(2.0 ** min(attempt - 1, 20), _MAX_BACKOFF_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311


async def run_periodic(
    db: Database, name: str, seconds: float, act: Callable[[Any], Awaitable[None]], app: object
) -> None:
    """Calls `act` every `seconds`, on one replica at a time; a failure is logged and the next round comes."""
    while True:
        try:
            async with db.transaction() as tx:
                # The lock's transaction only guards; `act` works in transactions of its own.
                if await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", name):
                    with telemetry.span(f"periodic {name}"):
                        await act(app)
        except CONNECTION_ERRORS as error:
            log.warning("a periodic job waits for the database", extra={"periodic": name, "cause": str(error)})
        except Exception:
            log.exception("a periodic job failed", extra={"periodic": name})
        await asyncio.sleep(seconds)
