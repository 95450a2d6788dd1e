"""The edge of a service: who may call, what a request must hold, how errors leave. rpc.py stays translation only."""

import functools
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.chassis import rules, telemetry
from services.chassis.actor import Actor, ActorVerifier, Scope
from services.chassis.db import CONNECTION_ERRORS, StatementCount, statements
from services.chassis.errors import DomainError, Invalid, Unauthenticated, Unavailable, field_violations, to_status

log = logging.getLogger(__name__)
_PUBLIC = "public"
_SIGNED_IN = "signed-in"
#: A status travels in trailing metadata, which clients limit to 8 KiB.
_MAX_VIOLATIONS = 20
_duration = telemetry.meter.create_histogram(
    "portico.rpc.duration", unit="s", description="Time an RPC took, by method"
)


class DeadlineRequired(Invalid):
    reason = "DEADLINE_REQUIRED"


class ActorTokenMissing(Unauthenticated):
    reason = "ACTOR_TOKEN_MISSING"


class DatabaseAway(Unavailable):
    reason = "DATABASE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC: `now` is its time, `ip` the address that the connection comes from (empty for a local socket); `actor` and
    `scope` (what its permission reaches) raise where the RPC has none."""

    now: datetime
    ip: str
    _actor: Actor | None
    _scope: Scope | None

    @property
    def actor(self) -> Actor:
        if self._actor is None:
            raise ActorTokenMissing("the call carries no actor token")
        return self._actor

    @property
    def scope(self) -> Scope:
        if self._scope is None:
            raise LookupError("this RPC declares no permission")
        return self._scope


_caller: ContextVar[Actor | None] = ContextVar("caller", default=None)
M = TypeVar("M", bound=Callable[..., Awaitable[Any]])


def requires(
    permission: str | None, *, step_up: bool = False
) -> Callable[[Callable[[Any, Any, Call], Awaitable[Any]]], Any]:
    """The RPC needs this permission; None: any signed-in user of the account. With `step_up` only a person who has just
    confirmed who it is: a program never can."""

    def declare(method: Callable[[Any, Any, Call], Awaitable[Any]]) -> Any:
        @functools.wraps(method)
        async def guarded(self: Any, request: Any, context: Any) -> Any:
            actor, now = _caller.get(), datetime.now(UTC)
            if actor is None:
                raise ActorTokenMissing("the call carries no actor token")
            scope = actor.scope(permission, now) if permission else None
            if step_up:
                actor.require_confirmed(now)
            return await method(self, request, Call(now, address_of(context.peer()), actor, scope))

        guarded.access = permission or _SIGNED_IN  # type: ignore[attr-defined]
        guarded.step_up = step_up  # type: ignore[attr-defined]
        return guarded

    return declare


def public(method: Callable[[Any, Any, Call], Awaitable[Any]]) -> Any:
    """The RPC needs no actor: it is how one becomes an actor."""

    @functools.wraps(method)
    async def open_to_all(self: Any, request: Any, context: Any) -> Any:
        return await method(self, request, Call(datetime.now(UTC), address_of(context.peer()), None, None))

    open_to_all.access = _PUBLIC  # type: ignore[attr-defined]
    return open_to_all


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer: "ipv4:192.0.2.1:50000", "ipv6:%5B::1%5D:50000"."""
    family, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if family in {"ipv4", "ipv6"} else ""


class DeclaredServer:
    """Stands before the server while servicers are added: an RPC that declares no access does not start."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.services: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        for name, handler in handlers.items():
            if not hasattr(handler.unary_unary, "access"):
                raise TypeError(f"{service}/{name} declares no access: decorate it with @requires or @public")
        self.services.append(service)
        self._server.add_registered_method_handlers(service, handlers)


class Edge(grpc.aio.ServerInterceptor):
    """Checks deadline, actor token and field rules; counts statements; turns errors into statuses; traces."""

    def __init__(self, service: str, verifier: ActorVerifier) -> None:
        self._service = service
        self._verifier = verifier

    async def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(details)
        method = getattr(handler, "unary_unary", None)
        if method is None or not hasattr(method, "access"):
            return handler
        name = details.method.lstrip("/")

        async def behaviour(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            metadata = {k: v for k, v in (context.invocation_metadata() or ()) if isinstance(v, str)}
            counter = StatementCount()
            counting = statements.set(counter)
            started = datetime.now(UTC)
            failure: status_pb2.Status | None = None
            answer: Any = None
            with telemetry.span(name, SpanKind.SERVER, parent=metadata.get("traceparent")) as span:
                try:
                    self._admit(request, context, metadata, method.access)
                    answer = await method(request, context)
                except Exception as error:  # noqa: BLE001 - nothing leaves but a status
                    failure = self._status(error, name)
                    span.set_attribute("rpc.error", failure.message)
                span.set_attribute("portico.sql_statements", counter.total)
            statements.reset(counting)
            _duration.record((datetime.now(UTC) - started).total_seconds(), {"method": name})
            counted = (("sql-statements", str(counter.total)),)
            if failure is None:
                context.set_trailing_metadata(counted)
                return answer
            status = rpc_status.to_status(failure)
            context.set_trailing_metadata((*status.trailing_metadata, *counted))
            await context.abort(status.code, status.details, (*status.trailing_metadata, *counted))

        return grpc.unary_unary_rpc_method_handler(
            behaviour,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _admit(
        self, request: Message, context: grpc.aio.ServicerContext[Any, Any], metadata: dict[str, str], access: str
    ) -> None:
        if context.time_remaining() is None:
            raise DeadlineRequired("every call needs a deadline")
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            _caller.set(self._verifier.verify(token, datetime.now(UTC)))
        elif access != _PUBLIC:
            raise ActorTokenMissing("the call carries no actor token")
        else:
            _caller.set(None)
        broken = list(islice(rules.violations(request), _MAX_VIOLATIONS))
        if broken:
            raise FieldsInvalid(broken)

    def _status(self, error: Exception, method: str) -> status_pb2.Status:
        if isinstance(error, FieldsInvalid):
            return field_violations(error.broken, self._service)
        if isinstance(error, DomainError):
            return to_status(error, self._service)
        if isinstance(error, CONNECTION_ERRORS):
            log.warning("the database is away", extra={"method": method, "cause": repr(error)})
            return to_status(DatabaseAway("the database is away; try again"), self._service)
        log.error("an RPC failed", exc_info=error, extra={"method": method})
        trace_id = trace.get_current_span().get_span_context().trace_id
        return status_pb2.Status(
            code=grpc.StatusCode.INTERNAL.value[0], message=f"internal error, trace {trace_id:032x}"
        )


class FieldsInvalid(Exception):
    """Fields that break their proto's rules: (path, what is wrong)."""

    def __init__(self, broken: list[tuple[str, str]]) -> None:
        super().__init__(str(broken))
        self.broken = broken
