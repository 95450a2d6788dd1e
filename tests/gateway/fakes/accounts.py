"""Identity's services of accounts and contacts, of operators, of notifications."""

from typing import Any
from uuid import uuid4

from portico.identity.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    identity_pb2,
    notifications_pb2,
    notifications_pb2_grpc,
    operator_pb2,
    operator_pb2_grpc,
)
from services.chassis.errors import DomainError, NotFound
from tests.gateway.fakes.fake import Fake, refuse
from tests.gateway.fakes.identity import emails_page
from tests.gateway.fakes.world import ACCOUNTANT, uid


class Accounts(Fake, accounts_pb2_grpc.AccountsServiceServicer):
    """Answers writes with what was asked for; what GetRights says, the world arranges by account."""

    async def GetRights(self, request: Any, context: Any) -> Any:
        return self.world.rights[await self.enter(request, context, "GetRights")]

    async def ListRoles(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRoles")
        roles = [accounts_pb2.Role(name="accountant", permissions=ACCOUNTANT), accounts_pb2.Role(name="custom")]
        return accounts_pb2.ListRolesResponse(roles=roles)

    async def UpdateAccountProfile(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "UpdateAccountProfile")
        return identity_pb2.Account(
            id=account,
            number="P-1",
            kind=identity_pb2.ACCOUNT_KIND_COMPANY,
            name="Saved",
            version=request.if_version + 1,
        )

    async def SetDefaultAccount(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetDefaultAccount")
        return accounts_pb2.SetDefaultAccountResponse()

    async def InviteContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "InviteContact")
        return identity_pb2.Contact(
            id=uid(951),
            account_id=account,
            state=identity_pb2.CONTACT_STATE_INVITED,
            email=request.email,
            role=request.role,
            own_grants=request.grants,
            denied_fields=request.denied_fields,
        )

    async def UpdateContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "UpdateContact")
        return identity_pb2.Contact(id=request.id, account_id=account, state=identity_pb2.CONTACT_STATE_ACTIVE)

    async def RevokeContact(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "RevokeContact")
        return identity_pb2.Contact(id=request.id, account_id=account, state=identity_pb2.CONTACT_STATE_REVOKED)


class Operator(Fake, operator_pb2_grpc.OperatorServiceServicer):
    async def RedeemSignInLink(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RedeemSignInLink")
        token = self.world.links.pop(request.code, None)
        if token is None:
            await refuse(context, _SignInLinkInvalid())
        secret = f"session-{uuid4().hex}"
        self.world.sessions[secret] = token or ""
        answer = operator_pb2.RedeemSignInLinkResponse(secret=secret)
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        return answer


class _SignInLinkInvalid(NotFound):
    reason = "SIGN_IN_LINK_INVALID"


class Notifications(Fake, notifications_pb2_grpc.NotificationsServiceServicer):
    async def ListNotificationPreferences(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "ListNotificationPreferences")
        found = [self.preference(account, category, request.locale) for category in ("billing", "support", "security")]
        return notifications_pb2.ListNotificationPreferencesResponse(preferences=found)

    async def SetNotificationPreference(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "SetNotificationPreference")
        if request.category == "billing" and not request.enabled and request.acknowledgement != "billing-1":
            await refuse(context, _AcknowledgementRequired(field="acknowledgement", warning=f"!{request.locale}!"))
        if request.enabled:
            self.world.switched_off.discard((account, request.category))
        else:
            self.world.switched_off.add((account, request.category))
        return self.preference(account, request.category, request.locale)

    async def ListOwnEmails(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListOwnEmails")
        return emails_page(self.world)

    async def RecordBounce(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RecordBounce")
        return notifications_pb2.RecordBounceResponse()

    def preference(self, account: str, category: str, locale: str) -> notifications_pb2.NotificationPreference:
        essential = category == "billing"
        return notifications_pb2.NotificationPreference(
            category=category,
            enabled=(account, category) not in self.world.switched_off,
            essential=essential,
            optional=category != "security",
            warning=f"!{locale}!" if essential else "",
            acknowledgement="billing-1" if essential else "",
        )


class _AcknowledgementRequired(DomainError):
    reason = "ACKNOWLEDGEMENT_REQUIRED"
