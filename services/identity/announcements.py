"""Mail about what the other services tell: one letter a recipient and occasion, in the recipient's own language."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing
from portico.domains.v1 import events_pb2 as domains
from portico.hosting.v1 import events_pb2 as hosting
from portico.tickets.v1 import events_pb2 as tickets
from services.chassis import times
from services.chassis.consume import Meta
from services.chassis.db import Tx
from services.identity import recipients
from services.identity.app import App
from services.identity.letters import Letter
from services.identity.people import Contact

log = logging.getLogger(__name__)
#: Reasons for which an order ends before it is paid.
_ENDED_UNPAID = frozenset({"PRICE_MISSING", "ORDER_UNPAID"})


async def proforma_issued(tx: Tx, event: billing.ProformaIssued, meta: Meta, app: App) -> None:
    await _about_invoice(tx, app, "proforma_issued", event.account_id, event.invoice, meta.occurred_at)


async def invoice_paid(tx: Tx, event: billing.InvoicePaid, meta: Meta, app: App) -> None:
    await _about_invoice(tx, app, "invoice_paid", event.account_id, event.invoice, meta.occurred_at)


async def invoice_credited(tx: Tx, event: billing.InvoiceCredited, meta: Meta, app: App) -> None:
    await _about_invoice(tx, app, "invoice_credited", event.account_id, event.invoice, meta.occurred_at)


async def service_extended(tx: Tx, event: hosting.ServiceExtended, meta: Meta, app: App) -> None:
    account_id, service_id = UUID(event.account_id), UUID(event.service_id)
    told = await recipients.of_account(tx, account_id, "service", [service_id], meta.occurred_at)
    values = {"label": event.label, "due_after": date.fromisoformat(event.due_after)}
    # An invoice may hold two periods of one service: each moves its due date, and is told.
    occasion = f"service_extended:{service_id}:{event.due_after}"
    await _write(tx, app, told, "service_extended", occasion, "service", values, [service_id], meta.occurred_at)


async def ticket_opened(tx: Tx, event: tickets.TicketOpened, meta: Meta, app: App) -> None:
    """Nothing about a ticket that tells of an order: `order_completed` does."""
    if event.order_id:
        return
    account_id, ticket_id = UUID(event.account_id), UUID(event.ticket.id)
    told = await recipients.of_account(tx, account_id, "support", [ticket_id], meta.occurred_at)
    values = {"number": event.ticket.number, "subject": event.ticket.subject}
    occasion = f"ticket_opened:{ticket_id}"
    await _write(tx, app, told, "ticket_opened", occasion, "support", values, [ticket_id], meta.occurred_at)


async def order_completed(tx: Tx, event: domains.OrderCompleted, meta: Meta, app: App) -> None:
    """One mail to the contact who ordered, or else to the owner: about all names of the order, whatever became of them.

    An order that billing rejected ends here too, with a letter of its own.
    """
    contact_id = UUID(event.actor.contact_id) if event.actor.contact_id else None
    told = await recipients.of_order(tx, UUID(event.account_id), "domain", contact_id, meta.occurred_at)
    if not event.outcomes:
        return
    outcomes = [
        {
            "name": outcome.unicode_name or outcome.name,
            # An event of before there were other actions names none.
            "action": outcome.action or "REGISTER",
            "registered": outcome.registered,
            "expires_at": times.from_pb(outcome.expires_at) if outcome.HasField("expires_at") else None,
            "reason": outcome.reason,
            "unpaid": outcome.reason in _ENDED_UNPAID,
        }
        for outcome in event.outcomes
    ]
    name = "order_rejected" if all(outcome["unpaid"] for outcome in outcomes) else "order_completed"
    resources = [UUID(outcome.domain_id) for outcome in event.outcomes]
    occasion = f"order_completed:{event.order_id}"
    await _write(tx, app, told, name, occasion, "domain", {"outcomes": outcomes}, resources, meta.occurred_at)


async def holder_confirmation_wanted(tx: Tx, event: domains.HolderConfirmationWanted, meta: Meta, app: App) -> None:
    account_id, domain_id = UUID(event.account_id), UUID(event.domain_id)
    told = await recipients.of_account(tx, account_id, "domain", [domain_id], meta.occurred_at)
    values = {
        "name": event.unicode_name,
        "change": event.change,
        "holder": event.holder_email,
        "until": times.from_pb(event.until) if event.HasField("until") else None,
    }
    occasion = f"holder_confirmation:{event.command_id}"
    await _write(tx, app, told, "holder_confirmation", occasion, "domain", values, [domain_id], meta.occurred_at)


async def _about_invoice(
    tx: Tx, app: App, name: str, account: str, invoice: billing_pb2.Invoice, now: datetime
) -> None:
    invoice_id = UUID(invoice.id)
    told = await recipients.of_account(tx, UUID(account), "billing", [invoice_id], now)
    values = {
        "number": invoice.number,
        "gross": invoice.gross,
        "due_on": date.fromisoformat(invoice.due_on),
        "lines": invoice.lines,
    }
    await _write(tx, app, told, name, f"{name}:{invoice_id}", "billing", values, [invoice_id], now)


async def _write(
    tx: Tx,
    app: App,
    told: Sequence[Contact],
    name: str,
    occasion: str,
    category: str,
    values: Mapping[str, object],
    resources: Sequence[UUID],
    now: datetime,
) -> None:
    if not told:
        log.info("nobody to tell", extra={"occasion": occasion})
    for contact in told:
        letter = Letter(
            name,
            f"{occasion}:{contact.user.id}",
            category,
            contact.user.email,
            contact.user.name,
            contact.user.locale,
            {"portal": app.public_url, **values},
            user_id=contact.user.id,
            account_id=contact.account_id,
            resources=resources,
            account=f"{contact.account_name} ({contact.account_number})",
        )
        await app.post.write(tx, letter, now)
