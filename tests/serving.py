"""One service in this process, behind real gRPC and on its own real database; events are applied by hand."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from joserfc.jwk import KeySet, OKPKey

from services.chassis import actor as actors
from services.chassis import consume, db, events
from services.chassis.actor import Actor, Grant
from services.chassis.run import ServiceSettings, mounted

#: Nobody listens there: a real broker would share its queues with the stack's own service.
_NO_BROKER = "amqp://nobody:nothing@127.0.0.1:1/"


@dataclass(frozen=True)
class Refused:
    """What a client is told of a refusal."""

    code: grpc.StatusCode
    reason: str
    fields: list[str]
    metadata: dict[str, str]


class Stubs:
    """The stubs of several gRPC services of one server, as one."""

    def __init__(self, stubs: list[Any]) -> None:
        self._stubs = stubs

    @classmethod
    def of(cls, *kinds: Callable[[grpc.aio.Channel], Any]) -> Callable[[grpc.aio.Channel], "Stubs"]:
        return lambda channel: cls([kind(channel) for kind in kinds])

    def __getattr__(self, method: str) -> Any:
        found = next((stub for stub in self._stubs if hasattr(stub, method)), None)
        if found is None:
            raise AttributeError(method)
        return getattr(found, method)


@dataclass(frozen=True)
class Serving:
    """`stub` is the service's; `db` a pool of the test's own on the same database; `address` is where it listens."""

    address: str
    stub: Any
    db: db.Database
    app: Any
    key: OKPKey
    consumes: Mapping[str, consume.Consumer]

    def token(self, who: Actor) -> str:
        return actors.sign(who, self.key, datetime.now(UTC), timedelta(minutes=5))

    async def call(self, who: Actor | None, method: str, request: Message) -> Any:
        metadata = [("authorization", f"Bearer {self.token(who)}")] if who else []
        return await getattr(self.stub, method)(request, timeout=20, metadata=metadata)

    async def statements(self, who: Actor, method: str, request: Message) -> int:
        """How many SQL statements the RPC cost."""
        call = getattr(self.stub, method)(
            request, timeout=20, metadata=[("authorization", f"Bearer {self.token(who)}")]
        )
        await call
        return int(dict(await call.trailing_metadata())["sql-statements"])

    async def refused(self, who: Actor | None, method: str, request: Message) -> Refused:
        """The refusal; fails when the call is answered."""
        try:
            answer = await self.call(who, method, request)
        except grpc.aio.AioRpcError as error:
            reason, fields, metadata = "", [], {}
            status = rpc_status.from_call(error)
            for detail in status.details if status else ():
                info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
                if detail.Unpack(info):
                    reason, metadata = info.reason, dict(info.metadata)
                elif detail.Unpack(bad):
                    fields = [violation.field for violation in bad.field_violations]
            return Refused(error.code(), reason, fields, metadata)
        raise AssertionError(f"{method} was answered: {answer}")

    async def hear(self, event: Message, account_id: UUID, *, message_id: UUID | None = None) -> None:
        """Applies an event as its consumer does; the same message_id again is a repeated delivery."""
        key = events.routing_key(type(event))
        inbox = consume.Inbox(self.db, self.app, self.consumes)
        meta = consume.Meta(message_id or uuid4(), key, str(account_id), datetime.now(UTC))
        await inbox.apply(meta, event.SerializeToString(), "")

    async def told(self, kind: type[Message], account_id: UUID) -> list[Any]:
        """The account's events of this kind that wait in the outbox, in order."""
        rows = await self.db.fetch(
            "SELECT body FROM outbox WHERE routing_key = $1 AND account_id = $2 ORDER BY seq",
            events.routing_key(kind),
            str(account_id),
        )
        return [kind.FromString(row["body"]) for row in rows]


def person(account_id: UUID, *permissions: str, resources: frozenset[UUID] | None = None) -> Actor:
    """Somebody of the account with these permissions, on everything or on named resources."""
    grants = tuple(Grant(permission, resources) for permission in permissions)
    user = uuid4()
    return Actor("user", str(user), "somebody@minta.example", account_id, user, uuid4(), "hu", "192.0.2.1", grants)


def confirmed(who: Actor) -> Actor:
    """The same person, who has just confirmed who it is."""
    return replace(who, confirmed_until=datetime.now(UTC) + timedelta(minutes=5))


def holding_all_but(who: Actor, permission: str) -> Actor:
    """The same person with every permission but one."""
    every = (
        "account.read account.write contacts.manage log.read emails.read domains.read domains.manage domains.order "
        "domains.authcode dns.read dns.write hosting.read hosting.manage hosting.credentials hosting.order "
        "billing.read billing.pay tickets.read tickets.write"
    )
    return replace(who, grants=tuple(Grant(name) for name in every.split() if name != permission))


@asynccontextmanager
async def serving(
    service: str,
    url: str,
    folder: Path,
    *,
    make_app: Callable[[db.Database], Any],
    register: Callable[[Any, Any], None],
    make_stub: Callable[[grpc.aio.Channel], Any],
    consumes: Mapping[str, consume.Consumer],
    key: OKPKey | None = None,
) -> AsyncIterator[Serving]:
    """Runs the service for as long as the block lasts; `key` signs the actor tokens that it believes."""
    key = key or OKPKey.generate_key("Ed25519")
    jwks = folder / f"{service}.jwks"
    jwks.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    apps: list[Any] = []

    async def build(pool: db.Database) -> Any:
        apps.append(make_app(pool))
        return apps[0]

    settings = ServiceSettings(address, url, _NO_BROKER, jwks, "WARNING", None, None)
    migrations = Path(__file__).parents[1] / "services" / service / "migrations"
    async with (
        mounted(service, settings, build, register, migrations, consumes, broker_seconds=0.0),
        grpc.aio.insecure_channel(address) as channel,
    ):
        own = await db.connect(url, min_size=1, max_size=10)
        yield Serving(address, make_stub(channel), own, apps[0], key, consumes)
        await own.close()


Database = Callable[..., Awaitable[str]]
