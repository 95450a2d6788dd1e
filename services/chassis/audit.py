"""What the event log shall keep: who did what to which object, from what to what."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import outbox, times
from services.chassis.actor import Actor
from services.chassis.db import Tx


async def record(
    tx: Tx,
    actor: Actor,
    action: str,
    *,
    subject: tuple[str, UUID | str, str],
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Tells the event log, in the change's own transaction. `subject` is (GraphQL type, id, what people call it).

    Secrets do not belong in before/after: say that they changed, not what they are.
    """
    event = common_pb2.AuditRecorded(
        account_id=str(actor.account_id),
        actor=actor.ref(),
        action=action,
        subject_type=subject[0],
        subject_id=str(subject[1]),
        subject_label=subject[2],
        before_json=json.dumps(before, default=str, ensure_ascii=False, sort_keys=True) if before else "",
        after_json=json.dumps(after, default=str, ensure_ascii=False, sort_keys=True) if after else "",
        occurred_at=times.to_pb(datetime.now(UTC)),
    )
    await outbox.add(tx, event, account_id=actor.account_id, aggregate=f"audit:{actor.account_id}")
