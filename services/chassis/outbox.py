"""Events leave with the state they tell of: written in its transaction, published afterwards, at least once.

The relay publishes, per aggregate, in the order of writing: only the oldest waiting row of each aggregate is taken in a
round, so a failure never lets a later event overtake. One replica publishes at a time, under an advisory lock.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from services.chassis import telemetry
from services.chassis.bus import Bus
from services.chassis.db import CONNECTION_ERRORS, Database, Tx
from services.chassis.events import routing_key

log = logging.getLogger(__name__)
_LOCK = 7_067_642
_BATCH = 500
_POLL_SECONDS = 1.0
_published = telemetry.meter.create_counter("portico.outbox.published", description="Events published to the broker")


async def add(tx: Tx, event: Message, *, account_id: UUID | str, aggregate: UUID | str) -> None:
    """Writes one event into the transaction. `aggregate` orders it after earlier events of the same object."""
    await add_many(tx, [(event, account_id, aggregate)])


async def add_many(tx: Tx, events: Iterable[tuple[Message, UUID | str, UUID | str]]) -> None:
    """Writes (event, account_id, aggregate) rows in one statement."""
    rows = list(events)
    if not rows:
        return
    await tx.execute(
        """INSERT INTO outbox (routing_key, account_id, aggregate, body, traceparent)
           SELECT e.routing_key, e.account_id, e.aggregate, e.body, $5
           FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
                AS e (routing_key, account_id, aggregate, body, n) ORDER BY e.n""",
        [routing_key(type(event)) for event, _, _ in rows],
        [str(account) for _, account, _ in rows],
        [str(aggregate) for _, _, aggregate in rows],
        [event.SerializeToString() for event, _, _ in rows],
        telemetry.traceparent(),
    )


class NotTaken(Exception):
    """The broker did not confirm every event of a round."""


class Relay:
    """Publishes waiting rows for as long as it runs."""

    def __init__(self, db: Database, service: str) -> None:
        self._db = db
        self._service = service

    async def run(self, bus: Bus) -> None:
        """Until cancelled or the broker fails. Another replica that holds the lock leaves this one waiting."""
        while True:
            try:
                await self._relay(bus)
            except CONNECTION_ERRORS as error:
                # The broker's connection stays: each new one counts against the delivery limit of events in hand.
                log.warning("the relay waits for the database", extra={"cause": str(error)})
                await asyncio.sleep(_POLL_SECONDS)

    async def _relay(self, bus: Bus) -> None:
        awake = asyncio.Event()
        connection = await self._db.listen("outbox", lambda *_: awake.set())
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(_POLL_SECONDS)
            while True:
                awake.clear()
                while await self._publish_round(bus, connection):
                    pass
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await awake.wait()
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    async def _publish_round(self, bus: Bus, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        rows = await connection.fetch(
            """SELECT DISTINCT ON (aggregate) seq, id, routing_key, account_id, aggregate, body, traceparent, created_at
               FROM outbox WHERE published_at IS NULL ORDER BY aggregate, seq LIMIT $1""",
            _BATCH,
        )
        if not rows:
            return 0
        results = await asyncio.gather(
            *(
                bus.publish(
                    row["routing_key"],
                    row["body"],
                    message_id=str(row["id"]),
                    account_id=row["account_id"],
                    aggregate=row["aggregate"],
                    occurred_at=row["created_at"],
                    producer=self._service,
                    traceparent=row["traceparent"],
                )
                for row in rows
            ),
            return_exceptions=True,
        )
        done = [row["seq"] for row, result in zip(rows, results, strict=True) if not isinstance(result, BaseException)]
        await connection.execute("UPDATE outbox SET published_at = now() WHERE seq = ANY($1::bigint[])", done)
        _published.add(len(done))
        for result in results:
            if isinstance(result, BaseException):
                raise NotTaken("the broker did not take every event") from result
        return len(done)


async def purge(db: Database) -> None:
    """Forgets events published over a week ago."""
    await db.execute("DELETE FROM outbox WHERE published_at < now() - interval '7 days'")
