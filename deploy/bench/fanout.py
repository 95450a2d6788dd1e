"""The floor: the dashboard's RPCs by a plain grpc.aio client, no gateway between."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import grpc

from portico.billing.v1 import billing_pb2, billing_pb2_grpc
from portico.domains.v1 import domains_pb2, domains_pb2_grpc
from portico.hosting.v1 import hosting_pb2, hosting_pb2_grpc
from portico.identity.v1 import identity_pb2, identity_pb2_grpc
from portico.tickets.v1 import tickets_pb2, tickets_pb2_grpc

_TIMEOUT = 5.0


class Fanout:
    """One round is one call to each service."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel]) -> None:
        self._channels = channels
        self._identity = identity_pb2_grpc.IdentityServiceStub(channels["identity"])
        self._calls: list[tuple[Any, Any]] = [
            (domains_pb2_grpc.DomainsServiceStub(channels["domains"]).GetDashboard, domains_pb2.GetDashboardRequest()),
            (hosting_pb2_grpc.HostingServiceStub(channels["hosting"]).GetDashboard, hosting_pb2.GetDashboardRequest()),
            (billing_pb2_grpc.BillingServiceStub(channels["billing"]).GetDashboard, billing_pb2.GetDashboardRequest()),
            (tickets_pb2_grpc.TicketsServiceStub(channels["tickets"]).GetDashboard, tickets_pb2.GetDashboardRequest()),
            (self._identity.GetDashboard, identity_pb2.GetDashboardRequest()),
        ]
        self._metadata: tuple[tuple[str, str], ...] = ()

    @classmethod
    def connect(cls, addresses: Mapping[str, str]) -> Self:
        options = [("grpc.enable_http_proxy", 0)]
        return cls({name: grpc.aio.insecure_channel(address, options) for name, address in addresses.items()})

    @property
    def rpcs(self) -> int:
        """Calls in a round."""
        return len(self._calls)

    async def sign_in(self, token: str) -> None:
        """Exchanges the API token for the actor token that the rounds carry, as the gateway does."""
        request = identity_pb2.AuthenticateRequest(credential=token, ip="127.0.0.1")
        answer = await self._identity.Authenticate(request, timeout=_TIMEOUT)
        self._metadata = (("authorization", f"Bearer {answer.memberships[0].actor_token}"),)

    async def round(self) -> None:
        """All calls side by side."""
        await asyncio.gather(
            *(call(request, timeout=_TIMEOUT, metadata=self._metadata) for call, request in self._calls)
        )

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
