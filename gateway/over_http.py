"""GraphQL over HTTP: POST with JSON, media types and status codes as the GraphQL-over-HTTP draft wants them."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError, OperationType
from opentelemetry.trace import SpanKind
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from gateway import messages
from gateway.clients import Calls
from gateway.documents import DocumentError
from gateway.errors import Problem, ServiceError, problem_json, problem_of, to_json, trace_id
from gateway.limits import MAX_BODY, MAX_DOCUMENT, BodyTooLarge, read_body
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import BadCredential, Credential, credential_of
from services.chassis import telemetry

log = logging.getLogger("gateway")

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


class Refused(Exception):
    """The request ends here: an HTTP status and one GraphQL-style error."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a well-formed request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def media_type(accept: str | None) -> str | None:
    """The media type to answer in, None when the client accepts neither."""
    if accept is None or not accept.strip():
        return GRAPHQL
    wanted: dict[str, float] = {}
    for part in accept[:1000].lower().split(","):
        name, *parameters = (p.strip() for p in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        wanted[name] = quality
    ranges = {kind: wanted.get(kind, wanted.get("application/*", wanted.get("*/*", 0.0))) for kind in (GRAPHQL, JSON)}
    best = max(ranges, key=lambda kind: ranges[kind])
    return best if ranges[best] > 0 else None


def read_parameters(body: bytes) -> Asked:
    """Raises Refused 400 naming what is malformed."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "BAD_REQUEST", f"The body is not valid JSON: {error}") from None
    if isinstance(asked, list):
        raise Refused(400, "BAD_REQUEST", "Batches are not supported: send one request at a time.")
    if not isinstance(asked, dict):
        raise Refused(400, "BAD_REQUEST", "The body must be a JSON object with the key query.")
    return parameters(asked)


def parameters(asked: dict[str, Any]) -> Asked:
    """Raises Refused 400 naming the parameter that is missing or of the wrong kind."""
    query, variables, name = asked.get("query"), asked.get("variables"), asked.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise Refused(400, "BAD_REQUEST", "query must be a GraphQL document: a string that is not empty.")
    if len(query) > MAX_DOCUMENT:
        raise Refused(400, "DOCUMENT_TOO_COSTLY", f"The document is over {MAX_DOCUMENT} characters.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "BAD_REQUEST", "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "BAD_REQUEST", "operationName must be a string.")
    if not isinstance(asked.get("extensions") or {}, dict):
        raise Refused(400, "BAD_REQUEST", "extensions must be an object.")
    return Asked(query, variables, name or None)


async def handle(gateway: Gateway, http: HttpRequest) -> Response:
    """Answers POST /graphql."""
    begun, calls = time.thread_time(), None
    answer_type = media_type(http.headers.get("accept"))
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    try:
        if answer_type is None:
            raise Refused(406, "NOT_ACCEPTABLE", f"Only {GRAPHQL} and {JSON} can be answered.")
        asked = await _read(http)
        with telemetry.span("POST /graphql", SpanKind.SERVER, parent=http.headers.get("traceparent")) as span:
            calls = Calls()
            status, answer = await _answer(gateway, http, asked, calls, answer_type)
            span.set_attribute("http.response.status_code", status)
            if status == 401:
                headers["WWW-Authenticate"] = _challenge(answer)
    except Refused as refused:
        status, headers = refused.status, headers | refused.headers
        answer = {"errors": [{"message": refused.message, "extensions": {"code": refused.code}}]}
    except Exception as error:  # noqa: BLE001  # masked and logged; never a stack trace
        status, answer = 500, {"errors": [_masked(error, locale_of(http.headers))]}
    if gateway.settings.timing and calls:
        used = (time.thread_time() - begun) * 1000
        headers["Server-Timing"] = f'rpc;desc="{calls.rpcs}", sql;desc="{calls.sql}", cpu;dur={used:.3f}'
    return Response(orjson.dumps(answer), status, headers, media_type=answer_type or JSON)


def _challenge(answer: dict[str, Any]) -> str:
    sent = "reason" in answer["errors"][0]["extensions"]
    return 'Bearer realm="portico"' + (', error="invalid_token"' if sent else "")


async def _read(http: HttpRequest) -> Asked:
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the request as Content-Type: {JSON}.")
    if http.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "Compressed bodies are not supported.")
    try:
        body = await read_body(http.stream(), http.headers.get("content-length"))
    except BodyTooLarge:
        # Some of the body may be unread, and then this connection cannot carry another request.
        text = f"The body is over {MAX_BODY} bytes."
        raise Refused(413, "BODY_TOO_LARGE", text, {"Connection": "close"}) from None
    return read_parameters(body)


async def _answer(
    gateway: Gateway, http: HttpRequest, asked: Asked, calls: Calls, answer_type: str
) -> tuple[int, dict[str, Any]]:
    ip, session = client_ip(http), None
    locale = locale_of(http.headers)
    try:
        credential = credential_of(http.headers)
        if credential is not None:
            _check_origin(http, credential)
            session = await gateway.session(credential, ip, calls)
            locale = locale_of(http.headers, session)
    except BadCredential as bad:
        return 401, {"errors": [problem_json(bad.problem, locale)]}
    except ServiceError as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return 503, {"errors": [problem_json(problem, locale)]}
    try:
        document = gateway.documents.prepare(asked.query)
        operation = document.operation(asked.operation_name)
    except DocumentError as error:
        status = 200 if answer_type == JSON and error.well_formed else 400
        return status, {"errors": [to_json(e, locale, error.code) for e in error.errors]}
    if operation.kind is OperationType.SUBSCRIPTION:
        text = "Subscriptions run over WebSocket: graphql-transport-ws at this address."
        return 400, {"errors": [{"message": text, "extensions": {"code": "BAD_REQUEST"}}]}
    if session is None and not operation.anonymous:
        return 401, {"errors": [problem_json(Problem("UNAUTHENTICATED"), locale)]}
    request = gateway.request(session, locale, ip, calls) if session else None
    result = await gateway.engine.run(document, operation, asked.variables, request)
    answer = body_of(result.data, result.errors, locale)
    # No "data" at all says that nothing was executed: variables that do not fit.
    if result.data is None and _is_request_error(result.errors):
        del answer["data"]
        return (200 if answer_type == JSON else 400), answer
    return 200, answer


def _is_request_error(errors: list[GraphQLError] | None) -> bool:
    return bool(errors) and all(not e.path for e in errors or ())


def _check_origin(http: HttpRequest, credential: Credential) -> None:
    if credential.cookie and not same_origin(http):
        raise Refused(403, "CROSS_ORIGIN", "A cookie is good for this site's own pages only; send a Bearer token.")


def body_of(data: Any, errors: list[GraphQLError] | None, locale: str) -> dict[str, Any]:
    """The answer of an execution, errors first so that people see them."""
    answer: dict[str, Any] = {}
    if errors:
        answer["errors"] = [to_json(e, locale) for e in errors]
    answer["data"] = data
    return answer


def _masked(error: Exception, locale: str) -> dict[str, Any]:
    number = trace_id()
    log.error("fault in a request", exc_info=error, extra={"fault_id": number})
    return {
        "message": messages.text("INTERNAL", locale, {"trace": number}),
        "extensions": {"code": "INTERNAL", "traceId": number},
    }
