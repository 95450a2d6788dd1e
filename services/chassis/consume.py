"""Events come in: the inbox row and the effect are one transaction, so a repeat changes nothing.

A handler that fails is tried again from the database (a job, with backoff); in the end the event goes to the
dead-letter queue with its cause. A message is acknowledged only after a commit. Events of one aggregate are handled
one after the other, in the order in which they arrive; one that failed is tried again later, without holding up the rest.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from google.protobuf.message import DecodeError, Message
from opentelemetry.trace import SpanKind

from services.chassis import jobs, telemetry
from services.chassis.bus import CONNECTION_ERRORS as BROKER_ERRORS
from services.chassis.bus import Bus
from services.chassis.db import CONNECTION_ERRORS, Database, Tx

log = logging.getLogger(__name__)
RETRY_KIND = "event"
#: With backoff, an hour and three quarters: long enough for a neighbour that is late with what a handler needs.
MAX_ATTEMPTS = 30
_DATABASE_AWAY_SECONDS = 1.0
_consumed = telemetry.meter.create_counter("portico.inbox.consumed", description="Events whose effect is committed")


@dataclass(frozen=True, slots=True)
class Meta:
    """What the broker carries beside an event."""

    id: UUID
    key: str
    account_id: str
    occurred_at: datetime


E = TypeVar("E", bound=Message)
Handler = Callable[[Tx, Any, Meta, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Consumer:
    event: type[Message]
    handler: Handler


def on(event: type[E], handler: Callable[[Tx, E, Meta, Any], Awaitable[None]]) -> Consumer:
    """Says that `handler` takes events of this class: CONSUMES = {"billing.invoice_paid": on(InvoicePaid, handle)}."""
    return Consumer(event, handler)


class Inbox:
    """Applies events to the database, each once for this service."""

    def __init__(self, db: Database, app: object, consumes: Mapping[str, Consumer]) -> None:
        self._db = db
        self._app = app
        self._consumes = consumes
        self._running: set[asyncio.Task[None]] = set()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._bus: Bus | None = None

    async def start(self, bus: Bus) -> None:
        """Declares this service's queues and consumes from them; from here on no event passes it by."""
        self._bus = bus
        for key, queue in (await bus.queues(list(self._consumes))).items():
            await queue.consume(partial(self._start, key))

    async def run(self, bus: Bus) -> None:
        """Until cancelled or the broker is lost; handlers already running are finished first."""
        try:
            await bus.lost.wait()
        finally:
            self._bus = None
            if self._running:
                _, late = await asyncio.wait(self._running, timeout=10)
                for task in late:
                    task.cancel()

    async def _start(self, key: str, message: AbstractIncomingMessage) -> None:
        if self._bus is None:
            return  # stopping: what is not acknowledged is delivered again
        # A task of our own: aio-pika cancels its own callbacks when the connection drops, in the middle of an effect.
        aggregate = str(message.headers.get("aggregate", message.message_id))
        task = asyncio.create_task(self._receive(key, message, after=self._last.get(aggregate)))
        self._running.add(task)
        self._last[aggregate] = task
        task.add_done_callback(lambda done: self._end(aggregate, done))

    def _end(self, aggregate: str, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if self._last.get(aggregate) is task:
            del self._last[aggregate]

    async def _receive(
        self, key: str, message: AbstractIncomingMessage, after: "asyncio.Task[None] | None" = None
    ) -> None:
        if after is not None:
            await asyncio.wait([after])
        headers = message.headers
        try:
            meta = Meta(
                UUID(message.message_id or ""),
                key,
                str(headers.get("account_id", "")),
                datetime.fromisoformat(str(headers.get("occurred_at", ""))),
            )
        except ValueError:
            log.exception("an event without a usable id or time", extra={"event": key})
            await _settle(message.reject(requeue=False))
            return
        parent = str(headers.get("traceparent", ""))
        while True:
            try:
                await self.apply(meta, message.body, parent)
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, the event must not be lost
                if await self._keep_for_retry(meta, message.body, parent, error):
                    break
            # The database is away. Giving the message back would count against its delivery limit: keep it in hand.
            await asyncio.sleep(_DATABASE_AWAY_SECONDS)
        await _settle(message.ack())

    async def apply(self, meta: Meta, body: bytes, parent: str) -> None:
        """The inbox row and the handler's effect, in one transaction; nothing when the event was applied before."""
        consumer = self._consumes[meta.key]
        attributes = {"messaging.message.id": str(meta.id), "portico.account_id": meta.account_id}
        with telemetry.span(f"consume {meta.key}", SpanKind.CONSUMER, parent=parent, attributes=attributes):
            event = consumer.event()
            event.ParseFromString(body)
            async with self._db.transaction() as tx:
                tag = await tx.execute(
                    "INSERT INTO inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", meta.key, meta.id
                )
                if tag == "INSERT 0 1":
                    await consumer.handler(tx, event, meta, self._app)
        if tag == "INSERT 0 1":
            _consumed.add(1, {"event": meta.key})

    async def _keep_for_retry(self, meta: Meta, body: bytes, parent: str, error: Exception) -> bool:
        """Whether the database took the event for a later attempt."""
        about = {"event": meta.key, "event_id": str(meta.id)}
        payload = {
            "key": meta.key,
            "id": str(meta.id),
            "account_id": meta.account_id,
            "occurred_at": meta.occurred_at.isoformat(),
            "body": base64.b64encode(body).decode(),
            "traceparent": parent,
        }
        try:
            async with self._db.transaction() as tx:
                # Without a key: a dead letter sent again is tried anew, and the inbox makes two jobs for one harmless.
                await jobs.add(tx, RETRY_KIND, payload)
        except CONNECTION_ERRORS:
            log.warning("an event waits for the database", extra=about)
            return False
        log.error("handling an event failed; it will be tried again", exc_info=error, extra=about)
        return True

    async def retry(self, job: jobs.LeasedJob, _app: object) -> None:
        """The job that tries a failed event again, and in the end hands it to the dead-letter queue."""
        kept = job.payload
        meta = Meta(UUID(kept["id"]), kept["key"], kept["account_id"], datetime.fromisoformat(kept["occurred_at"]))
        body = base64.b64decode(kept["body"])
        try:
            await self.apply(meta, body, kept["traceparent"])
        except Exception as error:
            cause = telemetry.cause(error)
            if job.attempt < MAX_ATTEMPTS and not isinstance(error, DecodeError):
                raise jobs.RetryLater(cause=cause) from error
            if self._bus is None:
                raise jobs.RetryLater(cause="no broker to give the dead letter to") from error
            await self._bus.publish_dead(
                meta.key,
                body,
                message_id=str(meta.id),
                account_id=meta.account_id,
                occurred_at=meta.occurred_at,
                cause=cause,
            )
            log.error(
                "an event is given up; it waits in the dead-letter queue", extra={"event": meta.key, "cause": cause}
            )

    async def take_dead_letters(self) -> bool:
        """Moves this service's dead letters to its jobs, as jobs that were given up: there they can be looked at as often
        as one likes, and tried again. False when the broker is away."""
        bus = self._bus
        if bus is None:
            return False
        try:
            while (letter := await bus.dead_letter()) is not None:
                kept = False
                try:
                    kept = await self._bury(letter)
                finally:
                    await (letter.ack() if kept else letter.nack(requeue=True))
                if not kept:
                    break  # the attempt that gave it up is about to end; the next time it is taken
        except (*BROKER_ERRORS, aio_pika.exceptions.MessageProcessError):
            return False
        return True

    async def _bury(self, letter: AbstractIncomingMessage) -> bool:
        """Whether the database has taken a dead letter."""
        key, cause = _death(letter)
        headers = letter.headers
        payload = {
            "key": key,
            "id": letter.message_id or "",
            "account_id": str(headers.get("account_id", "")),
            "occurred_at": str(headers.get("occurred_at", "")),
            "body": base64.b64encode(letter.body).decode(),
            "traceparent": str(headers.get("traceparent", "")),
        }
        name = letter.message_id or hashlib.sha256(letter.body).hexdigest()
        async with self._db.transaction() as tx:
            return await jobs.bury(tx, RETRY_KIND, payload, key=f"{key}:{name}", attempts=MAX_ATTEMPTS, cause=cause)


def _death(letter: AbstractIncomingMessage) -> tuple[str, str]:
    """(routing key, why) of a dead letter: as we wrote it, or as the broker did for a message that it gave up itself."""
    headers = letter.headers
    if "event" in headers:
        return str(headers["event"]), str(headers.get("cause", ""))
    deaths = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    keys = death.get("routing-keys")
    key = keys[0] if isinstance(keys, list) and keys else letter.routing_key
    return str(key or ""), f"the broker gave it up: {death.get('reason', 'unknown')!s}"


async def _settle(answer: Awaitable[None]) -> None:
    """Acknowledging on a lost connection fails; the broker delivers again and the inbox refuses the repeat."""
    try:
        await answer
    except (*BROKER_ERRORS, aio_pika.exceptions.MessageProcessError):
        log.info("the broker went away before the acknowledgement")


async def purge(db: Database) -> None:
    """Forgets inbox rows older than a month: nothing is delivered that late."""
    await db.execute("DELETE FROM inbox WHERE received_at < now() - interval '30 days'")
