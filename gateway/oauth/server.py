"""The authorization server on authlib: requests read, clients authenticated, answers and errors in OAuth's form.

Authlib is synchronous, so it runs in a few threads, with a synchronous stub of identity's service. What it would look up,
check once more and store at the token endpoint is one RPC there: identity does it in one transaction.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from authlib.consts import default_json_headers
from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeGrant,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    RefreshTokenGrant,
    UnsupportedResponseTypeError,
    scope_to_list,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from starlette.responses import JSONResponse, Response

from gateway.clients import REQUEST_TIMEOUT
from gateway.oauth.identity import Identity
from gateway.oauth.requests import Request
from gateway.oauth.scopes import SCOPES
from portico.identity.v1 import oauth_pb2 as pb

T = TypeVar("T")

AT_ONCE = 8
"""Threads: each waits for identity most of the time."""
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
CONFIDENTIAL_METHODS = AUTH_METHODS[:2]
PROMPTS = ("none", "login", "consent", "select_account")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
#: Parameters of OpenID Connect that are not supported, and the error to say so (Core 6.1, 6.2, 7.2.1).
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class Client(ClientMixin):
    """A registered client; `shown` are the credentials to pass on once it has shown them."""

    def __init__(self, identity: Identity, client: pb.OAuthClient) -> None:
        self._identity = identity
        self._client = client
        self.shown = pb.ClientCredentials(client_id=client.id)

    def get_client_id(self) -> str:
        return self._client.id

    def get_default_redirect_uri(self) -> None:
        """None: each request names it (OpenID Connect Core, 3.1.2.1)."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        wanted = scope_to_list(scope) or []
        return " ".join(wanted) if wanted and set(wanted) <= set(self._client.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        asked = pb.FindOAuthClientRequest(client_id=self._client.id, redirect_uri=redirect_uri)
        return self._identity.find(asked).redirect_uri_matches

    def check_client_secret(self, client_secret: str) -> bool:
        self.shown.client_secret = client_secret
        asked = pb.FindOAuthClientRequest(client_id=self._client.id, client_secret=client_secret)
        return self._identity.find(asked).secret_matches

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method in CONFIDENTIAL_METHODS) is self._client.confidential

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


class CodeGrant(AuthorizationCodeGrant):
    """An authorization's request is checked by authlib; the code is minted and redeemed by identity."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Request, client: Client) -> str:
        redirect_uri = request.needed("redirect_uri")
        if not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return redirect_uri

    def validate_token_request(self) -> None:
        self.request.single()
        self.request.client = self.authenticate_token_endpoint_client()
        self.redemption = pb.RedeemCodeRequest(
            client=self.request.client.shown,
            code=self.request.needed("code"),
            redirect_uri=self.request.needed("redirect_uri"),
            code_verifier=self.request.needed("code_verifier"),
            ip=self.request.ip,
            user_agent=self.request.user_agent,
        )

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        return 200, _told(self.server.identity.redeem(self.redemption)), default_json_headers


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        self.request.single()
        self.request.client = self.authenticate_token_endpoint_client()
        self.renewal = pb.RefreshOAuthTokensRequest(
            client=self.request.client.shown,
            refresh_token=self.request.needed("refresh_token"),
            scopes=scope_to_list(self.request.payload.scope) or [],
            ip=self.request.ip,
        )

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        return 200, _told(self.server.identity.refresh(self.renewal)), default_json_headers


class S256(CodeChallenge):
    """PKCE of every client, and never `plain`, which authlib falls back to (RFC 7636, 4.3; OAuth 2.1, 4.1.1)."""

    def __call__(self, grant: CodeGrant) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.validate_code_challenge)

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        if not _CHALLENGE.fullmatch(grant.request.needed("code_challenge")):
            raise InvalidRequestError("The code_challenge is no SHA-256 in base64url.")
        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def create_endpoint_response(self, request: Request) -> tuple[int, dict[str, Any], Any]:
        request.single()
        client = self.authenticate_endpoint_client(request)
        revoked = pb.RevokeOAuthTokenRequest(client=client.shown, token=request.needed("token"), ip=request.ip)
        self.server.identity.revoke(revoked)
        return 200, {}, default_json_headers


class Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = CONFIDENTIAL_METHODS

    def create_endpoint_response(self, request: Request) -> tuple[int, dict[str, Any], Any]:
        request.single()
        client = self.authenticate_endpoint_client(request)
        asked = pb.IntrospectOAuthTokenRequest(client=client.shown, token=request.needed("token"))
        found = self.server.identity.introspect(asked)
        if not found.active:
            return 200, {"active": False}, default_json_headers
        told = {
            "active": True,
            "scope": " ".join(found.scopes),
            "client_id": found.client_id,
            "sub": found.subject,
            "iss": self.server.issuer,
            "iat": found.issued_at.seconds,
            "exp": found.expires_at.seconds,
        }
        return 200, told | ({"token_type": "Bearer"} if found.access_token else {}), default_json_headers


class Server(AuthorizationServer):
    """Answers the token, revocation and introspection endpoints, and checks what comes to the authorization endpoint."""

    def __init__(self, issuer: str, identity: Identity) -> None:
        super().__init__(scopes_supported=SCOPES)
        self.issuer = issuer
        self.identity = identity
        self.register_grant(CodeGrant, [S256()])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def authorize(self, request: Request) -> str:
        """The handle of an app's request. OAuth2Error: to be told to the app where the error has a redirect_uri."""
        try:
            # Before authlib, which would tell the app of a repeated parameter where it had sent the browser.
            request.single()
            grant = self.get_consent_grant(request)
        except UnsupportedResponseTypeError as error:
            text = "The response_type must be code."
            raise OAuth2Error(text, None, 400, error.state, error.redirect_uri, error=error.error) from None
        except ValueError:
            # Authlib quotes what it was sent in its errors, and refuses its own where that is no text for them.
            raise InvalidRequestError("A parameter is malformed.") from None
        try:
            return self.identity.start(_asked(request)).request
        except OAuth2Error as error:
            error.redirect_uri, error.state = grant.redirect_uri, request.payload.state
            raise

    def answer(self, endpoint: str, request: Request) -> Response:
        """The answer of an endpoint: "token", "revocation", "introspection"."""
        try:
            if endpoint == "token":
                return cast(Response, self.create_token_response(request))
            return cast(Response, self.create_endpoint_response(endpoint, request))
        except ValueError:  # of base64 or UTF-8, where authlib reads the header
            error = InvalidClientError("The credentials in the header cannot be read.", status_code=401)
            return cast(Response, self.handle_error_response(request, error))

    def query_client(self, client_id: str) -> Client | None:
        try:
            return Client(self.identity, self.identity.find(pb.FindOAuthClientRequest(client_id=client_id)).client)
        except InvalidClientError:
            return None

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Iterable[tuple[str, str]]) -> Response:
        return JSONResponse(body, status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class Authority:
    """The server, for the event loop: it runs in threads of its own, and nothing waits for one without end."""

    def __init__(self, issuer: str, identity_address: str) -> None:
        self._identity = Identity(identity_address)
        self._server = Server(issuer, self._identity)
        self._threads = ThreadPoolExecutor(AT_ONCE, "oauth")

    async def authorize(self, request: Request) -> str:
        """As Server.authorize."""
        return await self._run(self._server.authorize, request)

    async def answer(self, endpoint: str, request: Request) -> Response:
        """As Server.answer."""
        return await self._run(self._server.answer, endpoint, request)

    async def _run(self, act: Callable[..., T], *args: Any) -> T:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                return await asyncio.get_running_loop().run_in_executor(self._threads, act, *args)
        except TimeoutError:
            raise OAuth2Error("Try again in a moment.", status_code=503, error="temporarily_unavailable") from None

    async def close(self) -> None:
        self._identity.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _asked(request: Request) -> pb.StartAuthorizationRequest:
    data = request.payload.data
    for name, error in _UNSUPPORTED.items():
        if name in data:
            raise OAuth2Error(f"The parameter {name} is not supported.", error=error)
    if data.get("response_mode", "query") != "query":
        raise InvalidRequestError("The response_mode must be query.")
    prompt = data.get("prompt", "").split()
    if not set(prompt) <= set(PROMPTS) or ("none" in prompt and len(prompt) > 1):
        raise InvalidRequestError("The prompt is none, or any of login, consent and select_account.")
    if not all(" " <= character <= "~" for character in data.get("state", "")):
        raise InvalidRequestError("The state may have printable ASCII characters only.")
    max_age = data.get("max_age")
    if max_age is not None and not re.fullmatch(r"[0-9]{1,9}", max_age):
        raise InvalidRequestError("The max_age is a number of seconds.")
    return pb.StartAuthorizationRequest(
        client_id=data["client_id"],
        redirect_uri=data["redirect_uri"],
        scopes=list(dict.fromkeys(data["scope"].split())),
        state=data.get("state", ""),
        nonce=data.get("nonce", ""),
        code_challenge=data["code_challenge"],
        prompt=list(dict.fromkeys(prompt)),
        max_age=None if max_age is None else int(max_age),
        id_token_hint=data.get("id_token_hint", ""),
        ip=request.ip,
    )


def _told(tokens: pb.OAuthTokens) -> dict[str, Any]:
    told = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in_seconds,
        "scope": " ".join(tokens.scopes),
    }
    if tokens.refresh_token:
        told["refresh_token"] = tokens.refresh_token
    if tokens.id_token:
        told["id_token"] = tokens.id_token
    return told
