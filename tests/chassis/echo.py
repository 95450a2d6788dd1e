"""A small service mounted on the chassis: the tickets proto, served for tests of the chassis."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc

from portico.tickets.v1 import events_pb2, tickets_pb2, tickets_pb2_grpc
from services.chassis import consume, jobs, outbox, pages
from services.chassis.db import Database, Tx
from services.chassis.errors import DomainError
from services.chassis.grpc import Call, public, requires
from services.chassis.run import ServiceSettings, mounted

FULL_NAME = "portico.tickets.v1.TicketsService"
MIGRATIONS = Path(__file__).parent / "migrations"
KEY = "tickets.ticket_opened"


class TicketTaken(DomainError):
    reason = "TICKET_TAKEN"


@dataclass
class App:
    """`account` tells this service's events from those of other tests; `handle` is what its consumer also does."""

    db: Database
    account: UUID = field(default_factory=uuid4)
    handle: Callable[[Tx, events_pb2.TicketOpened], Awaitable[None]] | None = None


class EchoRpc(tickets_pb2_grpc.TicketsServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @requires("tickets.read")
    async def GetDashboard(
        self, request: tickets_pb2.GetDashboardRequest, _call: Call
    ) -> tickets_pb2.GetDashboardResponse:
        """Three statements."""
        await self._app.db.fetch("SELECT 1")
        async with self._app.db.transaction() as tx:
            await tx.fetchrow("SELECT 1")
            return tickets_pb2.GetDashboardResponse(open_total=await tx.fetchval("SELECT 41 + 1"))

    @requires("tickets.read")
    async def ListTickets(self, request: tickets_pb2.ListTicketsRequest, call: Call) -> tickets_pb2.ListTicketsResponse:
        """The scope's resources; fails as `search` says."""
        pages.read(request.page)
        if request.search == "taken":
            await self._app.db.execute("SELECT 1")
            raise TicketTaken("somebody was faster", field="search", number="T-1")
        if request.search == "boom":
            raise RuntimeError("password=hunter2")
        found = call.scope.resources
        return tickets_pb2.ListTicketsResponse(
            tickets=[tickets_pb2.Ticket(subject="everything")]
            if found is None
            else [tickets_pb2.Ticket(id=str(one)) for one in found]
        )

    @requires(None)
    async def BatchGetTickets(
        self, request: tickets_pb2.BatchGetTicketsRequest, call: Call
    ) -> tickets_pb2.BatchGetTicketsResponse:
        """Opens a ticket for each id; answers who asked."""
        async with self._app.db.transaction() as tx:
            for one in request.ids:
                await open_ticket(tx, self._app, one)
        return tickets_pb2.BatchGetTicketsResponse(tickets=[tickets_pb2.Ticket(subject=call.actor.label)])

    @public
    async def ListMessages(
        self, _request: tickets_pb2.ListMessagesRequest, _call: Call
    ) -> tickets_pb2.ListMessagesResponse:
        return tickets_pb2.ListMessagesResponse()


async def open_ticket(tx: Tx, app: App, ticket_id: str, subject: str = "", aggregate: str = "") -> None:
    event = events_pb2.TicketOpened(
        ticket=tickets_pb2.Ticket(id=ticket_id, subject=subject), account_id=str(app.account)
    )
    await outbox.add(tx, event, account_id=app.account, aggregate=aggregate or ticket_id)


async def _opened(tx: Tx, event: events_pb2.TicketOpened, _meta: consume.Meta, app: App) -> None:
    if event.account_id != str(app.account):
        return  # the broker is shared: another test's ticket
    await tx.execute("INSERT INTO seen (ticket_id, subject) VALUES ($1, $2)", event.ticket.id, event.ticket.subject)
    if app.handle is not None:
        await app.handle(tx, event)


@dataclass(frozen=True)
class Mounted:
    service: str
    app: App
    stub: "tickets_pb2_grpc.TicketsServiceAsyncStub"
    channel: grpc.aio.Channel
    failed: asyncio.Event

    async def seen(self) -> list[str]:
        rows = await self.app.db.fetch("SELECT ticket_id || subject AS text FROM seen ORDER BY n")
        return [row["text"] for row in rows]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    database_url: str,
    amqp_url: str,
    jwks: Path,
    *,
    service: str = "",
    servicer: Callable[[App], tickets_pb2_grpc.TicketsServiceServicer] = EchoRpc,
    job_handlers: Mapping[str, jobs.Handler] | None = None,
    consumes: Mapping[str, consume.Consumer] | None = None,
    periodic: Mapping[str, jobs.Periodic] | None = None,
) -> AsyncIterator[Mounted]:
    """The echo service, mounted as a real one is; by itself under a name of its own."""
    service = service or f"echo{uuid4().hex[:8]}"
    listen = f"127.0.0.1:{free_port()}"
    apps: list[App] = []

    async def build(db: Database) -> App:
        apps.append(App(db))
        return apps[0]

    def register(server: Any, app: App) -> None:
        tickets_pb2_grpc.add_TicketsServiceServicer_to_server(servicer(app), server)

    settings = ServiceSettings(listen, database_url, amqp_url, jwks, "INFO", None, None)
    async with (
        mounted(
            service,
            settings,
            build,
            register,
            MIGRATIONS,
            {KEY: consume.on(events_pb2.TicketOpened, _opened)} if consumes is None else consumes,
            job_handlers,
            periodic,
        ) as failed,
        grpc.aio.insecure_channel(listen) as channel,
    ):
        stub: tickets_pb2_grpc.TicketsServiceAsyncStub = tickets_pb2_grpc.TicketsServiceStub(channel)
        yield Mounted(service, apps[0], stub, channel, failed)


async def eventually(condition: Callable[[], Awaitable[Any]], within: float = 15.0) -> Any:
    """Polls until the condition answers something true; fails the test after `within` seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        answer = await condition()
        if answer:
            return answer
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)
