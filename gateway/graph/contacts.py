"""Contacts: who acts for an account and with which rights; how they are invited, changed and revoked."""

import asyncio
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway import messages
from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, at_most, global_id, read_id
from gateway.graph import permits
from gateway.graph.common import DateTime, Permit, UserError, enum_map, moment, moment_of
from gateway.graph.identity import User
from gateway.graph.mutations import Wrong, moment_given, mutation
from portico.identity.v1 import accounts_pb2, identity_pb2

if TYPE_CHECKING:
    from gateway.graph.account import Account

RESOURCES = {
    "domains": "Domain",
    "dns": "Domain",
    "hosting": "HostingService",
    "billing": "Invoice",
    "tickets": "Ticket",
}
"""First part of a permission -> the type of what it can be limited to."""
MOST_RESOURCES = 100
"""In all grants of a contact together, as identity counts."""


@strawberry.enum
class ContactState(Enum):
    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


STATES = enum_map(identity_pb2.ContactState, ContactState, "CONTACT_STATE_")


@access(PUBLIC)
@strawberry.type(description="A permission, held on everything or on named resources, until a time or for good.")
class Grant:
    permission: Permission
    resources: list[strawberry.ID] | None = strawberry.field(
        description="Null means all; else the ids it is limited to."
    )
    expires_at: DateTime | None


def grants_of(pbs: Iterable[identity_pb2.Grant]) -> list[Grant]:
    """Those of permissions that this version knows."""
    known = {p.value for p in Permission}
    return [_grant(pb) for pb in pbs if pb.permission in known]


def _grant(pb: identity_pb2.Grant) -> Grant:
    type_ = RESOURCES.get(pb.permission.partition(".")[0], "Node")
    return Grant(
        permission=Permission(pb.permission),
        resources=[strawberry.ID(global_id(type_, r)) for r in pb.resources] or None,
        expires_at=moment_of(pb, "expires_at"),
    )


@access(PUBLIC)
@strawberry.type(description="How somebody was asked to become a contact.")
class Invitation:
    sent_at: DateTime
    expires_at: DateTime = strawberry.field(description="Until when its link can be used.")
    outcome: str | None = strawberry.field(description="Null while it is open; accepted, declined, withdrawn.")


@access(PUBLIC)
@strawberry.type(description="A ready-made set of rights.")
class Role:
    name: str = strawberry.field(description="As in Contact.role: owner, accountant, technical, read_only, custom.")
    title: str = strawberry.field(description="In the reader's language.")
    description: str
    permissions: list[Permission]


async def roles(acting: Acting) -> list[Role]:
    answer = await acting.read("identity", acting.clients.accounts.ListRoles, accounts_pb2.ListRolesRequest())
    known = {p.value for p in Permission}
    return [
        Role(
            name=pb.name,
            title=messages.text(f"ROLE_{pb.name.upper()}", acting.locale, default=pb.name),
            description=messages.text(f"ROLE_{pb.name.upper()}_DESCRIPTION", acting.locale, default=pb.name),
            permissions=[Permission(p) for p in pb.permissions if p in known],
        )
        for pb in answer.roles
    ]


@access(PUBLIC)
@strawberry.type(description="A user's membership in one account with its rights, or the invitation to it.")
class Contact:
    acting: strawberry.Private[Acting]
    pb: strawberry.Private[identity_pb2.Contact]
    id: strawberry.ID
    state: ContactState
    user: User | None = strawberry.field(description="Null until the invitation is accepted.")
    email: str = strawberry.field(description="The user's, or the invited one.")
    name: str | None
    role: str
    grants: list[Grant] = strawberry.field(description="What it may now, its role included.")
    own_grants: list[Grant] = strawberry.field(
        description="Those given to it beside its role's, the ones that have run out too: what updateContact replaces."
    )
    denied_fields: list[str] = strawberry.field(description="Schema coordinates denied to this contact; deny wins.")
    email_bouncing: bool = strawberry.field(description="Whether mail to this contact comes back.")
    since: DateTime | None
    expires_at: DateTime | None = strawberry.field(description="Null: for good.")
    invitation: Invitation | None

    async def resolve_account(self) -> Any:
        from gateway.graph.account import Account

        return Account.of(self.acting)

    async def resolve_can(self, action: str, subject: strawberry.ID | None = None) -> Permit | None:
        return await permits.of_contact(self.acting, self.pb, action, subject)

    account: Annotated["Account", strawberry.lazy("gateway.graph.account")] = field(PUBLIC, resolve_account)
    can: Permit | None = field(
        needs(Permission.CONTACTS_MANAGE),
        resolve_can,
        description="Whether this contact may, and why not. The action is as in Account.can.",
    )

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.Contact) -> "Contact":
        return Contact(
            acting=acting,
            pb=pb,
            id=strawberry.ID(global_id("Contact", pb.id)),
            state=STATES[pb.state],
            user=User.of(pb.user) if pb.HasField("user") else None,
            email=pb.email,
            name=pb.name or None,
            role=pb.role,
            grants=grants_of(pb.grants),
            own_grants=grants_of(pb.own_grants),
            denied_fields=list(pb.denied_fields),
            email_bouncing=pb.user.email_bouncing,
            since=moment_of(pb, "since"),
            expires_at=moment_of(pb, "expires_at"),
            invitation=_invitation(pb.invitation) if pb.HasField("invitation") else None,
        )


def _invitation(pb: identity_pb2.Invitation) -> Invitation:
    return Invitation(sent_at=moment(pb.sent_at), expires_at=moment(pb.expires_at), outcome=pb.outcome or None)


async def contacts(acting: Acting, revoked: bool) -> list[Contact]:
    request = identity_pb2.ListContactsRequest(revoked=revoked)
    answer = await acting.read("identity", acting.clients.identity.ListContacts, request)
    return [Contact.of(acting, pb) for pb in answer.contacts]


@access(PUBLIC)
@strawberry.type
class ContactPayload:
    contact: Contact | None = None
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class GrantInput:
    permission: Permission
    resources: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="What it is limited to: ids of Domain for domains and dns, of HostingService, Invoice or Ticket for "
        "theirs. Left out: everything. At most 100 in all grants together.",
    )
    expires_at: DateTime | None = None


@strawberry.input
class InviteContactInput:
    email: str
    idempotency_key: str = strawberry.field(description="8 to 200 characters; the same key never invites twice.")
    name: str | None = None
    role: str = strawberry.field(default="custom", description="One of Account.roles; custom is the grants alone.")
    grants: list[GrantInput] | None = None
    denied_fields: list[str] | None = strawberry.field(
        default=None, description='Coordinates of nullable fields of the account\'s data: "Domain.zone".'
    )
    expires_at: DateTime | None = strawberry.field(default=None, description="The end of the membership.")
    locale: str | None = strawberry.field(default=None, description="Of the mail: hu or en; yours where left out.")
    message: str | None = strawberry.field(
        default=None, description="Your own words in the mail, up to 500 characters."
    )
    account_id: strawberry.ID | None = None


@strawberry.input
class ResendInvitationInput:
    id: strawberry.ID
    account_id: strawberry.ID | None = None


@strawberry.input(description="What is left out stays as it is.")
class UpdateContactInput:
    id: strawberry.ID
    role: str | None = strawberry.UNSET
    grants: list[GrantInput] | None = strawberry.field(
        default=strawberry.UNSET, description="All of its own grants from now on."
    )
    denied_fields: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="All of its denied fields from now on."
    )
    expires_at: DateTime | None = strawberry.field(default=strawberry.UNSET, description="Null: for good.")
    account_id: strawberry.ID | None = None


@strawberry.input
class RevokeContactInput:
    id: strawberry.ID
    account_id: strawberry.ID | None = None


async def invite_contact(acting: Acting, input_: InviteContactInput) -> ContactPayload:
    """Sends somebody a link that makes it a contact. You can give no more than you hold yourself."""
    locale = input_.locale or acting.locale
    if locale not in messages.LOCALES:
        raise Wrong("LOCALE_UNKNOWN", ["input", "locale"], value=locale[:20])
    request = accounts_pb2.InviteContactRequest(
        request_id=input_.idempotency_key,
        email=input_.email,
        name=input_.name or "",
        role=input_.role,
        grants=await _grants(acting, input_.grants or []),
        denied_fields=_coordinates(acting, input_.denied_fields or []),
        expires_at=_expiry(input_.expires_at),
        locale=locale,
        message=input_.message or "",
    )
    answer = await acting.write("identity", acting.clients.accounts.InviteContact, request)
    return ContactPayload(contact=Contact.of(acting, answer))


async def resend_invitation(acting: Acting, input_: ResendInvitationInput) -> ContactPayload:
    """Sends an open invitation again, with a new link; the earlier one does not work any more."""
    request = accounts_pb2.ResendInvitationRequest(contact_id=read_id(input_.id, "input.id", "Contact").key)
    answer = await acting.write("identity", acting.clients.accounts.ResendInvitation, request)
    return ContactPayload(contact=Contact.of(acting, answer))


async def update_contact(acting: Acting, input_: UpdateContactInput) -> ContactPayload:
    """Changes a contact's rights; they hold within a second. You can add no more than you hold yourself."""
    request = accounts_pb2.UpdateContactRequest(id=read_id(input_.id, "input.id", "Contact").key)
    if _given("role", input_.role):
        request.role = input_.role or ""
    if _given("grants", input_.grants):
        request.grants.grants.extend(await _grants(acting, input_.grants or []))
        request.grants.SetInParent()
    if _given("deniedFields", input_.denied_fields):
        request.denied_fields.fields.extend(_coordinates(acting, input_.denied_fields or []))
        request.denied_fields.SetInParent()
    if input_.expires_at is not strawberry.UNSET:
        request.expires_at.SetInParent()
        if input_.expires_at is not None:
            request.expires_at.at.CopyFrom(_expiry(input_.expires_at))
    answer = await acting.write("identity", acting.clients.accounts.UpdateContact, request)
    return ContactPayload(contact=Contact.of(acting, answer))


async def revoke_contact(acting: Acting, input_: RevokeContactInput) -> ContactPayload:
    """Ends a membership within a second, its API tokens too, or withdraws an invitation. Inviting again undoes it."""
    request = accounts_pb2.RevokeContactRequest(id=read_id(input_.id, "input.id", "Contact").key)
    answer = await acting.write("identity", acting.clients.accounts.RevokeContact, request)
    return ContactPayload(contact=Contact.of(acting, answer))


def _given(name: str, value: object) -> bool:
    """Whether the input says it; Wrong for a null that would mean nothing."""
    if value is None:
        raise Wrong("FIELD_REQUIRED", ["input", name], name=name)
    return value is not strawberry.UNSET


def _expiry(given: DateTime | None) -> Any:
    return None if given is None else moment_given(given, "CONTACT_EXPIRY_INVALID", ["input", "expiresAt"])


def _coordinates(acting: Acting, given: Sequence[str]) -> list[str]:
    """The coordinates; Wrong for the first that is no field, or one that cannot be denied."""
    at_most(given, 100, "input.deniedFields")
    fields = acting.request.fields
    for index, coordinate in enumerate(given):
        if coordinate not in fields.deniable:
            code = "FIELD_NOT_DENIABLE" if coordinate in fields.table else "COORDINATE_INVALID"
            raise Wrong(code, ["input", "deniedFields", str(index)], coordinate=repr(coordinate[:60]))
    return list(given)


async def _grants(acting: Acting, given: Sequence[GrantInput]) -> list[identity_pb2.Grant]:
    """The grants; Wrong for a resource of the wrong kind, or one that the account does not have."""
    at_most(given, 50, "input.grants")
    made, looked_up = [], []
    for index, one in enumerate(given):
        path = ["input", "grants", str(index)]
        grant = identity_pb2.Grant(permission=one.permission.value)
        if one.expires_at is not None:
            grant.expires_at.CopyFrom(moment_given(one.expires_at, "GRANT_EXPIRY_INVALID", [*path, "expiresAt"]))
        if one.resources is not None:
            kind = RESOURCES.get(one.permission.value.partition(".")[0])
            if kind is None:
                raise Wrong("GRANT_NOT_LIMITABLE", [*path, "resources"], permission=one.permission.value)
            if not one.resources:
                raise Wrong("RESOURCES_EMPTY", [*path, "resources"])
            ids = [read_id(id_, f"input.grants.{index}.resources.{n}", kind).key for n, id_ in enumerate(one.resources)]
            grant.resources.extend(ids)
            looked_up += [(kind, key, [*path, "resources", str(n)]) for n, key in enumerate(ids)]
        made.append(grant)
    if len(looked_up) > MOST_RESOURCES:
        raise Wrong("TOO_MANY_RESOURCES", ["input", "grants"], limit=MOST_RESOURCES)
    found = await asyncio.gather(*(_exists(acting, kind, key) for kind, key, _ in looked_up))
    for (kind, key, path), exists in zip(looked_up, found, strict=True):
        if not exists:
            raise Wrong("NOT_FOUND", path, what=kind, id=global_id(kind, key))
    return made


async def _exists(acting: Acting, kind: str, key: str) -> bool:
    """Whether the account has it; what the caller may not see is left to the rule that nobody gives more than it holds."""
    node = acting.request.nodes[kind]
    if node.permission is not None and not acting.policy.allows(node.permission, key):
        return True
    return await node.load(acting, key) is not None


_MANAGE = Permission.CONTACTS_MANAGE


@strawberry.type
class ContactMutations:
    invite_contact: ContactPayload = mutation(_MANAGE, invite_contact, InviteContactInput, ContactPayload, step_up=True)
    resend_invitation: ContactPayload = mutation(
        _MANAGE, resend_invitation, ResendInvitationInput, ContactPayload, step_up=True
    )
    update_contact: ContactPayload = mutation(_MANAGE, update_contact, UpdateContactInput, ContactPayload, step_up=True)
    revoke_contact: ContactPayload = mutation(_MANAGE, revoke_contact, RevokeContactInput, ContactPayload, step_up=True)
