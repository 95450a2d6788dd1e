"""Between the protos and the use cases; a module a gRPC service."""

from typing import Any

from portico.identity.v1 import identity_pb2_grpc, notifications_pb2_grpc
from services.identity.app import App
from services.identity.rpc.identity import IdentityRpc
from services.identity.rpc.notifications import NotificationsRpc


def register(server: Any, app: App) -> None:
    """Adds every gRPC service of identity to the server."""
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(IdentityRpc(app), server)
    notifications_pb2_grpc.add_NotificationsServiceServicer_to_server(NotificationsRpc(app), server)
