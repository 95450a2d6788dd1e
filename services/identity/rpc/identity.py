"""Between the protos and the use cases."""

from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2 as pb
from portico.identity.v1.identity_pb2_grpc import IdentityServiceServicer
from services.chassis import pages
from services.chassis.db import Row
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, public, requires
from services.chassis.times import from_pb, to_pb
from services.identity import accounts, api_tokens, contacts, credentials, emails, event_log, log_store, sessions
from services.identity.app import App
from services.identity.rpc.emails import created, email, email_filter
from services.identity.wire import account_to_pb, contact_to_pb, grant_to_pb, lock_to_pb, user_to_pb


class IdentityRpc(IdentityServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @public
    async def Authenticate(self, request: pb.AuthenticateRequest, call: Call) -> pb.AuthenticateResponse:
        found = await credentials.authenticate(
            self._app.db, self._app.tokens, request.credential, ip=request.ip, now=call.now
        )
        return pb.AuthenticateResponse(
            user=user_to_pb(found.user),
            memberships=[
                pb.Membership(
                    contact=contact_to_pb(membership.contact, membership.grants, call.now),
                    actor_token=membership.actor_token,
                    actor_token_expires_at=to_pb(membership.actor_token_expires_at),
                    lock=lock_to_pb(membership.contact.lock),
                )
                for membership in found.memberships
            ],
            credential_kind=found.kind,
            operator=found.operator,
            own_actor_token=found.own_actor_token,
        )

    @public
    async def CreateSession(self, request: pb.CreateSessionRequest, call: Call) -> pb.CreateSessionResponse:
        made = await sessions.sign_in(
            self._app.db,
            self._app.hasher,
            self._app.post,
            request.email,
            request.password,
            ip=request.ip,
            user_agent=request.user_agent,
            now=call.now,
        )
        pending = isinstance(made, sessions.NewPendingSignIn)
        return pb.CreateSessionResponse(
            secret="" if pending else made.secret,
            expires_at=to_pb(made.expires_at),
            pending_secret=made.secret if pending else "",
        )

    @public
    async def EndSession(self, request: pb.EndSessionRequest, call: Call) -> pb.EndSessionResponse:
        await sessions.end(self._app.db, request.secret, call.now)
        return pb.EndSessionResponse()

    @requires(None)
    async def GetDashboard(self, request: pb.GetDashboardRequest, call: Call) -> pb.GetDashboardResponse:
        codes = await accounts.warnings(self._app.db, call.actor, call.now)
        return pb.GetDashboardResponse(warnings=[pb.SecurityWarning(code=code) for code in codes])

    @requires("account.read")
    async def GetAccount(self, request: pb.GetAccountRequest, call: Call) -> pb.Account:
        return account_to_pb(await accounts.get(self._app.db, call.actor, call.scope))

    @requires(None)
    async def ListContacts(self, request: pb.ListContactsRequest, call: Call) -> pb.ListContactsResponse:
        found = await contacts.visible(self._app.db, call.actor, call.now, revoked=request.revoked)
        return pb.ListContactsResponse(contacts=[contact_to_pb(c, c.grants(call.now), call.now) for c in found])

    @requires("log.read")
    async def ListEvents(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        page = pages.read(request.page)
        wanted = log_store.Filter(
            request.action,
            request.actor_kinds,
            request.contact_id,
            request.subject_type,
            request.subject_id,
            _bound(request, "since"),
            _bound(request, "until"),
            request.search,
        )
        rows = await event_log.page(self._app.db, call.actor, call.scope, wanted, page)
        kept, info = page.cut(rows, log_store.cursor)
        return pb.ListEventsResponse(events=map(_event, kept), page=info)

    @requires("emails.read")
    async def ListEmails(self, request: pb.ListEmailsRequest, call: Call) -> pb.ListEmailsResponse:
        page = pages.read(request.page)
        rows = await emails.page(self._app.db, call.actor, call.scope, email_filter(request), page)
        kept, info = page.cut(rows, created)
        return pb.ListEmailsResponse(emails=map(email, kept), page=info)

    @requires(None)
    async def ListSessions(self, request: pb.ListSessionsRequest, call: Call) -> pb.ListSessionsResponse:
        found = await sessions.of_actor(self._app.db, call.actor, call.now)
        return pb.ListSessionsResponse(sessions=[_session(row, call.actor.session_id) for row in found])

    @requires(None)
    async def RevokeSession(self, request: pb.RevokeSessionRequest, call: Call) -> pb.RevokeSessionResponse:
        await sessions.revoke(self._app.db, call.actor, UUID(request.id), call.now)
        return pb.RevokeSessionResponse()

    @requires(None)
    async def RevokeAllSessions(self, request: pb.RevokeAllSessionsRequest, call: Call) -> pb.RevokeAllSessionsResponse:
        await sessions.revoke_all(self._app.db, call.actor, keep_current=request.keep_current, now=call.now)
        return pb.RevokeAllSessionsResponse()

    @requires(None)
    async def ListApiTokens(self, request: pb.ListApiTokensRequest, call: Call) -> pb.ListApiTokensResponse:
        found = await api_tokens.of_actor(self._app.db, call.actor, call.now)
        return pb.ListApiTokensResponse(tokens=map(_api_token, found))

    @requires(None, step_up=True)
    async def CreateApiToken(self, request: pb.CreateApiTokenRequest, call: Call) -> pb.CreateApiTokenResponse:
        token, secret = await api_tokens.create(
            self._app.db,
            self._app.post,
            call.actor,
            request,
            request_id=request.request_id,
            name=request.name,
            permissions=request.permissions,
            expires_at=_possible(request.expires_at),
            ips=request.ips,
            now=call.now,
        )
        return pb.CreateApiTokenResponse(token=_api_token(token), secret=secret)

    @requires(None)
    async def RevokeApiToken(self, request: pb.RevokeApiTokenRequest, call: Call) -> pb.RevokeApiTokenResponse:
        await api_tokens.revoke(self._app.db, self._app.post, call.actor, UUID(request.id), call.now)
        return pb.RevokeApiTokenResponse()


def _session(row: Row, current: UUID | None) -> pb.Session:
    return pb.Session(
        id=str(row["id"]),
        user_agent=row["user_agent"],
        ip=row["ip"],
        created_at=to_pb(row["created_at"]),
        last_used_at=to_pb(row["last_used_at"]),
        expires_at=to_pb(row["expires_at"]),
        current=row["id"] == current,
        operator=row["operator"] or "",
        application=row["application"] or "",
    )


def _api_token(token: api_tokens.Token) -> pb.ApiToken:
    row = token.row
    return pb.ApiToken(
        id=str(row["id"]),
        name=row["name"],
        account_id=str(token.contact.account_id),
        contact_id=str(token.contact.id),
        grants=map(grant_to_pb, token.grants),
        created_at=to_pb(row["created_at"]),
        last_used_at=to_pb(row["last_used_at"]),
        expires_at=to_pb(row["expires_at"]),
        ips=map(str, row["networks"]),
    )


def _possible(stamp: Timestamp) -> datetime | None:
    """None for a moment that no calendar has."""
    try:
        return from_pb(stamp)
    except (ValueError, OverflowError):
        return None


def _bound(request: pb.ListEventsRequest, name: str) -> datetime | None:
    """A moment that the log is asked from or until; Invalid for one that no calendar has."""
    if not request.HasField(name):  # type: ignore[arg-type]
        return None
    bound = _possible(getattr(request, name))
    if bound is None:
        raise Invalid("is no moment", field=name)
    return bound


def _event(row: Row) -> pb.Event:
    return pb.Event(
        id=str(row["id"]),
        occurred_at=to_pb(row["occurred_at"]),
        actor=common_pb2.ActorRef(
            kind=row["actor_kind"],
            id=row["actor_id"],
            label=row["actor_label"],
            ip=row["actor_ip"],
            contact_id=row["actor_contact_id"],
        ),
        action=row["action"],
        subject_type=row["subject_type"],
        subject_id=row["subject_id"],
        subject_label=row["subject_label"],
        before_json=row["before_json"],
        after_json=row["after_json"],
    )
