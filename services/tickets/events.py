"""The events that the tickets service acts on."""

from datetime import UTC, datetime
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis.actor import system
from services.chassis.consume import Consumer, Meta, on
from services.chassis.db import Tx
from services.tickets import texts, tickets
from services.tickets.app import App


async def order_completed(tx: Tx, event: events_pb2.OrderCompleted, _meta: Meta, _app: App) -> None:
    """One ticket tells of the whole order; it stays open for the staff when something failed."""
    subject, body = texts.order_completed(event)
    all_done = all(outcome.registered for outcome in event.outcomes)
    await tickets.open_ticket(
        tx,
        system("tickets", UUID(event.account_id)),
        subject=subject,
        body=body,
        department="domains",
        now=datetime.now(UTC),
        state="ANSWERED" if all_done else "OPEN",
        related=("Domain", UUID(event.outcomes[0].domain_id)),
        order_id=UUID(event.order_id),
    )


CONSUMES: dict[str, Consumer] = {"domains.order_completed": on(events_pb2.OrderCompleted, order_completed)}
