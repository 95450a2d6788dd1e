"""The services refuse by themselves: every RPC of the running stack is called past the gateway, with tokens that lack
the right, the account, the confirmation or the signature."""

import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from joserfc import jwt
from joserfc.jwk import OKPKey

from deploy.demo.customers import MINTA
from deploy.parts.secrets import actor_keys
from deploy.stack import SERVICES, Stack
from services.chassis import actor as actors
from services.chassis.actor import Actor, Grant
from tests.access.graph import GRAPH
from tests.access.holdings import Holdings
from tests.access.requests import id_fields, valid
from tests.access.servicers import PUBLIC, Declared, declared
from tests.access.standins import methods

# The one list by hand: what needs no actor, and what stands in for one. Whoever adds to it says why that is enough.
CALLED_BY_NOBODY = {
    "identity.v1.IdentityService/Authenticate": "turns a credential into an actor",
    "identity.v1.IdentityService/CreateSession": "signs in with a password",
    "identity.v1.IdentityService/EndSession": "needs the session's secret",
    "identity.v1.FactorsService/GetPendingSignIn": "needs the secret of a sign-in whose password was right",
    "identity.v1.FactorsService/BeginSignInAssertion": "needs the secret of a sign-in whose password was right",
    "identity.v1.FactorsService/CompleteSignIn": "needs the pending sign-in's secret and the second factor",
    "identity.v1.FactorsService/CancelSignIn": "needs the secret of the pending sign-in",
    "identity.v1.FactorsService/BeginPasskeySignIn": "hands out a challenge, the same kind to everybody",
    "identity.v1.FactorsService/CompletePasskeySignIn": "needs the passkey's signature of the challenge",
    "identity.v1.OperatorService/AuthenticateOperator": "turns an operator's credential into an actor",
    "identity.v1.OperatorService/RedeemSignInLink": "needs the secret of an operator's link, and uses it up",
    "identity.v1.PasswordsService/RequestPasswordReset": "answers the same for every address; the link goes by e-mail",
    "identity.v1.PasswordsService/GetPasswordReset": "needs the secret of the link",
    "identity.v1.PasswordsService/ResetPassword": "needs the secret of the link, and uses it up",
    "identity.v1.AccountsService/GetInvitation": "needs the secret of the invitation",
    "identity.v1.AccountsService/AcceptInvitation": "needs the invitation's secret and the invited user's session",
    "identity.v1.AccountsService/JoinByInvitation": "needs the secret of the invitation, which was mailed to the address",
    "identity.v1.AccountsService/DeclineInvitation": "needs the secret of the invitation",
    "identity.v1.OAuthService/FindOAuthClient": "tells what a client shows to everybody: its name and where it sends people",
    "identity.v1.OAuthService/StartAuthorization": "keeps an app's request, which any browser may bring",
    "identity.v1.OAuthService/ContinueAuthorization": "needs the request's handle and the browser's session",
    "identity.v1.OAuthService/RedeemCode": "needs the client's secret or PKCE's, and the code",
    "identity.v1.OAuthService/RefreshOAuthTokens": "needs the client's credentials and a refresh token",
    "identity.v1.OAuthService/RevokeOAuthToken": "needs the client's credentials and the token",
    "identity.v1.OAuthService/IntrospectOAuthToken": "needs a confidential client's secret and the token",
    "identity.v1.OAuthService/GetUserinfo": "needs an access token of its own kind",
    "identity.v1.OAuthService/ListSigningKeys": "public keys, for everybody who verifies",
}


def test_what_needs_no_actor_is_what_was_reviewed() -> None:
    assert {one.method.removeprefix("/portico.") for one in declared() if one.access == PUBLIC} == set(CALLED_BY_NOBODY)


@pytest.fixture(scope="session")
def key(stack: Stack) -> OKPKey:
    """Identity's own key: what it signs is believed."""
    return OKPKey.import_key(actor_keys(stack.base)[0].read_text())


class Direct:
    """The services, called past the gateway."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel]) -> None:
        self._channels = channels

    async def call(self, one: Declared, token: str | None, request: Message | None = None) -> Message:
        method = methods()[one.method]
        ask: Any = self._channels[one.service].unary_unary(
            one.method,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        metadata = [("authorization", f"Bearer {token}")] if token is not None else []
        answer: Message = await ask(
            request or message_factory.GetMessageClass(method.input_type)(), timeout=20, metadata=metadata
        )
        return answer

    async def outcome(
        self, one: Declared, token: str | None, request: Message | None = None
    ) -> tuple[grpc.StatusCode, str, dict[str, str], str]:
        """(status, reason, metadata, the answer as JSON)"""
        try:
            answer = await self.call(one, token, request)
        except grpc.aio.AioRpcError as error:
            status = rpc_status.from_call(error)
            info = error_details_pb2.ErrorInfo()
            for detail in status.details if status else ():
                if detail.Unpack(info):
                    break
            return error.code(), info.reason, dict(info.metadata), f"{error.details()} {status}"
        return grpc.StatusCode.OK, "", {}, MessageToJson(answer, ensure_ascii=False)


@pytest.fixture(scope="session")
async def direct(stack: Stack) -> AsyncIterator[Direct]:
    channels = {name: grpc.aio.insecure_channel(stack.address(name)) for name in SERVICES}
    yield Direct(channels)
    for channel in channels.values():
        await channel.close()


def somebody(permissions: Iterable[str] = GRAPH.permissions, account: UUID | None = None) -> Actor:
    """A person of an account, without one of an account of its own, who has just confirmed who it is."""
    user = uuid4()
    return Actor(
        kind="user",
        id=str(user),
        label="somebody@elsewhere.example",
        account_id=account or uuid4(),
        user_id=user,
        contact_id=uuid4(),
        ip="192.0.2.1",
        grants=tuple(Grant(p) for p in permissions),
        session_id=uuid4(),
        confirmed_until=datetime.now(UTC) + timedelta(minutes=5),
    )


def signed(who: Actor, key: OKPKey, ttl: timedelta = timedelta(minutes=5)) -> str:
    return actors.sign(who, key, datetime.now(UTC), ttl)


async def test_an_rpc_is_refused_to_whoever_has_every_right_but_the_one_it_needs(direct: Direct, key: OKPKey) -> None:
    guarded = [one for one in declared() if one.permission]
    assert guarded
    for one in guarded:
        lacking = somebody(p for p in GRAPH.permissions if p != one.permission)
        code, reason, metadata, answer = await direct.outcome(one, signed(lacking, key), valid(one.method))
        assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN"), f"{one}: {answer}"
        assert metadata == {"permission": one.permission}, one


async def test_an_expired_grant_is_no_right(direct: Direct, key: OKPKey) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = replace(somebody(), grants=tuple(Grant(p, None, past) for p in GRAPH.permissions))
    for one in declared():
        if one.permission:
            code, reason, _, answer = await direct.outcome(one, signed(expired, key), valid(one.method))
            assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN"), f"{one}: {answer}"


async def test_what_needs_a_confirmation_is_refused_without_a_fresh_one(direct: Direct, key: OKPKey) -> None:
    for one in (one for one in declared() if one.step_up):
        for confirmed in (None, datetime.now(UTC) - timedelta(seconds=1)):
            who = replace(somebody([*GRAPH.permissions, *filter(None, [one.permission])]), confirmed_until=confirmed)
            code, reason, _, answer = await direct.outcome(one, signed(who, key), valid(one.method))
            assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "STEP_UP_REQUIRED"), f"{one}: {answer}"


def forged(who: Actor, key: OKPKey) -> dict[str, str | None]:
    """Credentials that are not an actor token of identity's, by what is wrong with them."""
    good = signed(who, key)
    claims = json.loads(_decoded(good.split(".")[1]))

    def again(**other: Any) -> str:
        return jwt.encode(
            {"alg": "Ed25519", "kid": key.kid or key.thumbprint()}, {**claims, **other}, key, algorithms=["Ed25519"]
        )

    head, body, signature = good.split(".")
    return {
        "no token": None,
        "nonsense": "nonsense",
        "another key": signed(who, OKPKey.generate_key("Ed25519")),
        "expired": signed(who, key, timedelta(seconds=-1)),
        "another audience": again(aud="portico-gateway"),
        "another issuer": again(iss="somebody"),
        "no signature": f"{head}.{body}.",
        "changed": f"{head}.{_encoded({**claims, 'acc': str(MINTA.id)})}.{signature}",
        "alg none": f"{_encoded({'alg': 'none'})}.{body}.",
    }


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_token_that_identity_did_not_sign_for_now_is_nobodys(direct: Direct, key: OKPKey) -> None:
    tokens = forged(somebody(account=MINTA.id), key)
    for one in declared():
        for what, token in tokens.items() if one.access != PUBLIC else ():
            code, _, _, answer = await direct.outcome(one, token)
            assert code == grpc.StatusCode.UNAUTHENTICATED, f"{one}, {what}: {answer}"


async def test_what_needs_no_actor_tells_nobody_anything(direct: Direct, held: Mapping[str, Holdings]) -> None:
    for one in declared():
        if one.access == PUBLIC:
            code, _, _, answer = await direct.outcome(one, None, valid(one.method))
            assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, f"{one}: {answer}"
            for account, holdings in held.items():
                assert not holdings.told_in(answer), f"{one} tells of account {account}: {answer}"


def reads(one: Declared) -> bool:
    return one.method.rpartition("/")[2].startswith(("Get", "List", "BatchGet"))


def by_id(one: Declared) -> bool:
    return any(id_fields(methods()[one.method].input_type))


def asked_for(one: Declared, held: Holdings) -> Iterable[Message]:
    """Requests of an RPC for all that an account holds, as far as it can be asked for by id."""
    if not by_id(one):
        yield valid(one.method)
        return
    many = [f for f in id_fields(methods()[one.method].input_type) if f.is_repeated]
    if many and reads(one):
        ids = sorted(held.ids[one.service])
        for begin in range(0, len(ids), 100):
            yield valid(one.method, *ids[begin : begin + 100])
    for id_ in held.one_of_each[one.service]:
        yield valid(one.method, id_)


async def test_another_accounts_things_are_not_found_whatever_the_rights(
    direct: Direct, key: OKPKey, held: Mapping[str, Holdings]
) -> None:
    """Writes without ids are left out: they can only touch what is the caller's own."""
    minta, token = held[str(MINTA.id)], signed(somebody(), key)
    for one in declared():
        if one.access == PUBLIC or not (reads(one) or by_id(one)):
            continue
        unknown = await direct.outcome(one, token, valid(one.method, str(uuid4())))
        for request in asked_for(one, minta):
            code, reason, _, answer = await direct.outcome(one, token, request)
            told = minta.told_in(answer, str(request))
            assert not told, f"{one.method} tells another account {told[:5]}: {answer[:500]}"
            assert (code, reason) == unknown[:2], f"{one.method} tells that it exists: {code} {answer[:500]}"


async def test_a_grant_for_one_thing_reaches_no_other_of_the_same_account(
    direct: Direct, key: OKPKey, held: Mapping[str, Holdings]
) -> None:
    minta, nothing_of = held[str(MINTA.id)], frozenset({uuid4()})
    limited = replace(somebody(account=MINTA.id), grants=tuple(Grant(p, nothing_of) for p in GRAPH.permissions))
    token = signed(limited, key)
    for one in declared():
        if not one.permission or one.permission not in GRAPH.permissions or not (reads(one) or by_id(one)):
            continue
        unknown = await direct.outcome(one, token, valid(one.method, str(uuid4())))
        for request in asked_for(one, minta):
            code, reason, _, answer = await direct.outcome(one, token, request)
            told = minta.told_in(answer, str(request))
            assert not told, f"{one.method} tells of what the grant does not reach, {told[:5]}: {answer[:500]}"
            assert (code, reason) == unknown[:2], f"{one.method} reaches further than the grant: {code} {answer[:500]}"
