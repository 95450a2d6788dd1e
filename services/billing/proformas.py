"""Proformas (díjbekérő): what is to be paid before anything is delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portico.billing.v1 import events_pb2
from services.billing import invoices, messages, parties, prices, store, tax, texts
from services.billing.invoices import Invoice, NewLine
from services.billing.parties import Seller
from services.chassis import actor, audit, outbox, times
from services.chassis.db import Tx

DUE_DAYS = 8


@dataclass(frozen=True, slots=True)
class Item:
    """Something to pay for: `net` in minor units of the customer's currency; the subject is "Domain" or
    "HostingService" and its id."""

    description: str
    net: int
    subject_type: str = ""
    subject_id: UUID | None = None
    period_months: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """A domain that an order asks to register."""

    domain_id: UUID
    unicode_name: str
    tld: str
    years: int


async def issue(
    tx: Tx,
    seller: Seller,
    account_id: UUID,
    items: Sequence[Item],
    now: datetime,
    *,
    due_days: int = DUE_DAYS,
    order_id: UUID | None = None,
    locale: str = "",
) -> Invoice:
    """Issues one proforma, due in `due_days`, with today's VAT. Tells nobody: `order` does.

    CustomerUnknown when nothing is known of the account.
    """
    return (
        await issue_many(tx, seller, account_id, [items], now, due_days=due_days, order_id=order_id, locale=locale)
    )[0]


async def issue_many(
    tx: Tx,
    seller: Seller,
    account_id: UUID,
    batches: Sequence[Sequence[Item]],
    now: datetime,
    *,
    due_days: int = DUE_DAYS,
    order_id: UUID | None = None,
    locale: str = "",
) -> list[Invoice]:
    """Issues a proforma for each batch of items, in a constant number of statements."""
    today = seller.today(now)
    buyer = await parties.customer(tx, account_id)
    rate = await tax.rate_bp(tx, seller, buyer.country, today)
    drafts = [
        invoices.draft_for(
            buyer,
            [_line(item, rate) for item in items],
            today + timedelta(days=due_days),
            order_id=order_id,
            locale=locale,
        )
        for items in batches
    ]
    ids = await invoices.issue(tx, seller, invoices.PROFORMA, drafts, now)
    return await invoices.by_ids(tx, account_id, None, ids, today)


def _line(item: Item, rate_bp: int) -> NewLine:
    return invoices.taxed(
        item.description,
        item.net,
        rate_bp,
        subject_type=item.subject_type,
        subject_id=item.subject_id,
        period_months=item.period_months,
    )


async def order(
    tx: Tx,
    seller: Seller,
    account_id: UUID,
    order_id: UUID,
    registrations: Sequence[Registration],
    locale: str,
    now: datetime,
) -> None:
    """The proforma of an order, once; or, when one of its items has no price, the news that it is rejected."""
    if await store.order_has_proforma(tx, order_id):
        return
    buyer = await parties.customer(tx, account_id)
    price_list = await prices.price_list(tx, buyer.currency)
    try:
        items = [
            Item(
                texts.registration(r.unicode_name, r.years, locale or buyer.locale),
                price_list.net("DOMAIN_REGISTER", r.tld, 12 * r.years),
                "Domain",
                r.domain_id,
                12 * r.years,
            )
            for r in registrations
        ]
    except prices.PriceMissing as missing:
        rejected = events_pb2.OrderRejected(
            order_id=str(order_id),
            account_id=str(account_id),
            reason=missing.reason,
            detail=missing.detail,
            occurred_at=times.to_pb(now),
        )
        await outbox.add(tx, rejected, account_id=account_id, aggregate=order_id)
        return
    proforma = await issue(tx, seller, account_id, items, now, order_id=order_id, locale=locale)
    await audit.record(
        tx,
        actor.system("billing", account_id),
        "invoice.proforma_issued",
        subject=("Invoice", proforma.id, proforma.number),
        after={"gross_minor": proforma.gross, "currency": proforma.currency, "due_on": proforma.due_on},
    )
    issued = events_pb2.ProformaIssued(
        invoice=messages.invoice(proforma),
        account_id=str(account_id),
        order_id=str(order_id),
        locale=proforma.locale,
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, issued, account_id=account_id, aggregate=order_id)
