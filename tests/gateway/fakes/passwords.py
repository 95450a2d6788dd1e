"""Identity's service of passwords."""

from typing import Any

from portico.identity.v1 import passwords_pb2, passwords_pb2_grpc
from services.chassis.errors import DomainError, Invalid
from tests.gateway.fakes.fake import Fake, refuse


class Passwords(Fake, passwords_pb2_grpc.PasswordsServiceServicer):
    """Its one good link is "good-link", until it is used."""

    async def ChangePassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ChangePassword")
        if request.current_password != "right":
            await refuse(context, _PasswordWrong(field="current_password"))
        return passwords_pb2.ChangePasswordResponse(ended_sessions=2 if request.end_other_sessions else 0)

    async def RequestPasswordReset(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RequestPasswordReset")
        return passwords_pb2.RequestPasswordResetResponse()

    async def GetPasswordReset(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetPasswordReset")
        if request.secret != "good-link" or self.world.link_used:
            await refuse(context, _LinkInvalid())
        return passwords_pb2.GetPasswordResetResponse(email="anna@x.example", min_length=15)

    async def ResetPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ResetPassword")
        if request.secret != "good-link" or self.world.link_used:
            await refuse(context, _LinkInvalid())
        if len(request.new_password) < 15:
            await refuse(context, _PasswordTooShort(field="new_password", least="15"))
        self.world.link_used = True
        return passwords_pb2.ResetPasswordResponse()

    async def GetVpnAccess(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetVpnAccess")
        return passwords_pb2.GetVpnAccessResponse(access=self.world.vpn)

    async def SetVpnPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "SetVpnPassword")
        self.world.vpn = passwords_pb2.VpnAccess(username="vpn-anna")
        self.world.vpn.set_at.FromJsonString("2026-01-01T00:00:00Z")
        made = "" if request.HasField("password") else "made-up"
        return passwords_pb2.SetVpnPasswordResponse(access=self.world.vpn, generated_password=made)

    async def RemoveVpnPassword(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RemoveVpnPassword")
        self.world.vpn = None
        return passwords_pb2.RemoveVpnPasswordResponse()


class _PasswordWrong(Invalid):
    reason = "PASSWORD_WRONG"


class _PasswordTooShort(Invalid):
    reason = "PASSWORD_TOO_SHORT"


class _LinkInvalid(DomainError):
    reason = "RESET_LINK_INVALID"
