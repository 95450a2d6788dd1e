"""The front page: one RPC per service, however many of its fields are asked for."""

from enum import Enum

import strawberry

from gateway.access import SELF, Permission, field, needs
from gateway.context import Acting
from gateway.graph.billing import Balance, Invoice
from gateway.graph.domains import STATES, Domain, DomainCount
from gateway.graph.hosting import HostingService
from gateway.graph.tickets import Ticket
from portico.billing.v1 import billing_pb2
from portico.domains.v1 import domains_pb2
from portico.hosting.v1 import hosting_pb2
from portico.identity.v1 import identity_pb2
from portico.tickets.v1 import tickets_pb2


@strawberry.enum
class WarningCode(Enum):
    NO_SECOND_FACTOR = "NO_SECOND_FACTOR"
    SINGLE_OWNER = "SINGLE_OWNER"


async def _domains(acting: Acting) -> domains_pb2.GetDashboardResponse:
    return await acting.read("domains", acting.clients.domains.GetDashboard, domains_pb2.GetDashboardRequest())


async def _hosting(acting: Acting) -> hosting_pb2.GetDashboardResponse:
    return await acting.read("hosting", acting.clients.hosting.GetDashboard, hosting_pb2.GetDashboardRequest())


async def _billing(acting: Acting) -> billing_pb2.GetDashboardResponse:
    return await acting.read("billing", acting.clients.billing.GetDashboard, billing_pb2.GetDashboardRequest())


async def _tickets(acting: Acting) -> tickets_pb2.GetDashboardResponse:
    return await acting.read("tickets", acting.clients.tickets.GetDashboard, tickets_pb2.GetDashboardRequest())


async def _identity(acting: Acting) -> identity_pb2.GetDashboardResponse:
    return await acting.read("identity", acting.clients.identity.GetDashboard, identity_pb2.GetDashboardRequest())


@strawberry.type(description="Each part stands alone: one that cannot be had is null with an error, the others answer.")
class Dashboard:
    acting: strawberry.Private[Acting]

    async def resolve_domains(self) -> list[Domain] | None:
        found = await self.acting.once("dashboard domains", lambda: _domains(self.acting))
        return [Domain.of(self.acting, pb) for pb in found.domains]

    async def resolve_expiring(self) -> list[Domain] | None:
        found = await self.acting.once("dashboard domains", lambda: _domains(self.acting))
        return [Domain.of(self.acting, pb) for pb in found.expiring]

    async def resolve_counts(self) -> list[DomainCount] | None:
        found = await self.acting.once("dashboard domains", lambda: _domains(self.acting))
        return [DomainCount(state=STATES[c.state], count=c.count) for c in found.counts]

    async def resolve_hosting(self) -> list[HostingService] | None:
        found = await self.acting.once("dashboard hosting", lambda: _hosting(self.acting))
        return [HostingService.of(self.acting, pb) for pb in found.services]

    async def resolve_hosting_due(self) -> list[HostingService] | None:
        found = await self.acting.once("dashboard hosting", lambda: _hosting(self.acting))
        return [HostingService.of(self.acting, pb) for pb in found.due]

    async def resolve_invoices(self) -> list[Invoice] | None:
        found = await self.acting.once("dashboard billing", lambda: _billing(self.acting))
        return [Invoice.of(self.acting, pb) for pb in found.invoices]

    async def resolve_balance(self) -> Balance | None:
        found = await self.acting.once("dashboard billing", lambda: _billing(self.acting))
        return Balance.of(found.balance)

    async def resolve_tickets(self) -> list[Ticket] | None:
        found = await self.acting.once("dashboard tickets", lambda: _tickets(self.acting))
        return [Ticket.of(self.acting, pb) for pb in found.tickets]

    async def resolve_warnings(self) -> list[WarningCode] | None:
        found = await self.acting.once("dashboard identity", lambda: _identity(self.acting))
        return [WarningCode(w.code) for w in found.warnings]

    domains: list[Domain] | None = field(
        needs(Permission.DOMAINS_READ), resolve_domains, description="The newest first, a few."
    )
    expiring_domains: list[Domain] | None = field(
        needs(Permission.DOMAINS_READ), resolve_expiring, description="The soonest first, within 60 days."
    )
    domain_counts: list[DomainCount] | None = field(needs(Permission.DOMAINS_READ), resolve_counts)
    hosting: list[HostingService] | None = field(needs(Permission.HOSTING_READ), resolve_hosting)
    hosting_due: list[HostingService] | None = field(
        needs(Permission.HOSTING_READ), resolve_hosting_due, description="The soonest first, within 45 days."
    )
    invoices: list[Invoice] | None = field(
        needs(Permission.BILLING_READ), resolve_invoices, description="Open ones, the soonest due first."
    )
    balance: Balance | None = field(needs(Permission.BILLING_READ), resolve_balance)
    tickets: list[Ticket] | None = field(
        needs(Permission.TICKETS_READ), resolve_tickets, description="Those not closed, the last touched first."
    )
    warnings: list[WarningCode] | None = field(
        SELF, resolve_warnings, description="Of the user's and account's security."
    )
