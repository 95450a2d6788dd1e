"""Paying what is due, and putting money on the account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from portico.billing.v1 import events_pb2
from services.billing import balances, invoices, ledger, messages, store
from services.billing.balances import Balance
from services.billing.invoices import PAID, PARTIALLY_PAID, PROFORMA, Draft, Invoice, InvoiceNotFound, InvoiceNotOpen
from services.billing.ledger import Movement
from services.billing.parties import Seller
from services.chassis import audit, idempotency, money, outbox, times
from services.chassis.actor import Actor, system
from services.chassis.db import Database, Tx
from services.chassis.errors import DomainError, Invalid

CREDIT = "CREDIT"


class AmountInvalid(Invalid):
    reason = "AMOUNT_INVALID"


class AmountMismatch(DomainError):
    reason = "AMOUNT_MISMATCH"


class CurrenciesMixed(DomainError):
    reason = "CURRENCIES_MIXED"


class InsufficientCredit(DomainError):
    reason = "INSUFFICIENT_CREDIT"


@dataclass(frozen=True, slots=True)
class Amount:
    """Minor units of an ISO 4217 currency."""

    minor: int
    currency: str

    @property
    def written(self) -> str:
        known = self.currency in money.EXPONENTS
        return f"{money.to_decimal(self.minor, self.currency) if known else self.minor} {self.currency}"


async def top_up(tx: Tx, account_id: UUID, amount: Amount, key: str, now: datetime) -> None:
    """Money that reached the bank becomes the account's credit. `key` is the bank's reference: once each."""
    if amount.minor <= 0:
        raise AmountInvalid("must be more than 0", field="amount.minor")
    amounts = ((ledger.BANK, amount.minor), (ledger.CUSTOMER_CREDIT, -amount.minor))
    await ledger.post(tx, [Movement(f"top-up:{key}", account_id, amount.currency, amounts)], now)
    await audit.record(
        tx,
        system("billing", account_id),
        "credit.topped_up",
        subject=("Account", account_id, key),
        after={"amount_minor": amount.minor, "currency": amount.currency},
    )


async def pay(
    db: Database,
    seller: Seller,
    actor: Actor,
    resources: list[UUID] | None,
    request: Message,
    request_id: str,
    invoice_ids: Sequence[UUID],
    amount: Amount | None,
    now: datetime,
) -> tuple[list[Invoice], Balance]:
    """Pays documents from the account's credit, all of them or none; `amount` is what the payer believes to owe.

    Answers those paid, each proforma followed by its final invoice. Repeating with the same request_id changes
    nothing. InvoiceNotFound, InvoiceNotOpen, CurrenciesMixed, AmountMismatch, InsufficientCredit, AmountInvalid.
    """
    if amount is not None and amount.minor <= 0:
        raise AmountInvalid("must be more than 0", field="amount.minor", value=amount.written)
    wanted = list(dict.fromkeys(invoice_ids))
    today = seller.today(now)
    async with db.transaction() as tx:
        # Before the first answer is looked up: whoever may not reach an invoice gets no answer of its payment either.
        _must_reach(wanted, set(wanted) if resources is None else set(resources))
        kept = await idempotency.claim(tx, actor.account_id, request_id, request)
        if kept is not None:
            answered = [UUID(invoice_id) for invoice_id in kept["invoice_ids"]]
        else:
            due = await _lock_due(tx, actor.account_id, wanted, amount, seller, now)
            answered = [document.id for document in await _pay(tx, seller, actor, due, now)]
            await idempotency.keep(tx, actor.account_id, request_id, {"invoice_ids": [str(i) for i in answered]})
        paid = await invoices.by_ids(tx, actor.account_id, None, answered, today)
        balance = await balances.of_account(tx, actor.account_id, resources, today, currency=paid[0].currency)
    return paid, balance


def _must_reach(wanted: Sequence[UUID], reached: set[UUID]) -> None:
    for index, invoice_id in enumerate(wanted):
        if invoice_id not in reached:
            raise InvoiceNotFound(f"no invoice {invoice_id}", field=f"invoice_ids[{index}]", invoice_id=str(invoice_id))


async def _lock_due(
    tx: Tx, account_id: UUID, wanted: Sequence[UUID], amount: Amount | None, seller: Seller, now: datetime
) -> list[Invoice]:
    """The documents to be paid, locked, with what refuses the payment checked; the credit is locked too."""
    await store.lock_invoices(tx, account_id, wanted)
    found = await invoices.by_ids(tx, account_id, None, wanted, seller.today(now))
    _must_reach(wanted, {document.id for document in found})
    for index, document in enumerate(found):
        if not document.payable:
            raise InvoiceNotOpen(
                f"{document.number} is {document.state}",
                field=f"invoice_ids[{index}]",
                invoice_id=str(document.id),
                number=document.number,
                state=document.state,
            )
    currency = found[0].currency
    if any(document.currency != currency for document in found):
        raise CurrenciesMixed("invoices in different currencies are paid one by one", field="invoice_ids")
    needed = sum(document.due for document in found)
    if amount is not None and (amount.minor, amount.currency) != (needed, currency):
        raise AmountMismatch(
            f"{needed} {currency} is due, not {amount.minor} {amount.currency}",
            field="amount",
            due=money.to_decimal(needed, currency),
            currency=currency,
        )
    available = await ledger.lock_credit(tx, account_id, currency)
    if available < needed:
        raise InsufficientCredit(
            f"{needed} {currency} is needed, {available} is there",
            needed=money.to_decimal(needed, currency),
            available=money.to_decimal(available, currency),
            currency=currency,
        )
    return found


async def _pay(tx: Tx, seller: Seller, actor: Actor, due: Sequence[Invoice], now: datetime) -> list[Invoice]:
    settled = await settle(tx, seller, due, now)
    for before, after in zip(due, settled, strict=True):
        await audit.record(
            tx,
            actor,
            "invoice.paid",
            subject=("Invoice", before.id, before.number),
            before={"state": before.state, "paid_minor": before.paid},
            after={
                "state": PAID,
                "paid_minor": before.gross,
                "currency": before.currency,
                "method": CREDIT,
                "invoice": after.number,
            },
        )
        if after.id != before.id:
            await audit.record(
                tx,
                system("billing", after.account_id),
                "invoice.issued",
                subject=("Invoice", after.id, after.number),
                after={"gross_minor": after.gross, "currency": after.currency, "proforma": before.number},
            )
    await outbox.add_many(
        tx,
        [
            (
                events_pb2.InvoicePaid(
                    invoice=messages.invoice(after),
                    proforma_id=str(before.id) if before.kind == PROFORMA else "",
                    account_id=str(after.account_id),
                    order_id=str(after.order_id or ""),
                    actor=actor.ref(),
                    locale=after.locale,
                    occurred_at=times.to_pb(now),
                ),
                after.account_id,
                after.order_id or after.id,
            )
            for before, after in zip(due, settled, strict=True)
        ],
    )
    return [
        document
        for before, after in zip(due, settled, strict=True)
        for document in ((before, after) if before.id != after.id else (after,))
    ]


async def settle(tx: Tx, seller: Seller, due: Sequence[Invoice], now: datetime) -> list[Invoice]:
    """Takes what is due of an account's documents from its credit: payments, ledger, states, and a final invoice after
    each proforma. Answers, in order, the invoice that is now paid for each. Tells nobody: `pay` does.

    The documents are locked by the caller, or issued in this transaction; all of one account and currency.
    """
    if not due:
        return []
    proformas = [document for document in due if document.kind == PROFORMA]
    finals = await invoices.issue(
        tx, seller, invoices.INVOICE, [_final(proforma, seller, now) for proforma in proformas], now
    )
    final_of = dict(zip((proforma.id for proforma in proformas), finals, strict=True))
    await store.link_payments(tx, final_of)
    await _receive(tx, [(document, document.due, final_of.get(document.id)) for document in due], now)
    await store.mark_paid(tx, [document.id for document in due], now)
    await store.link_following(tx, final_of)
    paid = [final_of.get(document.id, document.id) for document in due]
    return await invoices.by_ids(tx, due[0].account_id, None, paid, seller.today(now))


async def pay_part(tx: Tx, document: Invoice, amount: int, now: datetime) -> None:
    """Takes a part (minor units, less than what is due) of a document from the account's credit."""
    if not 0 < amount < document.due:
        raise AmountInvalid("must be more than 0 and less than what is due", field="amount.minor")
    await _receive(tx, [(document, amount, None)], now)
    await store.mark_partially_paid(tx, document.id, document.paid + amount, PARTIALLY_PAID)
    await audit.record(
        tx,
        system("billing", document.account_id),
        "invoice.paid_in_part",
        subject=("Invoice", document.id, document.number),
        before={"state": document.state, "paid_minor": document.paid},
        after={
            "state": PARTIALLY_PAID,
            "paid_minor": document.paid + amount,
            "currency": document.currency,
            "method": CREDIT,
        },
    )


def _final(proforma: Invoice, seller: Seller, now: datetime) -> Draft:
    return Draft(
        account_id=proforma.account_id,
        buyer=proforma.buyer,
        currency=proforma.currency,
        locale=proforma.locale,
        due_on=seller.today(now),
        lines=tuple(
            invoices.NewLine(
                line.description,
                line.net,
                line.vat_rate_bp,
                line.vat,
                line.subject_type,
                line.subject_id,
                line.period_months,
                line.quantity,
                order_item_id=line.order_item_id,
            )
            for line in proforma.lines
        ),
        order_id=proforma.order_id,
        replaces_id=proforma.id,
        paid_at=now,
    )


async def _receive(tx: Tx, parts: Sequence[tuple[Invoice, int, UUID | None]], now: datetime) -> None:
    """Records payments from credit: (document, minor units, the final invoice of a proforma if there is one)."""
    parts = [part for part in parts if part[1]]
    ids = await store.add_payments(
        tx,
        [
            {
                "account_id": str(document.account_id),
                "method": CREDIT,
                "amount_minor": amount,
                "currency": document.currency,
                "proforma_id": str(document.id) if document.kind == PROFORMA else None,
                "invoice_id": str(final or document.id) if final or document.kind != PROFORMA else None,
            }
            for document, amount, final in parts
        ],
        now,
    )
    await ledger.post(
        tx,
        [
            Movement(
                f"payment:{payment_id}",
                document.account_id,
                document.currency,
                ((ledger.CUSTOMER_CREDIT, amount), (ledger.RECEIVABLE, -amount)),
                final or document.id,
            )
            for payment_id, (document, amount, final) in zip(ids, parts, strict=True)
        ],
        now,
    )
