"""The account's event log: who did what, when and from where."""

from enum import Enum
from typing import Any

import orjson
import strawberry
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request, read_id
from gateway.errors import Problem
from gateway.graph.common import Connection, DateTime, Json, Node, connection, moment
from gateway.messages import log
from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2


@strawberry.enum
class EventActorKind(Enum):
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor
    OPERATOR = "operator"
    SYSTEM = "system"


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
    text: str = strawberry.field(description="What happened, as a sentence in the reader's language.")
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
            text=log.sentence(
                acting.locale,
                pb.action,
                kind=pb.actor.kind,
                label=pb.actor.label,
                ip=pb.actor.ip,
                subject=pb.subject_label,
                before=pb.before_json,
                after=pb.after_json,
            ),
            subject_type=pb.subject_type or None,
            subject_label=pb.subject_label or None,
            before=_json(pb.before_json),
            after=_json(pb.after_json),
        )


@strawberry.input(description="An event passes when it passes every condition given.")
class EventFilter:
    action: str | None = strawberry.field(default=None, description='How the action begins: "domain.".')
    actor_kinds: list[EventActorKind] | None = None
    contact: strawberry.ID | None = strawberry.field(default=None, description="The contact through whom it was done.")
    subject_type: str | None = strawberry.field(default=None, description='The type of what it happened to: "Domain".')
    subject: strawberry.ID | None = strawberry.field(default=None, description="What it happened to.")
    since: DateTime | None = strawberry.field(default=None, description="From this moment on.")
    until: DateTime | None = strawberry.field(default=None, description="Before this moment.")
    search: str | None = strawberry.field(default=None, description="Part of the actor's or the object's label.")


async def page(
    acting: Acting,
    filter_: EventFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Event]:
    wanted = filter_ or EventFilter()
    subject = read_id(wanted.subject, "filter.subject") if wanted.subject else None
    contact = read_id(wanted.contact, "filter.contact", "Contact") if wanted.contact else None
    if subject and wanted.subject_type and wanted.subject_type != subject.type:
        raise Problem(
            "BAD_USER_INPUT",
            message="BAD_ID_TYPE",
            argument="filter.subject",
            value=wanted.subject,
            expected=wanted.subject_type,
        )
    request = identity_pb2.ListEventsRequest(
        action=wanted.action or "",
        actor_kinds=[kind.value for kind in dict.fromkeys(wanted.actor_kinds or ())],
        contact_id=contact.key if contact else "",
        subject_type=subject.type if subject else wanted.subject_type or "",
        subject_id=subject.key if subject else "",
        since=_stamp(wanted.since, "filter.since"),
        until=_stamp(wanted.until, "filter.until"),
        search=wanted.search or "",
        page=page_request(first, after, last, before),
    )
    answer = await acting.read("identity", acting.clients.identity.ListEvents, request)
    return connection([Event.of(acting, pb) for pb in answer.events], answer.page)


def _stamp(at: DateTime | None, argument: str) -> Timestamp | None:
    if at is None:
        return None
    stamp = Timestamp()
    try:
        stamp.FromJsonString(at)
    except ValueError:
        raise Problem("BAD_USER_INPUT", message="BAD_MOMENT", argument=argument) from None
    return stamp
