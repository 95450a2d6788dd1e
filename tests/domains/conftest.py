"""Domains that are ours, at the sandbox registry and the real nameserver, with the service that manages them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import Message

from deploy.parts import Parts
from portico.common.v1 import common_pb2
from portico.domains.v1 import (
    domains_pb2,
    domains_pb2_grpc,
    management_pb2,
    management_pb2_grpc,
    operator_pb2_grpc,
    orders_pb2_grpc,
    zones_pb2_grpc,
)
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains.app import App
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.domains import order_desk
from tests.serving import Database, Refused, Serving, Stubs, confirmed, person, serving

OURS = ("ns1.portico.example", "ns2.portico.example")
PERMISSIONS = ("domains.read", "domains.manage", "domains.authcode", "dns.read", "dns.write")


@dataclass(frozen=True)
class Registrar:
    """The running service, the registry and the nameserver; `frames` are those of our EPP client, (direction, XML)."""

    service: Serving
    registry: sandbox.Sandbox
    nameserver: PowerDns
    dns_port: int
    frames: list[tuple[str, bytes]]

    async def domain(
        self,
        tld: str = "hu",
        *,
        account: UUID | None = None,
        nameservers: Sequence[str] = OURS,
        statuses: Sequence[str] = (),
        **seed: Any,
    ) -> "Held":
        """A domain of an account, the same with us and at the registry, with its zone."""
        name, account, now = f"m-{uuid4().hex[:12]}.{tld}", account or uuid4(), datetime.now(UTC)
        seed = {"auth": "Present-code-1", **seed}
        self.registry.seed(name, nameservers=list(nameservers), statuses=list(statuses), **seed)
        async with self.service.db.transaction() as tx:
            domain_id = await tx.fetchval(
                """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at,
                                        auto_renew, nameservers, statuses, created_at)
                   VALUES ($1, $2, $2, $3, 'ACTIVE', $4, $4, $5, false, $6, $7, $4) RETURNING id""",
                account,
                name,
                tld,
                now,
                now + timedelta(days=200),
                list(nameservers),
                list(statuses) or ["ok"],
            )
            zone_id = await tx.fetchval(
                "INSERT INTO zones (account_id, domain_id, name) VALUES ($1, $2, $3) RETURNING id",
                account,
                domain_id,
                name,
            )
            await tx.execute(
                "INSERT INTO record_sets (zone_id, name, type, ttl, records) VALUES ($1, $2, 'NS', 3600, $3)",
                zone_id,
                f"{name}.",
                [f"{host}." for host in nameservers],
            )
        return Held(self, account, domain_id, zone_id, name)

    async def hurry(self) -> None:
        """No job waits for its time."""
        await self.service.db.execute(
            "UPDATE jobs SET run_at = now() WHERE state = 'ready' AND kind <> 'unsign_zone' AND run_at > now()"
        )
        await self.service.db.execute("SELECT pg_notify('jobs', '')")


@dataclass(frozen=True)
class Held:
    """One domain and its owner."""

    registrar: Registrar
    account: UUID
    id: UUID
    zone_id: UUID
    name: str

    async def call(self, method: str, request: Message, *, only: Sequence[UUID] | None = None) -> Any:
        who = confirmed(person(self.account, *PERMISSIONS, resources=None if only is None else frozenset(only)))
        return await self.registrar.service.call(who, method, request)

    async def refused(self, method: str, request: Message) -> Refused:
        return await self.registrar.service.refused(confirmed(person(self.account, *PERMISSIONS)), method, request)

    async def set_nameservers(self, *wished: tuple[str, Sequence[str]] | str) -> management_pb2.ChangeDomainResponse:
        hosts = [(one, ()) if isinstance(one, str) else one for one in wished]
        nameservers = [domains_pb2.Nameserver(host=host, addresses=addresses) for host, addresses in hosts]
        request = management_pb2.SetNameserversRequest(domain_id=str(self.id), nameservers=nameservers)
        answer: management_pb2.ChangeDomainResponse = await self.call("SetNameservers", request)
        return answer

    async def set_lock(self, locked: bool) -> management_pb2.ChangeDomainResponse:
        request = management_pb2.SetDomainLockRequest(domain_id=str(self.id), locked=locked)
        answer: management_pb2.ChangeDomainResponse = await self.call("SetDomainLock", request)
        return answer

    async def get(self) -> domains_pb2.Domain:
        answer = await self.call("BatchGetDomains", domains_pb2.BatchGetDomainsRequest(ids=[str(self.id)]))
        found: domains_pb2.Domain = answer.domains[0]
        return found

    async def zone(self) -> domains_pb2.Zone:
        answer = await self.call("BatchGetZones", domains_pb2.BatchGetZonesRequest(domain_ids=[str(self.id)]))
        found: domains_pb2.Zone = answer.zones[0]
        return found

    def at_registry(self) -> Any:
        return self.registrar.registry.control("GET", f"/domains/{self.name}")

    def updates(self) -> list[int | None]:
        """The registry's answers to our updates of the domain; None where a command got none."""
        return [entry["code"] for entry in self.registrar.registry.log("update", self.name)]

    def fault(self, action: str, command: str = "domain:update", **wish: Any) -> None:
        self.registrar.registry.fault(action, command=command, name=wish.pop("name", self.name), **wish)

    async def operation(self, id_: str) -> common_pb2.Operation:
        answer = await self.call("BatchGetOperations", domains_pb2.BatchGetOperationsRequest(ids=[id_]))
        found: common_pb2.Operation = answer.operations[0]
        return found

    async def ends(self, operation: common_pb2.Operation) -> tuple[str, str]:
        """(state, reason) of an operation once it has ended."""
        assert operation.id

        async def ended() -> bool:
            await self.registrar.hurry()
            return (await self.operation(operation.id)).HasField("finished_at")

        await until(ended)
        found = await self.operation(operation.id)
        return common_pb2.OperationState.Name(found.state).removeprefix("OPERATION_STATE_"), found.error_reason

    async def steps(self, operation: common_pb2.Operation) -> dict[str, tuple[str, str]]:
        """Step -> (state, detail)."""
        found = await self.operation(operation.id)
        return {
            step.name: (common_pb2.OperationState.Name(step.state).removeprefix("OPERATION_STATE_"), step.detail)
            for step in found.steps
        }

    async def waits(self, operation: common_pb2.Operation, step: str, detail: str) -> None:
        """Until a step waits for this."""

        async def waiting() -> bool:
            await self.registrar.hurry()
            state, why = (await self.steps(operation))[step]
            return state == "WAITING" and why.startswith(detail)

        await until(waiting)

    async def logged(self) -> list[str]:
        """What the event log was told."""
        return [one.action for one in await self.registrar.service.told(common_pb2.AuditRecorded, self.account)]


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.03)


@pytest.fixture(scope="session")
async def registrar(database: Database, parts: Parts, run_dir: Path) -> AsyncIterator[Registrar]:
    nameservers = [f"--nameserver={host}" for host in OURS]
    with (
        sandbox.registry(run_dir / "management-registry", *nameservers) as registry,
        sandbox.recording() as seen,
    ):
        client = registry.client(timeout=1.0)
        nameserver = PowerDns(parts.powerdns.url, parts.powerdns.api_key)
        async with serving(
            "domains",
            await database("management"),
            run_dir,
            make_app=lambda db: App(db, Registries([client]), nameserver, OURS, Sealer([bytes(32)])),
            register=register,
            make_stub=Stubs.of(
                domains_pb2_grpc.DomainsServiceStub,
                zones_pb2_grpc.ZonesServiceStub,
                management_pb2_grpc.ManagementServiceStub,
                orders_pb2_grpc.OrdersServiceStub,
                operator_pb2_grpc.DomainsOperatorServiceStub,
            ),
            consumes={},
        ) as running:
            worker = asyncio.create_task(Worker(running.db, running.app, JOBS).run())
            assert parts.powerdns.dns_port is not None
            yield Registrar(running, registry, nameserver, parts.powerdns.dns_port, seen)
            worker.cancel()
            await asyncio.wait([worker])
        await client.close()
        await nameserver.close()


@pytest.fixture(scope="session")
async def desk(database: Database, run_dir: Path) -> AsyncIterator[order_desk.Desk]:
    async with order_desk.running(database, run_dir) as running:
        yield running
