"""The running stack with the demo's real data: somebody with every right in one account asks for everything of another."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pytest

from deploy.demo.customers import MASIK, MINTA
from deploy.stack import Stack
from gateway.context import global_id, read_id
from tests.access import arguments, mutations, values
from tests.access.arguments import Argued
from tests.access.documents import Document, Pick, apart
from tests.access.doors import Answer, OverHttp, OverWebSocket
from tests.access.graph import GRAPH
from tests.access.holdings import Holdings
from tests.access.mutations import Change
from tests.access.walk import Walk
from tests.flows.portal import Portal, eventually

Doors = Sequence[OverHttp | OverWebSocket]


def doors(portal: Portal, who: str) -> Doors:
    """How somebody of the demo asks: over HTTP, and over WebSocket."""
    token = portal.person(who).token
    address = portal.stack.url.replace("http", "ws", 1)
    return OverHttp(portal.http, lambda: token), OverWebSocket(f"{address}/graphql", lambda: token)


@pytest.fixture(scope="session")
async def portal(stack: Stack) -> AsyncIterator[Portal]:
    portal = Portal(stack)
    yield portal
    await portal.close()


async def asked(door: OverHttp | OverWebSocket, document: Document, **variables: Any) -> Answer:
    """The answer once every service has had the time to give its part: what is missing tells nothing."""

    async def whole() -> Answer | None:
        answer = await door.ask(document, **variables)
        late = any(error["extensions"]["code"] == "SERVICE_UNAVAILABLE" for error in answer.get("errors", []))
        return None if late else answer

    return await eventually("every service answers", whole)


@pytest.fixture(scope="session")
async def annas(portal: Portal, walk: Walk) -> list[Answer]:
    """All that Minta's owner is told of Minta."""
    return [await asked(doors(portal, "anna")[0], document) for document in walk.lists]


def ids_of(told: Any) -> Iterator[str]:
    """Every global id in an answer."""
    if isinstance(told, dict):
        for key, value in told.items():
            if key == "id" and isinstance(value, str):
                yield value
            yield from ids_of(value)
    elif isinstance(told, list):
        for one in told:
            yield from ids_of(one)


async def test_what_is_watched_for_is_told_to_its_owner(annas: list[Answer], held: Mapping[str, Holdings]) -> None:
    """Else the tests below would look for what nobody is ever told."""
    minta = held[str(MINTA.id)]
    told = minta.told_in(json.dumps(annas, ensure_ascii=False) + " ".join(read_id(i, "").key for i in ids_of(annas)))
    assert len(told) > 100, told
    for name in ("Minta Kft.", MINTA.tax_number, "anna@minta.example", "minta.hu", "Cég weboldala"):
        assert name in told


async def test_nothing_of_another_account_is_among_ones_own(
    portal: Portal,
    walk: Walk,
    held: Mapping[str, Holdings],
) -> None:
    minta, masik = held[str(MINTA.id)], held[str(MASIK.id)]
    for door in doors(portal, "david"):
        told = ""
        for document in walk.lists:
            answer = json.dumps(await asked(door, document), ensure_ascii=False)
            assert not minta.told_in(answer, document.text), f"{door.name}: {document.text[:600]}"
            told += answer
        assert len(masik.told_in(told)) > 10


async def test_nothing_of_another_account_is_found_by_id(
    portal: Portal,
    walk: Walk,
    annas: list[Answer],
    held: Mapping[str, Holdings],
) -> None:
    """By every id that the owner was shown, and by every uuid of the databases as an id of every type."""
    minta = held[str(MINTA.id)]
    uuids = {one for many in minta.ids.values() for one in many}
    shapes = {"Operation": "domains.{}"}
    ids = sorted({global_id(t, shapes.get(t, "{}").format(u)) for t in GRAPH.nodes for u in uuids} | set(ids_of(annas)))
    assert len(ids) > 1000
    inside = apart({t: walk.explorer.plain(t) for t in GRAPH.nodes})
    over_http, over_websocket = doors(portal, "david")
    for door, wanted in ((over_http, ids), (over_websocket, sorted(set(ids_of(annas))))):
        for begin in range(0, len(wanted), 100):
            some = wanted[begin : begin + 100]
            document = Document("nodes", (Pick("Query.nodes", values.written({"ids": some}), inside),))
            answer = await asked(door, document)
            assert answer["data"]["nodes"] == [None] * len(some), f"{door.name}: {answer['data']}"
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"NOT_FOUND"}
            assert not minta.told_in(json.dumps(answer, ensure_ascii=False)), door.name


async def test_nothing_of_another_account_is_found_by_searching(
    portal: Portal,
    walk: Walk,
    argued: list[Argued],
    held: Mapping[str, Holdings],
) -> None:
    """Every text argument of every field, with a text from every column of the databases."""
    minta = held[str(MINTA.id)]
    assert len(minta.samples) > 20
    searches = [
        searched for text in minta.samples for one in argued if (searched := _with_text(one, text[:90])) is not None
    ]
    over_http, over_websocket = doors(portal, "david")
    documents = list(arguments.documents("searches", searches, walk))
    for door, some in ((over_http, documents), (over_websocket, documents[:: max(len(documents) // 3, 1)])):
        for document in some:
            answer = await asked(door, document)
            text = json.dumps(answer, ensure_ascii=False)
            assert not minta.told_in(text, document.text), f"{door.name}: {document.text[:900]}"
            found = [pick for pick, told in _leaves(document.picks, answer.get("data") or {}) if told]
            assert not found, f"{door.name}: {found[0].coordinate} is found by a text of another account: {text[:600]}"


def _with_text(one: Argued, text: str) -> Argued | None:
    """The same search for a text; None for what takes none, and for what answers about any name, whoever has it."""
    if one.argument in {"after", "before"} or one.coordinate == "Query.domainAvailability":
        return None
    return arguments.exchanged(one, lambda type_, value: text if arguments.is_text(type_, value) else value)


def _leaves(picks: Sequence[Pick], value: Any) -> Iterator[tuple[Pick, Any]]:
    for pick in picks:
        told = value.get(pick.key)
        for one in told if isinstance(told, list) else [told]:
            if pick.inside and isinstance(one, dict):
                yield from _leaves(pick.inside[pick.of(one)], one)
            elif pick.key != "__typename":
                yield pick, one


async def test_a_page_after_another_accounts_cursor_is_of_ones_own(
    portal: Portal,
    walk: Walk,
    argued: list[Argued],
    annas: list[Answer],
    held: Mapping[str, Holdings],
) -> None:
    minta = held[str(MINTA.id)]
    cursors = sorted(set(_cursors(annas)))
    assert len(cursors) > 20
    pages = [
        one._replace(given={**one.given, one.argument: cursor})
        for one in argued
        if one.argument in {"after", "before"}
        for cursor in islice(cursors, 0, None, max(len(cursors) // 12, 1))
    ]
    over_http, _ = doors(portal, "david")
    for document in arguments.documents("pages", pages, walk):
        answer = json.dumps(await asked(over_http, document), ensure_ascii=False)
        assert not minta.told_in(answer, document.text), document.text[:900]


def _cursors(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        for key, value in told.items():
            if key == "cursor":
                yield value
            yield from _cursors(value)
    elif isinstance(told, list):
        for one in told:
            yield from _cursors(one)


async def test_no_mutation_reaches_what_belongs_to_another_account(
    stack: Stack,
    portal: Portal,
    changes: list[Change],
    annas: list[Answer],
    held: Mapping[str, Holdings],
) -> None:
    minta = held[str(MINTA.id)]
    own = {read_id(id_, "").type: id_ for id_ in ids_of(annas)}
    for door in doors(portal, "david"):
        for change in changes:
            given, foreign = change.arguments, False
            for path, id_ in arguments.ids_in(change.arguments):
                type_ = read_id(id_, "").type
                theirs = own.get(type_) or global_id(type_, sorted(minta.ids["identity"])[0])
                given, foreign = mutations.with_value(given, path, theirs), True
            if foreign:
                answer = await asked(door, change.document(), **given)
                assert answer["data"][change.pick.key]["userErrors"], f"{door.name}, {change.coordinate}: {answer}"
                told = minta.told_in(json.dumps(answer, ensure_ascii=False), json.dumps(given))
                assert not told, f"{door.name}, {change.coordinate}: {answer}"
