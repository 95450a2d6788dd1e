"""What identity hears from the others, and from itself."""

from portico.billing.v1 import events_pb2 as billing
from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains
from portico.hosting.v1 import events_pb2 as hosting
from portico.tickets.v1 import events_pb2 as tickets
from services.chassis.consume import Meta, on
from services.chassis.db import Tx
from services.identity import announcements, event_log
from services.identity.app import App


async def audit_recorded(tx: Tx, event: common_pb2.AuditRecorded, meta: Meta, app: App) -> None:
    await event_log.append(tx, meta.id, event)


CONSUMES = {
    "common.audit_recorded": on(common_pb2.AuditRecorded, audit_recorded),
    "billing.proforma_issued": on(billing.ProformaIssued, announcements.proforma_issued),
    "billing.invoice_paid": on(billing.InvoicePaid, announcements.invoice_paid),
    "billing.invoice_credited": on(billing.InvoiceCredited, announcements.invoice_credited),
    "domains.order_completed": on(domains.OrderCompleted, announcements.order_completed),
    "domains.holder_confirmation_wanted": on(
        domains.HolderConfirmationWanted, announcements.holder_confirmation_wanted
    ),
    "hosting.service_extended": on(hosting.ServiceExtended, announcements.service_extended),
    "tickets.ticket_opened": on(tickets.TicketOpened, announcements.ticket_opened),
}
