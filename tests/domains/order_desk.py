"""The registrar's desk with the till beside it: domains at the sandbox registry over EPP, billing, and every event carried
between the two."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from portico.billing.v1 import billing_pb2, billing_pb2_grpc
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import (
    domains_pb2,
    domains_pb2_grpc,
    events_pb2,
    lifecycle_pb2_grpc,
    operator_pb2_grpc,
    orders_pb2_grpc,
)
from portico.domains.v1 import orders_pb2 as pb
from portico.identity.v1 import events_pb2 as identity_events
from portico.identity.v1 import identity_pb2
from services.billing.app import App as BillingApp
from services.billing.events import CONSUMES as BILLING_CONSUMES
from services.billing.rpc import BillingRpc
from services.chassis import times
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains.app import App
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.billing.conftest import SELLER, Books
from tests.serving import Database, Serving, Stubs, person, serving

EVERY = ("domains.read", "domains.order", "billing.read", "billing.pay")
CODE = "Kod-1234-abcd"
MONEY = 1_000_000
TRANSFER, RENEW, RESTORE = 1900, 2900, 9900  # the net price of .hu, in forints


def gross(net: int) -> int:
    return net + round(net * 0.27)


FAULTS: dict[str, dict[str, Any]] = {
    "a slow answer": {"action": "delay_after", "seconds": 1.2},
    "cut before": {"action": "cut_before"},
    "cut after": {"action": "cut_after"},
    "2400": {"action": "result", "code": 2400},
    "a wrong trID": {"action": "wrong_trid"},
    "a frame that never ends": {"action": "never_end"},
    "no deposit": {"action": "result", "code": 2104},
}


@dataclass(frozen=True)
class Desk:
    """The two services, the registry behind them, and what has been carried between them."""

    domains: Serving
    billing: Serving
    registry: sandbox.Sandbox
    carried: set[UUID] = field(default_factory=set)

    async def account(self) -> UUID:
        books = Books(self.billing)
        account = await books.customer()
        await books.top_up(account, MONEY)
        saved = identity_pb2.Account(
            id=str(account), name="Minta Kft.", email="a@minta.example", country="HU", city="Győr", locale="hu"
        )
        event = identity_events.AccountSaved(account=saved, occurred_at=times.to_pb(datetime.now(UTC)))
        await self.domains.hear(event, account)
        return account

    def foreign(self, *, code: str = CODE, **seed: Any) -> str:
        """A name that another registrar has."""
        name = f"mase-{uuid4().hex[:12]}.hu"
        self.registry.seed(name, registrar="other", auth=code, nameservers=["ns1.masnal.example"], **seed)
        return name

    async def held(self, account: UUID, *, days: int = 30, auto_renew: bool = False, **seed: Any) -> tuple[str, str]:
        """A name of ours, the same with us and at the registry; its id."""
        name, now = f"mienk-{uuid4().hex[:12]}.hu", datetime.now(UTC)
        expires = (now + timedelta(days=days)).replace(microsecond=0)
        self.registry.seed(
            name, registrar="portico", expires=expires.isoformat(), nameservers=["ns1.x.example"], **seed
        )
        domain_id = await self.domains.db.fetchval(
            """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at,
                                    auto_renew, nameservers, created_at)
               VALUES ($1, $2, $2, 'hu', 'ACTIVE', $3, $3, $4, $5, '{}', $3) RETURNING id""",
            account,
            name,
            now,
            expires,
            auto_renew,
        )
        return name, str(domain_id)

    async def transfer(self, account: UUID, *pairs: tuple[str, str], **rest: Any) -> pb.TransferDomainsResponse:
        items = [pb.TransferItem(name=name, auth_code=code) for name, code in pairs]
        request = pb.TransferDomainsRequest(**{"request_id": uuid4().hex, "items": items, **rest})
        answer = await self.domains.call(person(account, *EVERY), "TransferDomains", request)
        assert isinstance(answer, pb.TransferDomainsResponse)
        return answer

    async def renew(self, account: UUID, *ids: str, years: int = 1, key: str = "") -> pb.PlaceOrderResponse:
        request = pb.RenewDomainsRequest(request_id=key or uuid4().hex, domain_ids=ids, years=years)
        answer = await self.domains.call(person(account, *EVERY), "RenewDomains", request)
        assert isinstance(answer, pb.PlaceOrderResponse)
        return answer

    async def restore(self, account: UUID, domain_id: str) -> pb.PlaceOrderResponse:
        request = pb.RestoreDomainRequest(request_id=uuid4().hex, domain_id=domain_id)
        answer = await self.domains.call(person(account, *EVERY), "RestoreDomain", request)
        assert isinstance(answer, pb.PlaceOrderResponse)
        return answer

    async def exchange(self, account: UUID) -> None:
        """Carries what the services have told each other of this account, once each."""
        for giver, taker, kinds in (
            (self.domains, self.billing, (events_pb2.OrderRequested, events_pb2.OrderItemFailed)),
            (self.billing, self.domains, (billing_events.InvoicePaid, billing_events.OrderRejected)),
        ):
            rows = await giver.db.fetch(
                "SELECT id, routing_key, body FROM outbox WHERE account_id = $1 ORDER BY seq", str(account)
            )
            for row in rows:
                for kind in kinds:
                    named = row["routing_key"].split(".")[1] == _snake(kind.__name__)
                    if named and row["id"] not in self.carried:
                        self.carried.add(row["id"])
                        await taker.hear(kind.FromString(row["body"]), account, message_id=row["id"])

    async def invoices(self, account: UUID, *kinds: Any) -> list[billing_pb2.Invoice]:
        request = billing_pb2.ListInvoicesRequest(kinds=kinds, page=common_pb2.PageRequest(first=100))
        return list((await self.billing.call(person(account, *EVERY), "ListInvoices", request)).invoices)

    async def pay(self, account: UUID) -> None:
        """Pays every open proforma of the account, and lets domains know."""
        await self.exchange(account)
        proformas_ = await self.invoices(account, billing_pb2.INVOICE_KIND_PROFORMA)
        ids = [one.id for one in proformas_ if one.state == billing_pb2.INVOICE_STATE_OPEN]
        request = billing_pb2.PayInvoicesRequest(
            request_id=uuid4().hex, invoice_ids=ids, method=billing_pb2.PAYMENT_METHOD_CREDIT
        )
        await self.billing.call(person(account, *EVERY), "PayInvoices", request)
        await self.exchange(account)

    async def spent(self, account: UUID) -> int:
        await self.exchange(account)
        balance = await self.billing.call(person(account, *EVERY), "GetBalance", billing_pb2.GetBalanceRequest())
        return MONEY - int(balance.credit.minor)

    async def domain(self, account: UUID, name: str) -> domains_pb2.Domain:
        request = domains_pb2.GetDomainByNameRequest(name=name)
        answer = await self.domains.call(person(account, *EVERY), "GetDomainByName", request)
        assert isinstance(answer, domains_pb2.Domain)
        return answer

    async def state(self, account: UUID, name: str) -> str:
        return domains_pb2.DomainState.Name((await self.domain(account, name)).state).removeprefix("DOMAIN_STATE_")

    async def item(self, name: str) -> Any:
        query = """SELECT i.* FROM order_items i JOIN domains d ON d.id = i.domain_id WHERE d.name = $1
                   ORDER BY i.created_at DESC LIMIT 1"""
        return await self.domains.db.fetchrow(query, name)

    async def ended(self, name: str) -> Any:
        """The name's last ordered item, once it has ended."""

        async def has() -> bool:
            await self.hurry()
            return (await self.item(name))["state"] in {"DONE", "FAILED"}

        await until(has)
        return await self.item(name)

    async def hurry(self) -> None:
        """No job waits for its time."""
        await self.domains.db.execute("UPDATE jobs SET run_at = least(run_at, now()) WHERE state = 'ready'")
        await self.domains.db.execute("SELECT pg_notify('jobs', '')")

    async def waits(self, name: str, text: str) -> None:
        """Until the job about this name waits, and says so."""

        async def does() -> bool:
            query = """SELECT 1 FROM jobs j JOIN registry_intents r ON r.id::text = j.key JOIN domains d ON d.id = r.domain_id
                       WHERE d.name = $1 AND j.last_error LIKE '%' || $2 || '%'"""
            return bool(await self.domains.db.fetchval(query, name, text))

        await until(does)

    async def operation(self, account: UUID, name: str) -> common_pb2.Operation:
        request = domains_pb2.BatchGetOperationsRequest(ids=[str((await self.item(name))["operation_id"])])
        [found] = (await self.domains.call(person(account, *EVERY), "BatchGetOperations", request)).operations
        assert isinstance(found, common_pb2.Operation)
        return found

    def said(self, command: str, name: str) -> list[int]:
        return [entry["code"] for entry in self.registry.log(command, name)]

    def decide(self, name: str, *, approve: bool = True) -> None:
        """What the losing registrar would say."""
        self.registry.control("POST", f"/transfers/{name}", {"approve": approve})


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(25):
        while not await holds():
            await asyncio.sleep(0.05)


async def wrong_code(desk: Desk) -> tuple[UUID, str, str]:
    """A paid transfer whose code stopped being right after it was checked."""
    account, name = await desk.account(), desk.foreign()
    await desk.transfer(account, (name, CODE))
    desk.registry.seed(name, registrar="other", auth="Uj-kod-9876", nameservers=["ns1.masnal.example"])
    await desk.pay(account)

    async def wanted() -> bool:
        return bool((await desk.item(name))["code_wanted"])

    await until(wanted)
    return account, name, (await desk.domain(account, name)).id


@asynccontextmanager
async def running(database: Database, run_dir: Path) -> AsyncIterator[Desk]:
    """The two services, for as long as the block lasts."""
    with sandbox.registry(run_dir / "order-items-registry") as registry:
        client = registry.client(timeout=0.7)
        async with (
            serving(
                "domains",
                await database("order_items"),
                run_dir,
                make_app=lambda db: App(
                    db,
                    Registries([client]),
                    PowerDns("http://127.0.0.1:1", ""),
                    ("ns1.portico.example",),
                    Sealer([bytes(32)]),
                ),
                register=register,
                make_stub=Stubs.of(
                    domains_pb2_grpc.DomainsServiceStub,
                    orders_pb2_grpc.OrdersServiceStub,
                    lifecycle_pb2_grpc.LifecycleServiceStub,
                    operator_pb2_grpc.DomainsOperatorServiceStub,
                ),
                consumes=CONSUMES,
            ) as domains,
            serving(
                "billing",
                await database("order_items_billing"),
                run_dir,
                make_app=lambda db: BillingApp(db, SELLER),
                register=lambda server, app: billing_pb2_grpc.add_BillingServiceServicer_to_server(
                    BillingRpc(app), server
                ),
                make_stub=billing_pb2_grpc.BillingServiceStub,
                consumes=BILLING_CONSUMES,
            ) as billing,
        ):
            worker = asyncio.create_task(Worker(domains.db, domains.app, JOBS).run())
            yield Desk(domains, billing, registry)
            worker.cancel()
            await asyncio.wait([worker])
        await client.close()
