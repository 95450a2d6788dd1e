"""The billing service, and accounts that it knows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from portico.billing.v1 import billing_pb2_grpc
from services.billing import parties, payments, proformas
from services.billing.app import App
from services.billing.events import CONSUMES
from services.billing.invoices import Invoice
from services.billing.parties import Customer, Seller
from services.billing.payments import Amount
from services.billing.proformas import Item
from services.billing.rpc import BillingRpc
from tests.serving import Database, Serving, serving

SELLER = Seller.read(Path(__file__).parents[2] / "services/billing/seller.json")


@pytest.fixture(scope="session")
async def billing(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with serving(
        "billing",
        await database("billing"),
        tmp_path_factory.mktemp("billing"),
        make_app=lambda db: App(db, SELLER),
        register=lambda server, app: billing_pb2_grpc.add_BillingServiceServicer_to_server(BillingRpc(app), server),
        make_stub=billing_pb2_grpc.BillingServiceStub,
        consumes=CONSUMES,
    ) as running:
        yield running


class Books:
    """What tests arrange through the ordinary use cases."""

    def __init__(self, billing: Serving) -> None:
        self._db = billing.db

    async def customer(self, *, currency: str = "HUF", locale: str = "hu", country: str = "HU") -> UUID:
        account_id = uuid4()
        async with self._db.transaction() as tx:
            customer = Customer(account_id, "P-10001", "Minta Kft.", country, currency, locale, "12345678-2-41")
            await parties.save(tx, customer, datetime.now(UTC))
        return account_id

    async def top_up(self, account_id: UUID, minor: int, currency: str = "HUF") -> None:
        async with self._db.transaction() as tx:
            await payments.top_up(tx, account_id, Amount(minor, currency), str(uuid4()), datetime.now(UTC))

    async def proforma(
        self, account_id: UUID, *nets: int, now: datetime | None = None, due_days: int = 8, order_id: UUID | None = None
    ) -> Invoice:
        async with self._db.transaction() as tx:
            items = [Item("minta.hu", net, "Domain", uuid4(), 12) for net in nets or (1000,)]
            return await proformas.issue(
                tx, SELLER, account_id, items, now or datetime.now(UTC), due_days=due_days, order_id=order_id
            )


@pytest.fixture
def books(billing: Serving) -> Books:
    return Books(billing)
