"""A record set of a megabyte, on each way in: refused at once with its place in the input, and nothing is written."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psutil
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.flows.portal import Person, Portal

ZONE = (
    '{ account { domain(name: "minta.hu") { zone { id version recordSets(search: "monster") { nodes { name } } } } } }'
)
CHANGE = """mutation ($i: ChangeZoneInput!) { changeZone(input: $i) {
  zone { version } operation { id } userErrors { code field message } } }"""
IMPORT = """mutation ($i: ImportZoneInput!) { importZone(input: $i) {
  zone { version } operation { id } userErrors { code field message } } }"""
MEGABYTE = "x" * 1_000_000
MONSTERS = {"one record": [MEGABYTE], "a thousand records": [f"{n:04}" + "x" * 996 for n in range(1000)]}
GOOD = {"name": "good", "type": "A", "records": ["192.0.2.1"]}
SECONDS = 2.0
"""Of the processor, of the domains service and of the gateway."""


@contextmanager
def quickly(portal: Portal) -> Iterator[None]:
    """Fails when what happens inside keeps the gateway or the domains service busy for long."""
    processes = []
    for name in ("gateway", "domains"):
        child = portal.stack.child(name)
        assert child is not None
        assert child.pid is not None
        processes.append(psutil.Process(child.pid))
    before = [sum(process.cpu_times()[:2]) for process in processes]
    yield
    used = [sum(process.cpu_times()[:2]) - began for process, began in zip(processes, before, strict=True)]
    assert max(used) < SECONDS


async def zone(anna: Person) -> dict[str, Any]:
    found: dict[str, Any] = (await anna.ask(ZONE)).data["account"]["domain"]["zone"]
    return found


@pytest.fixture
async def unchanged(anna: Person) -> AsyncIterator[dict[str, Any]]:
    """How a change of the zone begins; the zone is the same at the end."""
    before = await zone(anna)
    yield {"zoneId": before["id"], "ifVersion": before["version"]}
    assert await zone(anna) == before | {"recordSets": {"nodes": []}}


def refusals(payload: dict[str, Any]) -> list[tuple[str, str]]:
    assert payload["operation"] is None
    return [(error["code"], ".".join(error["field"])) for error in payload["userErrors"]]


@pytest.mark.parametrize("monster", MONSTERS)
async def test_a_change_set_names_it_and_whatever_else_is_wrong(
    portal: Portal, anna: Person, unchanged: dict[str, Any], monster: str
) -> None:
    changes = [
        GOOD,
        {"name": "monster", "type": "TXT", "records": MONSTERS[monster]},
        {"name": "bad", "type": "A", "records": ["192.0.2.1", "x"]},
    ]
    with quickly(portal):
        answer = (await anna.ask(CHANGE, i=unchanged | {"changes": changes})).data["changeZone"]
    assert refusals(answer) == [
        ("RECORD_SET_TOO_LARGE", "input.changes.1.records"),
        ("RECORD_INVALID", "input.changes.2.records.1"),
    ]
    message = answer["userErrors"][0]["message"]
    assert all(part in message for part in ("monster.minta.hu TXT", "100", "16\N{NO-BREAK SPACE}384")), message


async def test_a_document_that_holds_it_is_told_how_long_it_may_be(
    portal: Portal, anna: Person, unchanged: dict[str, Any]
) -> None:
    for monster in MONSTERS.values():
        document = f"""mutation {{ changeZone(input: {{zoneId: "{unchanged["zoneId"]}", ifVersion: {unchanged["ifVersion"]},
          changes: [{{name: "monster", type: TXT, records: {json.dumps(monster)}}}]}}) {{ userErrors {{ code }} }} }}"""
        with quickly(portal):
            answer = await anna.ask(document)
        [error] = answer.errors
        assert (answer.status, error["extensions"]["code"]) == (400, "DOCUMENT_TOO_COSTLY")
        assert "100000 characters" in error["message"]


def good_lines(octets: int) -> str:
    """Zone file of about so many octets that could be imported."""
    line = 'h{n:05} 300 IN TXT "' + "y" * 600 + '"\n'
    return "".join(line.format(n=n) for n in range(octets // len(line.format(n=0))))


async def test_a_zone_files_line_that_makes_it_too_large_is_named(
    portal: Portal, anna: Person, unchanged: dict[str, Any]
) -> None:
    good = good_lines(400_000)
    for monster in MONSTERS.values():
        text = good + "".join(f'monster 300 IN TXT "{record}"\n' for record in monster) + "bad A x\n"
        with quickly(portal):
            answer = (await anna.ask(IMPORT, i=unchanged | {"zoneFile": text})).data["importZone"]
        # It is too large with its first line, or with the one that goes over what a set can hold.
        at = good.count("\n") + (1 if len(monster) == 1 else 17)
        last = text.count("\n")
        assert refusals(answer) == [
            ("RECORD_SET_TOO_LARGE", f"input.zoneFile.{at}"),
            ("RECORD_INVALID", f"input.zoneFile.{last}"),
        ]


async def test_a_zone_file_or_a_body_that_is_too_large_is_told_the_limit(
    portal: Portal, anna: Person, unchanged: dict[str, Any]
) -> None:
    text = good_lines(900_000) + f'monster 300 IN TXT "{MEGABYTE[:990_000]}"\n'
    assert 1_880_000 < len(text) < 1_900_000
    with quickly(portal):
        answer = (await anna.ask(IMPORT, i=unchanged | {"zoneFile": text})).data["importZone"]
    assert refusals(answer) == [("INVALID", "input.zoneFile")]
    assert "1\N{NO-BREAK SPACE}500\N{NO-BREAK SPACE}000" in answer["userErrors"][0]["message"]
    with quickly(portal):
        over = await anna.ask(IMPORT, i=unchanged | {"zoneFile": text + MEGABYTE})
    [error] = over.errors
    assert (over.status, error["extensions"]["code"]) == (413, "BODY_TOO_LARGE")
    assert "2000000 bytes" in error["message"]


@asynccontextmanager
async def subscribed(portal: Portal, person: Person) -> AsyncIterator[tuple[ClientConnection, Callable[..., Any]]]:
    """A socket of the person's, and what sends an operation through it and answers its first frame."""
    async with websockets.connect(
        portal.stack.url.replace("http", "ws", 1) + "/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as socket:
        token = {"Authorization": f"Bearer {person.token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": token}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}

        async def ask(id_: str, query: str, **variables: object) -> dict[str, Any]:
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": id_, "type": "subscribe", "payload": payload}))
            answer: dict[str, Any] = json.loads(await socket.recv())
            assert answer["id"] == id_
            return answer

        yield socket, ask


async def test_over_websocket_it_is_told_the_limit_and_the_socket_lives_on(
    portal: Portal, anna: Person, unchanged: dict[str, Any]
) -> None:
    async with subscribed(portal, anna) as (_, ask):
        for monster in MONSTERS.values():
            changes = [{"name": "monster", "type": "TXT", "records": monster}]
            with quickly(portal):
                answer = await ask("large", CHANGE, i=unchanged | {"changes": changes})
            assert answer["type"] == "error"
            [error] = answer["payload"]
            assert error["extensions"]["code"] == "BODY_TOO_LARGE"
            assert "100000 characters" in error["message"]
        # One that is small enough for a message, and too large for a set, is told so as anywhere.
        changes = [{"name": "monster", "type": "TXT", "records": ["x" * 50_000]}]
        answer = await ask("small", CHANGE, i=unchanged | {"changes": changes})
        assert refusals(answer["payload"]["data"]["changeZone"]) == [
            ("RECORD_SET_TOO_LARGE", "input.changes.0.records")
        ]
