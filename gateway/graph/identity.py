"""Users, the event log, the e-mails sent."""

from enum import Enum
from typing import Any

import orjson
import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DateTime, Json, Node, connection, enum_map, moment, moment_of
from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2


@strawberry.enum
class EmailState(Enum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"


EMAIL_STATES = enum_map(identity_pb2.EmailState, EmailState, "EMAIL_STATE_")


@access(PUBLIC)
@strawberry.type(description="A login identity; it can be a contact of many accounts.")
class User:
    id: strawberry.ID
    email: str
    name: str
    locale: str

    @staticmethod
    def of(pb: identity_pb2.User) -> "User":
        return User(id=strawberry.ID(global_id("User", pb.id)), email=pb.email, name=pb.name, locale=pb.locale)


@access(needs(Permission.LOG_READ))
@strawberry.type
class EventActor:
    kind: str = strawberry.field(description="user, token, operator or system.")
    label: str
    ip: str | None

    @staticmethod
    def of(pb: common_pb2.ActorRef) -> "EventActor":
        return EventActor(kind=pb.kind, label=pb.label, ip=pb.ip or None)


def _json(text: str) -> Json | None:
    return Json(orjson.loads(text)) if text else None


@access(needs(Permission.LOG_READ))
@strawberry.type(description="An entry of the account's event log.")
class Event:
    acting: strawberry.Private[Acting]
    subject_ref: strawberry.Private[tuple[str, str]]
    id: strawberry.ID
    occurred_at: DateTime
    actor: EventActor
    action: str
    subject_type: str | None
    subject_label: str | None
    before: Json | None
    after: Json | None

    async def resolve_subject(self) -> Any:
        return await self.acting.related(*self.subject_ref)

    subject: Node | None = field(PUBLIC, resolve_subject, description="What it happened to.")

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Event) -> "Event":
        return Event(
            acting=acting,
            subject_ref=(pb.subject_type, pb.subject_id),
            id=strawberry.ID(global_id("Event", pb.id)),
            occurred_at=moment(pb.occurred_at),
            actor=EventActor.of(pb.actor),
            action=pb.action,
            subject_type=pb.subject_type or None,
            subject_label=pb.subject_label or None,
            before=_json(pb.before_json),
            after=_json(pb.after_json),
        )


@strawberry.input
class EventFilter:
    action: str | None = strawberry.field(default=None, description="Part of the action.")
    search: str | None = strawberry.field(default=None, description="Part of the actor's or the object's label.")


@access(needs(Permission.EMAILS_READ))
@strawberry.type(description="A message that was sent to the account's people.")
class Email:
    id: strawberry.ID
    created_at: DateTime
    sent_at: DateTime | None
    recipient: str
    subject: str
    body: str
    state: EmailState
    category: str

    @staticmethod
    def of(pb: identity_pb2.Email) -> "Email":
        return Email(
            id=strawberry.ID(global_id("Email", pb.id)),
            created_at=moment(pb.created_at),
            sent_at=moment_of(pb, "sent_at"),
            recipient=pb.recipient,
            subject=pb.subject,
            body=pb.body,
            state=EMAIL_STATES[pb.state],
            category=pb.category,
        )


async def events(
    acting: Acting,
    filter_: EventFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Event]:
    wanted = filter_ or EventFilter()
    page = page_request(first, after, last, before)
    request = identity_pb2.ListEventsRequest(action=wanted.action or "", search=wanted.search or "", page=page)
    answer = await acting.read("identity", acting.clients.identity.ListEvents, request)
    return connection([Event.of(acting, pb) for pb in answer.events], answer.page)


async def emails(
    acting: Acting, first: int | None, after: str | None, last: int | None, before: str | None
) -> Connection[Email]:
    request = identity_pb2.ListEmailsRequest(page=page_request(first, after, last, before))
    answer = await acting.read("identity", acting.clients.identity.ListEmails, request)
    return connection([Email.of(pb) for pb in answer.emails], answer.page)
