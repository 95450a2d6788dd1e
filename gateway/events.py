"""Events from the services, as they happen: one queue of this process's own, fanned out in memory by account."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from google.protobuf.message import DecodeError, Message

from gateway.errors import Problem

log = logging.getLogger("gateway.events")

EXCHANGE = "portico.events"
BUFFERED = 500
"""Events that wait for one subscriber; one more and it is told that it fell behind."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: its routing key and its body. An empty key says that events may have been missed."""

    key: str
    body: Message | None

    @property
    def resync(self) -> bool:
        return not self.key


RESYNC = Happening("", None)


@dataclass(slots=True, eq=False)
class Subscriber:
    """The events of one account, in order, from the moment of subscribing."""

    account_id: str
    _queue: asyncio.Queue[Happening] = field(default_factory=lambda: asyncio.Queue(BUFFERED))
    _lost: bool = False

    def put(self, happening: Happening) -> None:
        try:
            self._queue.put_nowait(happening)
        except asyncio.QueueFull:
            self._lost = True

    async def get(self) -> Happening:
        """The next event. Raises Problem EVENTS_LOST once some had to be dropped."""
        if self._lost:
            raise Problem("EVENTS_LOST")
        return await self._queue.get()


class Hub:
    """Keeps a consumer on the broker and hands each event to the subscribers of its account."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._subscribers: dict[str, set[Subscriber]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.connected = False

    @contextmanager
    def subscribe(self, account_id: str) -> Iterator[Subscriber]:
        subscriber = Subscriber(account_id)
        self._subscribers.setdefault(account_id, set()).add(subscriber)
        try:
            yield subscriber
        finally:
            left = self._subscribers[account_id]
            left.discard(subscriber)
            if not left:
                del self._subscribers[account_id]

    def publish(self, account_id: str, happening: Happening) -> None:
        for subscriber in self._subscribers.get(account_id, ()):
            subscriber.put(happening)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping = True
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=5)

    async def _run(self) -> None:
        pause = 0.2
        # Not `while True`: a cancellation can be lost inside the client library, so stop() is asked for by name.
        while not self._stopping:
            try:
                await self._consume()
            except asyncio.CancelledError:
                # The client library cancels its callers when a connection drops; only a stop() is meant for this task.
                if self._stopping:
                    raise
            except Exception as error:  # noqa: BLE001  # whatever it was, the answer is to connect again
                log.warning("events: not connected", extra={"cause": f"{type(error).__name__}: {error}"})
            if self.connected:
                self.connected, pause = False, 0.2
            if not self._stopping:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    async def _consume(self) -> None:
        # Not the "robust" connection: it would restore things silently, and subscribers must hear of the gap.
        async with asyncio.timeout(6):
            connection: Any = await aio_pika.connect(self._url, timeout=5)
        try:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=200)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, passive=True)
            queue = await channel.declare_queue("", exclusive=True, auto_delete=True)
            await queue.bind(exchange, "#", timeout=5)
            closed = asyncio.Event()
            connection.close_callbacks.add(lambda *_: closed.set())
            channel.close_callbacks.add(lambda *_: closed.set())
            await queue.consume(self._receive, no_ack=True, timeout=5)
            self.connected = True
            log.info("events: connected")
            for subscribers in self._subscribers.values():
                for subscriber in subscribers:
                    subscriber.put(RESYNC)
            await closed.wait()
            log.warning("events: the connection was lost")
        finally:
            with suppress(Exception):
                async with asyncio.timeout(2):
                    await connection.close()

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        account_id = str(message.headers.get("account_id") or "")
        if account_id not in self._subscribers:
            return
        key = message.routing_key or ""
        try:
            body = message_class(key)
            if body is not None:
                self.publish(account_id, Happening(key, body.FromString(message.body)))
        except DecodeError:
            log.error("events: undecodable", extra={"key": key, "event_id": str(message.headers.get("id"))})


def message_class(key: str) -> type[Message] | None:
    """The class of an event by its routing key: "domains.domain_registered" is portico.domains.v1.DomainRegistered."""
    service, _, name = key.partition(".")
    if not service.isidentifier() or not name.isidentifier():
        return None
    module = f"portico.{service}.v1.{'common_pb2' if service == 'common' else 'events_pb2'}"
    try:
        found = getattr(import_module(module), "".join(part.title() for part in name.split("_")), None)
    except ModuleNotFoundError:
        return None  # a service this version does not know
    return found if isinstance(found, type) and issubclass(found, Message) else None
