"""Tickets: opening one, for a person or for the house itself."""

from datetime import datetime
from uuid import UUID

from portico.tickets.v1 import events_pb2, tickets_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor
from services.chassis.db import Row, Tx
from services.tickets import store


async def open_ticket(
    tx: Tx,
    actor: Actor,
    *,
    subject: str,
    body: str,
    department: str,
    now: datetime,
    author: tuple[str, str] = ("system", "Portico"),
    state: str = "OPEN",
    priority: str = "NORMAL",
    related: tuple[str, UUID] | None = None,
    order_id: UUID | None = None,
) -> UUID | None:
    """Opens a ticket with its first message. None when `order_id` has its ticket already.

    `author` is (customer|operator|system, name); `department` a code; `related` a GraphQL type and id.
    """
    ticket_id = await store.insert_ticket(
        tx,
        actor.account_id,
        subject=subject,
        state=state,
        department=department,
        priority=priority,
        related=related,
        order_id=order_id,
        now=now,
    )
    if ticket_id is None:
        return None
    await store.insert_message(tx, ticket_id, author[0], author[1], body, now)
    [row] = await store.by_ids(tx, actor.account_id, None, [ticket_id])
    await audit.record(
        tx,
        actor,
        "ticket.opened",
        subject=("Ticket", ticket_id, f"{row['number']} {row['subject']}"),
        after={"state": state, "department": department},
    )
    event = events_pb2.TicketOpened(
        ticket=to_pb(row),
        account_id=str(actor.account_id),
        occurred_at=times.to_pb(now),
        order_id=str(order_id or ""),
    )
    await outbox.add(tx, event, account_id=actor.account_id, aggregate=ticket_id)
    return ticket_id


def to_pb(row: Row) -> tickets_pb2.Ticket:
    return tickets_pb2.Ticket(
        id=str(row["id"]),
        number=row["number"],
        subject=row["subject"],
        state=tickets_pb2.TicketState.Value(f"TICKET_STATE_{row['state']}"),
        department=tickets_pb2.Department(
            id=str(row["department_id"]), code=row["code"], name_hu=row["name_hu"], name_en=row["name_en"]
        ),
        priority=tickets_pb2.Priority.Value(f"PRIORITY_{row['priority']}"),
        related_type=row["related_type"],
        related_id=str(row["related_id"]) if row["related_id"] else "",
        opened_at=times.to_pb(row["opened_at"]),
        updated_at=times.to_pb(row["updated_at"]),
        closed_at=times.to_pb(row["closed_at"]),
    )
