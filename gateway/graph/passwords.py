"""The user's passwords: to sign in with, and of the VPN."""

import strawberry

from gateway.access import PUBLIC, SELF, access, field
from gateway.context import Acting
from gateway.graph.common import UserError
from gateway.graph.mutations import Wrong, mutation
from gateway.graph.viewer import Viewer
from portico.identity.v1 import passwords_pb2


@access(PUBLIC)
@strawberry.type
class ChangePasswordPayload:
    viewer: Viewer | None = field(SELF, default=None)
    ended_sessions: int | None = field(
        SELF, default=None, description="How many other sessions of yours were ended for it."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class VpnPasswordPayload:
    viewer: Viewer | None = field(SELF, default=None)
    password: str | None = field(
        SELF, default=None, description="The one that was made up; shown in this answer and never again."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input
class ChangePasswordInput:
    current_password: str
    new_password: str = strawberry.field(
        description="15 to 1,024 characters, or from 8 with a second factor. None that is tried first."
    )
    end_other_sessions: bool = strawberry.field(default=True, description="Every session but the one that asks.")


@strawberry.input
class SetVpnPasswordInput:
    password: str | None = strawberry.field(
        default=None,
        description="15 to 128 printable ASCII characters. Without one, one is made up, another each time.",
    )
    remove: bool = strawberry.field(default=False, description="Takes the VPN access away instead.")


async def change_password(acting: Acting, input_: ChangePasswordInput) -> ChangePasswordPayload:
    """Sets another password to sign in with. Whoever has a second factor needs to have just confirmed who they are."""
    request = passwords_pb2.ChangePasswordRequest(
        current_password=input_.current_password,
        new_password=input_.new_password,
        end_other_sessions=input_.end_other_sessions,
    )
    answer = await acting.write("identity", acting.clients.passwords.ChangePassword, request)
    return ChangePasswordPayload(viewer=Viewer.of(acting.request), ended_sessions=answer.ended_sessions)


async def set_vpn_password(acting: Acting, input_: SetVpnPasswordInput) -> VpnPasswordPayload:
    """Sets or removes the user's VPN password. For a person who has just confirmed who they are."""
    passwords = acting.clients.passwords
    if input_.remove:
        if input_.password is not None:
            raise Wrong("INVALID", ["input"], message="VPN_CHOICE")
        await acting.write("identity", passwords.RemoveVpnPassword, passwords_pb2.RemoveVpnPasswordRequest())
        return VpnPasswordPayload(viewer=Viewer.of(acting.request))
    request = passwords_pb2.SetVpnPasswordRequest(password=input_.password)
    answer = await acting.write("identity", passwords.SetVpnPassword, request)
    return VpnPasswordPayload(viewer=Viewer.of(acting.request), password=answer.generated_password or None)


@strawberry.type
class PasswordMutations:
    change_password: ChangePasswordPayload = mutation(None, change_password, ChangePasswordInput, ChangePasswordPayload)
    set_vpn_password: VpnPasswordPayload = mutation(
        None, set_vpn_password, SetVpnPasswordInput, VpnPasswordPayload, step_up=True
    )
