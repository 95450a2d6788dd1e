"""Billing's objects as its protos say them."""

from portico.billing.v1 import billing_pb2 as pb
from portico.common.v1 import common_pb2
from services.billing.balances import Balance
from services.billing.invoices import Invoice, Line
from services.billing.prices import Price
from services.chassis import times


def amount(minor: int, currency: str) -> common_pb2.Money:
    return common_pb2.Money(minor=minor, currency=currency)


def invoice(of: Invoice) -> pb.Invoice:
    return pb.Invoice(
        id=str(of.id),
        kind=pb.InvoiceKind.Value(f"INVOICE_KIND_{of.kind}"),
        number=of.number,
        state=pb.InvoiceState.Value(f"INVOICE_STATE_{of.state}"),
        issued_on=of.issued_on.isoformat(),
        due_on=of.due_on.isoformat(),
        paid_at=times.to_pb(of.paid_at),
        net=amount(of.net, of.currency),
        vat=amount(of.vat, of.currency),
        gross=amount(of.gross, of.currency),
        paid=amount(of.paid, of.currency),
        due=amount(of.due, of.currency),
        lines=[_line(line, of.currency) for line in of.lines],
        payments=[
            pb.Payment(
                id=str(payment.id),
                method=payment.method,
                amount=amount(payment.amount, of.currency),
                paid_at=times.to_pb(payment.paid_at),
            )
            for payment in of.payments
        ],
        replaces_id=str(of.replaces_id or ""),
        replaced_by_id=str(of.replaced_by_id or ""),
        created_at=times.to_pb(of.created_at),
    )


def _line(line: Line, currency: str) -> pb.InvoiceLine:
    return pb.InvoiceLine(
        id=str(line.id),
        description=line.description,
        quantity=line.quantity,
        net=amount(line.net, currency),
        vat_rate_bp=line.vat_rate_bp,
        vat=amount(line.vat, currency),
        gross=amount(line.gross, currency),
        subject_type=line.subject_type,
        subject_id=str(line.subject_id or ""),
        period_months=line.period_months,
        order_item_id=str(line.order_item_id or ""),
    )


def balance(of: Balance) -> pb.Balance:
    return pb.Balance(
        outstanding=amount(of.outstanding, of.currency),
        overdue=amount(of.overdue, of.currency),
        credit=None if of.credit is None else amount(of.credit, of.currency),
    )


def price(of: Price) -> pb.Price:
    return pb.Price(action=of.action, item=of.item, period_months=of.period_months, net=amount(of.net, of.currency))
