"""Between the protos and the use cases of passwords."""

from portico.identity.v1 import passwords_pb2 as pb
from portico.identity.v1.passwords_pb2_grpc import PasswordsServiceServicer
from services.chassis.db import Row
from services.chassis.grpc import Call, public, requires
from services.chassis.times import to_pb
from services.identity import password_changes, password_resets, vpn
from services.identity.app import App


class PasswordsRpc(PasswordsServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @requires(None)
    async def ChangePassword(self, request: pb.ChangePasswordRequest, call: Call) -> pb.ChangePasswordResponse:
        ended = await password_changes.change(
            self._app,
            call.actor,
            request.current_password,
            request.new_password,
            end_others=request.end_other_sessions,
            now=call.now,
        )
        return pb.ChangePasswordResponse(ended_sessions=ended)

    @public
    async def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, call: Call
    ) -> pb.RequestPasswordResetResponse:
        await password_resets.request(self._app, request.email, ip=request.ip, now=call.now)
        return pb.RequestPasswordResetResponse()

    @public
    async def GetPasswordReset(self, request: pb.GetPasswordResetRequest, call: Call) -> pb.GetPasswordResetResponse:
        found = await password_resets.get(self._app, request.secret, call.now)
        return pb.GetPasswordResetResponse(email=found.email, min_length=found.min_length)

    @public
    async def ResetPassword(self, request: pb.ResetPasswordRequest, call: Call) -> pb.ResetPasswordResponse:
        await password_resets.redeem(self._app, request.secret, request.new_password, ip=request.ip, now=call.now)
        return pb.ResetPasswordResponse()

    @requires(None)
    async def GetVpnAccess(self, request: pb.GetVpnAccessRequest, call: Call) -> pb.GetVpnAccessResponse:
        found = await vpn.of_actor(self._app.db, call.actor)
        return pb.GetVpnAccessResponse(access=_vpn_access(found) if found else None)

    @requires(None, step_up=True)
    async def SetVpnPassword(self, request: pb.SetVpnPasswordRequest, call: Call) -> pb.SetVpnPasswordResponse:
        given = request.password if request.HasField("password") else None
        access, made = await vpn.set_password(self._app, call.actor, given, call.now)
        return pb.SetVpnPasswordResponse(access=_vpn_access(access), generated_password=made)

    @requires(None, step_up=True)
    async def RemoveVpnPassword(self, request: pb.RemoveVpnPasswordRequest, call: Call) -> pb.RemoveVpnPasswordResponse:
        await vpn.remove(self._app, call.actor, call.now)
        return pb.RemoveVpnPasswordResponse()


def _vpn_access(row: Row) -> pb.VpnAccess:
    return pb.VpnAccess(username=row["username"], set_at=to_pb(row["set_at"]))
