"""Subscriptions: everything that the services tell is told, and what arrives is watched."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

from gateway.events import Happening
from services.chassis.events import routing_key
from tests.access import policies, values
from tests.access.canaries import Canaries, Source, account_id
from tests.access.documents import Document
from tests.access.doors import Answer
from tests.access.graph import GRAPH
from tests.access.standins import Member, event_classes
from tests.access.walk import OWN, Walk

Frame = dict[str, Any]


@dataclass(frozen=True)
class Listening:
    """A subscription that is accepted, and all that it tells somebody with every right."""

    coordinate: str
    document: Document
    variables: Mapping[str, Any]
    full: list[Answer]


async def every(walk: Walk) -> list[Listening]:
    """All subscriptions. Fails naming one whose arguments the proof cannot make, or that tells nothing."""
    return [await _accepted(walk, f"Subscription.{name}") for name in GRAPH.fields("Subscription")]


async def _accepted(walk: Walk, coordinate: str) -> Listening:
    arguments = GRAPH.field(coordinate).args
    written = f"({', '.join(f'{one}: ${one}' for one in arguments)})" if arguments else ""
    declares = f"({', '.join(f'${name}: {one.type}' for name, one in arguments.items())})" if arguments else ""
    pick = walk.explorer.pick(coordinate, frozenset(), arguments=written)
    assert pick is not None
    document = Document(coordinate, (pick,), "subscription", declares)
    guesses = [
        values.guesses(one.type, name, f"{coordinate}({name}:)", walk.ids[OWN], coordinate)
        for name, one in arguments.items()
    ]
    frames: list[Frame] = []
    for given in product(*guesses):
        variables = dict(zip(arguments, given, strict=True))
        frames = await listen(walk, document, variables, Member(OWN, policies.ALL))
        if heard := payloads(frames):
            assert not any("errors" in one for one in heard), f"{document.text} gives errors: {heard} {walk.faults}"
            return Listening(coordinate, document, variables, heard)
    raise AssertionError(
        f"{coordinate}: no event and no arguments made it tell anything; say a value in VALUES of "
        f"tests/access/values.py, as {coordinate}(argument:). Last frames: {frames}"
    )


def payloads(frames: list[Frame]) -> list[Answer]:
    return [frame["payload"] for frame in frames if frame["type"] == "next"]


def told(frames: list[Frame]) -> list[Answer]:
    """The events, and as an answer of its own the error that it ended with, if any."""
    ended = [{"errors": frame["payload"]} for frame in frames if frame["type"] == "error"]
    return [*payloads(frames), *ended]


async def listen(walk: Walk, document: Document, variables: Mapping[str, Any], *members: Member) -> list[Frame]:
    """All that a subscription tells while every event of both accounts happens; the last frame is its end."""
    hub, account = walk.gateway.hub, account_id(OWN)
    async with walk.websocket.socket(*members) as socket:
        frames = asyncio.create_task(socket.frames(await socket.subscribe(document, **variables)))
        async with asyncio.timeout(10):
            while not hub._subscribers.get(account) and not frames.done():
                await asyncio.sleep(0.001)
            for message in events(walk.services.canaries):
                await hub._receive(message)
            for subscriber in set(hub._subscribers.get(account, ())):
                while not subscriber._queue.empty() and not frames.done():
                    await asyncio.sleep(0.001)
                # As if it had fallen behind: told once the events so far are through, so nothing is waited for in vain.
                subscriber._lost = True
                subscriber.put(Happening("nothing.more", None))
            return await frames


@cache
def events(canaries: Canaries) -> tuple[Any, ...]:
    """Every event of every service, of both accounts, as the broker brings them."""
    found: list[Any] = []
    for account in (2, 1):
        for kind in event_classes():
            event = kind()
            canaries.fill(event, Source(account, f"event {kind.DESCRIPTOR.full_name}", ""))
            headers = {"account_id": account_id(account)}
            found.append(
                SimpleNamespace(headers=headers, routing_key=routing_key(kind), body=event.SerializeToString())
            )
    return tuple(found)
