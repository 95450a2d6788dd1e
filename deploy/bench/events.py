"""Events from one service's outbox to another's inbox, through the broker, beside bare commits of the database."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from portico.common.v1 import common_pb2
from services.chassis import db, outbox, times
from services.chassis.db import Database

EVENTS, ACCOUNTS = 2_000, 100
GIVE_UP_AFTER = 15.0
_COMMITTERS, _COMMIT_SECONDS = 16, 1.5
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "bench.portico.example")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`arrived` of `sent` events within `seconds`; and what the database can commit at most, at 16 connections."""

    sent: int
    arrived: int
    seconds: float
    commits_per_second: float

    @property
    def per_second(self) -> float:
        return self.arrived / self.seconds


async def measure(from_url: str, to_url: str) -> Outcome:
    """Writes events into the outbox of the domains service and waits until identity has taken them all.

    They are audit records of accounts that exist in the bench alone: the event log is append-only, so they stay.
    """
    source, sink = await db.connect(from_url, min_size=1, max_size=1), await db.connect(to_url, max_size=_COMMITTERS)
    try:
        ids = await _write(source)
        began = time.perf_counter()
        arrived = 0
        while arrived < len(ids) and time.perf_counter() - began < GIVE_UP_AFTER:
            await asyncio.sleep(0.02)
            arrived = await sink.fetchval("SELECT count(*) FROM inbox WHERE message_id = ANY($1::uuid[])", ids)
        seconds = time.perf_counter() - began
        return Outcome(len(ids), arrived, seconds, await _commits(sink))
    finally:
        await source.close()
        await sink.close()


async def _write(source: Database) -> list[uuid.UUID]:
    run = uuid.uuid4().hex
    events = []
    for n in range(EVENTS):
        account = uuid.uuid5(_NAMESPACE, f"account {n % ACCOUNTS}")
        event = common_pb2.AuditRecorded(
            account_id=str(account),
            actor=common_pb2.ActorRef(kind="system", id="bench", label="bench"),
            action="bench.event",
            subject_type="Account",
            subject_id=str(account),
            subject_label="bench",
            occurred_at=times.to_pb(datetime.now(UTC)),
        )
        events.append((event, account, f"bench:{run}:{account}"))
    async with source.transaction() as tx:
        await outbox.add_many(tx, events)
        rows = await tx.fetch("SELECT id FROM outbox WHERE aggregate LIKE $1", f"bench:{run}:%")
    return [row["id"] for row in rows]


async def _commits(sink: Database) -> float:
    """Transactions a second that write nothing but their own end (and a mark in the write-ahead log)."""
    began = time.perf_counter()
    ends = began + _COMMIT_SECONDS

    async def commit() -> int:
        done = 0
        while time.perf_counter() < ends:
            await sink.execute("SELECT pg_logical_emit_message(true, 'bench', '')")
            done += 1
        return done

    done = sum(await asyncio.gather(*(commit() for _ in range(_COMMITTERS))))
    return done / (time.perf_counter() - began)
