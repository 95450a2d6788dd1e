"""What identity hears from the others, and from itself."""

import logging
from uuid import UUID

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2
from services.chassis import times
from services.chassis.consume import Meta, on
from services.chassis.db import Tx
from services.identity import event_log, store
from services.identity.app import App
from services.identity.letters import Letter

log = logging.getLogger(__name__)
#: Reasons for which an order ends before it is paid.
_ENDED_UNPAID = frozenset({"PRICE_MISSING", "ORDER_UNPAID"})


async def audit_recorded(tx: Tx, event: common_pb2.AuditRecorded, meta: Meta, app: App) -> None:
    await event_log.append(tx, meta.id, event)


async def order_completed(tx: Tx, event: events_pb2.OrderCompleted, meta: Meta, app: App) -> None:
    """One mail to the contact who ordered, or else to the owner."""
    account_id = UUID(event.account_id)
    contact_id = UUID(event.actor.contact_id) if event.actor.contact_id else None
    user = await store.addressee(tx, account_id, contact_id, meta.occurred_at)
    if user is None or not event.outcomes:
        log.warning("nobody to tell of an order", extra={"order": event.order_id, "account": event.account_id})
        return
    outcomes = [
        {
            "name": outcome.unicode_name or outcome.name,
            "registered": outcome.registered,
            "expires_at": times.from_pb(outcome.expires_at) if outcome.HasField("expires_at") else None,
            "reason": outcome.reason,
            "action": outcome.action or "REGISTER",
            "unpaid": outcome.reason in _ENDED_UNPAID,
        }
        for outcome in event.outcomes
    ]
    letter = Letter(
        "order_completed",
        f"order_completed:{event.order_id}",
        "domain",
        user["email"],
        user["name"],
        event.locale,
        {"outcomes": outcomes},
        user_id=user["id"],
        account_id=account_id,
        resources=[UUID(outcome.domain_id) for outcome in event.outcomes],
    )
    await app.post.write(tx, letter, meta.occurred_at)


CONSUMES = {
    "common.audit_recorded": on(common_pb2.AuditRecorded, audit_recorded),
    "domains.order_completed": on(events_pb2.OrderCompleted, order_completed),
}
