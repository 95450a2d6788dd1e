"""Stand-ins of every gRPC service of the protos, behind real gRPC, that trust whoever asks: whatever account the token says
gets everything of that account. What the gateway does not hold back by itself is seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from portico.common.v1 import rules_pb2
from portico.identity.v1 import identity_pb2
from services.chassis.errors import NotFound, Unauthenticated, to_status
from tests.access.canaries import Canaries, Source, account_id, index_of, object_id, owner_of
from tests.access.policies import Policy

PROTOS = Path(__file__).parents[2] / "protos"


@cache
def proto_modules() -> tuple[ModuleType, ...]:
    """Every generated module of messages."""
    files = sorted(PROTOS.rglob("*_pb2.py"))
    return tuple(import_module(".".join(file.relative_to(PROTOS).with_suffix("").parts)) for file in files)


@cache
def methods() -> Mapping[str, MethodDescriptor]:
    """Every RPC of every service: "/portico.billing.v1.BillingService/ListInvoices" -> its descriptor."""
    return {
        f"/{service.full_name}/{method.name}": method
        for module in proto_modules()
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


@cache
def event_classes() -> tuple[type[Message], ...]:
    """Every event: the messages of events.proto with an account, and those of common that say they are events."""
    found: list[type[Message]] = []
    for module in proto_modules():
        name = module.__name__.rpartition(".")[2]
        if name == "events_pb2" or module.__name__ == "portico.common.v1.common_pb2":
            for descriptor in module.DESCRIPTOR.message_types_by_name.values():
                fields = set(descriptor.fields_by_name)
                if (
                    name == "events_pb2"
                    or {"account_id", "occurred_at"} <= fields
                    or {"account_id", "service"} <= fields
                ):
                    found.append(message_factory.GetMessageClass(descriptor))
    return tuple(found)


@dataclass(frozen=True)
class Member:
    """A membership: which account, with which rights."""

    account: int
    policy: Policy
    ordinary: bool = True
    """Else all that can be said of a session is: that the account is locked, that an operator looks on."""


@dataclass(frozen=True)
class Call:
    """An RPC that arrived."""

    method: str
    account: int
    request: Message


@dataclass
class Services:
    """All services at one address. `people` says whom Authenticate knows: credential -> memberships."""

    canaries: Canaries = field(default_factory=Canaries)
    people: dict[str, tuple[Member, ...]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    _authentications: dict[tuple[int, bool], identity_pb2.AuthenticateResponse] = field(default_factory=dict)
    _made: dict[tuple[str, int, tuple[str, ...]], bytes] = field(default_factory=dict)

    def credential(self, *members: Member) -> str:
        """The credential of somebody with these memberships, the default account first."""
        name = ".".join(f"{m.policy.name}-{m.account}{'' if m.ordinary else '-locked'}" for m in members)
        name = "policy." + "".join(c if c.isalnum() or c in ".-" else "_" for c in name)
        known = self.people.setdefault(name, members)
        assert known == members, f"two policies are called {name}"
        return name

    async def start(self) -> tuple[grpc.aio.Server, str]:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Everything(self),))
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        return server, address

    async def answer(self, name: str, request: Message, context: Any) -> bytes:
        if isinstance(request, identity_pb2.AuthenticateRequest):
            members = self.people.get(request.credential)
            if members is None:
                await _refuse(context, Unauthenticated("unknown"))
            return self.authenticated(members or ()).SerializeToString()
        metadata = dict(context.invocation_metadata())
        account = int(str(metadata.get("authorization", "Bearer actor-0")).removeprefix("Bearer actor-"))
        self.calls.append(Call(name, account, request))
        ids = sorted(uuids(request))
        foreign = [id_ for id_ in ids if owner_of(id_) != account]
        if foreign and (batch_of(methods()[name]) is None or not name.rpartition("/")[2].startswith(("Batch", "List"))):
            await _refuse(context, NotFound("none of this id in the account"))
        key = (name, account, tuple(id_ for id_ in ids if id_ not in foreign) if ids else ("*",))
        if key not in self._made:
            self._made[key] = self._respond(name, account, key[2]).SerializeToString()
        return self._made[key]

    def authenticated(self, members: Iterable[Member]) -> identity_pb2.AuthenticateResponse:
        """What Authenticate answers about somebody with these memberships."""
        made = identity_pb2.AuthenticateResponse()
        first = True
        for member in members:
            filled = identity_pb2.AuthenticateResponse()
            filled.CopyFrom(self._authentication(member.account, member.ordinary))
            if first:
                made.CopyFrom(filled)
                del made.memberships[:]
                first = False
            one = filled.memberships[0]
            one.actor_token = f"actor-{member.account}"
            del one.contact.grants[:]
            for permission, resources in member.policy.grants.items():
                one.contact.grants.add(permission=permission, resources=sorted(resources or ()))
            one.contact.denied_fields[:] = sorted(member.policy.denied)
            made.memberships.append(one)
        return made

    def _authentication(self, account: int, ordinary: bool) -> identity_pb2.AuthenticateResponse:
        if (account, ordinary) not in self._authentications:
            made = self._authentications[account, ordinary] = identity_pb2.AuthenticateResponse()
            self.canaries.fill(made, Source(account, "/portico.identity.v1.IdentityService/Authenticate", ""))
            if ordinary:
                _keep(made, "user", "memberships", "credential_kind")
                _keep(made.memberships[0], "contact", "actor_token", "actor_token_expires_at")
        return self._authentications[account, ordinary]

    def _respond(self, name: str, account: int, ids: tuple[str, ...]) -> Message:
        method = methods()[name]
        made = message_factory.GetMessageClass(method.output_type)()
        source = Source(account, name, "")
        self.canaries.fill(made, source)
        batch = batch_of(method)
        if batch is not None and ids != ("*",):
            items, key = batch
            many = getattr(made, items.name)
            del many[:]
            for id_ in ids:
                one = many.add()
                self.canaries.fill(one, source, index_of(id_), f"/{items.name}[{index_of(id_)}]")
                setattr(one, key, id_)
        return made


def _keep(message: Message, *names: str) -> None:
    """Unsets every other field."""
    for field_, _ in message.ListFields():
        if field_.name not in names:
            message.ClearField(field_.name)


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, services: Services) -> None:
        self._services = services

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        name = details.method
        if name not in methods():
            return None

        async def behaviour(request: Any, context: Any) -> bytes:
            return await self._services.answer(name, request, context)

        kind = message_factory.GetMessageClass(methods()[name].input_type)
        return grpc.unary_unary_rpc_method_handler(behaviour, request_deserializer=kind.FromString)


async def _refuse(context: Any, error: Any) -> None:
    details = to_status(error, "stand-in").SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await context.abort(error.status, error.detail)


def uuids(message: Message) -> Iterable[str]:
    """The ids of ours anywhere in a request."""
    for field_, value in message.ListFields():
        values = value if field_.is_repeated else [value]
        if field_.message_type is not None and field_.message_type.GetOptions().map_entry:
            continue
        for one in values:
            if isinstance(one, Message):
                yield from uuids(one)
            elif isinstance(one, str) and owner_of(one) is not None:
                yield one


@cache
def batch_of(method: MethodDescriptor) -> tuple[FieldDescriptor, str] | None:
    """(the answer's list with an item for each id asked for, the item's field of that id), where an RPC is of that kind."""
    asked = [f for f in method.input_type.fields if f.is_repeated and f.GetOptions().Extensions[rules_pb2.rules].uuid]
    lists = [f for f in method.output_type.fields if f.is_repeated and f.message_type is not None]
    if len(asked) != 1 or len(lists) != 1:
        return None
    own = {field.name for field in cast(Descriptor, lists[0].message_type).fields}
    key = next((k for k in (asked[0].name.removesuffix("s"), "id") if k in own), None)
    return (lists[0], key) if key else None


__all__ = ["Call", "Member", "Services", "account_id", "event_classes", "methods", "object_id", "proto_modules"]
