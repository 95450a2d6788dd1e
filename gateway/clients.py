"""The five services behind the gateway: one channel each, deadlines, retries of reads, and what a request cost."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import Message

from gateway.errors import ServiceError
from portico.billing.v1 import billing_pb2_grpc
from portico.domains.v1 import (
    domains_pb2_grpc,
    lifecycle_pb2_grpc,
    management_pb2_grpc,
    orders_pb2_grpc,
    zones_pb2_grpc,
)
from portico.hosting.v1 import hosting_pb2_grpc
from portico.identity.v1 import (
    accounts_pb2_grpc,
    factors_pb2_grpc,
    identity_pb2_grpc,
    notifications_pb2_grpc,
    oauth_pb2_grpc,
    operator_pb2_grpc,
    passwords_pb2_grpc,
)
from portico.tickets.v1 import tickets_pb2_grpc
from services.chassis import telemetry

if TYPE_CHECKING:
    from grpc.aio import UnaryUnaryMultiCallable

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

READ_TIMEOUT = 2.0
"""Seconds for a read, its retries included."""
WRITE_TIMEOUT = 10.0
"""Seconds for a mutation, and for what asks a registry."""
REQUEST_TIMEOUT = 12.0
"""Seconds for all the calls of one request."""
RETRY_PAUSES = (0.05, 0.15, 0.4)

OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.enable_retries", 0),  # retried here, where the deadline and the kind of call are known
]


@dataclass(frozen=True, slots=True)
class Clients:
    """Typed stubs; made once, closed once."""

    channels: Mapping[str, grpc.aio.Channel]
    identity: "identity_pb2_grpc.IdentityServiceAsyncStub"
    factors: "factors_pb2_grpc.FactorsServiceAsyncStub"
    operator: "operator_pb2_grpc.OperatorServiceAsyncStub"
    accounts: "accounts_pb2_grpc.AccountsServiceAsyncStub"
    passwords: "passwords_pb2_grpc.PasswordsServiceAsyncStub"
    oauth: "oauth_pb2_grpc.OAuthServiceAsyncStub"
    domains: "domains_pb2_grpc.DomainsServiceAsyncStub"
    zones: "zones_pb2_grpc.ZonesServiceAsyncStub"
    management: "management_pb2_grpc.ManagementServiceAsyncStub"
    lifecycle: "lifecycle_pb2_grpc.LifecycleServiceAsyncStub"
    orders: "orders_pb2_grpc.OrdersServiceAsyncStub"
    hosting: "hosting_pb2_grpc.HostingServiceAsyncStub"
    billing: "billing_pb2_grpc.BillingServiceAsyncStub"
    tickets: "tickets_pb2_grpc.TicketsServiceAsyncStub"
    notifications: "notifications_pb2_grpc.NotificationsServiceAsyncStub"

    @classmethod
    def connect(cls, addresses: Mapping[str, str]) -> "Clients":
        """Channels connect on first use and again by themselves."""
        channels = {name: grpc.aio.insecure_channel(address, options=OPTIONS) for name, address in addresses.items()}
        return cls(
            channels,
            identity_pb2_grpc.IdentityServiceStub(channels["identity"]),
            factors_pb2_grpc.FactorsServiceStub(channels["identity"]),
            operator_pb2_grpc.OperatorServiceStub(channels["identity"]),
            accounts_pb2_grpc.AccountsServiceStub(channels["identity"]),
            passwords_pb2_grpc.PasswordsServiceStub(channels["identity"]),
            oauth_pb2_grpc.OAuthServiceStub(channels["identity"]),
            domains_pb2_grpc.DomainsServiceStub(channels["domains"]),
            zones_pb2_grpc.ZonesServiceStub(channels["domains"]),
            management_pb2_grpc.ManagementServiceStub(channels["domains"]),
            lifecycle_pb2_grpc.LifecycleServiceStub(channels["domains"]),
            orders_pb2_grpc.OrdersServiceStub(channels["domains"]),
            hosting_pb2_grpc.HostingServiceStub(channels["hosting"]),
            billing_pb2_grpc.BillingServiceStub(channels["billing"]),
            tickets_pb2_grpc.TicketsServiceStub(channels["tickets"]),
            notifications_pb2_grpc.NotificationsServiceStub(channels["identity"]),
        )

    async def close(self) -> None:
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))

    async def down(self, seconds: float = 1.0) -> list[str]:
        """Names of the services whose channel cannot be made ready within some seconds."""

        async def dead(name: str, channel: grpc.aio.Channel) -> str | None:
            try:
                channel.get_state(try_to_connect=True)
                async with asyncio.timeout(seconds):
                    await channel.channel_ready()
            except TimeoutError:
                return name
            return None

        found = await asyncio.gather(*(dead(name, channel) for name, channel in self.channels.items()))
        return [name for name in found if name]


@dataclass(slots=True)
class Calls:
    """The RPCs of one request: their common budget of time, and their count."""

    rpcs: int = 0
    sql: int = 0
    """SQL statements, as the services report them in trailing metadata."""
    ends: float = field(default_factory=lambda: time.monotonic() + REQUEST_TIMEOUT)
    trace: str = field(default_factory=telemetry.traceparent)

    async def read(self, service: str, method: "UnaryUnaryMultiCallable[Q, R]", request: Q, token: str | None) -> R:
        """A call that changes nothing: tried again on UNAVAILABLE while there is time. Raises ServiceError."""
        ends = min(self.ends, time.monotonic() + READ_TIMEOUT)
        for pause in (*RETRY_PAUSES, None):
            try:
                return await self._once(service, method, request, token, ends)
            except ServiceError as error:
                if error.code != grpc.StatusCode.UNAVAILABLE or pause is None or time.monotonic() + pause >= ends:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    async def write(self, service: str, method: "UnaryUnaryMultiCallable[Q, R]", request: Q, token: str | None) -> R:
        """A call that is sent once. Raises ServiceError."""
        return await self._once(service, method, request, token, min(self.ends, time.monotonic() + WRITE_TIMEOUT))

    async def _once(
        self, service: str, method: "UnaryUnaryMultiCallable[Q, R]", request: Q, token: str | None, ends: float
    ) -> R:
        metadata: list[tuple[str, str]] = []
        if token:
            metadata.append(("authorization", f"Bearer {token}"))
        if self.trace:
            metadata.append(("traceparent", self.trace))
        self.rpcs += 1
        call: Any = method(request, timeout=max(ends - time.monotonic(), 0.001), metadata=metadata)
        try:
            answer: R = await call
        except grpc.aio.AioRpcError as error:
            self._count(error.trailing_metadata())
            raise ServiceError.of(service, error) from None
        self._count(await call.trailing_metadata())
        return answer

    def _count(self, trailing: Any) -> None:
        for key, value in trailing or ():
            if key == "sql-statements" and str(value).isdigit():
                self.sql += int(value)
