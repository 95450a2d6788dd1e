"""What apps call: the metadata, the keys, tokens, userinfo. Apps in browsers too, from any origin, without cookies."""

import functools
import logging
from typing import Any
from urllib.parse import parse_qsl

import grpc
from authlib.oauth2 import OAuth2Error
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from gateway.clients import Calls
from gateway.cors import Handler, for_browsers
from gateway.errors import ServiceError, trace_id
from gateway.limits import MAX_FORM, BodyTooLarge, read_body
from gateway.messages import LOCALES
from gateway.oauth.requests import Request
from gateway.oauth.scopes import SCOPES
from gateway.oauth.server import AUTH_METHODS, CONFIDENTIAL_METHODS, PROMPTS
from gateway.service import Gateway, client_ip
from gateway.sessions import BadCredential, bearer
from portico.identity.v1 import oauth_pb2 as pb

log = logging.getLogger("gateway")

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
#: Short: a key that has to go at once is gone everywhere soon after. The next one is published long before it signs.
_KEPT = {"Cache-Control": "public, max-age=300"}
_MOST_PARAMETERS = 50


class Malformed(Exception):
    """The parameters cannot be read; the message says why."""


def form_post(handler: Handler) -> Handler:
    """Errors of an endpoint that takes a form, as OAuth writes them; a fault is masked."""

    @functools.wraps(handler)
    async def guarded(gateway: Gateway, http: HttpRequest) -> Response:
        try:
            return await handler(gateway, http)
        except Malformed as error:
            return _error(400, "invalid_request", str(error))
        except OAuth2Error as error:
            return _error(error.status_code, error.error, error.description)
        except Exception as error:  # masked and logged; never a stack trace
            number = trace_id()
            log.error("fault in OAuth", exc_info=error, extra={"fault_id": number})
            return _error(500, "server_error", f"Something went wrong on our side. Quote {number}.")

    return guarded


@for_browsers
async def metadata(gateway: Gateway, http: HttpRequest) -> Response:
    """OpenID Connect Discovery 1.0, and the same for OAuth (RFC 8414)."""
    return JSONResponse(_metadata(gateway.settings.public_url), headers=_KEPT)


@for_browsers
@form_post
async def jwks(gateway: Gateway, http: HttpRequest) -> Response:
    answer = await _read(gateway.clients.oauth.ListSigningKeys, pb.ListSigningKeysRequest())
    return Response(answer.jwks_json, headers=_KEPT, media_type="application/json")


@for_browsers
@form_post
async def token(gateway: Gateway, http: HttpRequest) -> Response:
    return await gateway.oauth.answer("token", await form_request(gateway, http))


@for_browsers
@form_post
async def revoke(gateway: Gateway, http: HttpRequest) -> Response:
    return await gateway.oauth.answer("revocation", await form_request(gateway, http))


@form_post
async def introspect(gateway: Gateway, http: HttpRequest) -> Response:
    return await gateway.oauth.answer("introspection", await form_request(gateway, http))


@for_browsers
@form_post
async def userinfo(gateway: Gateway, http: HttpRequest) -> Response:
    """The claims of the user whose access token is the Bearer credential (OpenID Connect Core, 5.3; RFC 6750)."""
    header = http.headers.get("authorization")
    if header is None:
        return Response(status_code=401, headers=NO_STORE | {"WWW-Authenticate": 'Bearer realm="portico"'})
    try:
        request = pb.GetUserinfoRequest(access_token=bearer(header).value)
        answer = await _read(gateway.clients.oauth.GetUserinfo, request)
    except BadCredential:
        return _challenge(401, "invalid_token", "The access token is malformed.")
    except ServiceError as error:
        if error.code == grpc.StatusCode.UNAUTHENTICATED:
            return _challenge(401, "invalid_token", "The access token is unknown, expired or revoked.")
        if error.reason == "OAUTH_SCOPE_MISSING":
            return _challenge(403, "insufficient_scope", "The access token lacks the scope openid.", ', scope="openid"')
        raise
    told: dict[str, Any] = {"sub": answer.subject}
    if answer.name:
        told |= {"name": answer.name, "locale": answer.locale}
    if answer.email:
        told |= {"email": answer.email, "email_verified": answer.email_verified}
    return JSONResponse(told, headers=NO_STORE)


async def form_request(gateway: Gateway, http: HttpRequest) -> Request:
    """The parameters of a form's body; Malformed. Those in the address count for nothing (RFC 6749, 3.2)."""
    if http.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Malformed("Send the parameters as application/x-www-form-urlencoded.")
    try:
        body = await read_body(http.stream(), http.headers.get("content-length"), MAX_FORM)
    except BodyTooLarge:
        raise Malformed(f"The body is over {MAX_FORM} bytes.") from None
    return request_of(gateway, http, body)


def request_of(gateway: Gateway, http: HttpRequest, encoded: bytes) -> Request:
    """A request with these form-encoded parameters; Malformed."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"
        )
    except ValueError:
        raise Malformed(f"Send at most {_MOST_PARAMETERS} parameters, form-encoded in UTF-8.") from None
    # By the portal's own address: a proxy before us may have taken the encryption off.
    return Request(http.method, gateway.settings.public_url + http.url.path, http.headers, pairs, client_ip(http))


async def _read(method: Any, request: Any) -> Any:
    try:
        return await Calls().read("identity", method, request, None)
    except ServiceError as error:
        if error.silent or error.code == grpc.StatusCode.UNAVAILABLE:
            raise OAuth2Error("Try again in a moment.", status_code=503, error="temporarily_unavailable") from None
        raise


def _error(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status, NO_STORE)


def _challenge(status: int, error: str, description: str, more: str = "") -> Response:
    response = _error(status, error, description)
    response.headers["WWW-Authenticate"] = (
        f'Bearer realm="portico", error="{error}", error_description="{description}"{more}'
    )
    return response


@functools.cache
def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "claim_types_supported": ["normal"],
        "claims_supported": [
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "name",
            "locale",
            "email",
            "email_verified",
        ],
        "ui_locales_supported": list(LOCALES),
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
