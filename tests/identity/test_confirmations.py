"""Step-up: what makes a session count as confirmed, and for how long."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import factors_pb2 as pb
from services.chassis.actor import Actor
from tests.identity.authenticator import Authenticator
from tests.identity.conftest import Member, Town
from tests.identity.second_factors import add_key, add_totp, allow_many, pending, person, step
from tests.identity.test_credentials import authenticated, read
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving


async def stale(identity: Serving, member: Member) -> tuple[str, Actor]:
    """A session's secret, and its person, whose sign-in is an hour ago."""
    secret = await signed_in(identity, member)
    await identity.db.execute(
        "UPDATE sessions SET confirmed_at = now() - interval '1 h' WHERE user_id = $1", member.user_id
    )
    return secret, await actor(identity, secret)


async def actor(identity: Serving, secret: str) -> Actor:
    return read(identity, (await authenticated(identity, secret)).memberships[0].actor_token)


async def told(identity: Serving, member: Member) -> list[tuple[str, str]]:
    found = await identity.told(common_pb2.AuditRecorded, member.account_id)
    names = ("user.identity_confirmed", "user.confirmation_failed")
    return [(e.action, json.loads(e.after_json)["with"]) for e in found if e.action in names]


async def test_the_password_confirms_whoever_has_no_second_factor(identity: Serving, town: Town) -> None:
    member = await town.member()
    secret, who = await stale(identity, member)
    assert who.confirmed_until is None
    refused = await identity.refused(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(password="rossz jelszó"))
    assert (refused.code, refused.reason, refused.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "PASSWORD_WRONG",
        ["password"],
    )
    answer = await identity.call(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(password=member.password))
    until = answer.confirmed_until.ToDatetime(tzinfo=UTC)
    assert timedelta(minutes=4, seconds=50) < until - datetime.now(UTC) <= timedelta(minutes=5)
    assert (await actor(identity, secret)).confirmed_until == until.replace(microsecond=0)
    await identity.call(await actor(identity, secret), "BeginTotp", pb.BeginTotpRequest())
    assert await told(identity, member) == [
        ("user.confirmation_failed", "password"),
        ("user.identity_confirmed", "password"),
    ]


async def test_with_a_second_factor_the_password_confirms_nothing(identity: Serving, town: Town) -> None:
    member = await town.member()
    secret, who = await stale(identity, member)
    app, codes = await add_totp(identity, who)
    refused = await identity.refused(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(password=member.password))
    assert (refused.reason, refused.fields) == ("FACTOR_REQUIRED", ["password"])
    key = Authenticator()
    await add_key(identity, who, key)
    asked = await identity.call(who, "BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest())
    proofs: list[tuple[dict[str, Any], str]] = [
        ({"code": app.code()}, "totp"),
        ({"recovery_code": codes[0]}, "recovery_code"),
        ({"assertion": key.sign(asked.options_json)}, "security_key"),
    ]
    for proof, way in proofs:
        await identity.db.execute("UPDATE sessions SET confirmed_at = NULL WHERE user_id = $1", member.user_id)
        await identity.call(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(**proof))
        assert (await actor(identity, secret)).confirmed_until is not None
        assert (await told(identity, member))[-1] == ("user.identity_confirmed", way)
        again = await identity.refused(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(**proof))
        assert again.reason in {"CODE_WRONG", "SECURITY_KEY_REFUSED"}


async def test_a_code_used_to_sign_in_does_not_confirm_nor_the_reverse(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    code = app.code()
    await identity.call(None, "CompleteSignIn", step(await pending(identity, member), code=code))
    assert (await identity.refused(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(code=code))).reason == "CODE_WRONG"
    other, theirs = await person(identity, town)
    app, _ = await add_totp(identity, theirs)
    code = app.code()
    await identity.call(theirs, "ConfirmIdentity", pb.ConfirmIdentityRequest(code=code))
    refused = await identity.refused(None, "CompleteSignIn", step(await pending(identity, other), code=code))
    assert refused.reason == "CODE_WRONG"


@pytest.mark.parametrize("kind", ["code", "recovery_code"])
async def test_of_fifty_parallel_uses_exactly_one_confirms(
    identity: Serving, town: Town, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_many(monkeypatch)
    member, who = await person(identity, town)
    who = replace(who, ip="")
    app, codes = await add_totp(identity, who)
    given: dict[str, Any] = {kind: app.code() if kind == "code" else codes[0]}

    async def confirm() -> bool:
        try:
            await identity.call(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(**given))
        except grpc.aio.AioRpcError:
            return False
        return True

    assert sum(await asyncio.gather(*(confirm() for _ in range(50)))) == 1
    assert len([way for action, way in await told(identity, member) if action == "user.confirmation_failed"]) == 49


async def test_only_the_session_that_asks_is_confirmed_and_an_ended_one_never(identity: Serving, town: Town) -> None:
    member = await town.member()
    here, who = await stale(identity, member)
    there, other = await stale(identity, member)
    request = pb.ConfirmIdentityRequest(password=member.password)
    await identity.call(who, "ConfirmIdentity", request)
    assert (await actor(identity, here)).confirmed_until is not None
    assert (await actor(identity, there)).confirmed_until is None
    await identity.db.execute("UPDATE sessions SET ended_at = now() WHERE id = $1", other.session_id)
    assert (await identity.refused(other, "ConfirmIdentity", request)).reason == "SESSION_NOT_FOUND"


async def test_guesses_are_throttled_and_nothing_or_two_things_are_no_proof(identity: Serving, town: Town) -> None:
    member = await town.member()
    _, who = await stale(identity, member)
    who = replace(who, ip="")
    assert (await identity.refused(who, "ConfirmIdentity", pb.ConfirmIdentityRequest())).code == (
        grpc.StatusCode.INVALID_ARGUMENT
    )
    guesses = [pb.ConfirmIdentityRequest(password=f"tipp {n}") for n in range(12)]
    reasons = [(await identity.refused(who, "ConfirmIdentity", guess)).reason for guess in guesses]
    assert reasons == ["PASSWORD_WRONG"] * 10 + ["SIGN_IN_THROTTLED"] * 2
    await add_totp(identity, who)
    codes = [pb.ConfirmIdentityRequest(code=f"{n:06}") for n in range(12)]
    reasons = [(await identity.refused(who, "ConfirmIdentity", code)).reason for code in codes]
    assert reasons == ["CODE_WRONG"] * 10 + ["SIGN_IN_THROTTLED"] * 2
