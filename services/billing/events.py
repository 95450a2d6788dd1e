"""What billing hears from the others.

A document is dated when it is issued, not when the event happened: numbers and dates rise together in a series.
"""

from datetime import UTC, date, datetime
from uuid import UUID

from portico.domains.v1 import events_pb2
from portico.identity.v1 import events_pb2 as identity_events
from services.billing import parties, proformas, stornos
from services.billing.app import App
from services.billing.parties import Customer
from services.billing.proformas import Ordered
from services.chassis import times
from services.chassis.consume import Meta, on
from services.chassis.db import Tx


async def order_requested(tx: Tx, event: events_pb2.OrderRequested, _meta: Meta, app: App) -> None:
    ordered = [
        Ordered(
            UUID(item.item_id), UUID(item.domain_id), item.unicode_name or item.name, item.tld, item.action, item.years
        )
        for item in event.items
    ]
    await proformas.order(
        tx,
        app.seller,
        UUID(event.account_id),
        UUID(event.order_id),
        ordered,
        event.locale,
        datetime.now(UTC),
        pay_by=date.fromisoformat(event.pay_by) if event.pay_by else None,
    )


async def order_item_failed(tx: Tx, event: events_pb2.OrderItemFailed, _meta: Meta, app: App) -> None:
    await stornos.credit_item(
        tx, app.seller, UUID(event.account_id), UUID(event.order_id), UUID(event.item_id), datetime.now(UTC)
    )


# What was said before orders had items: a registration's item has the domain's id.


async def registration_requested(tx: Tx, event: events_pb2.RegistrationRequested, _meta: Meta, app: App) -> None:
    ordered = [
        Ordered(
            UUID(item.domain_id), UUID(item.domain_id), item.unicode_name or item.name, item.tld, "REGISTER", item.years
        )
        for item in event.items
    ]
    await proformas.order(
        tx, app.seller, UUID(event.account_id), UUID(event.order_id), ordered, event.locale, datetime.now(UTC)
    )


async def registration_failed(tx: Tx, event: events_pb2.RegistrationFailed, _meta: Meta, app: App) -> None:
    await stornos.credit_item(
        tx, app.seller, UUID(event.account_id), UUID(event.order_id), UUID(event.domain_id), datetime.now(UTC)
    )


async def account_saved(tx: Tx, event: identity_events.AccountSaved, _meta: Meta, _app: App) -> None:
    account = event.account
    customer = Customer(
        UUID(account.id),
        account.number,
        account.name,
        account.country,
        account.currency,
        account.locale,
        account.tax_number,
        account.postal_code,
        account.city,
        account.street,
    )
    await parties.save(tx, customer, times.from_pb(event.occurred_at))


CONSUMES = {
    "domains.order_requested": on(events_pb2.OrderRequested, order_requested),
    "domains.order_item_failed": on(events_pb2.OrderItemFailed, order_item_failed),
    "domains.registration_requested": on(events_pb2.RegistrationRequested, registration_requested),
    "domains.registration_failed": on(events_pb2.RegistrationFailed, registration_failed),
    "identity.account_saved": on(identity_events.AccountSaved, account_saved),
}
