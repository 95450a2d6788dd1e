"""Tickets and their messages."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DateTime, Node, connection, enum_map, moment, moment_of, numbers
from portico.tickets.v1 import tickets_pb2


@strawberry.enum
class TicketState(Enum):
    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    CUSTOMER_REPLY = "CUSTOMER_REPLY"
    ON_HOLD = "ON_HOLD"
    IN_PROGRESS = "IN_PROGRESS"
    CLOSED = "CLOSED"


@strawberry.enum
class Priority(Enum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"


@strawberry.enum
class AuthorKind(Enum):
    CUSTOMER = "customer"
    OPERATOR = "operator"
    SYSTEM = "system"


STATES = enum_map(tickets_pb2.TicketState, TicketState, "TICKET_STATE_")
PRIORITIES = enum_map(tickets_pb2.Priority, Priority, "PRIORITY_")


@strawberry.input
class TicketFilter:
    states: list[TicketState] | None = None
    search: str | None = None


@access(needs(Permission.TICKETS_READ))
@strawberry.type
class Department:
    id: strawberry.ID
    code: str
    name: str = strawberry.field(description="In the reader's language.")


@access(needs(Permission.TICKETS_READ))
@strawberry.type
class Message:
    id: strawberry.ID
    author_kind: AuthorKind
    author_name: str
    body: str
    sent_at: DateTime

    @staticmethod
    def of(pb: tickets_pb2.Message) -> "Message":
        return Message(
            id=strawberry.ID(global_id("Message", pb.id)),
            author_kind=AuthorKind(pb.author_kind),
            author_name=pb.author_name,
            body=pb.body,
            sent_at=moment(pb.sent_at),
        )


@access(needs(Permission.TICKETS_READ))
@strawberry.type
class Ticket(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    related_ref: strawberry.Private[tuple[str, str]]
    id: strawberry.ID
    number: str
    subject: str
    state: TicketState
    department: Department
    priority: Priority
    opened_at: DateTime
    updated_at: DateTime
    closed_at: DateTime | None

    async def resolve_related(self) -> Any:
        return await self.acting.related(*self.related_ref)

    related: Node | None = field(PUBLIC, resolve_related, description="What it is about.")

    async def resolve_messages(
        self, first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
    ) -> Connection[Message]:
        page, acting = page_request(first, after, last, before), self.acting

        async def fetch(ids: list[str]) -> Mapping[str, tickets_pb2.MessagePage]:
            request = tickets_pb2.ListMessagesRequest(ticket_ids=ids, page=page)
            answer = await acting.read("tickets", acting.clients.tickets.ListMessages, request)
            return {p.ticket_id: p for p in answer.pages}

        name = f"messages {page.SerializeToString(deterministic=True)!r}"
        found = await acting.loader(name, fetch, 100).load(self.resource) or tickets_pb2.MessagePage()
        return connection([Message.of(pb) for pb in found.messages], found.page)

    messages: Connection[Message] = field(
        needs(Permission.TICKETS_READ), resolve_messages, description="The oldest first."
    )

    @staticmethod
    def of(acting: Acting, pb: tickets_pb2.Ticket) -> "Ticket":
        named = pb.department.name_hu if acting.locale == "hu" else pb.department.name_en
        return Ticket(
            acting=acting,
            resource=pb.id,
            related_ref=(pb.related_type, pb.related_id),
            id=strawberry.ID(global_id("Ticket", pb.id)),
            number=pb.number,
            subject=pb.subject,
            state=STATES[pb.state],
            department=Department(
                id=strawberry.ID(global_id("Department", pb.department.id)), code=pb.department.code, name=named
            ),
            priority=PRIORITIES[pb.priority],
            opened_at=moment(pb.opened_at),
            updated_at=moment(pb.updated_at),
            closed_at=moment_of(pb, "closed_at"),
        )


async def load(acting: Acting, id_: str) -> Ticket | None:
    """A ticket by id; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, Ticket]:
        request = tickets_pb2.BatchGetTicketsRequest(ids=ids)
        answer = await acting.read("tickets", acting.clients.tickets.BatchGetTickets, request)
        return {pb.id: Ticket.of(acting, pb) for pb in answer.tickets}

    found: Ticket | None = await acting.loader("tickets", fetch).load(id_)
    return found


async def page(
    acting: Acting,
    filter_: TicketFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Ticket]:
    wanted = filter_ or TicketFilter()
    request = tickets_pb2.ListTicketsRequest(
        states=numbers(wanted.states, STATES), search=wanted.search or "", page=page_request(first, after, last, before)
    )
    answer = await acting.read("tickets", acting.clients.tickets.ListTickets, request)
    return connection([Ticket.of(acting, pb) for pb in answer.tickets], answer.page)
