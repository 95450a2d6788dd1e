"""Between the protos and the use cases: the subscriber's data and its people."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from portico.identity.v1 import accounts_pb2 as pb
from portico.identity.v1 import identity_pb2
from portico.identity.v1.accounts_pb2_grpc import AccountsServiceServicer
from services.chassis.actor import Grant
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, public, requires
from services.chassis.times import to_pb
from services.identity import access, accounts, contacts, invitations
from services.identity.app import App
from services.identity.people import Contact
from services.identity.wire import account_to_pb, contact_to_pb, grant_from_pb, grant_to_pb, moment

_KINDS = {identity_pb2.ACCOUNT_KIND_PERSON: "person", identity_pb2.ACCOUNT_KIND_COMPANY: "company"}


class AccountsRpc(AccountsServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @requires("account.write")
    async def UpdateAccountProfile(self, request: pb.UpdateAccountProfileRequest, call: Call) -> identity_pb2.Account:
        changes = {field.name: value for field, value in request.ListFields() if field.has_presence}
        if "kind" in changes:
            changes["kind"] = _KINDS.get(request.kind, "")
        saved = await accounts.update_profile(
            self._app.db,
            call.actor,
            call.scope,
            changes,
            if_version=request.if_version,
            now=call.now,
        )
        return account_to_pb(saved)

    @requires("operator")
    async def LockField(self, request: pb.LockFieldRequest, call: Call) -> identity_pb2.Account:
        account_id = UUID(request.account_id)
        return account_to_pb(await accounts.lock_field(self._app.db, call.actor, account_id, request.field, call.now))

    @requires("operator")
    async def UnlockField(self, request: pb.UnlockFieldRequest, call: Call) -> identity_pb2.Account:
        account_id = UUID(request.account_id)
        return account_to_pb(await accounts.unlock_field(self._app.db, call.actor, account_id, request.field))

    @requires(None)
    async def SetDefaultAccount(self, request: pb.SetDefaultAccountRequest, call: Call) -> pb.SetDefaultAccountResponse:
        await accounts.set_default(self._app.db, call.actor)
        return pb.SetDefaultAccountResponse()

    @requires(None)
    async def ListRoles(self, request: pb.ListRolesRequest, call: Call) -> pb.ListRolesResponse:
        roles = [pb.Role(name=name, permissions=sorted(held)) for name, held in access.ROLES.items()]
        return pb.ListRolesResponse(roles=roles)

    @requires(None)
    async def GetRights(self, request: pb.GetRightsRequest, call: Call) -> pb.GetRightsResponse:
        contact = await contacts.own(self._app.db, call.actor)
        return pb.GetRightsResponse(
            contact=_contact(contact, call),
            credential_grants=map(grant_to_pb, call.actor.grants),
            credential_kind=call.actor.kind,
            confirmed_until=to_pb(call.actor.confirmed_until),
        )

    @requires("contacts.manage", step_up=True)
    async def InviteContact(self, request: pb.InviteContactRequest, call: Call) -> identity_pb2.Contact:
        rights = contacts.Rights(
            request.role,
            _grants(request.grants),
            tuple(request.denied_fields),
            _expiry(request.expires_at) if request.HasField("expires_at") else None,
        )
        made = await invitations.invite(
            self._app.db,
            self._sender(),
            call.actor,
            call.scope,
            request,
            invitations.Guest(request.email, request.name, request.locale, request.message),
            rights,
            request_id=request.request_id,
            now=call.now,
        )
        return _contact(made, call)

    @requires("contacts.manage", step_up=True)
    async def ResendInvitation(self, request: pb.ResendInvitationRequest, call: Call) -> identity_pb2.Contact:
        contact_id = UUID(request.contact_id)
        sent = await invitations.resend(self._app.db, self._sender(), call.actor, call.scope, contact_id, call.now)
        return _contact(sent, call)

    @requires("contacts.manage", step_up=True)
    async def UpdateContact(self, request: pb.UpdateContactRequest, call: Call) -> identity_pb2.Contact:
        expiry = request.expires_at
        change = contacts.Change(
            role=request.role if request.HasField("role") else None,
            grants=_grants(request.grants.grants) if request.HasField("grants") else None,
            denied_fields=request.denied_fields.fields if request.HasField("denied_fields") else None,
            expires_at=(_expiry(expiry.at) if expiry.HasField("at") else None,)
            if request.HasField("expires_at")
            else None,
        )
        changed = await contacts.update(
            self._app.db, self._app.post, call.actor, call.scope, UUID(request.id), change, call.now
        )
        return _contact(changed, call)

    @requires("contacts.manage", step_up=True)
    async def RevokeContact(self, request: pb.RevokeContactRequest, call: Call) -> identity_pb2.Contact:
        revoked = await contacts.revoke(
            self._app.db, self._app.post, call.actor, call.scope, UUID(request.id), call.now
        )
        return _contact(revoked, call)

    @public
    async def GetInvitation(self, request: pb.GetInvitationRequest, call: Call) -> pb.GetInvitationResponse:
        row = await invitations.open_invitation(self._app.db, request.secret, call.now)
        return pb.GetInvitationResponse(
            account_name=row["account_name"],
            account_number=row["account_number"],
            inviter_name=row["inviter_name"] or "",
            email=row["email"],
            name=row["name"],
            locale=row["locale"],
            role=row["role"],
            expires_at=to_pb(row["expires_at"]),
            has_user=row["user_id"] is not None,
        )

    @public
    async def AcceptInvitation(self, request: pb.AcceptInvitationRequest, call: Call) -> pb.AcceptInvitationResponse:
        name = await invitations.accept(
            self._app.db, self._app.post, request.secret, request.session, ip=request.ip, now=call.now
        )
        return pb.AcceptInvitationResponse(account_name=name)

    @public
    async def JoinByInvitation(self, request: pb.JoinByInvitationRequest, call: Call) -> pb.JoinByInvitationResponse:
        email = await invitations.join(
            self._app.db,
            self._app.hasher,
            self._app.post,
            request.secret,
            name=request.name,
            locale=request.locale,
            password=request.password,
            ip=request.ip,
            now=call.now,
        )
        return pb.JoinByInvitationResponse(email=email)

    @public
    async def DeclineInvitation(self, request: pb.DeclineInvitationRequest, call: Call) -> pb.DeclineInvitationResponse:
        await invitations.decline(self._app.db, self._app.post, request.secret, ip=request.ip, now=call.now)
        return pb.DeclineInvitationResponse()

    def _sender(self) -> invitations.Sender:
        return invitations.Sender(self._app.post, self._app.public_url)


def _contact(contact: Contact, call: Call) -> identity_pb2.Contact:
    return contact_to_pb(contact, contact.grants(call.now), call.now)


def _grants(given: Iterable[identity_pb2.Grant]) -> tuple[Grant, ...]:
    found = []
    for index, grant in enumerate(given):
        try:
            found.append(grant_from_pb(grant))
        except ValueError as error:
            raise Invalid(str(error), field=f"grants[{index}]") from None
    return tuple(found)


def _expiry(stamp: Timestamp) -> datetime:
    try:
        return moment(stamp)
    except ValueError as error:
        raise contacts.ContactExpiryInvalid(str(error), field="expires_at") from None
