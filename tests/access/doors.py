"""The ways to ask the gateway: over HTTP, over WebSocket, and inside the process with other access rules than its own."""

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

import httpx
import websockets
from graphql import ExecutionResult, GraphQLField, GraphQLObjectType, GraphQLSchema
from websockets.typing import Subprotocol

from gateway import schema
from gateway.access import PUBLIC, Policies, Table
from gateway.clients import Calls
from gateway.context import NodeKind, Request
from gateway.documents import Document as Prepared
from gateway.documents import Documents, Operation
from gateway.errors import Problem, problem_json
from gateway.events import Happening
from gateway.execution import Engine
from gateway.over_http import body_of
from gateway.over_websocket import PROTOCOL
from gateway.service import Gateway
from gateway.sessions import Credential, Sessions
from tests.access.documents import Document
from tests.access.graph import GRAPH, PROBE, ROOTS
from tests.access.standins import Member, Services

Answer = dict[str, Any]


class Door(Protocol):
    name: str

    async def ask(self, document: Document, *members: Member, **variables: Any) -> Answer:
        """The answer for somebody with these memberships, the default account first."""
        ...


@dataclass
class OverHttp:
    http: httpx.AsyncClient
    credential: Callable[..., str]
    """The bearer token of somebody with these memberships."""
    name: str = "HTTP"

    async def ask(self, document: Document, *members: Member, **variables: Any) -> Answer:
        answer = await self.http.post(
            "/graphql",
            json={"query": document.text, "variables": variables},
            headers={"Authorization": f"Bearer {self.credential(*members)}"},
        )
        return dict(answer.json())


class Socket:
    """A WebSocket of somebody, introduced."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._next = 0

    async def subscribe(self, document: Document, **variables: Any) -> str:
        self._next += 1
        payload = {"query": document.text, "variables": variables}
        await self._connection.send(json.dumps({"type": "subscribe", "id": str(self._next), "payload": payload}))
        return str(self._next)

    async def frames(self, id_: str) -> list[dict[str, Any]]:
        """All that comes for an operation, up to its end."""
        found: list[dict[str, Any]] = []
        while not found or found[-1]["type"] == "next":
            async with asyncio.timeout(10):
                frame = json.loads(await self._connection.recv())
            assert frame.get("id") == id_, frame
            found.append(frame)
        return found


@dataclass
class OverWebSocket:
    """A socket for each question."""

    url: str
    credential: Callable[..., str]
    name: str = "WebSocket"

    @asynccontextmanager
    async def socket(self, *members: Member) -> AsyncIterator[Socket]:
        """A socket of somebody with these memberships, introduced."""
        async with websockets.connect(
            self.url, subprotocols=[Subprotocol(PROTOCOL)], max_size=None, compression=None
        ) as connection:
            payload = {"Authorization": f"Bearer {self.credential(*members)}"}
            await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            acknowledged = json.loads(await connection.recv())
            assert acknowledged == {"type": "connection_ack"}, acknowledged
            yield Socket(connection)

    async def ask(self, document: Document, *members: Member, **variables: Any) -> Answer:
        async with self.socket(*members) as socket:
            [first, *more] = await socket.frames(await socket.subscribe(document, **variables))
        if first["type"] == "error":
            return {"errors": first["payload"]}
        assert [frame["type"] for frame in more] == ["complete"], more
        return dict(first["payload"])


def probing(objects: Mapping[str, Any]) -> tuple[GraphQLSchema, Table]:
    """The schema with a field more for every object type, Account.probeDomain, that guards nothing.

    What leads to an object usually needs the same right as the object's own fields, and hides whether these would
    refuse by themselves. Through a probe they stand alone. `objects` holds by type what the probes answer.
    """
    core, table = schema.executable(schema.build())
    probes: dict[str, Any] = {}
    account = cast(GraphQLObjectType, core.type_map["Account"])
    for name in GRAPH.objects:
        if name not in ROOTS:
            type_ = cast(GraphQLObjectType, core.type_map[name])
            account.fields[PROBE + name] = GraphQLField(type_, resolve=_probe(name, objects))
            probes[f"Account.{PROBE}{name}"] = PUBLIC
    return core, {**table, **probes}


def _probe(name: str, objects: Mapping[str, Any]) -> Any:
    return lambda account, _info: _rebound(name, objects[name], account.acting)


def _rebound(name: str, recorded: Any, acting: Any) -> Any:
    """A recorded object as if it had been made for another contact."""
    found = copy.copy(recorded)
    if hasattr(found, "acting"):
        found.acting = acting
    for attribute, inner, abstract in _holding(name):
        held = vars(found).get(attribute)
        if isinstance(held, list):
            setattr(found, attribute, [_rebound(inner, item, acting) for item in held])
        elif hasattr(held, "acting"):
            # What may be of several types was found under a right of its own: there is no finding it again here.
            setattr(found, attribute, None if abstract else _rebound(inner, held, acting))
    return found


@cache
def _holding(name: str) -> list[tuple[str, str, bool]]:
    """(attribute, type, whether it may be of several types) of a type's fields that hold objects."""
    fields = [(re.sub(r"(?=[A-Z])", "_", one).lower(), GRAPH.field(f"{name}.{one}")) for one in GRAPH.fields(name)]
    return [
        (attribute, GRAPH.possible(one)[0], GRAPH.abstract(one)) for attribute, one in fields if GRAPH.possible(one)
    ]


@dataclass
class Inside:
    """The gateway's engine without its doors, on a schema and rules of the test's choice."""

    gateway: Gateway
    services: Services
    core: GraphQLSchema
    table: Table
    nodes: Mapping[str, NodeKind] = field(default_factory=lambda: schema.NODES)
    documents: Documents | None = None
    """Those of the same schema with other rules, to prepare nothing twice."""
    name: str = "in process"

    def __post_init__(self) -> None:
        self._documents = self.documents or Documents(self.core, self.table)
        self._engine = Engine(self.core, self.table)
        self._sessions = Sessions(self.gateway.clients, Policies(self.table))

    async def request(self, *members: Member) -> Request:
        told = cast(Calls, _Told(self.services.authenticated(members)))
        session = await self._sessions.authenticate(Credential(str(members), cookie=False), "127.0.0.1", told)
        request = self.gateway.request(session, "en", "127.0.0.1", Calls())
        request.nodes = self.nodes
        return request

    def _prepared(self, document: Document) -> tuple[Prepared, Operation]:
        prepared = self._documents.prepare(document.text)
        operation = prepared.operation(None)
        known = all(coordinate in self.table for coordinate in operation.coordinates)
        return prepared, replace(operation, known=known, verdicts=WeakKeyDictionary())

    async def ask(self, document: Document, *members: Member, **variables: Any) -> Answer:
        prepared, operation = self._prepared(document)
        result = await self._engine.run(prepared, operation, variables, await self.request(*members))
        return _told(body_of(result.data, result.errors, "en"))

    async def listen(
        self, document: Document, variables: Mapping[str, Any], events: Iterable[Any], *members: Member
    ) -> list[Answer]:
        """What a subscription tells while events happen; an answer without data is how it ended, if it was refused."""
        (prepared, operation), hub = self._prepared(document), self.gateway.hub
        stream = await self._engine.subscribe(prepared, operation, variables, await self.request(*members))
        if isinstance(stream, ExecutionResult):
            return [_told(body_of(None, stream.errors, "en"))]
        found: list[Answer] = []
        begun = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while not hub._subscribers and not begun.done():
                await asyncio.sleep(0.001)
            for message in events:
                await hub._receive(message)
            while True:
                while not begun.done():
                    for subscriber in {one for many in hub._subscribers.values() for one in many}:
                        if subscriber._queue.empty() and not subscriber._lost:
                            subscriber._lost = True  # the end: what is waited for now does not come any more
                            subscriber.put(Happening("nothing.more", None))
                    await asyncio.sleep(0.001)
                try:
                    payload = await begun
                    if payload is None:
                        return found
                    result = await self._engine.event(
                        prepared, operation, variables, await self.request(*members), payload
                    )
                except Problem as problem:
                    ended = problem.code == "EVENTS_LOST"
                    return found if ended else [*found, {"errors": [problem_json(problem, "en")]}]
                if result is not None:
                    found.append(_told(body_of(result.data, result.errors, "en")))
                begun = asyncio.ensure_future(anext(stream, None))


@dataclass(frozen=True)
class _Told:
    """Identity's answer about a credential, without a call."""

    answer: Any

    async def read(self, *_: Any) -> Any:
        return self.answer


def _told(body: Any) -> Answer:
    return dict(json.loads(json.dumps(body)))
