"""Domains: the types, their loaders and auth codes."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, at_most, global_id, page_request, read_id
from gateway.graph import dns, lifecycle, prices, registry_contacts
from gateway.graph.common import (
    Connection,
    DateTime,
    DomainName,
    Money,
    Node,
    Permit,
    UserError,
    connection,
    enum_map,
    moment_of,
    numbers,
)
from gateway.graph.mutations import mutation
from gateway.graph.operations import Operation
from portico.domains.v1 import domains_pb2


@strawberry.enum
class DomainState(Enum):
    PENDING_PAYMENT = "PENDING_PAYMENT"
    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    PENDING_TRANSFER = "PENDING_TRANSFER"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REDEMPTION = "REDEMPTION"
    PENDING_DELETE = "PENDING_DELETE"
    DELETED = "DELETED"
    TRANSFERRED_AWAY = "TRANSFERRED_AWAY"
    FAILED = "FAILED"


@strawberry.enum
class DomainSortField(Enum):
    NAME = "NAME"
    EXPIRES_AT = "EXPIRES_AT"
    CREATED_AT = "CREATED_AT"


@strawberry.enum
class AuthCodeDelivery(Enum):
    SHOWN = "SHOWN"
    REGISTRY_EMAIL = "REGISTRY_EMAIL"


STATES = enum_map(domains_pb2.DomainState, DomainState, "DOMAIN_STATE_")
SORTS = enum_map(domains_pb2.DomainSortField, DomainSortField, "DOMAIN_SORT_FIELD_")
DELIVERIES = enum_map(domains_pb2.AuthCodeDelivery, AuthCodeDelivery, "AUTH_CODE_DELIVERY_")


@strawberry.input
class DomainFilter:
    states: list[DomainState] | None = None
    search: str | None = strawberry.field(
        default=None,
        description="Part of the name, in Unicode or A-labels; of one or two characters: what the name begins with.",
    )


@strawberry.input
class DomainSort:
    field: DomainSortField = DomainSortField.NAME
    descending: bool = False


@access(needs(Permission.DOMAINS_READ))
@strawberry.type
class Nameserver:
    host: str
    addresses: list[str]


@access(needs(Permission.DOMAINS_READ))
@strawberry.type
class DomainCount:
    state: DomainState
    count: int


@access(needs(Permission.DOMAINS_READ))
@strawberry.type(description="A domain name in our care, or on its way to it.")
class Domain(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    tld: strawberry.Private[str]
    id: strawberry.ID
    name: DomainName
    unicode_name: str
    state: DomainState
    statuses: list[str] = strawberry.field(description="The registry's raw EPP and RGP statuses.")
    registered_at: DateTime | None
    expires_at: DateTime | None
    auto_renew: bool
    locked: bool
    nameservers: list[Nameserver]

    async def resolve_renewal_price(self) -> Money | None:
        return await prices.price_of(self.acting, "DOMAIN_RENEW", self.tld)

    async def resolve_zone(self) -> dns.Zone | None:
        return await dns.load(self.acting, self.resource)

    async def resolve_contacts(self) -> registry_contacts.DomainContacts | None:
        return await registry_contacts.load(self.acting, self.resource)

    async def resolve_permits(self) -> list[Permit]:
        return await lifecycle.permits(self.acting, self.resource, self.unicode_name)

    async def resolve_renewable_until(self) -> DateTime | None:
        return await lifecycle.deadline(self.acting, self.resource, "renewable_until")

    async def resolve_restorable_until(self) -> DateTime | None:
        return await lifecycle.deadline(self.acting, self.resource, "restorable_until")

    async def resolve_deletes_at(self) -> DateTime | None:
        return await lifecycle.deadline(self.acting, self.resource, "deletes_at")

    async def resolve_transfer_locked_until(self) -> DateTime | None:
        return await lifecycle.deadline(self.acting, self.resource, "transfer_locked_until")

    permits: list[Permit] = field(
        needs(Permission.DOMAINS_READ),
        resolve_permits,
        description="What can be done with it now: renew, transferOut, requestAuthCode, setNameservers, updateContacts, "
        "changeRegistrant, lock, unlock, setDnssec, restore; and what stands in the way.",
    )
    renewable_until: DateTime | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_renewable_until,
        description="The last moment for a renewal at the usual price.",
    )
    restorable_until: DateTime | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_restorable_until,
        description="The last moment for a restore; set while it can be restored.",
    )
    deletes_at: DateTime | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_deletes_at,
        description="When the name will be free again, if nothing is done; set once it has expired.",
    )
    transfer_locked_until: DateTime | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_transfer_locked_until,
        description="It cannot go to another registrar before; null when no such period is running.",
    )
    contacts: registry_contacts.DomainContacts | None = field(
        needs(Permission.DOMAINS_READ),
        resolve_contacts,
        description="Null before the registry has been asked for them; asking here makes that happen within moments.",
    )
    renewal_price: Money | None = field(
        needs(Permission.DOMAINS_READ), resolve_renewal_price, description="Net, for a year."
    )
    zone: dns.Zone | None = field(needs(Permission.DNS_READ), resolve_zone)

    @staticmethod
    def of(acting: Acting, pb: domains_pb2.Domain) -> "Domain":
        return Domain(
            acting=acting,
            resource=pb.id,
            tld=pb.tld,
            id=strawberry.ID(global_id("Domain", pb.id)),
            name=DomainName(pb.name),
            unicode_name=pb.unicode_name,
            state=STATES[pb.state],
            statuses=list(pb.statuses),
            registered_at=moment_of(pb, "registered_at"),
            expires_at=moment_of(pb, "expires_at"),
            auto_renew=pb.auto_renew,
            locked=pb.locked,
            nameservers=[Nameserver(host=n.host, addresses=list(n.addresses)) for n in pb.nameservers],
        )


async def load(acting: Acting, id_: str) -> Domain | None:
    """A domain by id; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, Domain]:
        request = domains_pb2.BatchGetDomainsRequest(ids=ids)
        answer = await acting.read("domains", acting.clients.domains.BatchGetDomains, request)
        return {pb.id: Domain.of(acting, pb) for pb in answer.domains}

    found: Domain | None = await acting.loader("domains", fetch).load(id_)
    return found


async def page(
    acting: Acting,
    filter_: DomainFilter | None,
    sort: DomainSort | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[Domain]:
    wanted, by = filter_ or DomainFilter(), sort or DomainSort()
    request = domains_pb2.ListDomainsRequest(
        states=numbers(wanted.states, STATES),
        search=wanted.search or "",
        sort=numbers([by.field], SORTS)[0],
        descending=by.descending,
        page=page_request(first, after, last, before),
    )
    answer = await acting.read("domains", acting.clients.domains.ListDomains, request)
    return connection([Domain.of(acting, pb) for pb in answer.domains], answer.page)


@access(PUBLIC)
@strawberry.type
class AuthCodePayload:
    delivery: AuthCodeDelivery | None = None
    code: str | None = strawberry.field(default=None, description="Only where delivery is SHOWN, and only this once.")
    operation: Operation | None = field(
        needs(Permission.DOMAINS_READ),
        default=None,
        description="Brings the code to the registry, or has it mailed: it works once this has succeeded. Null: it works.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class RequestAuthCodeInput:
    domain_id: strawberry.ID
    account_id: strawberry.ID | None = None


async def request_auth_code(acting: Acting, input_: RequestAuthCodeInput) -> AuthCodePayload:
    """Asks for the code that moves a domain to another registrar; logged. For a person who has just confirmed who they are."""
    id_ = read_id(input_.domain_id, "input.domainId", "Domain").key
    acting.require(Permission.DOMAINS_AUTHCODE, "Mutation.requestAuthCode", id_)
    request = domains_pb2.RequestAuthCodeRequest(domain_id=id_)
    answer = await acting.write("domains", acting.clients.domains.RequestAuthCode, request)
    return AuthCodePayload(
        delivery=DELIVERIES[answer.delivery],
        code=answer.code or None,
        operation=Operation.of(acting, "domains", answer.operation) if answer.HasField("operation") else None,
    )


@access(PUBLIC)
@strawberry.type
class DomainAvailability:
    acting: strawberry.Private[Acting]
    tld: strawberry.Private[str]
    input: str = strawberry.field(description="The name as asked.")
    name: DomainName | None
    unicode_name: str | None
    available: bool
    reason: str | None = strawberry.field(
        description="Why not: DOMAIN_TAKEN, DOMAIN_INVALID, DOMAIN_MIXED_SCRIPT, DOMAIN_CHARACTER_REFUSED, TLD_NOT_SOLD, "
        "REGISTRY_UNAVAILABLE."
    )

    async def resolve_price(self) -> Money | None:
        return await prices.price_of(self.acting, "DOMAIN_REGISTER", self.tld) if self.tld else None

    price: Money | None = field(PUBLIC, resolve_price, description="Net, for the first year.")


async def availability(acting: Acting, names: list[DomainName]) -> list[DomainAvailability]:
    at_most(names, 50, "names")
    request = domains_pb2.CheckAvailabilityRequest(names=names)
    answer = await acting.write("domains", acting.clients.domains.CheckAvailability, request)
    return [
        DomainAvailability(
            acting=acting,
            tld=i.tld,
            input=i.input,
            name=DomainName(i.name) if i.name else None,
            unicode_name=i.unicode_name or None,
            available=i.available,
            reason=i.reason or None,
        )
        for i in answer.items
    ]


@strawberry.type
class DomainMutations:
    request_auth_code: AuthCodePayload = mutation(
        Permission.DOMAINS_AUTHCODE, request_auth_code, RequestAuthCodeInput, AuthCodePayload, step_up=True
    )
