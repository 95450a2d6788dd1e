"""Billing."""

from typing import Any

from portico.billing.v1 import billing_pb2, billing_pb2_grpc
from portico.common.v1 import common_pb2
from tests.gateway.fakes.fake import Fake, page_of
from tests.gateway.fakes.world import uid


def money(minor: int) -> common_pb2.Money:
    return common_pb2.Money(minor=minor, currency="HUF")


def invoice(number: int, **values: Any) -> billing_pb2.Invoice:
    return billing_pb2.Invoice(
        id=uid(20_000 + number),
        kind=billing_pb2.INVOICE_KIND_PROFORMA,
        number=f"D-{number}",
        state=billing_pb2.INVOICE_STATE_OPEN,
        issued_on="2026-01-01",
        due_on="2026-01-09",
        net=money(1000),
        vat=money(270),
        gross=money(1270),
        paid=money(0),
        due=money(1270),
        **values,
    )


class Billing(Fake, billing_pb2_grpc.BillingServiceServicer):
    balance = billing_pb2.Balance(outstanding=money(1270), overdue=money(0), credit=money(5000))

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "GetDashboard"), [])
        return billing_pb2.GetDashboardResponse(invoices=found[:5], balance=self.balance)

    async def ListInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "ListInvoices"), [])
        part, info = page_of(found, request.page)
        return billing_pb2.ListInvoicesResponse(invoices=part, page=info)

    async def BatchGetInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "BatchGetInvoices"), [])
        return billing_pb2.BatchGetInvoicesResponse(invoices=[i for i in found if i.id in set(request.ids)])

    async def GetBalance(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetBalance")
        return self.balance

    async def PayInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "PayInvoices"), [])
        paid = [i for i in found if i.id in set(request.invoice_ids)]
        return billing_pb2.PayInvoicesResponse(invoices=paid, balance=self.balance)

    async def ListPrices(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListPrices")
        prices = [
            billing_pb2.Price(action=a, item="hu", period_months=12, net=money(2990))
            for a in ("DOMAIN_REGISTER", "DOMAIN_RENEW")
        ]
        return billing_pb2.ListPricesResponse(prices=prices)
