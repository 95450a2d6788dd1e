"""Between the protos and the use cases; a module a gRPC service."""

from typing import Any

from portico.domains.v1 import (
    domains_pb2_grpc,
    lifecycle_pb2_grpc,
    management_pb2_grpc,
    operator_pb2_grpc,
    orders_pb2_grpc,
    zones_pb2_grpc,
)
from services.domains.app import App
from services.domains.rpc.domains import DomainsRpc
from services.domains.rpc.lifecycle import LifecycleRpc
from services.domains.rpc.management import ManagementRpc
from services.domains.rpc.operator import OperatorRpc
from services.domains.rpc.orders import OrdersRpc
from services.domains.rpc.zones import ZonesRpc


def register(server: Any, app: App) -> None:
    """Adds every gRPC service of domains to the server."""
    domains_pb2_grpc.add_DomainsServiceServicer_to_server(DomainsRpc(app), server)
    zones_pb2_grpc.add_ZonesServiceServicer_to_server(ZonesRpc(app), server)
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(OrdersRpc(app), server)
    management_pb2_grpc.add_ManagementServiceServicer_to_server(ManagementRpc(app), server)
    lifecycle_pb2_grpc.add_LifecycleServiceServicer_to_server(LifecycleRpc(app), server)
    operator_pb2_grpc.add_DomainsOperatorServiceServicer_to_server(OperatorRpc(app), server)
