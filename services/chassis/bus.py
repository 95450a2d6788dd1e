"""RabbitMQ: one connection a process, the topology of the house, publishing with confirms.

portico.events (topic) --routing key--> SERVICE.KEY (quorum queue) --rejected--> portico.dead -> SERVICE.dead
              \\--no queue wants it--> portico.unrouted
"""

import asyncio
from datetime import UTC, datetime

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)

EVENTS = "portico.events"
DEAD = "portico.dead"
UNROUTED = "portico.unrouted"
PUBLISH_SECONDS = 5.0
DELIVERY_LIMIT = 20
#: What the broker being away looks like.
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    aio_pika.exceptions.AMQPError,
    aio_pika.exceptions.ChannelInvalidStateError,  # a RuntimeError, no AMQPError
)


async def declare_exchange(channel: AbstractChannel) -> AbstractExchange:
    """The exchange of all events; what no queue wants ends in portico.unrouted, where an operator can look."""
    unrouted = await channel.declare_exchange(UNROUTED, aio_pika.ExchangeType.FANOUT, durable=True)
    queue = await channel.declare_queue(
        UNROUTED, durable=True, arguments={"x-queue-type": "quorum", "x-max-length": 10_000, "x-overflow": "drop-head"}
    )
    await queue.bind(unrouted)
    return await channel.declare_exchange(
        EVENTS, aio_pika.ExchangeType.TOPIC, durable=True, arguments={"alternate-exchange": UNROUTED}
    )


class Bus:
    """A connection that has declared the topology. Lost connections are not mended here: connect anew."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, service: str) -> None:
        self._connection = connection
        self._channel = channel
        self._service = service
        self._events: AbstractExchange
        self._dead: AbstractExchange
        self._dead_letters: AbstractQueue
        self.lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: self.lost.set())
        channel.close_callbacks.add(lambda *_: self.lost.set())

    async def declare(self) -> None:
        """Declares the exchanges and the dead-letter queue."""
        self._events = await declare_exchange(self._channel)
        self._dead = await self._channel.declare_exchange(DEAD, aio_pika.ExchangeType.DIRECT, durable=True)
        self._dead_letters = await self._channel.declare_queue(
            f"{self._service}.dead", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await self._dead_letters.bind(self._dead, self._service)

    async def queues(self, keys: list[str], prefetch: int = 64) -> dict[str, AbstractQueue]:
        """Declares and binds a queue for each routing key this service consumes."""
        await self._channel.set_qos(prefetch_count=prefetch)
        declared: dict[str, AbstractQueue] = {}
        for key in keys:
            queue = await self._channel.declare_queue(
                f"{self._service}.{key}",
                durable=True,
                arguments={
                    "x-queue-type": "quorum",
                    "x-delivery-limit": DELIVERY_LIMIT,
                    "x-dead-letter-exchange": DEAD,
                    "x-dead-letter-routing-key": self._service,
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )
            await queue.bind(self._events, key)
            declared[key] = queue
        return declared

    async def publish(
        self,
        key: str,
        body: bytes,
        *,
        message_id: str,
        account_id: str,
        aggregate: str,
        occurred_at: datetime,
        producer: str,
        traceparent: str,
    ) -> None:
        """Publishes an event and waits for the broker's confirm."""
        message = aio_pika.Message(
            body,
            message_id=message_id,
            timestamp=occurred_at,
            content_type="application/x-protobuf",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            app_id=f"portico-{producer}",
            headers={
                "account_id": account_id,
                "aggregate": aggregate,
                "traceparent": traceparent,
                "occurred_at": occurred_at.isoformat(),
            },
        )
        await self._events.publish(message, key, mandatory=False, timeout=PUBLISH_SECONDS)

    async def publish_dead(
        self, key: str, body: bytes, *, message_id: str, account_id: str, occurred_at: datetime, cause: str
    ) -> None:
        """Puts an event that cannot be handled, with its cause, where operators look. Sent again to its queue as it
        is, it is taken as the event it was."""
        message = aio_pika.Message(
            body,
            message_id=message_id,
            timestamp=datetime.now(UTC),
            content_type="application/x-protobuf",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={
                "account_id": account_id,
                "occurred_at": occurred_at.isoformat(),
                "event": key,
                "cause": cause[:2000],
            },
        )
        await self._dead.publish(message, self._service, timeout=PUBLISH_SECONDS)

    async def dead_letter(self) -> AbstractIncomingMessage | None:
        """The oldest of this service's dead letters, to be acknowledged once it is kept elsewhere; None: there is none."""
        return await self._dead_letters.get(timeout=PUBLISH_SECONDS, fail=False)

    async def close(self) -> None:
        await self._connection.close()


async def connect(url: str, service: str) -> Bus:
    """Connects; raises one of CONNECTION_ERRORS when the broker is away."""
    connection = await aio_pika.connect(url, timeout=10, client_properties={"connection_name": f"portico-{service}"})
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        bus = Bus(connection, channel, service)
        await bus.declare()
    except BaseException:
        await connection.close()
        raise
    return bus
