"""The e-mails that were sent to an account's people, and to the user about itself."""

from enum import Enum
from typing import Any

import strawberry

from gateway import messages
from gateway.access import PUBLIC, access
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DateTime, connection, enum_map, moment, moment_of, numbers
from portico.identity.v1 import identity_pb2, notifications_pb2


@strawberry.enum
class EmailState(Enum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"
    BOUNCED = "BOUNCED"


@strawberry.enum(description="What an e-mail is about.")
class EmailCategory(Enum):
    BILLING = "billing"
    SERVICE = "service"
    DOMAIN = "domain"
    SUPPORT = "support"
    SECURITY = "security"


STATES = enum_map(identity_pb2.EmailState, EmailState, "EMAIL_STATE_")


@access(PUBLIC)
@strawberry.type(description="A message that the system sent.")
class Email:
    id: strawberry.ID
    created_at: DateTime
    sent_at: DateTime | None
    recipient: str
    subject: str
    body: str = strawberry.field(description="The text; what only the recipient may read is left out.")
    state: EmailState
    category: EmailCategory
    error: str | None = strawberry.field(description="Why it did not arrive, or did not yet, in plain words.")

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Email) -> "Email":
        return Email(
            id=strawberry.ID(global_id("Email", pb.id)),
            created_at=moment(pb.created_at),
            sent_at=moment_of(pb, "sent_at"),
            recipient=pb.recipient,
            subject=pb.subject,
            body=pb.body,
            state=STATES[pb.state],
            category=EmailCategory(pb.category),
            error=_error(acting.locale, pb),
        )


@strawberry.input(description="An e-mail passes when it passes every condition given.")
class EmailFilter:
    categories: list[EmailCategory] | None = None
    states: list[EmailState] | None = None
    search: str | None = strawberry.field(default=None, description="Part of the subject or the recipient's address.")


async def page(
    acting: Acting,
    filter_: EmailFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Email]:
    request = identity_pb2.ListEmailsRequest(page=page_request(first, after, last, before), **_wanted(filter_))
    answer = await acting.read("identity", acting.clients.identity.ListEmails, request)
    return connection([Email.of(acting, pb) for pb in answer.emails], answer.page)


async def own_page(
    info: strawberry.Info,
    filter: EmailFilter | None = None,  # noqa: A002  # the argument's name in the schema
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection[Email] | None:
    acting: Acting = info.context.own()
    request = notifications_pb2.ListOwnEmailsRequest(page=page_request(first, after, last, before), **_wanted(filter))
    answer = await acting.read("identity", acting.clients.notifications.ListOwnEmails, request)
    return connection([Email.of(acting, pb) for pb in answer.emails], answer.page)


def _wanted(filter_: EmailFilter | None) -> dict[str, Any]:
    wanted = filter_ or EmailFilter()
    return {
        "categories": [category.value for category in dict.fromkeys(wanted.categories or ())],
        "states": numbers(list(dict.fromkeys(wanted.states or ())), STATES),
        "search": wanted.search or "",
    }


def _error(locale: str, pb: identity_pb2.Email) -> str | None:
    if not pb.failure:
        return None
    waits = pb.state == identity_pb2.EMAIL_STATE_QUEUED
    code = "EMAIL_WAITS_FOR_SERVER" if waits else f"EMAIL_{pb.failure}"
    return messages.text(code, locale, {"detail": pb.failure_detail}, default=pb.failure_detail)
