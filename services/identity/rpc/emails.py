"""E-mails between the protos and the use cases."""

from datetime import datetime
from uuid import UUID

from portico.identity.v1 import identity_pb2 as pb
from portico.identity.v1 import notifications_pb2
from services.chassis.db import Row
from services.chassis.times import to_pb
from services.identity import email_store
from services.identity.letters import SECRET

_STATES = {
    "queued": pb.EMAIL_STATE_QUEUED,
    "sent": pb.EMAIL_STATE_SENT,
    "failed": pb.EMAIL_STATE_FAILED,
    "bounced": pb.EMAIL_STATE_BOUNCED,
}
_NAMES = {number: name for name, number in _STATES.items()}


def email(row: Row) -> pb.Email:
    return pb.Email(
        id=str(row["id"]),
        created_at=to_pb(row["created_at"]),
        sent_at=to_pb(row["sent_at"]),
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"].replace(SECRET, "•••"),
        state=_STATES[row["state"]],
        category=row["category"],
        failure=row["failure"],
        failure_detail=row["error"],
    )


def email_filter(request: pb.ListEmailsRequest | notifications_pb2.ListOwnEmailsRequest) -> email_store.Filter:
    return email_store.Filter(
        request.categories, [_NAMES[state] for state in request.states if state in _NAMES], request.search
    )


def created(row: Row) -> tuple[datetime, UUID]:
    return row["created_at"], row["id"]
