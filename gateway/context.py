"""What resolvers work with: one request, and within it one account as one contact may see it."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from gateway.access import Fields, Permission, Policy, Refusal
from gateway.clients import Calls, Clients
from gateway.errors import Problem, forbidden
from gateway.sessions import Member, Session, Sessions
from portico.common.v1 import common_pb2

if TYPE_CHECKING:
    from grpc.aio import UnaryUnaryMultiCallable

    from gateway.events import Hub

T = TypeVar("T")
Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_KEY = re.compile(rf"([A-Z][A-Za-z]*):((?:[a-z]+\.)?{_UUID})")


class Ref(NamedTuple):
    """What a global id names."""

    type: str
    key: str


def global_id(type_: str, key: str) -> str:
    """The id clients see: base64url of "Domain:<uuid>"."""
    return base64.urlsafe_b64encode(f"{type_}:{key}".encode()).rstrip(b"=").decode()


def read_id(value: str, argument: str, expected: str | None = None) -> Ref:
    """Raises Problem BAD_USER_INPUT naming the argument for what is no id, or the id of something else."""
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode() if len(value) < 200 else ""
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    match = _KEY.fullmatch(text)
    if match is None:
        raise Problem("BAD_USER_INPUT", message="BAD_ID", argument=argument, value=repr(value[:60]))
    if expected and match[1] != expected:
        raise Problem("BAD_USER_INPUT", message="BAD_ID_TYPE", argument=argument, value=value, expected=expected)
    return Ref(match[1], match[2])


def not_found(what: str, id_: str) -> Problem:
    return Problem("NOT_FOUND", what=what, id=id_)


class Loader:
    """Collects the keys asked for in one turn of the event loop and fetches them together."""

    def __init__(self, fetch: Callable[[list[str]], Awaitable[Mapping[str, Any]]], most: int) -> None:
        self._fetch = fetch
        self._most = most
        self._wanted: dict[str, asyncio.Future[Any]] = {}
        self._known: dict[str, asyncio.Future[Any]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def load(self, key: str) -> asyncio.Future[Any]:
        """The fetched value, None when the answer left it out."""
        known = self._known.get(key)
        if known is None:
            loop = asyncio.get_running_loop()
            known = self._known[key] = loop.create_future()
            if not self._wanted:
                loop.call_soon(self._start)
            self._wanted[key] = known
        return asyncio.shield(known)  # one waiter's cancellation must not take the answer from the others

    def _start(self) -> None:
        wanted, self._wanted = list(self._wanted.items()), {}
        for begin in range(0, len(wanted), self._most):
            task = asyncio.create_task(self._run(dict(wanted[begin : begin + self._most])))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, wanted: dict[str, asyncio.Future[Any]]) -> None:
        try:
            found = await self._fetch(list(wanted))
        except Exception as error:  # noqa: BLE001  # handed to everybody who waits
            for future in wanted.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # seen, should nobody be left to await it
            return
        for key, future in wanted.items():
            if not future.done():
                future.set_result(found.get(key))


@dataclass(slots=True, eq=False)
class Acting:
    """One account, as one contact may see it, for the length of a request. Objects of the account hold it."""

    request: "Request"
    member: Member
    _once: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _loaders: dict[str, Loader] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return self.member.policy

    @property
    def account_id(self) -> str:
        return self.member.contact.account_id

    @property
    def clients(self) -> Clients:
        return self.request.clients

    @property
    def locale(self) -> str:
        return self.request.locale

    async def read(self, service: str, method: "UnaryUnaryMultiCallable[Q, R]", request: Q) -> R:
        return await self.request.calls.read(service, method, request, self.member.token)

    async def write(self, service: str, method: "UnaryUnaryMultiCallable[Q, R]", request: Q) -> R:
        return await self.request.calls.write(service, method, request, self.member.token)

    async def once(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """The one answer that several fields share."""
        task = self._once.get(key)
        if task is None:
            task = self._once[key] = asyncio.ensure_future(cast(Any, make()))
        # Shielded: one waiter's cancellation must not take the answer from the others.
        return cast(T, await asyncio.shield(task))

    def note(self, key: str, value: Any) -> None:
        """An answer that came another way, as with a mutation: `once` gives it from now on."""
        self._once[key] = asyncio.get_running_loop().create_future()
        self._once[key].set_result(value)

    def loader(self, name: str, fetch: Callable[[list[str]], Awaitable[Mapping[str, Any]]], most: int = 1000) -> Loader:
        loader = self._loaders.get(name)
        if loader is None:
            loader = self._loaders[name] = Loader(fetch, most)
        return loader

    def require(self, permission: Permission | None, coordinate: str, resource: str | None = None) -> None:
        """Raises Problem FORBIDDEN; before anything is asked of a service. Without a permission: only what is denied."""
        if (denied := self.policy.refused.get(coordinate)) is not None:
            raise forbidden(denied)
        if permission is not None and not self.policy.allows(permission, resource):
            raise forbidden(self.policy.refusal(coordinate, permission))

    async def node(self, ref: Ref) -> Any:
        """The object of a global id in this account, None when there is none. Raises FORBIDDEN for its type."""
        kind = self.request.nodes.get(ref.type)
        if kind is None:
            return None
        if kind.permission is not None and not self.policy.allows(kind.permission):
            raise forbidden(self.policy.refusal(ref.type, kind.permission))
        return await kind.load(self, ref.key)

    async def related(self, type_: str, key: str) -> Any:
        """The object that another one points to by type and key; None when it points nowhere."""
        return await self.node(Ref(type_, key)) if type_ and key else None


class NodeKind(NamedTuple):
    """How objects of a type are found by id, and the permission to see any."""

    permission: Permission | None
    load: Callable[[Acting, str], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class Request:
    """One request, or one event of a subscription."""

    clients: Clients
    nodes: Mapping[str, NodeKind]
    fields: Fields
    hub: "Hub"
    sessions: Sessions
    session: Session
    locale: str
    ip: str
    calls: Calls
    _actings: dict[str, Acting] = field(default_factory=dict)

    def actings(self) -> list[Acting]:
        """Every account of the user, the default one first."""
        return [self._acting(member) for member in self.session.members]

    def acting(self, id_: str | None = None, argument: str = "id") -> Acting:
        """The account of a global id, without one the default. A foreign id answers as an unknown one: NOT_FOUND."""
        if id_ is None:
            if not self.session.members:
                raise Problem("NOT_FOUND", message="NO_ACCOUNT")
            return self._acting(self.session.members[0])
        key = read_id(id_, argument, "Account").key
        for member in self.session.members:
            if member.account_id == key:
                return self._acting(member)
        raise not_found("Account", id_)

    def own(self) -> Acting:
        """For what is the user's own, whichever account; it needs none. NOT_FOUND for who has neither."""
        if self.session.own is None:
            raise Problem("NOT_FOUND", message="NO_ACCOUNT")
        return self._acting(self.session.own)

    def _acting(self, member: Member) -> Acting:
        found = self._actings.get(member.account_id)
        if found is None:
            found = self._actings[member.account_id] = Acting(self, member)
        return found

    async def node(self, id_: str, argument: str = "id") -> Any:
        """The object of a global id in whichever account of the user. Raises NOT_FOUND, FORBIDDEN."""
        ref = read_id(id_, argument)
        kind = self.nodes.get(ref.type)
        if kind is None:
            raise not_found(ref.type, id_)
        able = [a for a in self.actings() if kind.permission is None or a.policy.allows(kind.permission)]
        if not able and kind.permission is not None:
            locks = [a.policy.lock for a in self.actings()]
            # Where every account is locked, that is why.
            raise forbidden(Refusal(ref.type, kind.permission, locks[0] if locks and all(locks) else ""))
        for found in await asyncio.gather(*(a.node(ref) for a in able), return_exceptions=False):
            if found is not None:
                return found
        raise not_found(ref.type, id_)


def page_request(first: int | None, after: str | None, last: int | None, before: str | None) -> common_pb2.PageRequest:
    """Raises Problem naming the argument that is out of 1..100, or used with its opposite."""
    if (first is not None or after is not None) and (last is not None or before is not None):
        raise Problem("BAD_USER_INPUT", message="PAGE_BOTH")
    for argument, value in (("first", first), ("last", last)):
        if value is not None and not 1 <= value <= 100:
            raise Problem("BAD_USER_INPUT", message="PAGE_SIZE", argument=argument, value=value)
    for argument, cursor in (("after", after), ("before", before)):
        if cursor is not None and not 0 < len(cursor) <= 1000:
            raise Problem("BAD_USER_INPUT", message="CURSOR_INVALID", argument=argument)
    return common_pb2.PageRequest(first=first, after=after or "", last=last, before=before or "")


def at_most(values: Sequence[object], limit: int, argument: str) -> None:
    if len(values) > limit:
        raise Problem("BAD_USER_INPUT", message="TOO_MANY", argument=argument, limit=limit)
