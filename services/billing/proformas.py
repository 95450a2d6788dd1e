"""Proformas (díjbekérő): what is to be paid before anything is delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from portico.billing.v1 import events_pb2
from services.billing import invoices, messages, parties, prices, store, tax, texts
from services.billing.invoices import Invoice, NewLine
from services.billing.parties import Seller
from services.chassis import actor, audit, outbox, times
from services.chassis.db import Database, Tx

DUE_DAYS = 8
ORDER_UNPAID = "ORDER_UNPAID"
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Item:
    """Something to pay for: `net` in minor units of the customer's currency; the subject is "Domain" or
    "HostingService" and its id."""

    description: str
    net: int
    subject_type: str = ""
    subject_id: UUID | None = None
    period_months: int = 0
    order_item_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """An item of an order: `action` is REGISTER, TRANSFER, RENEW or RESTORE; `years` what is added to the period."""

    item_id: UUID
    domain_id: UUID
    unicode_name: str
    tld: str
    action: str
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
    payable_until: date | None = None,
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
            payable_until=payable_until,
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
        order_item_id=item.order_item_id,
    )


async def order(
    tx: Tx,
    seller: Seller,
    account_id: UUID,
    order_id: UUID,
    ordered: Sequence[Ordered],
    locale: str,
    now: datetime,
    *,
    pay_by: date | None = None,
) -> None:
    """The proforma of an order, once; or, when one of its items has no price, the news that it is rejected.

    Due as the terms say, or on `pay_by` where paying later would be of no use: then it lapses on the day after.
    """
    if await store.order_has_proforma(tx, order_id):
        return
    buyer = await parties.customer(tx, account_id)
    price_list = await prices.price_list(tx, buyer.currency)
    try:
        items = [_item(one, price_list, locale or buyer.locale) for one in ordered]
    except prices.PriceMissing as missing:
        await _reject(tx, account_id, order_id, missing.reason, missing.detail, now)
        return
    terms, today = await store.order_terms(tx), seller.today(now)
    due_days = terms["due_days"] if pay_by is None else max((pay_by - today).days, 0)
    grace = terms["cancel_after_days"] if pay_by is None else 0
    [proforma] = await issue_many(
        tx,
        seller,
        account_id,
        [items],
        now,
        due_days=due_days,
        order_id=order_id,
        locale=locale,
        payable_until=today + timedelta(days=due_days + grace),
    )
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


def _item(one: Ordered, price_list: prices.PriceList, locale: str) -> Item:
    # A transfer and a restore have one price each, whatever they add to the period.
    months = 12 * one.years if one.action in {"REGISTER", "RENEW"} else 12
    return Item(
        texts.ordered(one.action, one.unicode_name, one.years, locale),
        price_list.net(f"DOMAIN_{one.action}", one.tld, months),
        "Domain",
        one.domain_id,
        12 * one.years,
        one.item_id,
    )


async def cancel_unpaid(db: Database, seller: Seller, now: datetime) -> None:
    """Orders that were not paid within the terms are given up: their proformas are cancelled, whoever waits is told."""
    while True:
        async with db.transaction() as tx:
            cancelled = await store.cancel_unpaid(tx, seller.today(now), _AT_ONCE)
            for row in cancelled:
                await audit.record(
                    tx,
                    actor.system("billing", row["account_id"]),
                    "invoice.proforma_cancelled",
                    subject=("Invoice", row["id"], row["number"]),
                    before={"state": invoices.OPEN},
                    after={"state": invoices.CANCELLED},
                )
                await _reject(
                    tx, row["account_id"], row["order_id"], ORDER_UNPAID, f"{row['number']} was not paid", now
                )
        if len(cancelled) < _AT_ONCE:
            return


async def _reject(tx: Tx, account_id: UUID, order_id: UUID, reason: str, detail: str, now: datetime) -> None:
    rejected = events_pb2.OrderRejected(
        order_id=str(order_id),
        account_id=str(account_id),
        reason=reason,
        detail=detail,
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, rejected, account_id=account_id, aggregate=order_id)
