"""Stornos: taking back what was invoiced and could not be delivered."""

from datetime import datetime
from uuid import UUID

from portico.billing.v1 import events_pb2
from services.billing import invoices, ledger, messages, store, texts
from services.billing.invoices import PAID, REFUNDED, Draft, Invoice, Line, NewLine
from services.billing.ledger import Movement
from services.billing.parties import Seller
from services.chassis import actor, audit, outbox, times
from services.chassis.db import Tx


class NothingToCredit(LookupError):
    """A failed item whose paid invoice is not there: somebody has to look where the money went."""


async def credit_item(
    tx: Tx, seller: Seller, account_id: UUID, order_id: UUID, item_id: UUID, now: datetime
) -> Invoice | None:
    """Takes back the item's line of the order's final invoice and puts its price on the account's credit.

    Once per item: None when that was done before. NothingToCredit when there is no such paid line.
    """
    if not await store.claim_credit(tx, item_id, account_id, order_id):
        return None
    today = seller.today(now)
    original_id = await store.lock_invoice_of_order(tx, account_id, order_id)
    if original_id is None:
        raise NothingToCredit(f"order {order_id} has no invoice")
    original = await invoices.one(tx, account_id, original_id, today)
    line = next((li for li in original.lines if item_id == (li.order_item_id or li.subject_id)), None)
    if line is None or original.state != PAID:
        raise NothingToCredit(f"invoice {original.number} has no paid line of item {item_id}")
    await ledger.lock_credit(tx, account_id, original.currency)
    issued = await invoices.issue(tx, seller, invoices.STORNO, [_storno(original, line, seller, now)], now)
    amounts = ((ledger.RECEIVABLE, line.gross), (ledger.CUSTOMER_CREDIT, -line.gross))
    await ledger.post(tx, [Movement(f"credit:{issued[0]}", account_id, original.currency, amounts, issued[0])], now)
    await store.mark_corrected(tx, original.id, issued[0], REFUNDED)
    storno = await invoices.one(tx, account_id, issued[0], today)
    await _tell(tx, original, storno, order_id, now)
    return storno


def _storno(original: Invoice, line: Line, seller: Seller, now: datetime) -> Draft:
    taken_back = NewLine(
        texts.reversal(original.number, line.description, original.locale),
        -line.net,
        line.vat_rate_bp,
        -line.vat,
        line.subject_type,
        line.subject_id,
        line.period_months,
        line.quantity,
        line.id,
        line.order_item_id,
    )
    return Draft(
        account_id=original.account_id,
        buyer=original.buyer,
        currency=original.currency,
        locale=original.locale,
        due_on=seller.today(now),
        lines=(taken_back,),
        order_id=original.order_id,
        replaces_id=original.id,
        paid_at=now,
    )


async def _tell(tx: Tx, original: Invoice, storno: Invoice, order_id: UUID, now: datetime) -> None:
    await audit.record(
        tx,
        actor.system("billing", storno.account_id),
        "invoice.credited",
        subject=("Invoice", original.id, original.number),
        after={"storno": storno.number, "gross_minor": storno.gross, "currency": storno.currency},
    )
    credited = events_pb2.InvoiceCredited(
        invoice=messages.invoice(storno),
        original_id=str(original.id),
        account_id=str(storno.account_id),
        order_id=str(order_id),
        locale=storno.locale,
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, credited, account_id=storno.account_id, aggregate=order_id)
