"""Identity's own service: credentials, accounts, the log, mails, sessions and tokens."""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2, identity_pb2_grpc
from services.chassis.errors import DomainError, NotFound
from tests.gateway.fakes.fake import Fake, refuse
from tests.gateway.fakes.world import World, uid

OVER = Timestamp(seconds=1_700_000_000)


def contact(
    account: int,
    permissions: Iterable[str],
    *,
    denied: Iterable[str] = (),
    resources: dict[str, list[str]] | None = None,
    over: Iterable[str] = (),
) -> identity_pb2.Contact:
    """`over` are permissions that ran out."""
    grants = [identity_pb2.Grant(permission=p, resources=(resources or {}).get(p, [])) for p in permissions]
    return identity_pb2.Contact(
        id=uid(900 + account),
        account_id=uid(account),
        account_number=f"P-{10000 + account}",
        account_name=f"Account {account}",
        role="custom",
        state=identity_pb2.CONTACT_STATE_ACTIVE,
        user=identity_pb2.User(id=uid(800 + account), email=f"c{account}@x.example", name="C", locale="en"),
        email=f"c{account}@x.example",
        grants=grants,
        denied_fields=list(denied),
        own_grants=[identity_pb2.Grant(permission=p, expires_at=OVER) for p in over],
    )


def emails_page(world: World) -> identity_pb2.ListEmailsResponse:
    info = common_pb2.PageInfo(cursors=[mail.id for mail in world.emails])
    return identity_pb2.ListEmailsResponse(emails=world.emails, page=info)


def session_id(secret: str) -> str:
    return str(uuid5(NAMESPACE_OID, secret))


class Identity(Fake, identity_pb2_grpc.IdentityServiceServicer):
    async def Authenticate(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "Authenticate")
        token = self.world.sessions.get(request.credential, request.credential)
        if token not in self.world.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown credential")
        members = [
            identity_pb2.Membership(contact=c, actor_token=f"actor-{c.account_id}", lock=self._lock(c.account_id))
            for c in self.world.tokens[token]
        ]
        return identity_pb2.AuthenticateResponse(
            user=self.world.users[token],
            memberships=members,
            credential_kind="token",
            operator=self.world.operators.get(token, ""),
        )

    def _lock(self, account: str) -> identity_pb2.Lock | None:
        return (
            identity_pb2.Lock(reason=self.world.account_locks[account]) if account in self.world.account_locks else None
        )

    async def CreateSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CreateSession")
        token = request.email.partition("@")[0]
        if token not in self.world.tokens or request.password != "right":
            await refuse(context, _SignInFailed())
        if self.world.factors:
            answer = identity_pb2.CreateSessionResponse(pending_secret=f"pending-{uuid4().hex}")
            self.world.pending[answer.pending_secret] = token
        else:
            answer = identity_pb2.CreateSessionResponse(secret=f"session-{uuid4().hex}")
            self.world.sessions[answer.secret] = token
        answer.expires_at.FromJsonString("2030-01-01T00:00:00Z")
        return answer

    async def EndSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "EndSession")
        self.world.sessions.pop(request.secret, None)
        return identity_pb2.EndSessionResponse()

    async def GetDashboard(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "GetDashboard")
        return identity_pb2.GetDashboardResponse(warnings=[identity_pb2.SecurityWarning(code="SINGLE_OWNER")])

    async def GetAccount(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "GetAccount")
        return identity_pb2.Account(
            id=account,
            number="P-1",
            kind=identity_pb2.ACCOUNT_KIND_COMPANY,
            name="Minta",
            currency="HUF",
            locale="hu",
            version=3,
            locks=self.world.locks,
        )

    async def ListContacts(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "ListContacts")
        found = [c for contacts in self.world.tokens.values() for c in contacts if c.account_id == account]
        return identity_pb2.ListContactsResponse(contacts=found)

    async def ListEvents(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEvents")
        event = identity_pb2.Event(
            id=uid(5),
            actor=common_pb2.ActorRef(kind="user", label="anna"),
            action="domain.registration_ordered",
            subject_type="Domain",
            subject_id=uid(10_001),
            subject_label="d1.hu",
            after_json='{"state": "PENDING_PAYMENT"}',
        )
        event.occurred_at.FromJsonString("2026-01-01T00:00:00Z")
        return identity_pb2.ListEventsResponse(events=[event], page=common_pb2.PageInfo(cursors=["1"]))

    async def ListEmails(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListEmails")
        return emails_page(self.world)

    async def ListSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListSessions")
        found = [identity_pb2.Session(id=session_id(secret), user_agent="curl/8") for secret in self.world.sessions]
        return identity_pb2.ListSessionsResponse(sessions=found)

    async def RevokeSession(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeSession")
        secret = next((s for s in self.world.sessions if session_id(s) == request.id), None)
        if secret is None:
            await refuse(context, _SessionNotFound(field="id"))
        self.world.sessions.pop(secret or "")
        return identity_pb2.RevokeSessionResponse()

    async def RevokeAllSessions(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeAllSessions")
        self.world.sessions.clear()
        return identity_pb2.RevokeAllSessionsResponse()

    async def ListApiTokens(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListApiTokens")
        return identity_pb2.ListApiTokensResponse(tokens=self.world.api_tokens.values())

    async def CreateApiToken(self, request: Any, context: Any) -> Any:
        account = await self.enter(request, context, "CreateApiToken")
        if request.request_id in self.world.api_tokens:
            return identity_pb2.CreateApiTokenResponse(token=self.world.api_tokens[request.request_id])
        grants = [identity_pb2.Grant(permission=p) for p in request.permissions]
        made = identity_pb2.ApiToken(
            id=str(uuid4()),
            name=request.name,
            account_id=account,
            grants=grants,
            expires_at=request.expires_at,
            ips=request.ips,
        )
        self.world.api_tokens[request.request_id] = made
        self.world.person(f"made-{made.id}", contact(UUID(account).int, request.permissions))
        return identity_pb2.CreateApiTokenResponse(token=made, secret=f"made-{made.id}")

    async def RevokeApiToken(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RevokeApiToken")
        self.world.tokens.pop(f"made-{request.id}", None)
        return identity_pb2.RevokeApiTokenResponse()


class _SignInFailed(DomainError):
    reason = "SIGN_IN_FAILED"
    status = grpc.StatusCode.UNAUTHENTICATED


class _SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"
