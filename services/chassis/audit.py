"""What the event log shall keep: who did what to which object, from what to what."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import outbox, times
from services.chassis.actor import Actor
from services.chassis.db import Tx


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one object. `subject` is (GraphQL type, id, what people call it).

    Secrets do not belong in before/after: say that they changed, not what they are.
    """

    action: str
    subject: tuple[str, UUID | str, str]
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


async def record(
    tx: Tx,
    actor: Actor,
    action: str,
    *,
    subject: tuple[str, UUID | str, str],
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Tells the event log of a Change, in the change's own transaction."""
    await record_many(tx, actor, [Change(action, subject, before, after)])


async def record_many(tx: Tx, actor: Actor, changes: Iterable[Change]) -> None:
    """Tells the event log of changes, in one statement."""
    now = times.to_pb(datetime.now(UTC))
    events = [
        common_pb2.AuditRecorded(
            account_id=str(actor.account_id),
            actor=actor.ref(),
            action=one.action,
            subject_type=one.subject[0],
            subject_id=str(one.subject[1]),
            subject_label=one.subject[2],
            before_json=_json(one.before),
            after_json=_json(one.after),
            occurred_at=now,
        )
        for one in changes
    ]
    aggregate = f"audit:{actor.account_id}"
    await outbox.add_many(tx, [(event, actor.account_id, aggregate) for event in events])


def _json(values: Mapping[str, object] | None) -> str:
    return json.dumps(values, default=_plain, ensure_ascii=False, sort_keys=True) if values else ""


def _plain(value: object) -> str:
    """Times as elsewhere in the API, RFC 3339."""
    return value.isoformat() if isinstance(value, date) else str(value)
