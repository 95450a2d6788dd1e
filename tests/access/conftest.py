"""One gateway under uvicorn on loopback, before stand-ins that hold nothing back, for the whole proof."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest
import uvicorn

from deploy.stack import Stack
from gateway import app
from gateway.limits import MAX_BODY
from gateway.settings import SERVICES, Settings
from tests.access import arguments, holdings, listening, mutations
from tests.access.arguments import Argued
from tests.access.documents import Document
from tests.access.doors import OverHttp, OverWebSocket
from tests.access.holdings import Holdings
from tests.access.listening import Listening
from tests.access.mutations import Change
from tests.access.policies import ALL
from tests.access.standins import Member, Services
from tests.access.walk import FOREIGN, OWN, Walk


def nothing(found: Sequence[str]) -> None:
    """Fails showing the first of what was found."""
    shown = "\n".join(found[:12])
    assert not found, f"{len(found)} breaches of access, the first:\n{shown}"


@pytest.fixture(scope="session")
async def walk() -> AsyncIterator[Walk]:
    services = Services()
    stand_in, address = await services.start()
    # Named TCP, so that asyncio answers without waiting for the client's acknowledgement (40 ms a request).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    told = {"PORT": str(port), "PUBLIC_URL": url, "AMQP_URL": "amqp://127.0.0.1:1/"}
    settings = Settings.read(told | {f"{name.upper()}_ADDRESS": address for name in SERVICES})
    application = app.create(settings)
    config = uvicorn.Config(
        application,
        ws="websockets-sansio",
        ws_max_size=MAX_BODY,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not running.done(), "the gateway did not start"
        await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            over_websocket = OverWebSocket(f"ws://127.0.0.1:{port}/graphql", services.credential)
            doors = (OverHttp(http, services.credential), over_websocket)
            walk = Walk(services, application.state.gateway, *doors)
            await walk.begin()
            yield walk
    finally:
        server.should_exit = True
        await running
        await stand_in.stop(0)


@pytest.fixture(scope="session")
async def argued(walk: Walk) -> list[Argued]:
    """Every argument, with a value that is accepted."""
    with walk.recording():
        return await arguments.every(walk)


@pytest.fixture(scope="session")
async def argued_documents(walk: Walk, argued: list[Argued]) -> list[Document]:
    return list(arguments.documents("arguments", argued, walk))


@pytest.fixture(scope="session")
async def changes(walk: Walk) -> list[Change]:
    """Every mutation, with an input that is accepted."""
    with walk.recording():
        return await mutations.every(walk)


@pytest.fixture(scope="session")
async def subscriptions(walk: Walk) -> list[Listening]:
    """Every subscription, with all that it tells."""
    with walk.recording():
        return await listening.every(walk)


@pytest.fixture(scope="session")
async def objects(
    walk: Walk, argued: list[Argued], changes: list[Change], subscriptions: list[Listening]
) -> Mapping[str, object]:
    """An object of every type, as the gateway made it: all that can be answered has been."""
    with walk.recording():
        for one in argued:
            if foreign := arguments.elsewhere(walk, one, FOREIGN):
                await walk.http.ask(arguments.document(walk, foreign), Member(OWN, ALL))
    return walk.objects


@pytest.fixture(scope="session")
async def held(stack: Stack) -> Mapping[str, Holdings]:
    """What each account of the running stack holds, by the account's id."""
    return await holdings.of_accounts({name: stack.database_url(name) for name in SERVICES})
