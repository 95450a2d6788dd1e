"""A list of names moved in, from the order to the last of them being ours, at a registry that takes 5 ms for each answer;
beside the EPP commands alone that this takes, over as many sessions."""

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from deploy.bench.http import Client
from services.billing import payments
from services.billing.payments import Amount
from services.chassis import db
from services.domains.epp import Registry

NAMES = 1000
_ANSWER_SECONDS = 0.005
_SESSIONS = 4
_CODE = "Bench-kod-1"
_PATIENCE = 600.0
_TRANSFER = """mutation ($i: TransferDomainsInput!) {
  transferDomains(input: $i) { order { items { name } } userErrors { message } } }"""
_PROFORMA = """{ account { invoices(filter: {kinds: [PROFORMA], states: [OPEN]}, first: 1) {
  nodes { id gross { amount } lines { description } } } } }"""
_PAY = """mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { invoices { id } userErrors { message } } }"""
_ASKED = """SELECT count(*) FROM registry_intents i JOIN domains d ON d.id = i.domain_id
            WHERE d.name LIKE $1 AND i.command = 'transfer' AND i.detail = 'pending'"""
_OURS = "SELECT count(*) FROM domains WHERE name LIKE $1 AND state = 'ACTIVE'"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds: from the order until every name is asked for at the registry; from the registry's yes until every name is
    ours; and for the commands alone."""

    asked: float
    settled: float
    bare: float


class Stuck(Exception):
    """It did not come to an end."""


async def measure(client: Client, token: str, account: str, databases: dict[str, str], base: Path) -> Outcome:
    """The names are DELETED afterwards; what they cost stays in the books of the demo."""
    ports = json.loads((base / "ports.json").read_text())
    control = _Control(f"http://127.0.0.1:{ports['registry_control']}")
    label = f"bench-{uuid.uuid4().hex[:8]}"
    names = [f"{label}-{n}.com" for n in range(NAMES)]
    control.seed(names)
    domains = await asyncpg.connect(databases["domains"])
    try:
        with control.slow():
            bare = await _bare(base, ports["registry"], names)
            control.seed(names)
            asked = await _order(client, token, account, names, databases["billing"], domains, label)
            began = time.perf_counter()
            control.approve(names)
            await _until(domains, _OURS, label)
            settled = time.perf_counter() - began
    finally:
        await domains.execute(
            "UPDATE domains SET state = 'DELETED' WHERE name LIKE $1 AND state = 'ACTIVE'", f"{label}-%"
        )
        await domains.close()
        for name in names:
            control.call("DELETE", f"/domains/{name}")
    return Outcome(asked, settled, bare)


async def _order(
    client: Client,
    token: str,
    account: str,
    names: list[str],
    billing: str,
    domains: "asyncpg.Connection[asyncpg.Record]",
    label: str,
) -> float:
    async def ask(document: str, **variables: object) -> dict[str, Any]:
        return (await client.measured(client.request(document, token, variables)))[0]

    began = time.perf_counter()
    items = [{"name": name, "authCode": _CODE} for name in names]
    await ask(_TRANSFER, i={"items": items, "idempotencyKey": uuid.uuid4().hex})
    nodes: list[dict[str, Any]] = []
    while not any(label in line["description"] for node in nodes for line in node["lines"][:1]):
        await asyncio.sleep(0.1)
        nodes = (await ask(_PROFORMA))["account"]["invoices"]["nodes"]
    await _top_up(billing, account, int(nodes[0]["gross"]["amount"]))
    await ask(_PAY, i={"invoiceIds": [nodes[0]["id"]], "idempotencyKey": uuid.uuid4().hex, "method": "CREDIT"})
    await _until(domains, _ASKED, label)
    return time.perf_counter() - began


async def _top_up(url: str, account: str, minor: int) -> None:
    pool = await db.connect(url, min_size=1, max_size=1)
    async with pool.transaction() as tx:
        account_id = await tx.fetchval("SELECT account_id FROM customers WHERE number = $1", account)
        await payments.top_up(tx, account_id, Amount(minor, "HUF"), f"bench {uuid.uuid4().hex}", datetime.now(UTC))
    await pool.close()


async def _until(domains: "asyncpg.Connection[asyncpg.Record]", query: str, label: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while await domains.fetchval(query, f"{label}-%") < NAMES:
        if time.monotonic() > ends:
            raise Stuck(f"the transfers of {label} did not end within {_PATIENCE:.0f} s")
        await asyncio.sleep(0.1)


async def _bare(base: Path, port: int, names: list[str]) -> float:
    """What each name takes at least: what is known of it, the request, what became of it, and what it is then."""
    password = json.loads((base / "secrets.json").read_text())["epp_portico"]
    queue = iter(names)
    async with Registry(
        "127.0.0.1",
        port,
        registrar="portico",
        password=password,
        ca_file=base / "registry" / "ca.pem",
        sessions=_SESSIONS,
    ) as registry:

        async def work() -> None:
            for name in queue:
                await registry.info(name, _CODE)
                await registry.request_transfer(name, _CODE, cl_trid=f"bench-{uuid.uuid4().hex}")
                await registry.query_transfer(name)
                await registry.info(name)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(_SESSIONS):
                group.create_task(work())
        return time.perf_counter() - began


class _Control:
    """The sandbox registry's control listener."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, body: object = None) -> None:
        request = urllib.request.Request(self._url + path, json.dumps(body or {}).encode(), method=method)  # noqa: S310
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()

    def seed(self, names: list[str]) -> None:
        self.call("POST", "/seed", [{"name": name, "registrar": "other", "auth": _CODE} for name in names])

    def approve(self, names: list[str]) -> None:
        for name in names:
            self.call("POST", f"/transfers/{name}")

    @contextmanager
    def slow(self) -> Iterator[None]:
        self.call("POST", "/faults", {"action": "delay", "times": None, "seconds": _ANSWER_SECONDS})
        try:
            yield
        finally:
            self.call("DELETE", "/faults")
