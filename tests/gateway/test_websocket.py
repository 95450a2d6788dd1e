"""Subscriptions over graphql-transport-ws: the protocol's closes, live events, rights of the moment."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from gateway import over_websocket
from gateway.events import BUFFERED, Happening, message_class
from gateway.limits import MAX_BODY, MAX_FRAME
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains_events
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import contact, invoice, operation, uid

OPERATION = "subscription ($i: ID!) { operationUpdated(id: $i) { state progress } }"
CHANGES = "subscription { accountChanged { kind node { id __typename } } }"


@asynccontextmanager
async def connect(stand: Stand, token: str | None = "owner-token", **more: Any) -> AsyncIterator[ClientConnection]:
    options = {"subprotocols": ["graphql-transport-ws"], **more}
    async with websockets.connect(f"ws://{stand.address}/graphql", **options) as socket:
        if token:
            await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
            assert await read(socket) == {"type": "connection_ack"}
        yield socket


async def send(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def read(socket: ClientConnection) -> dict[str, Any]:
    return dict(json.loads(await asyncio.wait_for(socket.recv(), 5)))


async def close_code(socket: ClientConnection) -> int | None:
    """The code that the gateway closes the socket with, what it sends before that aside."""
    async with asyncio.timeout(5):
        with suppress(websockets.ConnectionClosed):
            async for _ in socket:
                pass
        await socket.wait_closed()
    return socket.close_code


async def subscribe(socket: ClientConnection, query: str, id_: str = "1", **variables: Any) -> None:
    await send(socket, type="subscribe", id=id_, payload={"query": query, "variables": variables})


BAD = [
    "5",
    "null",
    "[]",
    '"x"',
    "{",
    "{}",
    '{"type": 5}',
    '{"type": "nonsense"}',
    '{"type": "subscribe", "id": {}, "payload": {"query": "{ a }"}}',
    '{"type": "subscribe", "payload": {"query": "{ a }"}}',
    '{"type": "subscribe", "id": "", "payload": {}}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": "x"}',
    '{"type": "complete", "id": []}',
    '{"type": "ping", "payload": 5}',
    '{"type": "ping", "payload": ' + "9" * 5000 + "}",
    "[" * 50_000,
    '{"a":' * 10_000,
    '{"type": "ping", "payload": "\\ud800"}',
]


@pytest.mark.parametrize("frame", BAD)
async def test_a_bad_frame_closes_its_own_socket_with_the_protocols_code(stand: Stand, frame: str) -> None:
    async with connect(stand) as other, connect(stand) as socket:
        await socket.send(frame)
        assert await close_code(socket) == 4400
        await send(other, type="ping")
        assert await read(other) == {"type": "pong"}


async def test_a_binary_frame_closes_the_socket(stand: Stand) -> None:
    async with connect(stand) as socket:
        await socket.send(b"\x00\x01")
        assert await close_code(socket) == 4400


async def test_an_operation_that_is_too_large_is_told_the_limit_and_the_others_go_on(stand: Stand) -> None:
    async with connect(stand) as socket:
        await subscribe(socket, "{ viewer { user { id } } }", "large", x="x" * MAX_FRAME)
        refused = await read(socket)
        assert (refused["id"], refused["type"]) == ("large", "error")
        [problem] = refused["payload"]
        assert problem["extensions"]["code"] == "BODY_TOO_LARGE"
        assert str(MAX_FRAME) in problem["message"]
        await subscribe(socket, "{ viewer { user { id } } }", "large")
        assert (await read(socket))["type"] == "next"
        assert await read(socket) == {"id": "large", "type": "complete"}
        # The id of an operation that runs is taken, however large the message.
        await subscribe(socket, CHANGES, "running")
        await subscribe(socket, CHANGES, "running", x="x" * MAX_FRAME)
        assert await close_code(socket) == 4409


@pytest.mark.parametrize("frame", ["x" * 200_000, json.dumps({"type": "ping", "payload": {"x": "x" * MAX_FRAME}})])
async def test_any_other_message_that_is_too_large_closes_the_socket(stand: Stand, frame: str) -> None:
    async with connect(stand) as socket:
        await socket.send(frame)
        assert await close_code(socket) == 4400


async def test_nobody_sends_large_messages_before_it_has_said_who_it_is(stand: Stand) -> None:
    async with connect(stand, None) as socket:
        await subscribe(socket, OPERATION, i="x" * MAX_FRAME)
        assert await close_code(socket) == 4400
        assert str(MAX_FRAME) in (socket.close_reason or "")


async def test_what_is_larger_than_a_request_can_be_is_not_even_read(stand: Stand) -> None:
    async with connect(stand) as socket:
        with suppress(websockets.ConnectionClosed):
            await subscribe(socket, OPERATION, i="x" * MAX_BODY)
        assert await close_code(socket) == 1009
        assert str(MAX_BODY) in (socket.close_reason or "")


async def test_other_subprotocols_are_not_spoken(stand: Stand) -> None:
    async with websockets.connect(f"ws://{stand.address}/graphql", subprotocols=["graphql-ws"]) as socket:  # type: ignore[list-item]
        assert await close_code(socket) == 4406


async def test_each_breach_of_the_handshake_has_its_code(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(stand, None) as socket:
        await subscribe(socket, OPERATION)
        assert await close_code(socket) == 4401
    async with connect(stand, None) as socket:
        await send(socket, type="connection_init")
        assert await close_code(socket) == 4401
    for payload in ({"Authorization": "Bearer nobody-knows-it"}, {"Authorization": 5}, {"authorization": "x"}):
        async with connect(stand, None) as socket:
            await send(socket, type="connection_init", payload=payload)
            assert await close_code(socket) == 4403
    async with connect(stand) as socket:
        await send(socket, type="connection_init", payload={"Authorization": "Bearer owner-token"})
        assert await close_code(socket) == 4429
    monkeypatch.setattr(over_websocket, "INIT_SECONDS", 0.2)
    async with connect(stand, None) as socket:
        assert await close_code(socket) == 4408


async def test_a_second_use_of_an_id_and_too_many_operations_close(stand: Stand) -> None:
    async with connect(stand) as socket:
        for _ in range(2):
            await subscribe(socket, CHANGES)
        assert await close_code(socket) == 4409
    async with connect(stand) as socket:
        for i in range(over_websocket.MAX_OPERATIONS + 1):
            await subscribe(socket, CHANGES, str(i))
        assert await close_code(socket) == 4429


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "subscription {"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "subscription { nonsense }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { viewer { currentIp } }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": 5}, "BAD_REQUEST"),
        ({"query": "{ viewer { currentIp } }", "variables": []}, "BAD_REQUEST"),
        ({"query": OPERATION, "variables": {"i": "junk"}}, "BAD_USER_INPUT"),
        ({"query": OPERATION, "variables": {"i": gid("Operation", f"domains.{uid(5)}")}}, "NOT_FOUND"),
        ({"query": OPERATION, "variables": {}}, "BAD_USER_INPUT"),
    ],
)
async def test_what_is_wrong_with_one_operation_ends_that_one_alone(
    stand: Stand, payload: dict[str, Any], code: str
) -> None:
    async with connect(stand) as socket:
        await send(socket, type="subscribe", id="7", payload=payload)
        answer = await read(socket)
        assert (answer["id"], answer["type"]) == ("7", "error")
        assert answer["payload"][0]["extensions"]["code"] == code
        await subscribe(socket, "{ viewer { user { name } } }", "7")
        assert (await read(socket))["payload"]["data"] == {"viewer": {"user": {"name": "owner-token"}}}
        assert await read(socket) == {"id": "7", "type": "complete"}


def updated(state: str, progress: float) -> Happening:
    changed = operation(1, state)
    changed.progress = progress
    event = common_pb2.OperationUpdated(account_id=uid(1), service="domains", operation=changed)
    return Happening("common.operation_updated", event)


async def settled(stand: Stand, account: str = "") -> None:
    """Waits until the account has a subscriber."""
    async with asyncio.timeout(5):
        while not stand.gateway.hub._subscribers.get(account or uid(1)):
            await asyncio.sleep(0.01)


async def test_an_operation_is_told_at_once_then_at_each_change_until_its_end(stand: Stand) -> None:
    async with connect(stand) as socket:
        await subscribe(socket, OPERATION, i=gid("Operation", f"domains.{uid(50_001)}"))
        first = await read(socket)
        assert first["payload"]["data"]["operationUpdated"] == {"state": "RUNNING", "progress": 0.5}
        stand.gateway.hub.publish(uid(1), updated("RUNNING", 0.7))
        stand.gateway.hub.publish(uid(1), updated("SUCCEEDED", 1))
        assert (await read(socket))["payload"]["data"]["operationUpdated"]["progress"] == 0.7
        assert (await read(socket))["payload"]["data"]["operationUpdated"]["state"] == "SUCCEEDED"
        assert await read(socket) == {"id": "1", "type": "complete"}


PAID = Happening("billing.invoice_paid", billing_events.InvoicePaid(invoice=invoice(1), account_id=uid(1)))
REGISTERED = Happening(
    "domains.domain_registered", domains_events.DomainRegistered(domain_id=uid(10_001), account_id=uid(1))
)


async def test_changes_are_told_only_to_those_who_may_see_the_object(stand: Stand) -> None:
    async with connect(stand) as owner, connect(stand, "accountant-token") as accountant:
        for socket in (owner, accountant):
            await subscribe(socket, CHANGES)
        async with asyncio.timeout(5):
            while len(stand.gateway.hub._subscribers.get(uid(1), ())) < 2:
                await asyncio.sleep(0.01)
        for happening in (REGISTERED, PAID):
            stand.gateway.hub.publish(uid(1), happening)
        seen = [(await read(owner))["payload"]["data"]["accountChanged"] for _ in range(2)]
        assert [s["kind"] for s in seen] == ["DOMAIN_REGISTERED", "INVOICE_PAID"]
        assert seen[0]["node"] == {"id": gid("Domain", uid(10_001)), "__typename": "Domain"}
        only = (await read(accountant))["payload"]["data"]["accountChanged"]
        assert only["kind"] == "INVOICE_PAID"


async def test_nothing_of_another_account_is_told(stand: Stand) -> None:
    async with connect(stand, "stranger-token") as socket:
        await subscribe(
            socket, "subscription ($a: ID) { accountChanged(account: $a) { kind } }", a=gid("Account", uid(1))
        )
        answer = await read(socket)
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
        await subscribe(socket, CHANGES, "2")
        await settled(stand, uid(2))
        stand.gateway.hub.publish(uid(1), PAID)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)


async def test_rights_that_shrink_while_subscribed_count_at_the_next_event(stand: Stand) -> None:
    async with connect(stand) as socket:
        await subscribe(socket, CHANGES)
        await settled(stand)
        stand.world.person("owner-token", contact(1, ["billing.read"]))
        await asyncio.sleep(1.05)
        stand.gateway.hub.publish(uid(1), REGISTERED)
        stand.gateway.hub.publish(uid(1), PAID)
        assert (await read(socket))["payload"]["data"]["accountChanged"]["kind"] == "INVOICE_PAID"


async def test_a_revoked_credential_closes_the_socket(stand: Stand) -> None:
    async with connect(stand) as socket:
        del stand.world.tokens["owner-token"]
        assert await close_code(socket) == 4403


async def test_completing_frees_the_id_and_stops_the_subscription(stand: Stand) -> None:
    async with connect(stand) as socket:
        await subscribe(socket, CHANGES)
        await settled(stand)
        await send(socket, type="complete", id="1")
        async with asyncio.timeout(5):
            while stand.gateway.hub._subscribers:
                await asyncio.sleep(0.01)
        await subscribe(socket, CHANGES)
        await settled(stand)


async def test_a_subscriber_that_falls_behind_is_told_and_ended(stand: Stand) -> None:
    stand.world.slow["billing.BatchGetInvoices"] = 0.5
    async with connect(stand) as socket:
        await subscribe(socket, "subscription { accountChanged { kind } }")
        await settled(stand)
        for _ in range(BUFFERED + 2):
            stand.gateway.hub.publish(uid(1), PAID)
        frames = [await read(socket)]
        while frames[-1]["type"] == "next":
            frames.append(await read(socket))
        assert frames[-1]["type"] == "error"
        assert frames[-1]["payload"][0]["extensions"]["code"] == "EVENTS_LOST"


async def test_a_browser_connects_with_its_cookie_from_this_site_alone(stand: Stand) -> None:
    form = {"email": "owner-token@x.example", "password": "right"}
    cookie = (await stand.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]
    for origin, good in ((f"http://{stand.address}", True), ("https://evil.example", False)):
        more = {"additional_headers": {"Cookie": cookie}, "origin": origin}
        async with connect(stand, None, **more) as socket:
            await send(socket, type="connection_init", payload={})
            if good:
                assert await read(socket) == {"type": "connection_ack"}
            else:
                assert await close_code(socket) == 4403


def test_an_events_class_is_found_by_its_routing_key() -> None:
    assert message_class("domains.domain_registered") is domains_events.DomainRegistered
    assert message_class("common.operation_updated") is common_pb2.OperationUpdated
    for key in ("", "x", "domains.", "domains.no_such", "nobody.knows", "os.path", "..", "domains.message"):
        assert message_class(key) is None
