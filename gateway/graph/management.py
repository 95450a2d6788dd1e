"""Changing domains: nameservers, lock, contacts, automatic renewal, DNSSEC."""

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, at_most, read_id
from gateway.errors import ServiceError
from gateway.graph import domains
from gateway.graph.common import UserError, numbers
from gateway.graph.dns import Zone, ZonePayload
from gateway.graph.domains import Domain, DomainFilter
from gateway.graph.mutations import Wrong, mutation, refused_field, refused_item
from gateway.graph.operations import Operation
from portico.domains.v1 import domains_pb2, management_pb2


@access(PUBLIC)
@strawberry.type
class DomainPayload:
    domain: Domain | None = field(needs(Permission.DOMAINS_READ), default=None)
    operation: Operation | None = field(
        needs(Permission.DOMAINS_READ),
        default=None,
        description="Brings the change to the registry; null where it is so already.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)

    @staticmethod
    def of(acting: Acting, answer: management_pb2.ChangeDomainResponse) -> "DomainPayload":
        return DomainPayload(
            domain=Domain.of(acting, answer.domain),
            operation=Operation.of(acting, "domains", answer.operation) if answer.HasField("operation") else None,
            user_errors=[refused_field(one, acting.locale) for one in answer.refusals],
        )


@access(PUBLIC)
@strawberry.type
class DomainsPayload:
    domains: list[Domain] | None = field(
        needs(Permission.DOMAINS_READ), default=None, description="As they are now, by name; at most 1,000."
    )
    found: int | None = strawberry.field(default=None, description="How many domains it now holds for.")
    changed: int | None = strawberry.field(default=None, description="How many of them it did not hold for before.")
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class NameserverInput:
    host: str = strawberry.field(description="ns1.example.com; Unicode too.")
    addresses: list[str] | None = strawberry.field(
        default=None,
        description="IPv4 and IPv6 addresses: needed where the host is inside the domain, else not allowed.",
    )


@strawberry.input
class SetNameserversInput:
    domain_id: strawberry.ID
    nameservers: list[NameserverInput] = strawberry.field(description="The whole list, at most 13.")
    account_id: strawberry.ID | None = None


@strawberry.input
class SetDomainLockInput:
    domain_id: strawberry.ID
    locked: bool
    account_id: strawberry.ID | None = None


@strawberry.input(description="A person or company, as registries want to know it.")
class ContactDataInput:
    name: str
    street: list[str] = strawberry.field(description="One to three lines.")
    city: str
    country: str = strawberry.field(description="ISO 3166-1 alpha-2: HU.")
    phone: str = strawberry.field(description="+36.525550101")
    email: str
    postal_code: str | None = None
    org: str | None = None
    province: str | None = None


@strawberry.input(description="A contact of the account, or a new one.")
class ContactInput:
    contact_id: strawberry.ID | None = strawberry.field(default=None, description="A RegistryContact to reuse.")
    data: ContactDataInput | None = strawberry.field(
        default=None,
        description="Without contactId a new contact; with it what it shall say, on every domain that it is on.",
    )


@strawberry.input
class UpdateDomainContactsInput:
    domain_id: strawberry.ID
    registrant: ContactInput | None = None
    admin: ContactInput | None = None
    tech: ContactInput | None = None
    billing: ContactInput | None = None
    account_id: strawberry.ID | None = None


@strawberry.input
class SetAutoRenewInput:
    auto_renew: bool
    domain_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="At most 1,000.")
    filter: DomainFilter | None = strawberry.field(
        default=None,
        description="Instead of ids: all that it finds, at most 10,000; an empty one finds every live domain.",
    )
    account_id: strawberry.ID | None = None


@strawberry.input
class SetDnssecInput:
    zone_id: strawberry.ID
    enabled: bool
    account_id: strawberry.ID | None = None


async def set_nameservers(acting: Acting, input_: SetNameserversInput) -> DomainPayload:
    """Has the registry delegate the domain to these nameservers. Where they include ours, the zone's own NS follow."""
    request = management_pb2.SetNameserversRequest(
        domain_id=_permitted(acting, input_.domain_id, "setNameservers"),
        nameservers=[
            domains_pb2.Nameserver(host=one.host, addresses=one.addresses or []) for one in input_.nameservers
        ],
    )
    return DomainPayload.of(acting, await acting.write("domains", acting.clients.management.SetNameservers, request))


async def set_domain_lock(acting: Acting, input_: SetDomainLockInput) -> DomainPayload:
    """Sets or takes off the registrar lock, which keeps a domain from being moved away."""
    domain_id = _permitted(acting, input_.domain_id, "setDomainLock")
    request = management_pb2.SetDomainLockRequest(domain_id=domain_id, locked=input_.locked)
    return DomainPayload.of(acting, await acting.write("domains", acting.clients.management.SetDomainLock, request))


async def update_domain_contacts(acting: Acting, input_: UpdateDomainContactsInput) -> DomainPayload:
    """Gives roles to contacts, old or new, or changes what a contact says. A role that is left out stays as it is."""
    domain_id = _permitted(acting, input_.domain_id, "updateDomainContacts")
    request = management_pb2.UpdateDomainContactsRequest(
        domain_id=domain_id,
        registrant=_choice(input_.registrant, "registrant"),
        admin=_choice(input_.admin, "admin"),
        tech=_choice(input_.tech, "tech"),
        billing=_choice(input_.billing, "billing"),
    )
    answer = await acting.write("domains", acting.clients.management.UpdateDomainContacts, request)
    return DomainPayload.of(acting, answer)


async def set_auto_renew(acting: Acting, input_: SetAutoRenewInput) -> DomainsPayload:
    """Whether domains are renewed by themselves ahead of their expiry. One that cannot be is a userError of its own; the
    others go on."""
    if (input_.domain_ids is None) == (input_.filter is None) or input_.domain_ids == []:
        raise Wrong("INVALID", ["input", "domainIds"], message="IDS_OR_FILTER")
    at_most(input_.domain_ids or [], 1000, "input.domainIds")
    request = management_pb2.SetAutoRenewRequest(
        auto_renew=input_.auto_renew,
        domain_ids=[
            read_id(id_, f"input.domainIds.{i}", "Domain").key for i, id_ in enumerate(input_.domain_ids or [])
        ],
        filter=_filter(input_.filter),
    )
    answer = await acting.write("domains", acting.clients.management.SetAutoRenew, request)
    return DomainsPayload(
        domains=[Domain.of(acting, pb) for pb in answer.domains],
        found=answer.found,
        changed=answer.changed,
        user_errors=[refused_item(one, acting.locale) for one in answer.refusals],
    )


async def set_dnssec(acting: Acting, input_: SetDnssecInput) -> ZonePayload:
    """Signs a zone and puts its DS at the registry; or takes the DS away, and the keys once no resolver knows it any
    longer. Until then, and while it is being signed, it can be taken back."""
    domain_id = read_id(input_.zone_id, "input.zoneId", "Zone").key
    acting.require(Permission.DNS_WRITE, "Mutation.setDnssec", domain_id)
    request = management_pb2.SetDnssecRequest(domain_id=domain_id, enabled=input_.enabled)
    try:
        answer = await acting.write("domains", acting.clients.management.SetDnssec, request)
    except ServiceError as error:
        # A zone is found by its domain, but here it is the zone that was named.
        error.fields = [("zone_id" if path == "domain_id" else path, text) for path, text in error.fields]
        raise
    return ZonePayload(
        zone=Zone.of(acting, answer.zone),
        operation=Operation.of(acting, "domains", answer.operation) if answer.HasField("operation") else None,
    )


def _permitted(acting: Acting, domain_id: str, mutation_: str) -> str:
    id_ = read_id(domain_id, "input.domainId", "Domain").key
    acting.require(Permission.DOMAINS_MANAGE, f"Mutation.{mutation_}", id_)
    return id_


def _choice(input_: ContactInput | None, role: str) -> management_pb2.ContactChoice | None:
    if input_ is None:
        return None
    data = input_.data
    id_ = input_.contact_id
    return management_pb2.ContactChoice(
        contact_id=read_id(id_, f"input.{role}.contactId", "RegistryContact").key if id_ is not None else "",
        data=None
        if data is None
        else management_pb2.ContactData(
            name=data.name,
            org=data.org or "",
            street=data.street,
            city=data.city,
            province=data.province or "",
            postal_code=data.postal_code or "",
            country=data.country,
            phone=data.phone,
            email=data.email,
        ),
    )


def _filter(filter_: DomainFilter | None) -> management_pb2.DomainFilter | None:
    if filter_ is None:
        return None
    return management_pb2.DomainFilter(states=numbers(filter_.states, domains.STATES), search=filter_.search or "")


@strawberry.type
class ManagementMutations:
    set_nameservers: DomainPayload = mutation(
        Permission.DOMAINS_MANAGE, set_nameservers, SetNameserversInput, DomainPayload
    )
    set_domain_lock: DomainPayload = mutation(
        Permission.DOMAINS_MANAGE, set_domain_lock, SetDomainLockInput, DomainPayload
    )
    update_domain_contacts: DomainPayload = mutation(
        Permission.DOMAINS_MANAGE, update_domain_contacts, UpdateDomainContactsInput, DomainPayload
    )
    set_auto_renew: DomainsPayload = mutation(
        Permission.DOMAINS_MANAGE, set_auto_renew, SetAutoRenewInput, DomainsPayload
    )
    set_dnssec: ZonePayload = mutation(Permission.DNS_WRITE, set_dnssec, SetDnssecInput, ZonePayload)
