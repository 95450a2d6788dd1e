"""Between the protos and the use cases; a module a gRPC service."""

from typing import Any

from portico.identity.v1 import (
    accounts_pb2_grpc,
    factors_pb2_grpc,
    identity_pb2_grpc,
    notifications_pb2_grpc,
    oauth_pb2_grpc,
    operator_pb2_grpc,
    passwords_pb2_grpc,
)
from services.identity.app import App
from services.identity.rpc.accounts import AccountsRpc
from services.identity.rpc.factors import FactorsRpc
from services.identity.rpc.identity import IdentityRpc
from services.identity.rpc.notifications import NotificationsRpc
from services.identity.rpc.oauth import OAuthRpc
from services.identity.rpc.operator import OperatorRpc
from services.identity.rpc.passwords import PasswordsRpc


def register(server: Any, app: App) -> None:
    """Adds every gRPC service of identity to the server."""
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(IdentityRpc(app), server)
    notifications_pb2_grpc.add_NotificationsServiceServicer_to_server(NotificationsRpc(app), server)
    factors_pb2_grpc.add_FactorsServiceServicer_to_server(FactorsRpc(app), server)
    operator_pb2_grpc.add_OperatorServiceServicer_to_server(OperatorRpc(app), server)
    accounts_pb2_grpc.add_AccountsServiceServicer_to_server(AccountsRpc(app), server)
    oauth_pb2_grpc.add_OAuthServiceServicer_to_server(OAuthRpc(app), server)
    passwords_pb2_grpc.add_PasswordsServiceServicer_to_server(PasswordsRpc(app), server)
