"""Identity's OAuth service as authlib's threads call it: synchronous, with deadlines, its refusals as OAuth's errors."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import grpc
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidGrantError, InvalidRequestError, InvalidScopeError
from google.protobuf.message import Message

from gateway.clients import OPTIONS, READ_TIMEOUT, WRITE_TIMEOUT
from gateway.errors import ServiceError
from portico.identity.v1 import oauth_pb2 as pb
from portico.identity.v1 import oauth_pb2_grpc

R = TypeVar("R", bound=Message)

_ERRORS: Mapping[str, Callable[[], OAuth2Error]] = {
    "OAUTH_CLIENT_UNKNOWN": lambda: InvalidClientError("The client is not known here."),
    "OAUTH_CLIENT_REFUSED": lambda: InvalidClientError("The client could not be authenticated.", status_code=401),
    "OAUTH_GRANT_INVALID": lambda: InvalidGrantError(
        "The code or token is unknown, expired, used before, or was not given for this client, redirect_uri or verifier."
    ),
    "OAUTH_SCOPE_REFUSED": lambda: InvalidScopeError("A scope exceeds what the client may have or was granted."),
    "REDIRECT_URI_UNKNOWN": lambda: InvalidRequestError("The redirect_uri is not registered for this client."),
    "ID_TOKEN_HINT_INVALID": lambda: InvalidRequestError("The id_token_hint is no ID token of ours for this client."),
    "SIGN_IN_THROTTLED": lambda: OAuth2Error(
        "Too many authorizations were started from this address.", status_code=429, error="temporarily_unavailable"
    ),
}


class Identity:
    """The stub; every call raises OAuth2Error for a refusal, ServiceError for a fault."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._stub = oauth_pb2_grpc.OAuthServiceStub(self._channel)

    def find(self, request: pb.FindOAuthClientRequest) -> pb.FindOAuthClientResponse:
        return self._call(self._stub.FindOAuthClient, request, READ_TIMEOUT)

    def start(self, request: pb.StartAuthorizationRequest) -> pb.StartAuthorizationResponse:
        return self._call(self._stub.StartAuthorization, request, WRITE_TIMEOUT)

    def redeem(self, request: pb.RedeemCodeRequest) -> pb.OAuthTokens:
        return self._call(self._stub.RedeemCode, request, WRITE_TIMEOUT, malformed=InvalidGrantError)

    def refresh(self, request: pb.RefreshOAuthTokensRequest) -> pb.OAuthTokens:
        return self._call(self._stub.RefreshOAuthTokens, request, WRITE_TIMEOUT, malformed=InvalidGrantError)

    def revoke(self, request: pb.RevokeOAuthTokenRequest) -> None:
        self._call(self._stub.RevokeOAuthToken, request, WRITE_TIMEOUT)

    def introspect(self, request: pb.IntrospectOAuthTokenRequest) -> pb.IntrospectOAuthTokenResponse:
        return self._call(self._stub.IntrospectOAuthToken, request, READ_TIMEOUT)

    def close(self) -> None:
        self._channel.close()

    @staticmethod
    def _call(
        method: Callable[..., R],
        request: Message,
        seconds: float,
        *,
        malformed: type[OAuth2Error] = InvalidRequestError,
    ) -> R:
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as failure:
            error = ServiceError.of("identity", cast(Any, failure))
        known = _ERRORS.get(error.reason)
        if known is not None:
            raise known()
        if error.reason == "INVALID":
            raise malformed("A parameter is malformed.")
        if error.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
            raise OAuth2Error("Try again in a moment.", status_code=503, error="temporarily_unavailable")
        raise error
