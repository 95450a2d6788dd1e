"""People and their rights: users, contacts, an account's data."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id
from gateway.graph.common import DateTime, enum_map, moment_of
from portico.identity.v1 import identity_pb2

if TYPE_CHECKING:
    from gateway.graph.account import Account


@strawberry.enum
class AccountKind(Enum):
    PERSON = "PERSON"
    COMPANY = "COMPANY"


KINDS = enum_map(identity_pb2.AccountKind, AccountKind, "ACCOUNT_KIND_")


@access(PUBLIC)
@strawberry.type(description="A login identity; it can be a contact of many accounts.")
class User:
    id: strawberry.ID
    email: str
    email_bouncing: bool = strawberry.field(
        description="Mail to this address came back. It is over when mail is taken again or the address changes."
    )
    name: str
    locale: str

    @staticmethod
    def of(pb: identity_pb2.User) -> "User":
        return User(
            id=strawberry.ID(global_id("User", pb.id)),
            email=pb.email,
            email_bouncing=pb.email_bouncing,
            name=pb.name,
            locale=pb.locale,
        )


@access(PUBLIC)
@strawberry.type(description="A permission, held on everything or on named resources, until a time or for good.")
class Grant:
    permission: Permission
    resources: list[strawberry.ID] | None = strawberry.field(
        description="Null means all; else the ids it is limited to."
    )
    expires_at: DateTime | None


_RESOURCES = {
    "domains": "Domain",
    "dns": "Domain",
    "hosting": "HostingService",
    "billing": "Invoice",
    "tickets": "Ticket",
}


def _grant(pb: identity_pb2.Grant) -> Grant:
    type_ = _RESOURCES.get(pb.permission.partition(".")[0], "Node")
    return Grant(
        permission=Permission(pb.permission),
        resources=[strawberry.ID(global_id(type_, r)) for r in pb.resources] or None,
        expires_at=moment_of(pb, "expires_at"),
    )


def grants_of(pbs: Iterable[identity_pb2.Grant]) -> list[Grant]:
    """Those of permissions that this version knows."""
    known = {p.value for p in Permission}
    return [_grant(pb) for pb in pbs if pb.permission in known]


@access(PUBLIC)
@strawberry.type(description="A user's membership in one account, with its rights.")
class Contact:
    acting: strawberry.Private[Acting]
    id: strawberry.ID
    user: User
    role: str
    grants: list[Grant]
    denied_fields: list[str] = strawberry.field(description="Schema coordinates denied to this contact; deny wins.")
    email_bouncing: bool = strawberry.field(description="Whether mail to this contact comes back.")
    since: DateTime | None

    async def resolve_account(self) -> Any:
        from gateway.graph.account import Account

        return Account.of(self.acting)

    account: Annotated["Account", strawberry.lazy("gateway.graph.account")] = field(PUBLIC, resolve_account)

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Contact) -> "Contact":
        return Contact(
            acting=acting,
            id=strawberry.ID(global_id("Contact", pb.id)),
            user=User.of(pb.user),
            role=pb.role,
            grants=grants_of(pb.grants),
            denied_fields=list(pb.denied_fields),
            email_bouncing=pb.user.email_bouncing,
            since=moment_of(pb, "since"),
        )


@access(needs(Permission.ACCOUNT_READ))
@strawberry.type(description="Person or company data of the account.")
class AccountProfile:
    kind: AccountKind
    name: str
    tax_number: str | None
    email: str | None
    phone: str | None
    country: str | None
    postal_code: str | None
    city: str | None
    street: str | None
    currency: str
    locale: str
    since: DateTime | None

    @staticmethod
    def of(pb: identity_pb2.Account) -> "AccountProfile":
        return AccountProfile(
            kind=KINDS[pb.kind],
            name=pb.name,
            tax_number=pb.tax_number or None,
            email=pb.email or None,
            phone=pb.phone or None,
            country=pb.country or None,
            postal_code=pb.postal_code or None,
            city=pb.city or None,
            street=pb.street or None,
            currency=pb.currency,
            locale=pb.locale,
            since=moment_of(pb, "since"),
        )


async def contacts(acting: Acting) -> list[Contact]:
    answer = await acting.read("identity", acting.clients.identity.ListContacts, identity_pb2.ListContactsRequest())
    return [Contact.of(acting, pb) for pb in answer.contacts]
