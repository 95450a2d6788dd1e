"""Live changes. A resolver yields plain payloads; each is made into objects by a fresh request, with the rights of that
moment (see execution.py), so nothing is shown that was allowed only when the subscription began."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from google.protobuf.message import Message

from gateway.access import PUBLIC, SELF, Permission, access, needs
from gateway.context import Acting, Ref, Request, not_found, read_id
from gateway.errors import Problem
from gateway.graph.common import Node
from gateway.graph.operations import FINAL, Operation, load
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains_events
from portico.hosting.v1 import events_pb2 as hosting_events
from portico.tickets.v1 import events_pb2 as tickets_events


@strawberry.enum
class AccountChangeKind(Enum):
    DOMAIN_ORDERED = "DOMAIN_ORDERED"
    DOMAIN_REGISTERED = "DOMAIN_REGISTERED"
    DOMAIN_REGISTRATION_FAILED = "DOMAIN_REGISTRATION_FAILED"
    DOMAIN_TRANSFERRED_IN = "DOMAIN_TRANSFERRED_IN"
    DOMAIN_RENEWED = "DOMAIN_RENEWED"
    DOMAIN_RESTORED = "DOMAIN_RESTORED"
    DOMAIN_ORDER_FAILED = "DOMAIN_ORDER_FAILED"
    DOMAIN_CHANGED = "DOMAIN_CHANGED"
    PROFORMA_ISSUED = "PROFORMA_ISSUED"
    INVOICE_PAID = "INVOICE_PAID"
    INVOICE_CREDITED = "INVOICE_CREDITED"
    HOSTING_EXTENDED = "HOSTING_EXTENDED"
    TICKET_OPENED = "TICKET_OPENED"
    OPERATION_UPDATED = "OPERATION_UPDATED"


def changes(event: Message) -> Iterator[tuple[AccountChangeKind, Ref]]:
    """What an event changed for the eyes of clients; nothing for events that are the services' own affair."""
    kinds = AccountChangeKind
    if isinstance(event, domains_events.OrderRequested):
        for item in event.items:
            yield kinds.DOMAIN_ORDERED, Ref("Domain", item.domain_id)
    elif isinstance(event, domains_events.DomainRegistered):
        yield kinds.DOMAIN_REGISTERED, Ref("Domain", event.domain_id)
    elif isinstance(event, domains_events.OrderItemFailed):
        registration = event.action == "REGISTER"
        kind = kinds.DOMAIN_REGISTRATION_FAILED if registration else kinds.DOMAIN_ORDER_FAILED
        yield kind, Ref("Domain", event.domain_id)
    elif isinstance(event, domains_events.DomainTransferredIn):
        yield kinds.DOMAIN_TRANSFERRED_IN, Ref("Domain", event.domain_id)
    elif isinstance(event, domains_events.DomainRenewed):
        yield kinds.DOMAIN_RENEWED, Ref("Domain", event.domain_id)
    elif isinstance(event, domains_events.DomainRestored):
        yield kinds.DOMAIN_RESTORED, Ref("Domain", event.domain_id)
    elif isinstance(event, domains_events.DomainChanged):
        yield kinds.DOMAIN_CHANGED, Ref("Domain", event.domain_id)
    elif isinstance(event, billing_events.ProformaIssued):
        yield kinds.PROFORMA_ISSUED, Ref("Invoice", event.invoice.id)
    elif isinstance(event, billing_events.InvoicePaid):
        yield kinds.INVOICE_PAID, Ref("Invoice", event.invoice.id)
    elif isinstance(event, billing_events.InvoiceCredited):
        yield kinds.INVOICE_CREDITED, Ref("Invoice", event.invoice.id)
    elif isinstance(event, hosting_events.ServiceExtended):
        yield kinds.HOSTING_EXTENDED, Ref("HostingService", event.service_id)
    elif isinstance(event, tickets_events.TicketOpened):
        yield kinds.TICKET_OPENED, Ref("Ticket", event.ticket.id)
    elif isinstance(event, common_pb2.OperationUpdated):
        yield kinds.OPERATION_UPDATED, Ref("Operation", f"{event.service}.{event.operation.id}")


@access(PUBLIC)
@strawberry.type(description="Something of the account changed; node is what it is now.")
class AccountChange:
    kind: AccountChangeKind
    node: Node | None


@dataclass(frozen=True, slots=True)
class OperationAt:
    """A payload: an operation of an account, as an event told it, or to be read."""

    account_id: str
    ref: Ref
    told: common_pb2.Operation | None

    async def build(self, request: Request) -> Operation | None:
        acting = account(request, self.account_id)
        acting.require(Permission.DOMAINS_READ, "Subscription.operationUpdated")
        if self.told is None:
            return await load(acting, self.ref.key)
        # A limited grant is the service's to apply: what an event tells is not filtered for this contact.
        if acting.policy.grants.get(Permission.DOMAINS_READ) is not None:
            return await load(acting, self.ref.key)
        return Operation.of(acting, self.ref.key.partition(".")[0], self.told)


@dataclass(frozen=True, slots=True)
class ChangeAt:
    """A payload: a change of an account."""

    account_id: str
    kind: AccountChangeKind
    ref: Ref

    async def build(self, request: Request) -> AccountChange | None:
        """None where the contact may not see the object, or it is gone."""
        acting = account(request, self.account_id)
        if "Subscription.accountChanged" in acting.policy.refused:
            return None
        kind = request.nodes[self.ref.type]
        if kind.permission is not None and not acting.policy.allows(kind.permission):
            return None
        node = await acting.node(self.ref)
        return AccountChange(kind=self.kind, node=node) if node is not None else None


def account(request: Request, account_id: str) -> Acting:
    """The account a subscription was made for. Raises NOT_FOUND once the user is no longer its contact."""
    found = next((a for a in request.actings() if a.account_id == account_id), None)
    if found is None:
        raise Problem("NOT_FOUND", what="Account", id=account_id)
    return found


async def operation_updated(info: strawberry.Info, id: strawberry.ID) -> AsyncGenerator[Any, None]:  # noqa: A002
    request: Request = info.context
    ref = read_id(id, "id", "Operation")
    operation: Operation | None = await request.node(id)
    if operation is None:
        raise not_found("Operation", id)
    acting = operation.acting
    acting.require(Permission.DOMAINS_READ, "Subscription.operationUpdated")
    with request.hub.subscribe(acting.account_id) as subscriber:
        # Read once more: what happened between the first look and subscribing would be lost.
        fresh = OperationAt(acting.account_id, ref, None)
        yield fresh
        if operation.state in FINAL:
            return
        while True:
            happening = await subscriber.get()
            event = happening.body
            if happening.resync:
                yield fresh
            elif isinstance(event, common_pb2.OperationUpdated) and f"{event.service}.{event.operation.id}" == ref.key:
                yield OperationAt(acting.account_id, ref, event.operation)
                if event.operation.state in _FINAL_NUMBERS:
                    return


_FINAL_NUMBERS = {common_pb2.OperationState.Value(f"OPERATION_STATE_{state.name}") for state in FINAL}


async def account_changed(info: strawberry.Info, account: strawberry.ID | None = None) -> AsyncGenerator[Any, None]:
    request: Request = info.context
    acting = request.acting(account, "account")
    with request.hub.subscribe(acting.account_id) as subscriber:
        while True:
            happening = await subscriber.get()
            if happening.body is not None:
                for kind, ref in changes(happening.body):
                    yield ChangeAt(acting.account_id, kind, ref)


operation_updated.__annotations__["return"] = AsyncGenerator[Operation, None]
account_changed.__annotations__["return"] = AsyncGenerator[AccountChange, None]


@strawberry.type
class Subscription:
    operation_updated = strawberry.subscription(
        resolver=operation_updated,
        directives=[needs(Permission.DOMAINS_READ)],
        description="The operation now, then each time it changes; completes when it has ended.",
    )
    account_changed = strawberry.subscription(
        resolver=account_changed,
        directives=[SELF],
        description="What changes in the account, as far as the contact may see it.",
    )
