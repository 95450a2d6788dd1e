"""Who is asking: the credential of a request, and the identity service's answer to it, kept for at most a second."""

import asyncio
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

import grpc

from gateway.access import Policies, Policy
from gateway.clients import Calls, Clients
from gateway.errors import Problem, ServiceError
from portico.identity.v1 import identity_pb2

COOKIE = "__Host-portico"
PENDING_COOKIE = "__Host-portico-sign-in"
"""Holds the secret of a sign-in that waits for its second factor; no session is ever looked for in it."""
KEPT_SECONDS = 0.5
"""How long a revoked credential may still be believed: a second, less the time that closing its sockets takes."""

_TOLD = frozenset({"CREDENTIAL_EXPIRED", "TOKEN_IP_REFUSED", "USER_LOCKED"})
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,4096}")


class BadCredential(Exception):
    """A credential was sent and is not good; `problem` says why: CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, TOKEN_IP_REFUSED
    or USER_LOCKED."""

    def __init__(self, reason: str = "CREDENTIAL_INVALID", values: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.problem = Problem("UNAUTHENTICATED", message=reason, extensions={"reason": reason}, **(values or {}))


@dataclass(frozen=True, slots=True)
class Credential:
    """A bearer token or a session's secret, and which of the two."""

    value: str
    cookie: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A membership with its policy and the token that acts for it."""

    contact: identity_pb2.Contact
    policy: Policy
    token: str
    lock: identity_pb2.Lock | None

    @property
    def account_id(self) -> str:
        return self.contact.account_id


@dataclass(frozen=True, slots=True)
class Session:
    user: identity_pb2.User
    members: tuple[Member, ...]
    """The default account first."""
    read_at: float
    """When identity was asked, in monotonic seconds."""
    key: bytes
    """What Sessions keeps it under."""
    operator: str = ""
    """The name of the operator who looks through this session; it can only read."""
    alone: Member | None = None
    """Stands in for a membership where there is none: what is the user's own is done through it, in no account."""

    @property
    def own(self) -> Member | None:
        """What the user's own is done through; None for an app or token that has no hold on it."""
        return self.members[0] if self.members else self.alone

    @property
    def policies(self) -> tuple[Policy, ...]:
        return tuple(m.policy for m in self.members)


def credential_of(headers: Mapping[str, str]) -> Credential | None:
    """The request's credential; the header wins over the cookie. Raises BadCredential for a malformed header."""
    header = headers.get("authorization")
    if header is not None:
        return bearer(header)
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    # A cookie that cannot be a session is as good as none: the person signs in again.
    return Credential(morsel.value, cookie=True) if morsel and _TOKEN.fullmatch(morsel.value) else None


def bearer(header: str) -> Credential:
    """The token of an Authorization header. Raises BadCredential."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(value.strip()):
        raise BadCredential
    return Credential(value.strip(), cookie=False)


class Sessions:
    """Asks identity about credentials; equal questions within a second share one answer."""

    def __init__(self, clients: Clients, policies: Policies, capacity: int = 10_000) -> None:
        self._clients = clients
        self._policies = policies
        self._capacity = capacity
        self._kept: dict[bytes, Session] = {}
        self._asked: dict[bytes, asyncio.Task[Session]] = {}

    async def authenticate(self, credential: Credential, ip: str, calls: Calls) -> Session:
        """Raises BadCredential when identity refuses it, ServiceError when identity does not answer."""
        key = _key(credential, ip)
        kept = self._kept.get(key)
        if kept and time.monotonic() - kept.read_at < KEPT_SECONDS:
            return kept
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, credential, ip, calls))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        # Shielded: the first asker going away must not fail the others.
        return await asyncio.shield(task)

    def forget(self, credential: Credential, ip: str) -> None:
        """After signing out here, not even the second."""
        self._forget(_key(credential, ip))

    def refresh(self, session: Session) -> None:
        """After something about it changed here: the next request asks anew, and believes no answer that is on its way."""
        self._forget(session.key)

    def _forget(self, key: bytes) -> None:
        self._kept.pop(key, None)
        self._asked.pop(key, None)

    def _settle(self, key: bytes, task: asyncio.Task[Session]) -> None:
        if self._asked.get(key) is not task:
            return
        del self._asked[key]
        self._kept.pop(key, None)
        if task.cancelled() or task.exception():
            return
        self._kept[key] = task.result()
        while len(self._kept) > self._capacity:
            del self._kept[next(iter(self._kept))]

    async def _ask(self, key: bytes, credential: Credential, ip: str, calls: Calls) -> Session:
        request = identity_pb2.AuthenticateRequest(credential=credential.value, ip=ip)
        asked_at = time.monotonic()
        try:
            answer = await calls.read("identity", self._clients.identity.Authenticate, request, None)
        except ServiceError as error:
            if error.code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT}:
                if error.reason in _TOLD:
                    raise BadCredential(error.reason, error.metadata) from None
                raise BadCredential from None
            raise
        members = tuple(map(self._member, answer.memberships))
        alone = None
        if answer.own_actor_token:
            nobody = identity_pb2.Contact(user=answer.user)
            alone = Member(nobody, self._policies.of(nobody, ""), answer.own_actor_token, None)
        return Session(answer.user, members, asked_at, key, answer.operator, alone)

    def _member(self, membership: identity_pb2.Membership) -> Member:
        lock = membership.lock if membership.HasField("lock") else None
        policy = self._policies.of(membership.contact, lock.reason if lock else "")
        return Member(membership.contact, policy, membership.actor_token, lock)


def _key(credential: Credential, ip: str) -> bytes:
    return hashlib.sha256(f"{ip}\0{credential.value}".encode()).digest()
