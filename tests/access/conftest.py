"""One gateway under uvicorn on loopback, before stand-ins that hold nothing back, for the whole proof."""

from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest

from deploy.stack import SERVICES, Stack
from tests import door
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
    try:
        async with (
            door.gateway(dict.fromkeys(SERVICES, address)) as (application, at),
            httpx.AsyncClient(base_url=f"http://{at}", timeout=30) as http,
        ):
            over_websocket = OverWebSocket(f"ws://{at}/graphql", services.credential)
            walk = Walk(services, application.state.gateway, OverHttp(http, services.credential), over_websocket)
            await walk.begin()
            yield walk
    finally:
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
        for document in walk.lists:
            await walk.http.ask(document, Member(OWN, ALL, ordinary=False))
    return walk.objects


@pytest.fixture(scope="session")
async def held(stack: Stack) -> Mapping[str, Holdings]:
    """What each account of the running stack holds, by the account's id."""
    return await holdings.of_accounts({name: stack.database_url(name) for name in SERVICES})
