"""Invoices, the balance, payment."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, at_most, global_id, page_request, read_id
from gateway.graph.common import (
    Connection,
    Date,
    DateTime,
    Decimal,
    Money,
    MoneyInput,
    Node,
    UserError,
    connection,
    day,
    enum_map,
    moment,
    moment_of,
    money_of,
    numbers,
)
from gateway.graph.mutations import Wrong, mutation
from portico.billing.v1 import billing_pb2
from portico.common.v1 import common_pb2
from services.chassis import money


@strawberry.enum
class InvoiceKind(Enum):
    PROFORMA = "PROFORMA"
    INVOICE = "INVOICE"
    STORNO = "STORNO"


@strawberry.enum
class InvoiceState(Enum):
    OPEN = "OPEN"
    PAID = "PAID"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    OVERDUE = "OVERDUE"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


@strawberry.enum
class PaymentMethodKind(Enum):
    CREDIT = "CREDIT"


KINDS = enum_map(billing_pb2.InvoiceKind, InvoiceKind, "INVOICE_KIND_")
STATES = enum_map(billing_pb2.InvoiceState, InvoiceState, "INVOICE_STATE_")
METHODS = enum_map(billing_pb2.PaymentMethod, PaymentMethodKind, "PAYMENT_METHOD_")


@strawberry.input
class InvoiceFilter:
    states: list[InvoiceState] | None = None
    kinds: list[InvoiceKind] | None = None
    search: str | None = strawberry.field(default=None, description="Part of the number.")


@access(needs(Permission.BILLING_READ))
@strawberry.type
class InvoiceLine:
    acting: strawberry.Private[Acting]
    subject_ref: strawberry.Private[tuple[str, str]]
    id: strawberry.ID
    description: str
    quantity: int
    net: Money
    vat_rate: Decimal = strawberry.field(description='Per cent: "27".')
    vat: Money
    gross: Money
    period_months: int | None

    async def resolve_subject(self) -> Any:
        return await self.acting.related(*self.subject_ref)

    subject: Node | None = field(PUBLIC, resolve_subject, description="What the line is for.")

    @staticmethod
    def of(acting: Acting, pb: billing_pb2.InvoiceLine) -> "InvoiceLine":
        whole, part = divmod(pb.vat_rate_bp, 100)
        return InvoiceLine(
            acting=acting,
            subject_ref=(pb.subject_type, pb.subject_id),
            id=strawberry.ID(global_id("InvoiceLine", pb.id)),
            description=pb.description,
            quantity=pb.quantity,
            net=Money.of(pb.net),
            vat_rate=Decimal(f"{whole}.{part:02}" if part else str(whole)),
            vat=Money.of(pb.vat),
            gross=Money.of(pb.gross),
            period_months=pb.period_months or None,
        )


@access(needs(Permission.BILLING_READ))
@strawberry.type
class Payment:
    id: strawberry.ID
    method: str
    amount: Money
    paid_at: DateTime


@access(needs(Permission.BILLING_READ))
@strawberry.type(description="A proforma (díjbekérő), an invoice (számla), or a storno that cancels one.")
class Invoice(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    replaces_id: strawberry.Private[str]
    replaced_by_id: strawberry.Private[str]
    id: strawberry.ID
    kind: InvoiceKind
    number: str | None
    state: InvoiceState
    issued_on: Date | None
    due_on: Date | None
    paid_at: DateTime | None
    net: Money
    vat: Money
    gross: Money
    paid: Money
    due: Money
    lines: list[InvoiceLine]
    payments: list[Payment]

    async def resolve_replaces(self) -> "Invoice | None":
        return await load(self.acting, self.replaces_id) if self.replaces_id else None

    async def resolve_replaced_by(self) -> "Invoice | None":
        return await load(self.acting, self.replaced_by_id) if self.replaced_by_id else None

    replaces: "Invoice | None" = field(
        needs(Permission.BILLING_READ), resolve_replaces, description="The invoice that this one follows or cancels."
    )
    replaced_by: "Invoice | None" = field(
        needs(Permission.BILLING_READ), resolve_replaced_by, description="The invoice that follows or cancels this one."
    )

    @staticmethod
    def of(acting: Acting, pb: billing_pb2.Invoice) -> "Invoice":
        return Invoice(
            acting=acting,
            resource=pb.id,
            replaces_id=pb.replaces_id,
            replaced_by_id=pb.replaced_by_id,
            id=strawberry.ID(global_id("Invoice", pb.id)),
            kind=KINDS[pb.kind],
            number=pb.number or None,
            state=STATES[pb.state],
            issued_on=day(pb.issued_on),
            due_on=day(pb.due_on),
            paid_at=moment_of(pb, "paid_at"),
            net=Money.of(pb.net),
            vat=Money.of(pb.vat),
            gross=Money.of(pb.gross),
            paid=Money.of(pb.paid),
            due=Money.of(pb.due),
            lines=[InvoiceLine.of(acting, line) for line in pb.lines],
            payments=[
                Payment(
                    id=strawberry.ID(global_id("Payment", p.id)),
                    method=p.method,
                    amount=Money.of(p.amount),
                    paid_at=moment(p.paid_at),
                )
                for p in pb.payments
            ],
        )


@access(needs(Permission.BILLING_READ))
@strawberry.type
class Balance:
    outstanding: Money
    overdue: Money
    credit: Money | None = strawberry.field(description="Null for a contact whose right covers only some invoices.")

    @staticmethod
    def of(pb: billing_pb2.Balance) -> "Balance":
        return Balance(
            outstanding=Money.of(pb.outstanding), overdue=Money.of(pb.overdue), credit=money_of(pb, "credit")
        )


async def load(acting: Acting, id_: str) -> Invoice | None:
    """An invoice by id; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, Invoice]:
        request = billing_pb2.BatchGetInvoicesRequest(ids=ids)
        answer = await acting.read("billing", acting.clients.billing.BatchGetInvoices, request)
        return {pb.id: Invoice.of(acting, pb) for pb in answer.invoices}

    found: Invoice | None = await acting.loader("invoices", fetch).load(id_)
    return found


async def balance(acting: Acting) -> Balance:
    return Balance.of(await acting.read("billing", acting.clients.billing.GetBalance, billing_pb2.GetBalanceRequest()))


async def page(
    acting: Acting,
    filter_: InvoiceFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Invoice]:
    wanted = filter_ or InvoiceFilter()
    request = billing_pb2.ListInvoicesRequest(
        states=numbers(wanted.states, STATES),
        kinds=numbers(wanted.kinds, KINDS),
        search=wanted.search or "",
        page=page_request(first, after, last, before),
    )
    answer = await acting.read("billing", acting.clients.billing.ListInvoices, request)
    return connection([Invoice.of(acting, pb) for pb in answer.invoices], answer.page)


@access(PUBLIC)
@strawberry.type
class PaymentPayload:
    invoices: list[Invoice] | None = field(
        needs(Permission.BILLING_READ),
        default=None,
        description="Those paid, with the final invoices that followed proformas.",
    )
    balance: Balance | None = field(needs(Permission.BILLING_READ), default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class PayInvoicesInput:
    invoice_ids: list[strawberry.ID] = strawberry.field(description="At most 100; all of them are paid, or none.")
    idempotency_key: str = strawberry.field(description="8 to 200 characters; the same key never pays twice.")
    method: PaymentMethodKind = PaymentMethodKind.CREDIT
    amount: MoneyInput | None = strawberry.field(
        default=None, description="What you believe to owe in total; another sum is refused: AMOUNT_MISMATCH."
    )
    account_id: strawberry.ID | None = None


async def pay_invoices(acting: Acting, input_: PayInvoicesInput) -> PaymentPayload:
    """Pays invoices: all of them or none."""
    at_most(input_.invoice_ids, 100, "input.invoiceIds")
    ids = [read_id(id_, f"input.invoiceIds.{i}", "Invoice").key for i, id_ in enumerate(input_.invoice_ids)]
    request = billing_pb2.PayInvoicesRequest(
        request_id=input_.idempotency_key,
        invoice_ids=ids,
        method=numbers([input_.method], METHODS)[0],
        amount=_amount(input_.amount) if input_.amount else None,
    )
    answer = await acting.write("billing", acting.clients.billing.PayInvoices, request)
    return PaymentPayload(
        invoices=[Invoice.of(acting, pb) for pb in answer.invoices], balance=Balance.of(answer.balance)
    )


def _amount(given: MoneyInput) -> common_pb2.Money:
    path = ["input", "amount", "amount"]
    try:
        minor = money.from_decimal(given.amount, given.currency)
    except ValueError:
        raise Wrong("AMOUNT_INVALID", path, value=f"{given.amount} {given.currency}") from None
    if minor <= 0:
        raise Wrong("AMOUNT_INVALID", path, value=f"{given.amount} {given.currency}")
    return common_pb2.Money(minor=minor, currency=given.currency)


@strawberry.type
class BillingMutations:
    pay_invoices: PaymentPayload = mutation(Permission.BILLING_PAY, pay_invoices, PayInvoicesInput, PaymentPayload)
