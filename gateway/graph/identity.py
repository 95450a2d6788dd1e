"""People and their rights: users, contacts, the event log, the e-mails sent."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DateTime, Json, Node, connection, enum_map, moment, moment_of
from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2

if TYPE_CHECKING:
    from gateway.graph.account import Account


@strawberry.enum
class AccountKind(Enum):
    PERSON = "PERSON"
    COMPANY = "COMPANY"


@strawberry.enum
class EmailState(Enum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"


KINDS = enum_map(identity_pb2.AccountKind, AccountKind, "ACCOUNT_KIND_")
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


@access(PUBLIC)
@strawberry.type(description="A permission, held on everything or on named resources, until a time or for good.")
class Grant:
    permission: Permission
    resources: list[strawberry.ID] | None = strawberry.field(
        description="Null means all; else the ids it is limited to."
    )
    expires_at: DateTime | None


_RESOURCES = {
    "domains": "Domain",
    "dns": "Domain",
    "hosting": "HostingService",
    "billing": "Invoice",
    "tickets": "Ticket",
}


def _grant(pb: identity_pb2.Grant) -> Grant:
    type_ = _RESOURCES.get(pb.permission.partition(".")[0], "Node")
    return Grant(
        permission=Permission(pb.permission),
        resources=[strawberry.ID(global_id(type_, r)) for r in pb.resources] or None,
        expires_at=moment_of(pb, "expires_at"),
    )


def grants_of(pbs: Iterable[identity_pb2.Grant]) -> list[Grant]:
    """Those of permissions that this version knows."""
    known = {p.value for p in Permission}
    return [_grant(pb) for pb in pbs if pb.permission in known]


@access(PUBLIC)
@strawberry.type(description="A user's membership in one account, with its rights.")
class Contact:
    acting: strawberry.Private[Acting]
    id: strawberry.ID
    user: User
    role: str
    grants: list[Grant]
    denied_fields: list[str] = strawberry.field(description="Schema coordinates denied to this contact; deny wins.")
    since: DateTime | None

    async def resolve_account(self) -> Any:
        from gateway.graph.account import Account

        return Account.of(self.acting)

    account: Annotated["Account", strawberry.lazy("gateway.graph.account")] = field(PUBLIC, resolve_account)

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Contact) -> "Contact":
        return Contact(
            acting=acting,
            id=strawberry.ID(global_id("Contact", pb.id)),
            user=User.of(pb.user),
            role=pb.role,
            grants=grants_of(pb.grants),
            denied_fields=list(pb.denied_fields),
            since=moment_of(pb, "since"),
        )


@access(needs(Permission.ACCOUNT_READ))
@strawberry.type(description="Person or company data of the account.")
class AccountProfile:
    kind: AccountKind
    name: str
    tax_number: str | None
    email: str | None
    phone: str | None
    country: str | None
    postal_code: str | None
    city: str | None
    street: str | None
    currency: str
    locale: str
    since: DateTime | None

    @staticmethod
    def of(pb: identity_pb2.Account) -> "AccountProfile":
        return AccountProfile(
            kind=KINDS[pb.kind],
            name=pb.name,
            tax_number=pb.tax_number or None,
            email=pb.email or None,
            phone=pb.phone or None,
            country=pb.country or None,
            postal_code=pb.postal_code or None,
            city=pb.city or None,
            street=pb.street or None,
            currency=pb.currency,
            locale=pb.locale,
            since=moment_of(pb, "since"),
        )


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


async def contacts(acting: Acting) -> list[Contact]:
    answer = await acting.read("identity", acting.clients.identity.ListContacts, identity_pb2.ListContactsRequest())
    return [Contact.of(acting, pb) for pb in answer.contacts]


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
