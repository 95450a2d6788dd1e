"""An account: where everything that a customer owns hangs. Lists are nullable, so that each stands or falls alone."""

import grpc
import strawberry

from gateway.access import SELF, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.errors import ServiceError
from gateway.graph import (
    billing,
    contacts,
    domains,
    emails,
    event_log,
    hosting,
    notifications,
    permits,
    registry_contacts,
    tickets,
)
from gateway.graph.billing import Balance, Invoice, InvoiceFilter
from gateway.graph.common import Connection, DateTime, DomainName, Node, Permit, connection, moment, numbers
from gateway.graph.contacts import Contact, Role
from gateway.graph.dashboard import Dashboard
from gateway.graph.domains import Domain, DomainCount, DomainFilter, DomainSort
from gateway.graph.emails import Email, EmailFilter
from gateway.graph.event_log import Event, EventFilter
from gateway.graph.hosting import HostingFilter, HostingService
from gateway.graph.notifications import NotificationPreference
from gateway.graph.operations import STATES, Operation, OperationState
from gateway.graph.prices import account_of
from gateway.graph.profile import AccountProfile
from gateway.graph.registry_contacts import RegistryContact
from gateway.graph.tickets import Ticket, TicketFilter
from portico.domains.v1 import domains_pb2

_CAN = (
    "Whether the caller may, and why not. The action is a permission (dns.write), a mutation (requestAuthCode) or a field "
    "(Domain.zone); the subject what it would be done to."
)


@access(SELF)
@strawberry.type(description="The operator has locked the account: nobody of it has any right in it.")
class AccountLock:
    at: DateTime
    reason: str = strawberry.field(description="What the operator says to the account's people.")


@access(SELF)
@strawberry.type(description="A subscriber: a person or company that buys services.")
class Account(Node):
    acting: strawberry.Private[Acting]
    id: strawberry.ID
    number: str = strawberry.field(description="Shown to people: P-10001.")
    name: str
    lock: AccountLock | None = strawberry.field(
        description="Why everything here answers ACCOUNT_LOCKED; null normally."
    )

    async def resolve_profile(self) -> AccountProfile | None:
        return AccountProfile.of(self.acting, await account_of(self.acting))

    def resolve_dashboard(self) -> Dashboard:
        return Dashboard(acting=self.acting)

    def resolve_me(self) -> Contact:
        return Contact.of(self.acting, self.acting.member.contact)

    async def resolve_can(self, action: str, subject: strawberry.ID | None = None) -> Permit:
        return await permits.of_caller(self.acting, action, subject)

    async def resolve_contacts(self, revoked: bool = False) -> list[Contact] | None:
        return await contacts.contacts(self.acting, revoked)

    async def resolve_roles(self) -> list[Role] | None:
        return await contacts.roles(self.acting)

    async def resolve_domains(
        self,
        filter: DomainFilter | None = None,  # noqa: A002  # the argument's name in the schema
        sort: DomainSort | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Domain] | None:
        return await domains.page(self.acting, filter, sort, first, after, last, before)

    async def resolve_domain(self, name: DomainName) -> Domain | None:
        request = domains_pb2.GetDomainByNameRequest(name=name)
        try:
            answer = await self.acting.read("domains", self.acting.clients.domains.GetDomainByName, request)
        except ServiceError as error:
            if error.code == grpc.StatusCode.NOT_FOUND:
                return None  # a search, not an id: that there is none is its answer
            raise
        return Domain.of(self.acting, answer)

    async def resolve_registry_contacts(
        self,
        search: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[RegistryContact] | None:
        return await registry_contacts.page(self.acting, search, first, after, last, before)

    async def resolve_domain_counts(self) -> list[DomainCount] | None:
        return await Dashboard(acting=self.acting).resolve_counts()

    async def resolve_hosting(
        self,
        filter: HostingFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[HostingService] | None:
        return await hosting.page(self.acting, filter, first, after, last, before)

    async def resolve_invoices(
        self,
        filter: InvoiceFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Invoice] | None:
        return await billing.page(self.acting, filter, first, after, last, before)

    async def resolve_balance(self) -> Balance | None:
        return await billing.balance(self.acting)

    async def resolve_tickets(
        self,
        filter: TicketFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Ticket] | None:
        return await tickets.page(self.acting, filter, first, after, last, before)

    async def resolve_notifications(self) -> list[NotificationPreference] | None:
        return await notifications.preferences(self.acting)

    async def resolve_emails(
        self,
        filter: EmailFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Email] | None:
        return await emails.page(self.acting, filter, first, after, last, before)

    async def resolve_event_log(
        self,
        filter: EventFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Event] | None:
        return await event_log.page(self.acting, filter, first, after, last, before)

    async def resolve_operations(
        self,
        state: list[OperationState] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Operation] | None:
        page = page_request(first, after, last, before)
        request = domains_pb2.ListOperationsRequest(states=numbers(state, STATES), page=page)
        answer = await self.acting.read("domains", self.acting.clients.domains.ListOperations, request)
        return connection([Operation.of(self.acting, "domains", pb) for pb in answer.operations], answer.page)

    profile: AccountProfile | None = field(needs(Permission.ACCOUNT_READ), resolve_profile)
    dashboard: Dashboard = field(SELF, resolve_dashboard)
    me: Contact = field(SELF, resolve_me, description="The caller's membership: its grants.")
    can: Permit = field(SELF, resolve_can, description=_CAN)
    contacts: list[Contact] | None = field(
        needs(Permission.CONTACTS_MANAGE),
        resolve_contacts,
        description="At most 200; with revoked also the latest 200 of those.",
    )
    roles: list[Role] | None = field(SELF, resolve_roles, description="The ready-made sets of rights.")
    domains: Connection[Domain] | None = field(needs(Permission.DOMAINS_READ), resolve_domains)
    domain: Domain | None = field(needs(Permission.DOMAINS_READ), resolve_domain)
    registry_contacts: Connection[RegistryContact] | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_registry_contacts,
        description="The contacts of the domains, by name, to be reused; search finds part of name, org or e-mail.",
    )
    domain_counts: list[DomainCount] | None = field(needs(Permission.DOMAINS_READ), resolve_domain_counts)
    hosting_services: Connection[HostingService] | None = field(needs(Permission.HOSTING_READ), resolve_hosting)
    invoices: Connection[Invoice] | None = field(needs(Permission.BILLING_READ), resolve_invoices)
    balance: Balance | None = field(needs(Permission.BILLING_READ), resolve_balance)
    tickets: Connection[Ticket] | None = field(needs(Permission.TICKETS_READ), resolve_tickets)
    notifications: list[NotificationPreference] | None = field(
        SELF, resolve_notifications, description="Which of the account's e-mail the caller gets."
    )
    emails: Connection[Email] | None = field(needs(Permission.EMAILS_READ), resolve_emails)
    event_log: Connection[Event] | None = field(needs(Permission.LOG_READ), resolve_event_log)
    operations: Connection[Operation] | None = field(needs(Permission.DOMAINS_READ), resolve_operations)

    @staticmethod
    def of(acting: Acting) -> "Account":
        contact, lock = acting.member.contact, acting.member.lock
        return Account(
            acting=acting,
            lock=AccountLock(at=moment(lock.at), reason=lock.reason) if lock else None,
            id=strawberry.ID(global_id("Account", contact.account_id)),
            number=contact.account_number,
            name=contact.account_name,
        )


async def load(acting: Acting, id_: str) -> Account | None:
    return Account.of(acting) if id_ == acting.account_id else None
