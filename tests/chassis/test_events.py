"""Events from one transaction to another, through the real broker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from deploy.parts import Parts
from portico.tickets.v1 import events_pb2, tickets_pb2
from services.chassis import bus, consume, jobs
from services.chassis.db import Tx
from tests.chassis.conftest import NewDatabase
from tests.chassis.echo import KEY, App, Mounted, eventually, open_ticket, running
from tests.chassis.proxy import before

Publish = Callable[..., Awaitable[None]]


@pytest.fixture
async def echo_alone(database: NewDatabase, parts: Parts, jwks: Path) -> AsyncIterator[Mounted]:
    """A service of this test alone."""
    async with running(await database("events"), parts.rabbitmq.url, jwks) as mounted:
        yield mounted


@pytest.fixture
async def publish(parts: Parts) -> AsyncIterator[Publish]:
    """Publishes as another producer would, past any outbox."""
    broker = await bus.connect(parts.rabbitmq.url, "other")

    async def send(app: App, ticket_id: str, *, message_id: str = "", body: bytes | None = None) -> None:
        event = events_pb2.TicketOpened(ticket=tickets_pb2.Ticket(id=ticket_id), account_id=str(app.account))
        await broker.publish(
            KEY,
            event.SerializeToString() if body is None else body,
            message_id=message_id or str(uuid4()),
            account_id=str(app.account),
            aggregate=ticket_id,
            occurred_at=datetime.now(UTC),
            producer="other",
            traceparent="",
        )

    yield send
    await broker.close()


async def emit(app: App, *tickets: str, aggregate: str = "") -> None:
    for ticket in tickets:
        async with app.db.transaction() as tx:
            await open_ticket(tx, app, ticket, aggregate=aggregate)


async def sees(echo: Mounted, *tickets: str) -> None:
    """Waits for exactly these tickets, in any order."""

    async def all_there() -> bool:
        return len(await echo.seen()) >= len(tickets)

    await eventually(all_there)
    assert sorted(await echo.seen()) == sorted(tickets)


@asynccontextmanager
async def dead_letters(
    parts: Parts, service: str
) -> AsyncIterator[Callable[[], Awaitable[AbstractIncomingMessage | None]]]:
    """Takes the next dead letter of a service, if there is one."""
    connection = await aio_pika.connect(parts.rabbitmq.url)
    try:
        queue = await (await connection.channel()).declare_queue(f"{service}.dead", passive=True)
        yield lambda: queue.get(no_ack=True, fail=False)
    finally:
        await connection.close()


async def test_committed_event_is_applied_once_and_rolled_back_one_never(echo_alone: Mounted) -> None:
    app = echo_alone.app

    async def fail() -> None:
        async with app.db.transaction() as tx:
            await open_ticket(tx, app, "rolled back")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await emit(app, "kept", "marker")
    await sees(echo_alone, "kept", "marker")
    assert await app.db.fetchval("SELECT count(*) FROM outbox") == 2

    async def all_published() -> bool:
        return not await app.db.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")

    await eventually(all_published)


async def test_events_of_an_aggregate_are_applied_in_order(echo_alone: Mounted) -> None:
    app, order = echo_alone.app, list[str]()

    async def slow_at_first(_tx: Tx, event: events_pb2.TicketOpened) -> None:
        await asyncio.sleep(0.1 if event.ticket.id == "one 0" else 0)
        order.append(event.ticket.id)

    app.handle = slow_at_first
    async with app.db.transaction() as tx:
        for n in range(20):
            await open_ticket(tx, app, f"one {n}", aggregate="one")
            await open_ticket(tx, app, f"other {n}")

    async def all_there() -> bool:
        return len(order) == 40

    await eventually(all_there)
    assert [o for o in order if o.startswith("one")] == [f"one {n}" for n in range(20)]


async def test_repeated_message_is_applied_once(echo_alone: Mounted, publish: Publish) -> None:
    app, message_id = echo_alone.app, str(uuid4())
    await asyncio.gather(*(publish(app, "again", message_id=message_id) for _ in range(5)))
    await publish(app, "again", message_id=message_id)
    await publish(app, "marker")
    await sees(echo_alone, "again", "marker")


async def test_failing_handler_is_tried_again_from_the_database(
    echo_alone: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)
    calls = list[str]()

    async def fails_twice(_tx: Tx, event: events_pb2.TicketOpened) -> None:
        if event.ticket.id == "bad":
            calls.append(event.ticket.id)
            if len(calls) < 3:
                raise TimeoutError("not yet")  # looks like a lost database, and is not

    echo_alone.app.handle = fails_twice
    await emit(echo_alone.app, "bad", "good")
    await sees(echo_alone, "bad", "good")
    assert len(calls) == 3


async def test_event_that_always_fails_ends_in_the_dead_letter_queue(
    echo_alone: Mounted, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)
    monkeypatch.setattr(consume, "MAX_ATTEMPTS", 3)
    calls = list[str]()

    async def fails(_tx: Tx, event: events_pb2.TicketOpened) -> None:
        calls.append(event.ticket.id)
        raise LookupError("no such department")

    echo_alone.app.handle = fails
    await emit(echo_alone.app, "bad")
    async with dead_letters(parts, echo_alone.service) as take:
        letter = await eventually(take)
        assert letter.headers["cause"] == "LookupError: no such department"
        assert letter.headers["event"] == KEY
        assert letter.message_id == str(await echo_alone.app.db.fetchval("SELECT id FROM outbox"))
        assert events_pb2.TicketOpened.FromString(letter.body).ticket.id == "bad"
    assert len(calls) == 4  # on arrival, and three attempts from the database
    assert await echo_alone.seen() == []

    async def job_done() -> bool:
        return bool(await echo_alone.app.db.fetchval("SELECT state = 'done' FROM jobs"))

    await eventually(job_done)


async def test_a_dead_letter_sent_again_is_taken_anew_and_not_lost_when_it_fails_again(
    echo_alone: Mounted, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "backoff", lambda attempt: 0.01)
    monkeypatch.setattr(consume, "MAX_ATTEMPTS", 2)

    async def fails(_tx: Tx, _event: events_pb2.TicketOpened) -> None:
        raise LookupError("no such department")

    echo_alone.app.handle = fails
    await emit(echo_alone.app, "bad")
    connection = await aio_pika.connect(parts.rabbitmq.url)
    try:
        channel = await connection.channel()

        async def send_again(letter: AbstractIncomingMessage) -> None:
            message = aio_pika.Message(letter.body, message_id=letter.message_id, headers=letter.headers)
            await channel.default_exchange.publish(message, f"{echo_alone.service}.{KEY}", timeout=5)

        async with dead_letters(parts, echo_alone.service) as take:
            await send_again(await eventually(take))
            second = await eventually(take)
            echo_alone.app.handle = None
            await send_again(second)
            await sees(echo_alone, "bad")
    finally:
        await connection.close()


async def test_event_that_cannot_be_read_ends_in_the_dead_letter_queue(
    echo_alone: Mounted, parts: Parts, publish: Publish
) -> None:
    await publish(echo_alone.app, "", body=b"\xff\xff\xff")
    async with dead_letters(parts, echo_alone.service) as take:
        letter = await eventually(take)
        assert letter.body == b"\xff\xff\xff"
        assert "DecodeError" in letter.headers["cause"]
        await publish(echo_alone.app, "", message_id="no uuid")
        assert (await eventually(take)).message_id == "no uuid"


async def test_lost_broker_connections_lose_and_repeat_nothing(database: NewDatabase, parts: Parts, jwks: Path) -> None:
    async with (
        before(parts.rabbitmq.url) as (proxy, amqp),
        running(await database("events"), amqp, jwks) as echo,
    ):
        tickets = [str(n) for n in range(60)]

        async def drop() -> None:
            for wanted in (5, 20, 40):

                async def far_enough(wanted: int = wanted) -> bool:
                    return len(await echo.seen()) >= wanted

                await eventually(far_enough)
                proxy.drop()

        dropping = asyncio.create_task(drop())
        for ticket in tickets:
            await emit(echo.app, ticket)
        await dropping
        await sees(echo, *tickets)
        assert not echo.failed.is_set()


async def test_handler_running_while_the_broker_goes_away_takes_effect_once(
    database: NewDatabase, parts: Parts, jwks: Path
) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_tx: Tx, event: events_pb2.TicketOpened) -> None:
        if event.ticket.id == "slow":
            started.set()
            await go_on.wait()

    async with (
        before(parts.rabbitmq.url) as (proxy, amqp),
        running(await database("events"), amqp, jwks) as echo,
    ):
        echo.app.handle = wait
        await emit(echo.app, "slow")
        await asyncio.wait_for(started.wait(), 10)
        await proxy.cut()
        go_on.set()
        await sees(echo, "slow")
        await emit(echo.app, "written while away")
        await proxy.mend()
        await sees(echo, "slow", "written while away")


async def test_event_waits_for_the_database_without_being_given_up(
    database: NewDatabase,
    parts: Parts,
    jwks: Path,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(consume, "_DATABASE_AWAY_SECONDS", 0.01)
    async with before(await database("events")) as (proxy, url), running(url, parts.rabbitmq.url, jwks) as echo:
        await publish(echo.app, "before")
        await sees(echo, "before")
        await proxy.cut()
        with caplog.at_level(logging.WARNING, "services.chassis"):
            await publish(echo.app, "meanwhile")

            async def tried_often() -> bool:
                return caplog.text.count("an event waits for the database") > bus.DELIVERY_LIMIT

            await eventually(tried_often)
            # A new connection to the broker would count as a delivery.
            assert "connecting anew" not in caplog.text
        await proxy.mend()
        await sees(echo, "before", "meanwhile")
        assert not echo.failed.is_set()


async def test_two_replicas_share_the_work_and_apply_each_event_once(
    database: NewDatabase, parts: Parts, jwks: Path
) -> None:
    url, service = await database("events"), f"echo{uuid4().hex[:8]}"
    async with (
        running(url, parts.rabbitmq.url, jwks, service=service) as one,
        running(url, parts.rabbitmq.url, jwks, service=service) as two,
    ):
        two.app.account = one.app.account
        tickets = [str(n) for n in range(40)]
        await asyncio.gather(emit(one.app, *tickets[:20]), emit(two.app, *tickets[20:]))
        await sees(one, *tickets)


async def test_connection_cut_during_set_up_is_an_error_that_is_tried_again(parts: Parts) -> None:
    async with before(parts.rabbitmq.url) as (proxy, amqp):
        failures = 0
        for proxy.limit in range(0, 10_000, 100):
            try:
                broker = await asyncio.wait_for(bus.connect(amqp, "cut"), 8)
                await broker.queues([KEY])
            except bus.CONNECTION_ERRORS:
                failures += 1
            else:
                await broker.close()
                break
        assert failures > 4
        proxy.limit = None
        await (await bus.connect(amqp, "cut")).close()
