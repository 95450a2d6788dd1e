"""A gateway under uvicorn on loopback, before stand-ins of the services; each test gets its own world."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from gateway.context import global_id
from gateway.service import Gateway
from tests import door
from tests.gateway import fakes
from tests.gateway.fakes import ACCOUNTANT, ALL, World, contact, domain, invoice, operation, service, ticket, uid


@dataclass
class Stand:
    """The running gateway, its world, and a client."""

    world: World
    gateway: Gateway
    http: httpx.AsyncClient
    address: str
    servers: dict[str, grpc.aio.Server]

    async def post(self, query: str, token: str | None = "owner-token", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return await self.http.post("/graphql", json={"query": query, **more}, headers=headers)

    async def data(self, query: str, token: str = "owner-token", **more: Any) -> Any:
        """The data of an answer without errors."""
        answer = (await self.post(query, token, **more)).json()
        assert "errors" not in answer, answer
        return answer["data"]


def populate(world: World) -> None:
    """Account 1 with a bit of everything; account 2 with one domain and one invoice."""
    world.person("owner-token", contact(1, ALL))
    world.person("accountant-token", contact(1, ACCOUNTANT))
    world.person("stranger-token", contact(2, ALL))
    world.person("both-token", contact(1, ACCOUNTANT), contact(2, ALL))
    world.domains = {uid(1): [domain(i) for i in range(1, 4)], uid(2): [domain(100)]}
    world.services = {uid(1): [service(1), service(2)]}
    world.invoices = {uid(1): [invoice(1), invoice(2)], uid(2): [invoice(3)]}
    world.tickets = {uid(1): [ticket(1, related_type="Domain", related_id=uid(10_001))]}
    world.operations = {uid(1): [operation(1)]}


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    world = World()
    populate(world)
    servers, addresses = await fakes.serve(world)
    async with (
        door.gateway(addresses) as (application, address),
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as http,
    ):
        yield Stand(world, application.state.gateway, http, address, servers)
    await asyncio.gather(*(s.stop(0) for s in servers.values()))


def gid(type_: str, key: str) -> str:
    return global_id(type_, key)
