"""The user's VPN access; its password is set in passwords.py."""

import strawberry

from gateway.access import SELF, access
from gateway.graph.common import DateTime, moment
from portico.identity.v1 import passwords_pb2


@access(SELF)
@strawberry.type(description="The user's own VPN access. Its password cannot be read again.")
class VpnAccess:
    username: str
    set_at: DateTime = strawberry.field(description="When the password was set.")

    @staticmethod
    def of(pb: passwords_pb2.VpnAccess) -> "VpnAccess":
        return VpnAccess(username=pb.username, set_at=moment(pb.set_at))


async def vpn_access(info: strawberry.Info) -> VpnAccess | None:
    acting = info.context.own()
    request = passwords_pb2.GetVpnAccessRequest()
    answer = await acting.read("identity", acting.clients.passwords.GetVpnAccess, request)
    return VpnAccess.of(answer.access) if answer.HasField("access") else None
