"""Proformas, invoices and stornos: what they hold, reading them, issuing them.

An issued document never changes but for its payment and what follows it; the database refuses anything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from services.billing import ledger, numbering, store
from services.billing.ledger import Movement
from services.billing.parties import Customer, Seller
from services.chassis import money
from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import DomainError, NotFound
from services.chassis.pages import Page

PROFORMA, INVOICE, STORNO = "PROFORMA", "INVOICE", "STORNO"
OPEN, PARTIALLY_PAID, PAID, OVERDUE, REFUNDED = "OPEN", "PARTIALLY_PAID", "PAID", "OVERDUE", "REFUNDED"
CANCELLED = "CANCELLED"


class InvoiceNotFound(NotFound):
    """Unknown, of another account, or out of the actor's reach: one and the same to the asker."""

    reason = "INVOICE_NOT_FOUND"


class InvoiceNotOpen(DomainError):
    reason = "INVOICE_NOT_OPEN"


@dataclass(frozen=True, slots=True)
class Line:
    """Amounts in minor units. `period_months` is the whole period paid for, whatever the quantity."""

    id: UUID
    description: str
    quantity: int
    net: int
    vat_rate_bp: int
    vat: int
    gross: int
    subject_type: str
    subject_id: UUID | None
    period_months: int
    order_item_id: UUID | None


@dataclass(frozen=True, slots=True)
class Payment:
    id: UUID
    method: str
    amount: int
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """A document of any kind as it stands today: `state` is OVERDUE past the due date. Amounts in minor units."""

    id: UUID
    account_id: UUID
    kind: str
    number: str
    state: str
    issued_on: date
    due_on: date
    currency: str
    net: int
    vat: int
    gross: int
    paid: int
    paid_at: datetime | None
    order_id: UUID | None
    replaces_id: UUID | None
    replaced_by_id: UUID | None
    locale: str
    buyer: dict[str, str]
    created_at: datetime
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]

    @property
    def due(self) -> int:
        return self.gross - self.paid

    @property
    def payable(self) -> bool:
        return self.kind != STORNO and self.state in {OPEN, PARTIALLY_PAID, OVERDUE}


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to be issued; `reverses_line_id` on a storno is the line that it takes back."""

    description: str
    net: int
    vat_rate_bp: int
    vat: int
    subject_type: str = ""
    subject_id: UUID | None = None
    period_months: int = 0
    quantity: int = 1
    reverses_line_id: UUID | None = None
    order_item_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document to be issued. `paid_at` set: it is settled already, as a final invoice after a proforma is.

    `payable_until`: an order's proforma is cancelled after that day, unless somebody has paid.
    """

    account_id: UUID
    buyer: dict[str, str]
    currency: str
    locale: str
    due_on: date
    lines: tuple[NewLine, ...]
    order_id: UUID | None = None
    replaces_id: UUID | None = None
    paid_at: datetime | None = None
    payable_until: date | None = None


def taxed(
    description: str,
    net: int,
    rate_bp: int,
    *,
    subject_type: str,
    subject_id: UUID | None,
    period_months: int,
    order_item_id: UUID | None = None,
) -> NewLine:
    """A line with its VAT, rounded per line."""
    vat = money.vat(net, rate_bp)
    return NewLine(description, net, rate_bp, vat, subject_type, subject_id, period_months, order_item_id=order_item_id)


def draft_for(
    buyer: Customer,
    lines: Sequence[NewLine],
    due_on: date,
    *,
    order_id: UUID | None = None,
    locale: str = "",
    payable_until: date | None = None,
) -> Draft:
    """A draft in the customer's currency, and in its language unless `locale` says another."""
    return Draft(
        buyer.account_id,
        buyer.snapshot(),
        buyer.currency,
        locale or buyer.locale,
        due_on,
        tuple(lines),
        order_id=order_id,
        payable_until=payable_until,
    )


async def issue(tx: Tx, seller: Seller, kind: str, drafts: Sequence[Draft], now: datetime) -> list[UUID]:
    """Issues documents of one kind: numbers, snapshots, lines, and the ledger where the kind counts in it.

    Answers their ids in the drafts' order. Totals are the sums of the lines.
    """
    if not drafts:
        return []
    today = seller.today(now)
    numbered = await numbering.take(tx, kind, today.year, len(drafts))
    await store.add_invoices(
        tx,
        [_document(kind, place, draft, seller, today, now) for place, draft in zip(numbered, drafts, strict=True)],
    )
    await store.add_lines(
        tx,
        [
            {
                "invoice_id": str(place.id),
                "position": position,
                "description": line.description,
                "quantity": line.quantity,
                "net_minor": line.net,
                "vat_rate_bp": line.vat_rate_bp,
                "vat_minor": line.vat,
                "gross_minor": line.net + line.vat,
                "subject_type": line.subject_type,
                "subject_id": _text(line.subject_id),
                "period_months": line.period_months,
                "reverses_line_id": _text(line.reverses_line_id),
                "order_item_id": _text(line.order_item_id),
            }
            for place, draft in zip(numbered, drafts, strict=True)
            for position, line in enumerate(draft.lines, start=1)
        ],
    )
    if kind != PROFORMA:  # a proforma is a request, not a claim: the books do not know it
        await ledger.post(tx, [_claim(place.id, draft) for place, draft in zip(numbered, drafts, strict=True)], now)
    return [place.id for place in numbered]


def _document(
    kind: str, place: numbering.Numbered, draft: Draft, seller: Seller, today: date, now: datetime
) -> dict[str, object]:
    net, vat = sum(line.net for line in draft.lines), sum(line.vat for line in draft.lines)
    return {
        "id": str(place.id),
        "account_id": str(draft.account_id),
        "kind": kind,
        "series": place.series,
        "year": place.year,
        "serial": place.serial,
        "number": place.number,
        "state": PAID if draft.paid_at else OPEN,
        "issued_on": today.isoformat(),
        "due_on": draft.due_on.isoformat(),
        "currency": draft.currency,
        "net_minor": net,
        "vat_minor": vat,
        "gross_minor": net + vat,
        "line_count": len(draft.lines),
        "paid_minor": net + vat if draft.paid_at else 0,
        "paid_at": draft.paid_at.isoformat() if draft.paid_at else None,
        "order_id": _text(draft.order_id),
        "replaces_id": _text(draft.replaces_id),
        "locale": draft.locale,
        "seller": seller.snapshot(),
        "buyer": draft.buyer,
        "created_at": now.isoformat(),
        "payable_until": draft.payable_until.isoformat() if draft.payable_until else None,
    }


def _claim(invoice_id: UUID, draft: Draft) -> Movement:
    net, vat = sum(line.net for line in draft.lines), sum(line.vat for line in draft.lines)
    amounts = ((ledger.RECEIVABLE, net + vat), (ledger.REVENUE, -net), (ledger.VAT_PAYABLE, -vat))
    return Movement(f"invoice:{invoice_id}", draft.account_id, draft.currency, amounts, invoice_id)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


async def by_ids(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, ids: Sequence[UUID], today: date
) -> list[Invoice]:
    """The account's documents of these ids in their order, unknown, foreign and out-of-reach ones left out."""
    rows = {row["id"]: row for row in await store.invoices_by_ids(q, account_id, resources, ids, today)}
    return await complete(q, [rows[wanted] for wanted in dict.fromkeys(ids) if wanted in rows])


async def one(q: Queryable, account_id: UUID, invoice_id: UUID, today: date) -> Invoice:
    """InvoiceNotFound when the account has no such document."""
    found = await by_ids(q, account_id, None, [invoice_id], today)
    if not found:
        raise InvoiceNotFound(f"no invoice {invoice_id}", invoice_id=str(invoice_id))
    return found[0]


async def list_page(
    q: Queryable,
    account_id: UUID,
    resources: list[UUID] | None,
    *,
    states: Sequence[str],
    kinds: Sequence[str],
    search: str,
    page: Page,
    today: date,
) -> tuple[list[Invoice], common_pb2.PageInfo]:
    """A page of the account's documents, the newest first; empty `states` or `kinds` mean all."""
    rows = await store.invoice_page(q, account_id, resources, states, kinds, search, page, today)
    kept, info = page.cut(rows, key=lambda row: (row["created_at"], row["id"]))
    return await complete(q, kept), info


async def unpaid(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, limit: int, today: date
) -> list[Invoice]:
    """Open documents, the soonest due first."""
    return await complete(q, await store.unpaid_invoices(q, account_id, resources, limit, today))


async def complete(q: Queryable, rows: Sequence[Row]) -> list[Invoice]:
    """Documents with their lines and payments, fetched in two statements however many there are."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    lines: dict[UUID, list[Line]] = {}
    for row in await store.lines_of(q, ids):
        fields = dict(row)
        lines.setdefault(fields.pop("invoice_id"), []).append(Line(**fields))
    payments: dict[UUID, list[Payment]] = {}
    for row in await store.payments_of(q, ids):
        fields = dict(row)
        payments.setdefault(fields.pop("document_id"), []).append(Payment(**fields))
    return [
        Invoice(**dict(row), lines=tuple(lines.get(row["id"], ())), payments=tuple(payments.get(row["id"], ())))
        for row in rows
    ]
