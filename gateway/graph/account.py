"""An account: where everything that a customer owns hangs. Lists are nullable, so that each stands or falls alone."""

from typing import Any

import grpc
import strawberry

from gateway import messages
from gateway.access import SELF, Permission, access, field, needs
from gateway.context import Acting, Ref, global_id, page_request, read_id
from gateway.errors import Problem, ServiceError
from gateway.graph import billing, domains, hosting, identity, registry_contacts, tickets
from gateway.graph.billing import Balance, Invoice, InvoiceFilter
from gateway.graph.common import Blocker, BlockerCode, Connection, DomainName, Node, Permit, connection, numbers
from gateway.graph.dashboard import Dashboard
from gateway.graph.domains import Domain, DomainCount, DomainFilter, DomainSort
from gateway.graph.hosting import HostingFilter, HostingService
from gateway.graph.identity import AccountProfile, Contact, Email, Event, EventFilter
from gateway.graph.operations import STATES, Operation, OperationState
from gateway.graph.prices import account_of
from gateway.graph.registry_contacts import RegistryContact
from gateway.graph.tickets import Ticket, TicketFilter
from portico.domains.v1 import domains_pb2


@access(SELF)
@strawberry.type(description="A subscriber: a person or company that buys services.")
class Account(Node):
    acting: strawberry.Private[Acting]
    id: strawberry.ID
    number: str = strawberry.field(description="Shown to people: P-10001.")
    name: str

    async def resolve_profile(self) -> AccountProfile | None:
        return AccountProfile.of(await account_of(self.acting))

    def resolve_dashboard(self) -> Dashboard:
        return Dashboard(acting=self.acting)

    def resolve_me(self) -> Contact:
        return Contact.of(self.acting, self.acting.member.contact)

    async def resolve_can(self, action: str, subject: strawberry.ID | None = None) -> Permit:
        return await permit(self.acting, action, subject)

    async def resolve_contacts(self) -> list[Contact] | None:
        return await identity.contacts(self.acting)

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

    async def resolve_emails(
        self, first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
    ) -> Connection[Email] | None:
        return await identity.emails(self.acting, first, after, last, before)

    async def resolve_event_log(
        self,
        filter: EventFilter | None = None,  # noqa: A002
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Event] | None:
        return await identity.events(self.acting, filter, first, after, last, before)

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
    can: Permit = field(SELF, resolve_can, description='Whether the caller may: can(action: "domains.authcode").')
    contacts: list[Contact] | None = field(needs(Permission.CONTACTS_MANAGE), resolve_contacts)
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
    emails: Connection[Email] | None = field(needs(Permission.EMAILS_READ), resolve_emails)
    event_log: Connection[Event] | None = field(needs(Permission.LOG_READ), resolve_event_log)
    operations: Connection[Operation] | None = field(needs(Permission.DOMAINS_READ), resolve_operations)

    @staticmethod
    def of(acting: Acting) -> "Account":
        contact = acting.member.contact
        return Account(
            acting=acting,
            id=strawberry.ID(global_id("Account", contact.account_id)),
            number=contact.account_number,
            name=contact.account_name,
        )


async def load(acting: Acting, id_: str) -> Account | None:
    return Account.of(acting) if id_ == acting.account_id else None


async def permit(acting: Acting, action: str, subject: str | None) -> Permit:
    """Whether the contact holds a permission, for an object where one is named, and why not."""
    permission = next((p for p in Permission if p.value == action), None)
    if permission is None:
        raise Problem("BAD_USER_INPUT", message="UNKNOWN_ACTION", action=repr(action[:60]))
    ref: Ref | None = read_id(subject, "subject") if subject else None
    code: BlockerCode | None = None
    if not acting.policy.allows(permission):
        code = BlockerCode.FORBIDDEN
    elif ref and not acting.policy.allows(permission, ref.key):
        code = BlockerCode.RESOURCE_NOT_GRANTED
    elif ref and ref.type in acting.request.nodes and await _missing(acting, ref):
        code = BlockerCode.NOT_FOUND
    blockers: list[Blocker] = []
    if code is not None:
        values: dict[str, Any] = {"permission": action, "what": ref.type if ref else "", "id": subject or ""}
        blockers = [Blocker(code=code, message=messages.text(code.value, acting.locale, values))]
    return Permit(action=action, allowed=not blockers, blockers=blockers)


async def _missing(acting: Acting, ref: Ref) -> bool:
    kind = acting.request.nodes[ref.type]
    if kind.permission is not None and not acting.policy.allows(kind.permission):
        return False  # whether it exists is not this contact's to know
    return await acting.node(ref) is None
