"""Stand-ins of the five services that speak the real protos over real gRPC, with a small world in memory."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import grpc

from portico.billing.v1 import billing_pb2, billing_pb2_grpc
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, domains_pb2_grpc, lifecycle_pb2, lifecycle_pb2_grpc
from portico.hosting.v1 import hosting_pb2, hosting_pb2_grpc
from portico.identity.v1 import identity_pb2, identity_pb2_grpc
from portico.tickets.v1 import tickets_pb2, tickets_pb2_grpc
from services.chassis.errors import DomainError, NotFound, to_status

ALL = [
    "account.read",
    "account.write",
    "contacts.manage",
    "log.read",
    "emails.read",
    "domains.read",
    "domains.manage",
    "domains.order",
    "domains.authcode",
    "dns.read",
    "dns.write",
    "hosting.read",
    "hosting.manage",
    "hosting.credentials",
    "hosting.order",
    "billing.read",
    "billing.pay",
    "tickets.read",
    "tickets.write",
]
ACCOUNTANT = ["account.read", "billing.read", "billing.pay", "tickets.read", "tickets.write"]


def uid(number: int) -> str:
    return str(UUID(int=number))


@dataclass
class World:
    """What the services know and what they were asked."""

    tokens: dict[str, list[identity_pb2.Contact]] = field(default_factory=dict)
    users: dict[str, identity_pb2.User] = field(default_factory=dict)
    domains: dict[str, list[domains_pb2.Domain]] = field(default_factory=dict)
    services: dict[str, list[hosting_pb2.Service]] = field(default_factory=dict)
    invoices: dict[str, list[billing_pb2.Invoice]] = field(default_factory=dict)
    tickets: dict[str, list[tickets_pb2.Ticket]] = field(default_factory=dict)
    operations: dict[str, list[common_pb2.Operation]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[Any] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    api_tokens: dict[str, identity_pb2.ApiToken] = field(default_factory=dict)

    def person(self, token: str, *contacts: identity_pb2.Contact, locale: str = "en") -> None:
        self.tokens[token] = list(contacts)
        self.users[token] = identity_pb2.User(id=str(uuid4()), email=f"{token}@x.example", name=token, locale=locale)

    def clear_counts(self) -> None:
        self.calls.clear()
        self.requests.clear()


def contact(
    account: int,
    permissions: Iterable[str],
    *,
    denied: Iterable[str] = (),
    resources: dict[str, list[str]] | None = None,
) -> identity_pb2.Contact:
    grants = [identity_pb2.Grant(permission=p, resources=(resources or {}).get(p, [])) for p in permissions]
    return identity_pb2.Contact(
        id=uid(900 + account),
        account_id=uid(account),
        account_number=f"P-{10000 + account}",
        account_name=f"Account {account}",
        role="custom",
        grants=grants,
        denied_fields=list(denied),
    )


def domain(number: int, **values: Any) -> domains_pb2.Domain:
    made = domains_pb2.Domain(
        id=uid(10_000 + number),
        name=f"d{number}.hu",
        unicode_name=f"d{number}.hu",
        state=domains_pb2.DOMAIN_STATE_ACTIVE,
        statuses=["ok"],
        nameservers=[domains_pb2.Nameserver(host="ns1.portico.example")],
        tld="hu",
        **values,
    )
    made.expires_at.FromJsonString("2027-01-01T00:00:00Z")
    return made


def money(minor: int) -> common_pb2.Money:
    return common_pb2.Money(minor=minor, currency="HUF")


def invoice(number: int, **values: Any) -> billing_pb2.Invoice:
    return billing_pb2.Invoice(
        id=uid(20_000 + number),
        kind=billing_pb2.INVOICE_KIND_PROFORMA,
        number=f"D-{number}",
        state=billing_pb2.INVOICE_STATE_OPEN,
        issued_on="2026-01-01",
        due_on="2026-01-09",
        net=money(1000),
        vat=money(270),
        gross=money(1270),
        paid=money(0),
        due=money(1270),
        **values,
    )


def service(number: int) -> hosting_pb2.Service:
    return hosting_pb2.Service(
        id=uid(30_000 + number),
        label=f"web {number}",
        plan=hosting_pb2.Plan(id=uid(1), code="web-m", name="Web M", disk_mib=10240, traffic_mib=5_000_000_000),
        state=hosting_pb2.SERVICE_STATE_ACTIVE,
        price=money(2000),
        period_months=12,
    )


def ticket(number: int, **values: Any) -> tickets_pb2.Ticket:
    made = tickets_pb2.Ticket(
        id=uid(40_000 + number),
        number=f"T-{number:06}",
        subject="Hello",
        state=tickets_pb2.TICKET_STATE_OPEN,
        priority=tickets_pb2.PRIORITY_NORMAL,
        department=tickets_pb2.Department(id=uid(2), code="domains", name_hu="Domainek", name_en="Domains"),
        **values,
    )
    made.opened_at.FromJsonString("2026-01-01T00:00:00Z")
    made.updated_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


def operation(number: int, state: str = "RUNNING") -> common_pb2.Operation:
    made = common_pb2.Operation(
        id=uid(50_000 + number),
        kind="DOMAIN_REGISTRATION",
        state=common_pb2.OperationState.Value(f"OPERATION_STATE_{state}"),
        progress=0.5,
        subject_type="Domain",
        subject_id=uid(10_001),
        steps=[common_pb2.OperationStep(name="payment", state=common_pb2.OPERATION_STATE_SUCCEEDED)],
    )
    made.started_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


def page_of(items: list[Any], page: common_pb2.PageRequest) -> tuple[list[Any], common_pb2.PageInfo]:
    begin = int(page.after or 0)
    size = page.first if page.HasField("first") else 20
    part = items[begin : begin + size]
    cursors = [str(begin + i + 1) for i in range(len(part))]
    return part, common_pb2.PageInfo(has_next=begin + size < len(items), has_previous=begin > 0, cursors=cursors)


class Fake:
    """Counts calls, lets them fail or wait as the world says, and reports two SQL statements each."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    async def enter(self, request: Any, context: Any, method: str) -> str:
        """The account that the actor token acts for."""
        key = f"{self.name}.{method}"
        self.world.calls[key] += 1
        self.world.requests.append(request)
        metadata = dict(context.invocation_metadata())
        self.world.traces.append(str(metadata.get("traceparent", "")))
        assert context.time_remaining() is not None, "every call has a deadline"
        context.set_trailing_metadata((("sql-statements", "2"),))
        await asyncio.sleep(self.world.slow.get(key, self.world.slow.get(self.name, 0)))
        error = self.world.broken.get(key)
        if isinstance(error, DomainError):
            status = to_status(error, self.name)
            context.set_trailing_metadata(
                (("sql-statements", "2"), ("grpc-status-details-bin", status.SerializeToString()))
            )
            await context.abort(error.status, error.detail)
        elif error is not None:
            raise error
        return str(metadata.get("authorization", "")).removeprefix("Bearer actor-")


class Identity(Fake, identity_pb2_grpc.IdentityServiceServicer):
    async def Authenticate(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "Authenticate")
        token = self.world.sessions.get(request.credential, request.credential)
        if token not in self.world.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown credential")
        members = [
            identity_pb2.Membership(contact=c, actor_token=f"actor-{c.account_id}") for c in self.world.tokens[token]
        ]
        return identity_pb2.AuthenticateResponse(
            user=self.world.users[token], memberships=members, credential_kind="token"
        )

    async def CreateSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CreateSession")
        token = request.email.partition("@")[0]
        if token not in self.world.tokens or request.password != "right":
            await _refuse(context, _SignInFailed())
        secret = f"session-{uuid4().hex}"
        self.world.sessions[secret] = token
        answer = identity_pb2.CreateSessionResponse(secret=secret)
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        return answer

    async def EndSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "EndSession")
        self.world.sessions.pop(request.secret, None)
        return identity_pb2.EndSessionResponse()

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetDashboard")
        return identity_pb2.GetDashboardResponse(warnings=[identity_pb2.SecurityWarning(code="SINGLE_OWNER")])

    async def GetAccount(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "GetAccount")
        return identity_pb2.Account(
            id=account, number="P-1", kind=identity_pb2.ACCOUNT_KIND_COMPANY, name="Minta", currency="HUF", locale="hu"
        )

    async def ListContacts(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "ListContacts")
        found = [c for contacts in self.world.tokens.values() for c in contacts if c.account_id == account]
        return identity_pb2.ListContactsResponse(contacts=found)

    async def ListEvents(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEvents")
        event = identity_pb2.Event(
            id=uid(5),
            actor=common_pb2.ActorRef(kind="user", label="anna"),
            action="domain.registration_ordered",
            subject_type="Domain",
            subject_id=uid(10_001),
            subject_label="d1.hu",
            after_json='{"state": "PENDING_PAYMENT"}',
        )
        event.occurred_at.FromJsonString("2026-01-01T00:00:00Z")
        return identity_pb2.ListEventsResponse(events=[event], page=common_pb2.PageInfo(cursors=["1"]))

    async def ListEmails(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEmails")
        return identity_pb2.ListEmailsResponse()

    async def ListSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListSessions")
        found = [identity_pb2.Session(id=session_id(secret), user_agent="curl/8") for secret in self.world.sessions]
        return identity_pb2.ListSessionsResponse(sessions=found)

    async def RevokeSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeSession")
        secret = next((s for s in self.world.sessions if session_id(s) == request.id), None)
        if secret is None:
            await _refuse(context, _SessionNotFound(field="id"))
        self.world.sessions.pop(secret or "")
        return identity_pb2.RevokeSessionResponse()

    async def RevokeAllSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeAllSessions")
        self.world.sessions.clear()
        return identity_pb2.RevokeAllSessionsResponse()

    async def ListApiTokens(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListApiTokens")
        return identity_pb2.ListApiTokensResponse(tokens=self.world.api_tokens.values())

    async def CreateApiToken(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "CreateApiToken")
        if request.request_id in self.world.api_tokens:
            return identity_pb2.CreateApiTokenResponse(token=self.world.api_tokens[request.request_id])
        grants = [identity_pb2.Grant(permission=p) for p in request.permissions]
        made = identity_pb2.ApiToken(
            id=str(uuid4()),
            name=request.name,
            account_id=account,
            grants=grants,
            expires_at=request.expires_at,
            ips=request.ips,
        )
        self.world.api_tokens[request.request_id] = made
        self.world.person(f"made-{made.id}", contact(UUID(account).int, request.permissions))
        return identity_pb2.CreateApiTokenResponse(token=made, secret=f"made-{made.id}")

    async def RevokeApiToken(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeApiToken")
        self.world.tokens.pop(f"made-{request.id}", None)
        return identity_pb2.RevokeApiTokenResponse()


class _SignInFailed(DomainError):
    reason = "SIGN_IN_FAILED"
    status = grpc.StatusCode.UNAUTHENTICATED


class _SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"


async def _refuse(context: Any, error: DomainError) -> None:
    details = to_status(error, "identity").SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await context.abort(error.status, error.detail)


def session_id(secret: str) -> str:
    return str(uuid5(NAMESPACE_OID, secret))


class Domains(Fake, domains_pb2_grpc.DomainsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDashboard"), [])
        return domains_pb2.GetDashboardResponse(
            domains=found[:5],
            expiring=found[:5],
            counts=[domains_pb2.DomainCount(state=domains_pb2.DOMAIN_STATE_ACTIVE, count=len(found))],
        )

    async def ListDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "ListDomains"), [])
        part, info = page_of([d for d in found if request.search in d.name], request.page)
        return domains_pb2.ListDomainsResponse(domains=part, page=info)

    async def BatchGetDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetDomains"), [])
        return domains_pb2.BatchGetDomainsResponse(domains=[d for d in found if d.id in set(request.ids)])

    async def GetDomainByName(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDomainByName"), [])
        for one in found:
            if one.name == request.name:
                return one
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such domain")

    async def CheckAvailability(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CheckAvailability")
        items = [
            domains_pb2.Availability(input=n, name=n, unicode_name=n, available=True, tld="hu") for n in request.names
        ]
        return domains_pb2.CheckAvailabilityResponse(items=items)

    async def RegisterDomains(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RegisterDomains")
        answer = domains_pb2.RegisterDomainsResponse()
        for index, name in enumerate(request.names):
            if name.startswith("taken"):
                answer.refusals.add(index=index, reason="DOMAIN_TAKEN", field="names", metadata={"name": name})
            else:
                answer.order.id = uid(77)
                answer.order.created_at.FromJsonString("2026-01-01T00:00:00Z")
                answer.order.items.add(name=name, domain_id=uid(10_001), operation=operation(1, "WAITING"))
        return answer

    async def RequestAuthCode(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RequestAuthCode")
        return domains_pb2.RequestAuthCodeResponse(delivery=domains_pb2.AUTH_CODE_DELIVERY_SHOWN, code="s3cret")

    async def BatchGetZones(self, request: Any, context: Any) -> Any:
        own = {d.id for d in self.world.domains.get(await self.enter(request, context, "BatchGetZones"), [])}
        zones = [
            domains_pb2.Zone(id=str(UUID(int=UUID(d).int + 50_000)), domain_id=d, name="z.hu", version=3)
            for d in request.domain_ids
            if d in own
        ]
        return domains_pb2.BatchGetZonesResponse(zones=zones)

    async def ListRecordSets(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRecordSets")
        pages = []
        for zone in request.zone_ids:
            record = domains_pb2.RecordSet(
                id=uid(8), zone_id=zone, name="z.hu.", type="A", ttl=60, records=["192.0.2.1"]
            )
            info = common_pb2.PageInfo(cursors=["1"])
            pages.append(domains_pb2.RecordSetPage(zone_id=zone, record_sets=[record], page=info))
        return domains_pb2.ListRecordSetsResponse(pages=pages)

    async def ListOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "ListOperations"), [])
        part, info = page_of(found, request.page)
        return domains_pb2.ListOperationsResponse(operations=part, page=info)

    async def BatchGetOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "BatchGetOperations"), [])
        return domains_pb2.BatchGetOperationsResponse(operations=[o for o in found if o.id in set(request.ids)])


class Lifecycle(Fake, lifecycle_pb2_grpc.LifecycleServiceServicer):
    """Every domain can be renewed; it is locked for a while after its registration."""

    async def BatchGetLifecycles(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetLifecycles"), [])
        lifecycles = []
        for one in found:
            if one.id in set(request.domain_ids):
                made = lifecycle_pb2.DomainLifecycle(domain_id=one.id)
                made.permits.add(action="renew")
                blockers = made.permits.add(action="transferOut").blockers
                blockers.add(code="TRANSFER_LOCK_PERIOD").until.FromJsonString("2026-07-01T00:00:00Z")
                blockers.add(code="DOMAIN_LOCKED", resolved_by="setDomainLock")
                made.transfer_locked_until.FromJsonString("2026-07-01T00:00:00Z")
                lifecycles.append(made)
        return lifecycle_pb2.BatchGetLifecyclesResponse(lifecycles=lifecycles)


class Hosting(Fake, hosting_pb2_grpc.HostingServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "GetDashboard"), [])
        return hosting_pb2.GetDashboardResponse(services=found, due=found, total=len(found))

    async def ListServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "ListServices"), [])
        part, info = page_of(found, request.page)
        return hosting_pb2.ListServicesResponse(services=part, page=info)

    async def BatchGetServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "BatchGetServices"), [])
        return hosting_pb2.BatchGetServicesResponse(services=[s for s in found if s.id in set(request.ids)])

    async def BatchGetLogins(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BatchGetLogins")
        logins = [
            hosting_pb2.PanelLogin(service_id=s, url="https://panel.example", username="u", host="h")
            for s in request.service_ids
        ]
        return hosting_pb2.BatchGetLoginsResponse(logins=logins)


class Billing(Fake, billing_pb2_grpc.BillingServiceServicer):
    balance = billing_pb2.Balance(outstanding=money(1270), overdue=money(0), credit=money(5000))

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "GetDashboard"), [])
        return billing_pb2.GetDashboardResponse(invoices=found[:5], balance=self.balance)

    async def ListInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "ListInvoices"), [])
        part, info = page_of(found, request.page)
        return billing_pb2.ListInvoicesResponse(invoices=part, page=info)

    async def BatchGetInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "BatchGetInvoices"), [])
        return billing_pb2.BatchGetInvoicesResponse(invoices=[i for i in found if i.id in set(request.ids)])

    async def GetBalance(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetBalance")
        return self.balance

    async def PayInvoices(self, request: Any, context: Any) -> Any:
        found = self.world.invoices.get(await self.enter(request, context, "PayInvoices"), [])
        paid = [i for i in found if i.id in set(request.invoice_ids)]
        return billing_pb2.PayInvoicesResponse(invoices=paid, balance=self.balance)

    async def ListPrices(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListPrices")
        prices = [
            billing_pb2.Price(action=a, item="hu", period_months=12, net=money(2990))
            for a in ("DOMAIN_REGISTER", "DOMAIN_RENEW")
        ]
        return billing_pb2.ListPricesResponse(prices=prices)


class Tickets(Fake, tickets_pb2_grpc.TicketsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "GetDashboard"), [])
        return tickets_pb2.GetDashboardResponse(tickets=found, open_total=len(found))

    async def ListTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "ListTickets"), [])
        part, info = page_of(found, request.page)
        return tickets_pb2.ListTicketsResponse(tickets=part, page=info)

    async def BatchGetTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "BatchGetTickets"), [])
        return tickets_pb2.BatchGetTicketsResponse(tickets=[t for t in found if t.id in set(request.ids)])

    async def ListMessages(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListMessages")
        return tickets_pb2.ListMessagesResponse()


async def serve(world: World) -> tuple[dict[str, grpc.aio.Server], dict[str, str]]:
    """The five services, each its own server on a free port of loopback: (servers, addresses) by name."""
    made: dict[str, tuple[Any, Any]] = {
        "identity": (identity_pb2_grpc.add_IdentityServiceServicer_to_server, Identity),
        "domains": (domains_pb2_grpc.add_DomainsServiceServicer_to_server, Domains),
        "hosting": (hosting_pb2_grpc.add_HostingServiceServicer_to_server, Hosting),
        "billing": (billing_pb2_grpc.add_BillingServiceServicer_to_server, Billing),
        "tickets": (tickets_pb2_grpc.add_TicketsServiceServicer_to_server, Tickets),
    }
    servers: dict[str, grpc.aio.Server] = {}
    addresses: dict[str, str] = {}
    for name, (add, kind) in made.items():
        server = grpc.aio.server()
        add(kind(world, name), server)
        if name == "domains":
            lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server(Lifecycle(world, name), server)
        addresses[name] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        servers[name] = server
    return servers, addresses
