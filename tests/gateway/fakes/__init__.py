"""Stand-ins of the five services that speak the real protos over real gRPC, with a small world in memory."""

from typing import Any

import grpc

from portico.billing.v1 import billing_pb2_grpc
from portico.domains.v1 import domains_pb2_grpc, lifecycle_pb2_grpc, management_pb2_grpc
from portico.hosting.v1 import hosting_pb2_grpc
from portico.identity.v1 import (
    accounts_pb2_grpc,
    factors_pb2_grpc,
    identity_pb2_grpc,
    notifications_pb2_grpc,
    operator_pb2_grpc,
    passwords_pb2_grpc,
)
from portico.tickets.v1 import tickets_pb2_grpc
from tests.gateway.fakes.accounts import Accounts, Notifications, Operator
from tests.gateway.fakes.billing import Billing, invoice, money
from tests.gateway.fakes.domains import Domains, Lifecycle, domain, operation
from tests.gateway.fakes.factors import Factors
from tests.gateway.fakes.hosting import Hosting, service
from tests.gateway.fakes.identity import Identity, contact, session_id
from tests.gateway.fakes.management import Management
from tests.gateway.fakes.passwords import Passwords
from tests.gateway.fakes.tickets import Tickets, ticket
from tests.gateway.fakes.world import ACCOUNTANT, ALL, World, uid

__all__ = [
    "ACCOUNTANT",
    "ALL",
    "World",
    "contact",
    "domain",
    "invoice",
    "money",
    "operation",
    "serve",
    "service",
    "session_id",
    "ticket",
    "uid",
]


async def serve(world: World) -> tuple[dict[str, grpc.aio.Server], dict[str, str]]:
    """The five services, each its own server on a free port of loopback: (servers, addresses) by name."""
    made: dict[str, list[tuple[Any, Any]]] = {
        "identity": [
            (identity_pb2_grpc.add_IdentityServiceServicer_to_server, Identity),
            (factors_pb2_grpc.add_FactorsServiceServicer_to_server, Factors),
            (accounts_pb2_grpc.add_AccountsServiceServicer_to_server, Accounts),
            (passwords_pb2_grpc.add_PasswordsServiceServicer_to_server, Passwords),
            (operator_pb2_grpc.add_OperatorServiceServicer_to_server, Operator),
            (notifications_pb2_grpc.add_NotificationsServiceServicer_to_server, Notifications),
        ],
        "domains": [
            (domains_pb2_grpc.add_DomainsServiceServicer_to_server, Domains),
            (management_pb2_grpc.add_ManagementServiceServicer_to_server, Management),
            (lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server, Lifecycle),
        ],
        "hosting": [(hosting_pb2_grpc.add_HostingServiceServicer_to_server, Hosting)],
        "billing": [(billing_pb2_grpc.add_BillingServiceServicer_to_server, Billing)],
        "tickets": [(tickets_pb2_grpc.add_TicketsServiceServicer_to_server, Tickets)],
    }
    servers: dict[str, grpc.aio.Server] = {}
    addresses: dict[str, str] = {}
    for name, kinds in made.items():
        server = grpc.aio.server()
        for add, kind in kinds:
            add(kind(world, "passwords" if kind is Passwords else name), server)
        addresses[name] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        servers[name] = server
    return servers, addresses
