"""The events that the domains service acts on."""

from datetime import UTC, datetime
from uuid import UUID

from portico.billing.v1 import events_pb2 as billing_events
from portico.identity.v1 import events_pb2 as identity_events
from portico.identity.v1 import identity_pb2
from services.chassis import times
from services.chassis.consume import Consumer, Meta, on
from services.chassis.db import Tx
from services.domains import fulfilment, store
from services.domains.app import App


async def invoice_paid(tx: Tx, event: billing_events.InvoicePaid, _meta: Meta, _app: App) -> None:
    # Lines from before orders had items name the domain alone: a registration's item had its id then.
    ids = [UUID(line.order_item_id or line.subject_id) for line in event.invoice.lines if line.subject_type == "Domain"]
    if event.order_id and ids:
        await fulfilment.start_paid(tx, UUID(event.account_id), UUID(event.order_id), ids, datetime.now(UTC))


async def order_rejected(tx: Tx, event: billing_events.OrderRejected, _meta: Meta, _app: App) -> None:
    await fulfilment.reject(tx, UUID(event.account_id), UUID(event.order_id), event.reason, datetime.now(UTC))


async def account_saved(tx: Tx, event: identity_events.AccountSaved, _meta: Meta, _app: App) -> None:
    account = event.account
    await store.save_registrant(
        tx,
        UUID(account.id),
        {
            "name": account.name,
            "company": account.kind == identity_pb2.ACCOUNT_KIND_COMPANY,
            "email": account.email,
            "phone": account.phone,
            "country": account.country,
            "postal_code": account.postal_code,
            "city": account.city,
            "street": account.street,
            "locale": account.locale or "hu",
        },
        times.from_pb(event.occurred_at),
    )


CONSUMES: dict[str, Consumer] = {
    "billing.invoice_paid": on(billing_events.InvoicePaid, invoice_paid),
    "billing.order_rejected": on(billing_events.OrderRejected, order_rejected),
    "identity.account_saved": on(identity_events.AccountSaved, account_saved),
}
