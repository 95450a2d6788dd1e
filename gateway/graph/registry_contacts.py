"""The contacts of domains at their registries, which an account's domains share."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.access import Permission, access, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DateTime, connection, enum_map, moment_of
from portico.domains.v1 import management_pb2


@strawberry.enum(description="The registry's verification of a person; UNVERIFIED where it makes none.")
class ContactVerification(Enum):
    UNVERIFIED = "UNVERIFIED"
    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    EXPIRED = "EXPIRED"


VERIFICATIONS = enum_map(management_pb2.ContactVerification, ContactVerification, "CONTACT_VERIFICATION_")


@access(needs(Permission.DOMAINS_READ))
@strawberry.type(
    description="A person or company as registries know it; null is what the registry does not tell us. Each personal field "
    "can be denied to a contact by itself."
)
class RegistryContact:
    id: strawberry.ID
    handle: str = strawberry.field(description="The id at the registry.")
    registry: str = strawberry.field(
        description="The registry that keeps it. For a domain of another registry a contact that says the same is made there."
    )
    name: str | None
    org: str | None
    street: list[str] | None
    city: str | None
    province: str | None
    postal_code: str | None
    country: str | None = strawberry.field(description="ISO 3166-1 alpha-2.")
    phone: str | None = strawberry.field(description="+36.525550101")
    email: str | None
    verification: ContactVerification
    verified_at: DateTime | None
    verified_until: DateTime | None
    domains: int = strawberry.field(description="How many of the domains that you may see it is a contact of.")

    @staticmethod
    def of(pb: management_pb2.RegistryContact) -> "RegistryContact":
        return RegistryContact(
            id=strawberry.ID(global_id("RegistryContact", pb.id)),
            handle=pb.handle,
            registry=pb.registry,
            name=pb.data.name or None,
            org=pb.data.org or None,
            street=list(pb.data.street),
            city=pb.data.city or None,
            province=pb.data.province or None,
            postal_code=pb.data.postal_code or None,
            country=pb.data.country or None,
            phone=pb.data.phone or None,
            email=pb.data.email or None,
            verification=VERIFICATIONS[pb.verification],
            verified_at=moment_of(pb, "verified_at"),
            verified_until=moment_of(pb, "verified_until"),
            domains=pb.domains,
        )


@access(needs(Permission.DOMAINS_READ))
@strawberry.type(description="Who a domain's contacts are; null for a role that nobody has.")
class DomainContacts:
    registrant: RegistryContact | None = strawberry.field(description="The holder.")
    admin: RegistryContact | None
    tech: RegistryContact | None
    billing: RegistryContact | None

    @staticmethod
    def of(pb: management_pb2.DomainContacts) -> "DomainContacts":
        def role(has: bool, contact: management_pb2.RegistryContact) -> RegistryContact | None:
            return RegistryContact.of(contact) if has else None

        return DomainContacts(
            registrant=role(pb.HasField("registrant"), pb.registrant),
            admin=role(pb.HasField("admin"), pb.admin),
            tech=role(pb.HasField("tech"), pb.tech),
            billing=role(pb.HasField("billing"), pb.billing),
        )


async def load(acting: Acting, domain_id: str) -> DomainContacts | None:
    """The contacts of a domain; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, DomainContacts]:
        request = management_pb2.BatchGetDomainContactsRequest(domain_ids=ids)
        answer = await acting.read("domains", acting.clients.management.BatchGetDomainContacts, request)
        return {pb.domain_id: DomainContacts.of(pb) for pb in answer.contacts}

    found: DomainContacts | None = await acting.loader("domain contacts", fetch).load(domain_id)
    return found


async def page(
    acting: Acting, search: str | None, first: int | None, after: str | None, last: int | None, before: str | None
) -> Connection[RegistryContact]:
    page_ = page_request(first, after, last, before)
    request = management_pb2.ListRegistryContactsRequest(search=search or "", page=page_)
    answer = await acting.read("domains", acting.clients.management.ListRegistryContacts, request)
    return connection([RegistryContact.of(pb) for pb in answer.contacts], answer.page)
