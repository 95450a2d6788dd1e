"""From a session or a token to actor tokens: who is let in, with which rights."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest
from joserfc.jwk import KeySet

from portico.identity.v1 import identity_pb2 as pb
from services.chassis.actor import Actor, ActorVerifier, Grant
from services.chassis.errors import PermissionDenied
from services.identity import access, api_tokens, secret
from services.identity.credentials import ActorTokens
from tests.identity.conftest import Member, Town
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving


async def authenticated(identity: Serving, credential: str) -> pb.AuthenticateResponse:
    answer = await identity.call(None, "Authenticate", pb.AuthenticateRequest(credential=credential, ip="192.0.2.9"))
    assert isinstance(answer, pb.AuthenticateResponse)
    return answer


async def reason(identity: Serving, credential: str) -> str:
    refused = await identity.refused(None, "Authenticate", pb.AuthenticateRequest(credential=credential))
    assert refused.code is grpc.StatusCode.UNAUTHENTICATED
    return refused.reason


def read(identity: Serving, token: str) -> Actor:
    """The actor token, as another service reads it."""
    jwks = json.dumps(KeySet([identity.app.tokens._key]).as_dict(private=False))
    return ActorVerifier(jwks).verify(token, datetime.now(UTC))


async def test_each_membership_gets_an_actor_token_with_its_own_rights(identity: Serving, town: Town) -> None:
    member = await town.member()
    other = await town.account("Másik Bt.")
    await town.join(member, other, "accountant")
    answer = await authenticated(identity, await signed_in(identity, member))
    own, guest = (read(identity, m.actor_token) for m in answer.memberships)
    assert (own.account_id, guest.account_id) == (member.account_id, other)
    assert (own.kind, own.user_id, own.contact_id, own.ip) == ("user", member.user_id, member.contact_id, "192.0.2.9")
    assert {g.permission for g in own.grants} == access.PERMISSIONS
    assert {g.permission for g in guest.grants} == access.ROLES["accountant"]
    contact = answer.memberships[1].contact
    assert (contact.role, contact.account_name, contact.user.email) == ("accountant", "Másik Bt.", member.email)
    left = answer.memberships[0].actor_token_expires_at.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(seconds=25) < left <= timedelta(seconds=60)


async def test_the_default_account_comes_first(identity: Serving, town: Town) -> None:
    member = await town.member()
    other = await town.account("Másik Bt.")
    await town.join(member, other, "owner")
    await identity.db.execute("UPDATE users SET default_account_id = $2 WHERE id = $1", member.user_id, other)
    answer = await authenticated(identity, await signed_in(identity, member))
    assert [m.contact.account_id for m in answer.memberships] == [str(other), str(member.account_id)]


async def test_a_token_may_what_both_it_and_its_maker_may(identity: Serving, town: Town) -> None:
    one, two, three = (uuid4() for _ in range(3))
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    own = [
        Grant("domains.read", frozenset({one, two})),
        Grant("dns.read", frozenset({one})),
        Grant("dns.write", None, soon),
    ]
    member = await town.member("accountant", grants=own)
    asked = [
        Grant("billing.read"),
        Grant("domains.read", frozenset({two, three})),
        Grant("dns.read", frozenset({three})),
        Grant("dns.write", frozenset({one})),
        Grant("log.read"),
        Grant("tickets.read", None, datetime.now(UTC) - timedelta(seconds=1)),
    ]
    [membership] = (await authenticated(identity, await town.token(member, asked))).memberships
    actor = read(identity, membership.actor_token)
    assert actor.grants == (
        Grant("billing.read"),
        Grant("dns.write", frozenset({one}), soon),
        Grant("domains.read", frozenset({two})),
    )
    assert (actor.kind, actor.label, actor.user_id) == ("token", f"{member.email} (robot)", member.user_id)
    assert [(g.permission, list(g.resources)) for g in membership.contact.grants] == [
        ("billing.read", []),
        ("dns.write", [str(one)]),
        ("domains.read", [str(two)]),
    ]


async def test_a_token_shrinks_with_its_maker(identity: Serving, town: Town) -> None:
    member = await town.member()
    token = await town.token(member)
    await authenticated(identity, token)
    await identity.db.execute("UPDATE contacts SET role = 'read_only' WHERE id = $1", member.contact_id)
    [membership] = (await authenticated(identity, token)).memberships
    assert {g.permission for g in membership.contact.grants} == access.ROLES["read_only"]
    with pytest.raises(PermissionDenied):
        read(identity, membership.actor_token).scope("billing.pay", datetime.now(UTC))


async def test_a_grant_on_no_resource_is_not_taken_for_a_grant_on_all(identity: Serving, town: Town) -> None:
    member = await town.member("custom", grants=[Grant("domains.read", frozenset())])
    [membership] = (await authenticated(identity, await town.token(member))).memberships
    assert not membership.contact.grants


async def test_an_expired_membership_or_grant_gives_nothing(identity: Serving, town: Town) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    member = await town.member(expires_at=past)
    token = await town.token(member)
    assert not (await authenticated(identity, await signed_in(identity, member))).memberships
    assert await reason(identity, token) == "CREDENTIAL_INVALID"
    custom = await town.member("custom", grants=[Grant("domains.read", None, past)])
    [membership] = (await authenticated(identity, await town.token(custom))).memberships
    assert not membership.contact.grants


@pytest.mark.parametrize("credential", ["x", "pt_", "ps_" + "a" * 43, "pt_" + "é" * 43, "Bearer pt_x", "' OR 1=1 --"])
async def test_what_we_never_gave_out_is_refused(identity: Serving, credential: str) -> None:
    assert await reason(identity, credential) == "CREDENTIAL_INVALID"


async def test_an_expired_token_is_refused(identity: Serving, town: Town) -> None:
    member = await town.member()
    assert await reason(identity, await town.token(member, expires_at=datetime.now(UTC))) == "CREDENTIAL_EXPIRED"


@pytest.mark.parametrize("change", ["expires_at = now()", "last_used_at = now() - interval '8 days'"])
async def test_a_session_ends_by_age_and_by_disuse(identity: Serving, town: Town, change: str) -> None:
    session = await signed_in(identity, await town.member())
    await identity.db.execute(f"UPDATE sessions SET {change} WHERE secret_hash = $1", secret.digest(session))
    assert await reason(identity, session) == "CREDENTIAL_EXPIRED"


async def test_the_last_use_is_noted_at_most_once_a_minute(identity: Serving, town: Town) -> None:
    member = await town.member()
    token = await town.token(member)
    query = "SELECT last_used_at FROM api_tokens WHERE secret_hash = $1"
    await authenticated(identity, token)
    first = await identity.db.fetchval(query, secret.digest(token))
    await authenticated(identity, token)
    assert first is not None
    assert await identity.db.fetchval(query, secret.digest(token)) == first
    await identity.db.execute("UPDATE api_tokens SET last_used_at = last_used_at - interval '61 s'")
    await authenticated(identity, token)
    assert await identity.db.fetchval(query, secret.digest(token)) > first


async def test_the_cost_does_not_grow_with_the_memberships(identity: Serving, town: Town) -> None:
    one, many = await town.member(), await town.member()
    for _ in range(5):
        await town.join(many, await town.account(), "technical")

    async def statements(member: Member) -> int:
        credential = await signed_in(identity, member)
        call = identity.stub.Authenticate(pb.AuthenticateRequest(credential=credential), timeout=20)
        assert len((await call).memberships) in (1, 6)
        return int(dict(await call.trailing_metadata())["sql-statements"])

    assert await statements(one) == await statements(many) == 2


async def test_an_actor_token_is_given_again_while_half_of_its_life_is_left(identity: Serving, town: Town) -> None:
    tokens: ActorTokens = identity.app.tokens
    actor, now = (await town.member()).actor(), datetime.now(UTC)
    first = tokens.give(actor, now)
    assert tokens.give(actor, now + timedelta(seconds=20)) == first
    later = tokens.give(actor, now + timedelta(seconds=40))
    assert later[1] == now.replace(microsecond=0) + timedelta(seconds=100)


async def test_a_role_or_permission_that_does_not_exist_cannot_be_given(town: Town) -> None:
    with pytest.raises(access.RoleUnknown):
        await town.member("emperor")
    with pytest.raises(access.PermissionUnknown):
        await town.member("custom", grants=[Grant("domains.steal")])


async def test_nobody_reaches_further_by_making_a_token(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("accountant", owner.account_id)
    robot = replace(owner.actor(Grant("billing.read")), kind="token")
    for maker, refusal in ((clerk.actor(), api_tokens.ContactNotFound), (robot, api_tokens.NotByToken)):
        with pytest.raises(refusal):
            async with identity.db.transaction() as tx:
                await api_tokens.create_token(tx, maker, owner.contact_id, "robot")
    async with identity.db.transaction() as tx:
        own = (await api_tokens.create_token(tx, clerk.actor(), clerk.contact_id, "robot")).secret
    [membership] = (await authenticated(identity, own)).memberships
    assert {grant.permission for grant in membership.contact.grants} == access.ROLES["accountant"]
