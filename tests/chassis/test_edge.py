"""The gRPC edge, through a mounted service."""

import base64
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from joserfc import jwt
from joserfc.jwk import OKPKey
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.parts import Parts
from portico.common.v1 import common_pb2
from portico.tickets.v1 import tickets_pb2
from services.chassis.actor import ALGORITHM, Actor, Grant, sign
from services.chassis.grpc import address_of, requires
from tests.chassis.conftest import NewDatabase
from tests.chassis.echo import EchoRpc, Mounted, eventually, running
from tests.chassis.proxy import before

READ = Grant("tickets.read")
Caller = Callable[..., dict[str, Any]]


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def details(error: grpc.aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest]:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(error).details:
        for message in (info, bad):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    return info, bad


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def statements(metadata: Any) -> str:
    return str(dict(metadata)["sql-statements"])


async def test_call_without_deadline_is_refused(echo: Mounted, caller: Caller) -> None:
    error = await refused(echo.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), metadata=caller(READ)["metadata"]))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    info, _ = details(error)
    assert info.reason == "DEADLINE_REQUIRED"
    assert info.domain == f"portico.{echo.service}"


async def test_call_without_token_is_refused(echo: Mounted) -> None:
    for metadata in ((), (("authorization", "Bearer "),), (("authorization", "Basic abc"),), (("actor", "root"),)):
        error = await refused(echo.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), timeout=5, metadata=metadata))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert details(error)[0].reason == "ACTOR_TOKEN_MISSING"


async def test_public_rpc_needs_no_token_but_refuses_a_wrong_one(echo: Mounted) -> None:
    request = tickets_pb2.ListMessagesRequest(ticket_ids=[str(uuid4())])
    assert await echo.stub.ListMessages(request, timeout=5) == tickets_pb2.ListMessagesResponse()
    error = await refused(echo.stub.ListMessages(request, timeout=5, metadata=(("authorization", "Bearer x"),)))
    assert details(error)[0].reason == "ACTOR_TOKEN_INVALID"


@pytest.mark.parametrize(
    "kind",
    ["forged", "altered", "expired", "none", "none-signed", "symmetric", "audience", "issuer", "no-expiry", "junk"],
)
async def test_bad_token_is_refused(echo: Mounted, key: OKPKey, kind: str) -> None:
    now, ttl = datetime.now(UTC), timedelta(minutes=5)
    actor = Actor("user", "u1", "anna", uuid4(), grants=(READ,))
    good = sign(actor, key, now, ttl)
    claims = jwt.decode(good, key, algorithms=[ALGORITHM]).claims
    header, payload, signature = good.split(".")
    none, hmac_header = encoded(b'{"alg":"none"}'), encoded(b'{"alg":"HS256"}')
    public = base64.urlsafe_b64decode(str(key.as_dict(private=False)["x"]) + "=")
    head = {"alg": ALGORITHM, "kid": key.kid}

    def again(**changed: Any) -> str:
        kept = {name: value for name, value in {**claims, **changed}.items() if value is not ...}
        return jwt.encode(head, kept, key, algorithms=[ALGORITHM])

    stranger = OKPKey.generate_key("Ed25519", parameters={"kid": key.kid or ""})
    tokens: dict[str, Callable[[], str]] = {
        "forged": lambda: sign(actor, stranger, now, ttl),
        "altered": lambda: f"{header}.{again(acc=str(uuid4())).split('.')[1]}.{signature}",
        "expired": lambda: sign(actor, key, now - timedelta(hours=1), ttl),
        "none": lambda: f"{none}.{payload}.",
        "none-signed": lambda: f"{none}.{payload}.{signature}",
        # The public key as an HMAC secret: the classic confusion of algorithms.
        "symmetric": lambda: (
            f"{hmac_header}.{payload}." + encoded(hmac.digest(public, f"{hmac_header}.{payload}".encode(), "sha256"))
        ),
        "audience": lambda: again(aud="somebody-else"),
        "issuer": lambda: again(iss="somebody-else"),
        "no-expiry": lambda: again(exp=...),
        "junk": lambda: "a.b.c",
    }
    error = await refused(
        echo.stub.GetDashboard(
            tickets_pb2.GetDashboardRequest(), timeout=5, metadata=(("authorization", f"Bearer {tokens[kind]()}"),)
        )
    )
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(error)[0].reason == "ACTOR_TOKEN_INVALID"


@pytest.mark.parametrize(
    "grants", [(), (Grant("tickets.write"),), (Grant("tickets.read", expires_at=datetime(2020, 1, 1, tzinfo=UTC)),)]
)
async def test_missing_permission_is_named(echo: Mounted, caller: Caller, grants: tuple[Grant, ...]) -> None:
    error = await refused(echo.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **caller(*grants)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    info, _ = details(error)
    assert (info.reason, dict(info.metadata)) == ("FORBIDDEN", {"permission": "tickets.read"})


async def test_any_signed_in_user_may_call_what_needs_no_permission(echo: Mounted, caller: Caller) -> None:
    answer = await echo.stub.BatchGetTickets(tickets_pb2.BatchGetTicketsRequest(ids=[str(uuid4())]), **caller())
    assert answer.tickets[0].subject == "anna@minta.example"


@pytest.fixture(scope="module")
async def careful(database: NewDatabase, parts: Parts, jwks: Path) -> AsyncIterator[Mounted]:
    """A service whose dashboard is for who has just confirmed."""

    class Careful(EchoRpc):
        @requires("tickets.read", step_up=True)
        async def GetDashboard(self, request: Any, _call: Any) -> Any:
            return tickets_pb2.GetDashboardResponse(open_total=7)

    async with running(await database("echo"), parts.rabbitmq.url, jwks, servicer=Careful) as mounted:
        yield mounted


def confirming(key: OKPKey, seconds: float | None, kind: str = "user", grants: tuple[Grant, ...] = (READ,)) -> Any:
    """A call by somebody whose confirmation holds for so long yet; None: who never confirmed."""
    now = datetime.now(UTC)
    until = None if seconds is None else now + timedelta(seconds=seconds)
    actor = Actor(kind, "u1", "anna@minta.example", uuid4(), grants=grants, confirmed_until=until)
    token = sign(actor, key, now, timedelta(minutes=5))
    return {"timeout": 5, "metadata": (("authorization", f"Bearer {token}"),)}


async def test_what_needs_a_confirmation_is_done_while_one_holds(careful: Mounted, key: OKPKey) -> None:
    answer = await careful.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **confirming(key, 60))
    assert answer.open_total == 7


@pytest.mark.parametrize(("kind", "seconds"), [("user", None), ("user", -1), ("user", -600), ("token", None)])
async def test_what_needs_a_confirmation_is_refused_without_and_to_a_token(
    careful: Mounted, key: OKPKey, kind: str, seconds: float | None
) -> None:
    call = careful.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **confirming(key, seconds, kind))
    error = await refused(call)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert details(error)[0].reason == "STEP_UP_REQUIRED"


async def test_a_confirmation_is_no_permission(careful: Mounted, key: OKPKey) -> None:
    error = await refused(
        careful.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **confirming(key, 60, grants=()))
    )
    assert details(error)[0].reason == "FORBIDDEN"


async def test_scope_is_the_union_of_the_grants_resources(echo: Mounted, caller: Caller) -> None:
    one, two, three = sorted((uuid4(), uuid4(), uuid4()))
    request = tickets_pb2.ListTicketsRequest()
    limited = (Grant("tickets.read", frozenset({two})), Grant("tickets.read", frozenset({one, two})))
    other = Grant("tickets.write", frozenset({three}))
    answer = await echo.stub.ListTickets(request, **caller(*limited, other))
    assert [t.id for t in answer.tickets] == [str(one), str(two)]
    answer = await echo.stub.ListTickets(request, **caller(*limited, READ))
    assert [t.subject for t in answer.tickets] == ["everything"]


async def test_broken_rules_name_the_path_of_each_field(echo: Mounted, caller: Caller) -> None:
    request = tickets_pb2.ListMessagesRequest(
        ticket_ids=[str(uuid4()), "no"], page=common_pb2.PageRequest(first=0, after="x" * 1001)
    )
    error = await refused(echo.stub.ListMessages(request, **caller()))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    info, bad = details(error)
    assert (info.reason, info.metadata["field"]) == ("INVALID", "ticket_ids[1]")
    assert [v.field for v in bad.field_violations] == ["ticket_ids[1]", "page.first", "page.after"]


async def test_very_many_broken_fields_still_give_a_readable_status(echo: Mounted, caller: Caller) -> None:
    error = await refused(echo.stub.BatchGetTickets(tickets_pb2.BatchGetTicketsRequest(ids=["no"] * 1000), **caller()))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error)[1].field_violations[0].field == "ids[0]"


async def test_domain_error_crosses_with_reason_field_and_metadata(echo: Mounted, caller: Caller) -> None:
    error = await refused(echo.stub.ListTickets(tickets_pb2.ListTicketsRequest(search="taken"), **caller(READ)))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    info, bad = details(error)
    assert (info.reason, dict(info.metadata)) == ("TICKET_TAKEN", {"number": "T-1"})
    assert bad.field_violations[0].field == "search"
    assert statements(error.trailing_metadata()) == "1"


async def test_unexpected_exception_leaves_only_a_trace_id(
    echo: Mounted, caller: Caller, spans: InMemorySpanExporter
) -> None:
    error = await refused(echo.stub.ListTickets(tickets_pb2.ListTicketsRequest(search="boom"), **caller(READ)))
    assert error.code() is grpc.StatusCode.INTERNAL
    words = str(error.details()).split()
    assert words[:3] == ["internal", "error,", "trace"]
    assert int(words[3], 16) in {span.context.trace_id for span in spans.get_finished_spans() if span.context}
    assert "hunter2" not in str(error)
    assert "RuntimeError" not in str(error)


async def test_success_tells_its_number_of_statements(echo: Mounted, caller: Caller) -> None:
    call = echo.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **caller(READ))
    assert (await call).open_total == 42
    assert statements(await call.trailing_metadata()) == "3"


async def test_forged_cursor_is_refused(echo: Mounted, caller: Caller) -> None:
    request = tickets_pb2.ListTicketsRequest(page=common_pb2.PageRequest(after="forged"))
    error = await refused(echo.stub.ListTickets(request, **caller(READ)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error)[0].reason == "CURSOR_INVALID"


async def test_rpc_that_declares_no_access_does_not_start(database: NewDatabase, parts: Parts, jwks: Path) -> None:
    class Forgetful(EchoRpc):
        async def GetDashboard(self, request: Any, _call: Any) -> Any:
            return tickets_pb2.GetDashboardResponse()

    with pytest.raises(TypeError, match="GetDashboard declares no access"):
        async with running(await database("echo"), parts.rabbitmq.url, jwks, servicer=Forgetful):
            pass


async def test_health_says_serving(echo: Mounted) -> None:
    stub: Any = health_pb2_grpc.HealthStub(echo.channel)
    for service in ("", "portico.tickets.v1.TicketsService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_without_the_database_calls_are_unavailable_until_it_is_back(
    database: NewDatabase, parts: Parts, jwks: Path, caller: Caller
) -> None:
    async with before(await database("echo")) as (proxy, url), running(url, parts.rabbitmq.url, jwks) as echo:
        request, call = tickets_pb2.GetDashboardRequest(), caller(READ)
        assert (await echo.stub.GetDashboard(request, **call)).open_total == 42
        await proxy.cut()
        for _ in range(3):
            error = await refused(echo.stub.GetDashboard(request, **call))
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert details(error)[0].reason == "DATABASE_UNAVAILABLE"
            assert statements(error.trailing_metadata()) == "1"
        await proxy.mend()

        async def answers() -> bool:
            try:
                return (await echo.stub.GetDashboard(request, **call)).open_total == 42
            except grpc.aio.AioRpcError:
                return False

        await eventually(answers)
        assert not echo.failed.is_set()


async def test_a_token_limited_to_a_thousand_objects_is_accepted(echo: Mounted, caller: Caller) -> None:
    limited = Grant("tickets.read", frozenset(uuid4() for _ in range(1000)))
    await echo.stub.GetDashboard(tickets_pb2.GetDashboardRequest(), **caller(limited))


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"),
        ("ipv6:[::1]:50000", "::1"),
        ("unix:/run/portico.sock", ""),
    ],
)
def test_the_address_of_a_caller_is_read_from_the_transports_name_of_it(peer: str, address: str) -> None:
    assert address_of(peer) == address
