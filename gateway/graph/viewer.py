"""The signed-in user: its memberships, sessions, API tokens and second factors. They are its own, so no grant is needed."""

import strawberry

from gateway import messages
from gateway.access import PUBLIC, SELF, Permission, access, field
from gateway.context import Acting, Request, at_most, global_id, read_id
from gateway.errors import ErrorCode
from gateway.graph import emails
from gateway.graph.common import Connection, DateTime, UserError, moment, moment_of
from gateway.graph.contacts import Contact, Grant, grants_of
from gateway.graph.emails import Email
from gateway.graph.factors import Factor, factors, recovery_codes_left
from gateway.graph.identity import User
from gateway.graph.mutations import Wrong, moment_given, mutation
from gateway.graph.vpn import VpnAccess, vpn_access
from portico.identity.v1 import accounts_pb2, identity_pb2


@access(SELF)
@strawberry.type(description="Where the user is signed in.")
class Session:
    id: strawberry.ID
    application: str | None = strawberry.field(description="The app that the user let in; null for a browser.")
    user_agent: str | None
    ip: str | None = strawberry.field(description="Where it was opened from.")
    created_at: DateTime
    last_used_at: DateTime = strawberry.field(description="Noted at most once a minute.")
    expires_at: DateTime
    current: bool = strawberry.field(description="Whether it is the session that asks.")
    operator: str | None = strawberry.field(
        description="The name of the operator whose it is, to see what you see; null for your own."
    )

    @staticmethod
    def of(pb: identity_pb2.Session) -> "Session":
        return Session(
            id=strawberry.ID(global_id("Session", pb.id)),
            application=pb.application or None,
            user_agent=pb.user_agent or None,
            ip=pb.ip or None,
            created_at=moment(pb.created_at),
            last_used_at=moment(pb.last_used_at),
            expires_at=moment(pb.expires_at),
            current=pb.current,
            operator=pb.operator or None,
        )


@access(SELF)
@strawberry.type(description="A credential for a program: a membership's rights, or fewer.")
class ApiToken:
    id: strawberry.ID
    name: str
    contact: Contact = strawberry.field(description="The membership that it acts for.")
    grants: list[Grant] = strawberry.field(
        description="What it may now: what it was made with, as far as you still hold it."
    )
    ips: list[str] = strawberry.field(description="Networks that it may be used from; empty means anywhere.")
    created_at: DateTime
    last_used_at: DateTime | None = strawberry.field(description="Noted at most once a minute.")
    expires_at: DateTime | None

    @staticmethod
    def of(acting: Acting, pb: identity_pb2.ApiToken) -> "ApiToken":
        return ApiToken(
            id=strawberry.ID(global_id("ApiToken", pb.id)),
            name=pb.name,
            contact=Contact.of(acting, acting.member.contact),
            grants=grants_of(pb.grants),
            ips=list(pb.ips),
            created_at=moment(pb.created_at),
            last_used_at=moment_of(pb, "last_used_at"),
            expires_at=moment_of(pb, "expires_at"),
        )


async def _sessions(info: strawberry.Info) -> list[Session] | None:
    acting = info.context.own()
    answer = await acting.read("identity", acting.clients.identity.ListSessions, identity_pb2.ListSessionsRequest())
    return [Session.of(pb) for pb in answer.sessions]


async def _api_tokens(info: strawberry.Info) -> list[ApiToken] | None:
    request: Request = info.context
    acting = request.own()
    answer = await acting.read("identity", acting.clients.identity.ListApiTokens, identity_pb2.ListApiTokensRequest())
    members = {one.account_id: one for one in request.actings()}
    # A membership that began within the last second may not be here yet.
    return [ApiToken.of(members[pb.account_id], pb) for pb in answer.tokens if pb.account_id in members]


@access(SELF)
@strawberry.type(description="The signed-in user.")
class Viewer:
    user: User
    operator: str | None = strawberry.field(
        description="The name of the operator who looks through this session, which can only read; null normally."
    )
    current_ip: str
    memberships: list[Contact]
    sessions: list[Session] | None = field(
        SELF,
        _sessions,
        description="The open sessions, of browsers and of apps, the last used first. A token is shown none.",
    )
    api_tokens: list[ApiToken] | None = field(
        SELF, _api_tokens, description="Those not revoked, the newest first. An API token is shown itself alone."
    )
    vpn_access: VpnAccess | None = field(
        SELF, vpn_access, description="Null without a VPN password. An API token is shown none."
    )

    emails: Connection[Email] | None = field(
        SELF, emails.own_page, description="E-mail about the user itself, the newest first. An API token is shown none."
    )
    factors: list[Factor] | None = field(
        SELF, factors, description="The second factors, the oldest first. An API token is shown none."
    )
    recovery_codes_left: int | None = field(
        SELF, recovery_codes_left, description="Unused recovery codes. An API token is shown 0."
    )

    @staticmethod
    def of(request: Request) -> "Viewer":
        return Viewer(
            user=User.of(request.session.user),
            operator=request.session.operator or None,
            current_ip=request.ip,
            memberships=[Contact.of(a, a.member.contact) for a in request.actings()],
        )


@access(PUBLIC)
@strawberry.type
class ViewerPayload:
    viewer: Viewer | None = field(SELF, default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class ApiTokenPayload:
    api_token: ApiToken | None = field(SELF, default=None)
    secret: str | None = field(
        SELF, default=None, description="What the program sends as Bearer token; shown in this answer and never again."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input(description="Exactly one of id, others and all.")
class RevokeSessionInput:
    id: strawberry.ID | None = None
    others: bool = strawberry.field(default=False, description="Every session but the one that asks.")
    all: bool = strawberry.field(default=False, description="Every session, the one that asks too.")


@strawberry.input
class CreateApiTokenInput:
    name: str = strawberry.field(description="1 to 100 characters, for you to know it by.")
    permissions: list[Permission] = strawberry.field(
        description="What it may; only what you may yourself, and no longer than that. At least one."
    )
    expires_at: DateTime = strawberry.field(description="At most a year from now.")
    idempotency_key: str = strawberry.field(
        description="8 to 200 characters. The same key again makes no second token: the answer is the first one, without "
        "its secret and with SECRET_SHOWN_ALREADY."
    )
    ips: list[str] | None = strawberry.field(
        default=None,
        description="Addresses or CIDR networks that it may be used from, at most 20; none means anywhere.",
    )
    account_id: strawberry.ID | None = None


@strawberry.input
class RevokeApiTokenInput:
    id: strawberry.ID


@strawberry.input
class SetDefaultAccountInput:
    account_id: strawberry.ID


async def revoke_session(acting: Acting, input_: RevokeSessionInput) -> ViewerPayload:
    """Ends sessions of the user: one, all others, or all. They are refused everywhere within a second."""
    if sum((input_.id is not None, input_.others, input_.all)) != 1:
        raise Wrong("INVALID", ["input"], message="SESSION_CHOICE")
    identity = acting.clients.identity
    if input_.id is not None:
        id_ = read_id(input_.id, "input.id", "Session").key
        await acting.write("identity", identity.RevokeSession, identity_pb2.RevokeSessionRequest(id=id_))
    else:
        everything = identity_pb2.RevokeAllSessionsRequest(keep_current=input_.others)
        await acting.write("identity", identity.RevokeAllSessions, everything)
    return ViewerPayload(viewer=Viewer.of(acting.request))


async def create_api_token(acting: Acting, input_: CreateApiTokenInput) -> ApiTokenPayload:
    """Makes an API token of the user's membership in an account. For a person who has just confirmed who they are."""
    ips = input_.ips or []
    at_most(input_.permissions, len(Permission), "input.permissions")
    at_most(ips, 20, "input.ips")
    request = identity_pb2.CreateApiTokenRequest(
        request_id=input_.idempotency_key,
        name=input_.name,
        permissions=[permission.value for permission in input_.permissions],
        expires_at=moment_given(input_.expires_at, "TOKEN_EXPIRY_INVALID", ["input", "expiresAt"]),
        ips=ips,
    )
    answer = await acting.write("identity", acting.clients.identity.CreateApiToken, request)
    made = ApiToken.of(acting, answer.token)
    if answer.secret:
        return ApiTokenPayload(api_token=made, secret=answer.secret)
    code = ErrorCode.SECRET_SHOWN_ALREADY
    told = UserError(code=code, message=messages.text(code.value, acting.locale), field=["input", "idempotencyKey"])
    return ApiTokenPayload(api_token=made, user_errors=[told])


async def revoke_api_token(acting: Acting, input_: RevokeApiTokenInput) -> ViewerPayload:
    """Ends an API token of the user for good. It is refused everywhere within a second."""
    request = identity_pb2.RevokeApiTokenRequest(id=read_id(input_.id, "input.id", "ApiToken").key)
    await acting.write("identity", acting.clients.identity.RevokeApiToken, request)
    return ViewerPayload(viewer=Viewer.of(acting.request))


async def set_default_account(acting: Acting, input_: SetDefaultAccountInput) -> ViewerPayload:
    """The account that is meant from now on wherever none is named."""
    request = accounts_pb2.SetDefaultAccountRequest()
    await acting.write("identity", acting.clients.accounts.SetDefaultAccount, request)
    viewer = Viewer.of(acting.request)
    # The session was read before; the next request finds them in this order.
    viewer.memberships.sort(key=lambda contact: contact.acting is not acting)
    return ViewerPayload(viewer=viewer)


@strawberry.type
class ViewerMutations:
    revoke_session: ViewerPayload = mutation(None, revoke_session, RevokeSessionInput, ViewerPayload)
    create_api_token: ApiTokenPayload = mutation(
        None, create_api_token, CreateApiTokenInput, ApiTokenPayload, step_up=True
    )
    set_default_account: ViewerPayload = mutation(None, set_default_account, SetDefaultAccountInput, ViewerPayload)
    revoke_api_token: ViewerPayload = mutation(None, revoke_api_token, RevokeApiTokenInput, ViewerPayload)
