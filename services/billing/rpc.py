"""Billing's RPCs: translation between protos and use cases."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from portico.billing.v1 import billing_pb2 as pb
from portico.billing.v1 import billing_pb2_grpc
from services.billing import balances, invoices, messages, payments, prices
from services.billing.app import App
from services.billing.payments import Amount
from services.chassis import pages
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, requires


class BillingRpc(billing_pb2_grpc.BillingServiceServicer):
    def __init__(self, app: App) -> None:
        self._db = app.db
        self._seller = app.seller

    @requires("billing.read")
    async def GetDashboard(self, request: pb.GetDashboardRequest, ctx: Call) -> pb.GetDashboardResponse:
        account, resources, today = ctx.actor.account_id, ctx.scope.resources, self._seller.today(ctx.now)
        unpaid = await invoices.unpaid(self._db, account, resources, request.limit or 5, today)
        balance = await balances.of_account(self._db, account, resources, today)
        return pb.GetDashboardResponse(
            invoices=[messages.invoice(found) for found in unpaid], balance=messages.balance(balance)
        )

    @requires("billing.read")
    async def ListInvoices(self, request: pb.ListInvoicesRequest, ctx: Call) -> pb.ListInvoicesResponse:
        found, info = await invoices.list_page(
            self._db,
            ctx.actor.account_id,
            ctx.scope.resources,
            states=_names(pb.InvoiceState, request.states, "states"),
            kinds=_names(pb.InvoiceKind, request.kinds, "kinds"),
            search=request.search,
            page=pages.read(request.page),
            today=self._seller.today(ctx.now),
        )
        return pb.ListInvoicesResponse(invoices=[messages.invoice(one) for one in found], page=info)

    @requires("billing.read")
    async def BatchGetInvoices(self, request: pb.BatchGetInvoicesRequest, ctx: Call) -> pb.BatchGetInvoicesResponse:
        ids, today = [UUID(invoice_id) for invoice_id in request.ids], self._seller.today(ctx.now)
        found = await invoices.by_ids(self._db, ctx.actor.account_id, ctx.scope.resources, ids, today)
        return pb.BatchGetInvoicesResponse(invoices=[messages.invoice(one) for one in found])

    @requires("billing.read")
    async def GetBalance(self, _request: pb.GetBalanceRequest, ctx: Call) -> pb.Balance:
        today = self._seller.today(ctx.now)
        return messages.balance(await balances.of_account(self._db, ctx.actor.account_id, ctx.scope.resources, today))

    @requires("billing.pay")
    async def PayInvoices(self, request: pb.PayInvoicesRequest, ctx: Call) -> pb.PayInvoicesResponse:
        if request.method != pb.PAYMENT_METHOD_CREDIT:
            raise Invalid("is no known payment method", field="method")
        paid, balance = await payments.pay(
            self._db,
            self._seller,
            ctx.actor,
            ctx.scope.resources,
            request,
            request.request_id,
            [UUID(invoice_id) for invoice_id in request.invoice_ids],
            Amount(request.amount.minor, request.amount.currency) if request.HasField("amount") else None,
            ctx.now,
        )
        return pb.PayInvoicesResponse(
            invoices=[messages.invoice(one) for one in paid], balance=messages.balance(balance)
        )

    @requires(None)
    async def ListPrices(self, request: pb.ListPricesRequest, _ctx: Call) -> pb.ListPricesResponse:
        price_list = await prices.price_list(self._db, request.currency or "HUF")
        return pb.ListPricesResponse(prices=[messages.price(price) for price in price_list.prices])


def _names(enum: Any, values: Iterable[int], field: str) -> list[str]:
    """[INVOICE_STATE_OPEN] -> ["OPEN"]; Invalid for 0 and for numbers that the proto does not know."""
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    for index, value in enumerate(values):
        if not value or value not in enum.values():
            raise Invalid("is not one of the known values", field=f"{field}[{index}]")
    return [enum.Name(value).removeprefix(prefix) for value in values]
