"""Between the protos and what operators do."""

from portico.identity.v1 import identity_pb2, operator_pb2_grpc
from portico.identity.v1 import operator_pb2 as pb
from services.chassis import pages
from services.chassis.db import Row
from services.chassis.grpc import Call, public, requires
from services.chassis.times import to_pb
from services.identity import (
    contact_store,
    event_log,
    operator_accounts,
    operator_sign_ins,
    operator_store,
    operator_users,
    operators,
)
from services.identity.app import App
from services.identity.invitations import Guest
from services.identity.operators import PERMISSION
from services.identity.people import Profile, User
from services.identity.wire import account_to_pb, contact_to_pb, kind_from_pb, lock_to_pb, user_to_pb


class OperatorRpc(operator_pb2_grpc.OperatorServiceServicer):
    def __init__(self, app: App) -> None:
        self._app = app

    @public
    async def AuthenticateOperator(
        self, request: pb.AuthenticateOperatorRequest, call: Call
    ) -> pb.AuthenticateOperatorResponse:
        found = await operators.authenticate(
            self._app.db, self._app.tokens, request.credential, ip=call.ip, now=call.now
        )
        return pb.AuthenticateOperatorResponse(
            operator=_operator(found.operator),
            actor_token=found.actor_token,
            actor_token_expires_at=to_pb(found.actor_token_expires_at),
            credential_expires_at=to_pb(found.operator["credential_expires_at"]),
        )

    @public
    async def RedeemSignInLink(self, request: pb.RedeemSignInLinkRequest, call: Call) -> pb.RedeemSignInLinkResponse:
        made = await operator_sign_ins.redeem(
            self._app.db, request.code, ip=request.ip, user_agent=request.user_agent, now=call.now
        )
        return pb.RedeemSignInLinkResponse(secret=made.secret, expires_at=to_pb(made.expires_at))

    # -- accounts

    @requires(PERMISSION)
    async def CreateAccount(self, request: pb.CreateAccountRequest, call: Call) -> pb.CreateAccountResponse:
        profile = Profile(
            kind=kind_from_pb(request.kind),
            name=request.name.strip(),
            email=request.email or request.owner_email,
            country=request.country,
            currency=request.currency,
            locale=request.locale,
            tax_number=request.tax_number,
            phone=request.phone,
            postal_code=request.postal_code,
            city=request.city,
            street=request.street,
        )
        opened = await operator_accounts.open_account(
            self._app,
            call.actor,
            request,
            request_id=request.request_id,
            profile=profile,
            owner_email=request.owner_email,
            owner_name=request.owner_name,
            now=call.now,
        )
        return pb.CreateAccountResponse(
            account=account_to_pb(opened.account), owner=user_to_pb(opened.owner), owner_is_new=opened.new
        )

    @requires(PERMISSION)
    async def ListAccounts(self, request: pb.ListAccountsRequest, call: Call) -> pb.ListAccountsResponse:
        page = pages.read(request.page)
        rows = await operator_accounts.page(self._app.db, request.search, request.locked, page, call.now)
        kept, info = page.cut(rows, _created)
        return pb.ListAccountsResponse(accounts=map(_account, kept), page=info)

    @requires(PERMISSION)
    async def DescribeAccount(self, request: pb.DescribeAccountRequest, call: Call) -> pb.DescribeAccountResponse:
        account, found, people = await operator_accounts.describe(self._app.db, request.account, call.now)
        return pb.DescribeAccountResponse(
            account=account_to_pb(account),
            lock=lock_to_pb(contact_store.lock(found)),
            contacts=[contact_to_pb(one, one.grants(call.now), call.now) for one in people],
        )

    @requires(PERMISSION)
    async def InviteToAccount(self, request: pb.InviteToAccountRequest, call: Call) -> identity_pb2.Contact:
        made = await operator_accounts.invite(
            self._app,
            call.actor,
            request,
            request.account,
            Guest(request.email, request.name, request.locale, request.message),
            request.role,
            request_id=request.request_id,
            now=call.now,
        )
        return contact_to_pb(made, made.grants(call.now), call.now)

    @requires(PERMISSION)
    async def LockAccount(self, request: pb.LockAccountRequest, call: Call) -> pb.LockAccountResponse:
        row = await operator_accounts.lock(self._app, call.actor, request.account, request.reason, call.now)
        return pb.LockAccountResponse(account=_account(row))

    @requires(PERMISSION)
    async def UnlockAccount(self, request: pb.UnlockAccountRequest, call: Call) -> pb.UnlockAccountResponse:
        row = await operator_accounts.unlock(self._app, call.actor, request.account, call.now)
        return pb.UnlockAccountResponse(account=_account(row))

    # -- users

    @requires(PERMISSION)
    async def ListUsers(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        page = pages.read(request.page)
        rows = await operator_users.page(self._app.db, request.search, request.locked, page, call.now)
        kept, info = page.cut(rows, _created)
        return pb.ListUsersResponse(users=map(_user, kept), page=info)

    @requires(PERMISSION)
    async def LockUser(self, request: pb.LockUserRequest, call: Call) -> pb.LockUserResponse:
        row = await operator_users.lock(self._app, call.actor, request.user, request.reason, call.now)
        return pb.LockUserResponse(user=_user(row))

    @requires(PERMISSION)
    async def UnlockUser(self, request: pb.UnlockUserRequest, call: Call) -> pb.UnlockUserResponse:
        return pb.UnlockUserResponse(
            user=_user(await operator_users.unlock(self._app, call.actor, request.user, call.now))
        )

    @requires(PERMISSION)
    async def EndUserSessions(self, request: pb.EndUserSessionsRequest, call: Call) -> pb.EndUserSessionsResponse:
        ended = await operator_users.end_sessions(self._app, call.actor, request.user, call.now)
        return pb.EndUserSessionsResponse(ended=ended)

    @requires(PERMISSION)
    async def ResetFactors(self, request: pb.ResetFactorsRequest, call: Call) -> pb.ResetFactorsResponse:
        removed = await operator_users.reset_factors(self._app, call.actor, request.user, call.now)
        return pb.ResetFactorsResponse(removed=removed)

    @requires(PERMISSION)
    async def SignInAsContact(self, request: pb.SignInAsContactRequest, call: Call) -> pb.SignInAsContactResponse:
        link = await operator_sign_ins.offer(
            self._app, call.actor, request.account, request.user, request.reason, call.now
        )
        return pb.SignInAsContactResponse(url=link.url, expires_at=to_pb(link.expires_at))

    # -- the event log's chains

    @requires(PERMISSION)
    async def ListChains(self, request: pb.ListChainsRequest, call: Call) -> pb.ListChainsResponse:
        page = pages.read(request.page)
        kept, info = page.cut(await operator_store.chains(self._app.db, page), lambda row: (row["account_id"],))
        chains = [pb.Chain(account_id=str(row["account_id"]), number=row["number"], rows=row["rows"]) for row in kept]
        return pb.ListChainsResponse(chains=chains, page=info)

    @requires(PERMISSION)
    async def VerifyChain(self, request: pb.VerifyChainRequest, call: Call) -> pb.VerifyChainResponse:
        account_id = await operator_accounts.chain(self._app.db, request.account)
        verdict = await event_log.verify(self._app.db, account_id)
        return pb.VerifyChainResponse(rows=verdict.rows, broken=verdict.broken_seq, cause=verdict.cause)

    # -- operators

    @requires(PERMISSION)
    async def CreateOperator(self, request: pb.CreateOperatorRequest, call: Call) -> pb.OperatorCredential:
        row, secret = await operators.create(
            self._app.db, call.actor, request.name, request.email, request.ips, call.now
        )
        return pb.OperatorCredential(operator=_operator(row), secret=secret)

    @requires(PERMISSION)
    async def ListOperators(self, request: pb.ListOperatorsRequest, call: Call) -> pb.ListOperatorsResponse:
        return pb.ListOperatorsResponse(operators=map(_operator, await operator_store.operators(self._app.db, None)))

    @requires(PERMISSION)
    async def RenewCredential(self, request: pb.RenewCredentialRequest, call: Call) -> pb.OperatorCredential:
        row, secret = await operators.renew(self._app.db, call.actor, call.actor.label, request.ips, call.now)
        return pb.OperatorCredential(operator=_operator(row), secret=secret)

    @requires(PERMISSION)
    async def DisableOperator(self, request: pb.DisableOperatorRequest, call: Call) -> pb.Operator:
        return _operator(await operators.disable(self._app.db, call.actor, request.name, call.now))


def _account(row: Row) -> pb.AccountSummary:
    return pb.AccountSummary(
        id=str(row["id"]),
        number=row["number"],
        name=row["name"],
        email=row["email"],
        since=to_pb(row["created_at"]),
        lock=lock_to_pb(contact_store.lock(row)),
        contacts=row["contacts"],
    )


def _user(row: Row) -> pb.UserSummary:
    return pb.UserSummary(
        user=user_to_pb(User(row["id"], row["email"], row["name"], row["locale"])),
        since=to_pb(row["created_at"]),
        lock=lock_to_pb(contact_store.lock(row)),
        accounts=row["accounts"],
        factors=row["factors"],
        sessions=row["sessions"],
    )


def _operator(row: Row) -> pb.Operator:
    return pb.Operator(
        id=str(row["id"]),
        name=row["name"],
        email=row["email"],
        created_at=to_pb(row["created_at"]),
        disabled_at=to_pb(row["disabled_at"]),
        credential_expires_at=to_pb(row["credential_expires_at"]),
        last_used_at=to_pb(row["last_used_at"]),
        ips=map(str, row["networks"] or ()),
    )


def _created(row: Row) -> tuple[object, object]:
    return row["created_at"], row["id"]
