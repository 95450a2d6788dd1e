"""A paid invoice line moves its service's due date, once."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portico.hosting.v1 import events_pb2
from services.chassis import actor, audit, outbox, times
from services.chassis.db import Tx
from services.hosting import store


class NothingToExtend(LookupError):
    """Money came for a service that is not there or has ended: somebody has to look."""


@dataclass(frozen=True, slots=True)
class PaidLine:
    """`period_months` is the whole period paid for, whatever the quantity."""

    id: UUID
    service_id: UUID
    period_months: int


def add_months(day: date, months: int, day_of_month: int) -> date:
    """The day that many calendar months later: the agreed day of the month, or the month's last if it has no such."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day_of_month, calendar.monthrange(year, month)[1]))


async def extend(
    tx: Tx, account_id: UUID, invoice_id: UUID, number: str, lines: Sequence[PaidLine], now: datetime
) -> None:
    """Moves the due dates that the lines paid for and tells of it; a line applied before changes nothing.

    NothingToExtend when a line's service is not the account's, has no due date, or is terminated or failed.
    """
    # In one order everywhere, so that two invoices for the same services never wait for each other.
    for line in sorted(lines, key=lambda line: (line.service_id, line.id)):
        service = await store.lock_service(tx, account_id, line.service_id)
        if await store.was_applied(tx, line.id):
            continue
        if service is None or service["next_due_on"] is None or service["state"] in {"TERMINATED", "FAILED"}:
            raise NothingToExtend(f"invoice {number} pays for service {line.service_id}, which cannot be extended")
        before = service["next_due_on"]
        after = add_months(before, line.period_months, service["due_day"])
        await store.apply_extension(tx, line.id, line.service_id, invoice_id, before, after, now)
        await audit.record(
            tx,
            actor.system("hosting", account_id),
            "hosting.extended",
            subject=("HostingService", line.service_id, service["label"]),
            before={"next_due_on": before},
            after={"next_due_on": after, "invoice": number},
        )
        extended = events_pb2.ServiceExtended(
            service_id=str(line.service_id),
            account_id=str(account_id),
            label=service["label"],
            due_before=before.isoformat(),
            due_after=after.isoformat(),
            invoice_id=str(invoice_id),
            occurred_at=times.to_pb(now),
        )
        await outbox.add(tx, extended, account_id=account_id, aggregate=line.service_id)
