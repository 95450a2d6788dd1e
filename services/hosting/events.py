"""What hosting hears from the others."""

from datetime import UTC, datetime
from uuid import UUID

from portico.billing.v1 import events_pb2
from services.chassis.consume import Meta, on
from services.chassis.db import Tx
from services.hosting import extensions
from services.hosting.app import App
from services.hosting.extensions import PaidLine


async def invoice_paid(tx: Tx, event: events_pb2.InvoicePaid, _meta: Meta, _app: App) -> None:
    lines = [
        PaidLine(UUID(line.id), UUID(line.subject_id), line.period_months)
        for line in event.invoice.lines
        if line.subject_type == "HostingService" and line.period_months > 0
    ]
    await extensions.extend(
        tx, UUID(event.account_id), UUID(event.invoice.id), event.invoice.number, lines, datetime.now(UTC)
    )


CONSUMES = {"billing.invoice_paid": on(events_pb2.InvoicePaid, invoice_paid)}
