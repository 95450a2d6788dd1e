"""Signing in in steps: what completes a pending sign-in, once, and what does not."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import factors_pb2 as pb
from portico.identity.v1 import identity_pb2
from services.identity import factor_store, sessions, store, throttle, totp
from tests.identity.authenticator import Authenticator
from tests.identity.conftest import SEALER, Member, Town
from tests.identity.second_factors import (
    add_key,
    add_totp,
    allow_many,
    challenge,
    forget_guesses,
    pending,
    person,
    step,
)
from tests.identity.test_sign_in import sign_in
from tests.serving import Serving


async def outcomes(identity: Serving, requests: list[pb.CompleteSignInRequest]) -> list[str]:
    """What happens to requests sent at once: "" for a session, else the reason."""

    async def one(request: pb.CompleteSignInRequest) -> str:
        try:
            await identity.call(None, "CompleteSignIn", request)
        except grpc.aio.AioRpcError:
            return (await identity.refused(None, "CompleteSignIn", request)).reason
        return ""

    return list(await asyncio.gather(*map(one, requests)))


async def ways(identity: Serving, member: Member, action: str = "user.signed_in") -> list[str]:
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    return [json.loads(event.after_json)["with"] for event in told if event.action == action]


async def authenticates(identity: Serving, secret: str) -> bool:
    request = identity_pb2.AuthenticateRequest(credential=secret)
    try:
        await identity.call(None, "Authenticate", request)
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_with_a_second_factor_the_password_opens_no_session(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    secret = await pending(identity, member)
    assert secret.startswith("pp_")
    assert not await authenticates(identity, secret)
    found = await identity.call(None, "GetPendingSignIn", pb.GetPendingSignInRequest(secret=secret))
    assert (found.code, found.security_key, found.recovery_code) == (True, False, True)
    made = await identity.call(None, "CompleteSignIn", step(secret, code=f" {app.code()[:3]} {app.code()[3:]} "))
    assert made.secret.startswith("ps_")
    assert await authenticates(identity, made.secret)
    assert await ways(identity, member) == ["password", "password, totp"]
    kept = await identity.db.fetch("SELECT * FROM pending_sign_ins")
    assert secret not in str([dict(row) for row in kept])


async def test_a_pending_sign_in_is_redeemed_once_however_many_try(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    _, codes = await add_totp(identity, who)
    secret = await pending(identity, member)
    results = await outcomes(identity, [step(secret, recovery_code=code) for code in codes])
    assert results.count("") == 1
    assert set(results) == {"", "SIGN_IN_EXPIRED"}
    left = await identity.db.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", member.user_id)
    assert left == len(codes) - 1


@pytest.mark.parametrize("kind", ["code", "recovery_code"])
async def test_of_fifty_parallel_uses_of_one_code_exactly_one_wins(
    identity: Serving, town: Town, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_many(monkeypatch)
    member, who = await person(identity, town)
    app, codes = await add_totp(identity, who)
    secrets = [await pending(identity, member) for _ in range(50)]
    proof: dict[str, Any] = {kind: app.code() if kind == "code" else codes[0]}
    results = await outcomes(identity, [step(secret, **proof) for secret in secrets])
    assert results.count("") == 1
    assert results.count("CODE_WRONG") == 49


@pytest.mark.parametrize("steps", [-3, -2, 3, 4])
async def test_a_code_of_too_early_or_too_late_is_wrong(identity: Serving, town: Town, steps: int) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    secret = await pending(identity, member)
    refused = await identity.refused(None, "CompleteSignIn", step(secret, code=app.code(steps)))
    assert (refused.reason, refused.fields) == ("CODE_WRONG", ["code"])
    assert await ways(identity, member, "user.second_factor_failed") == ["totp"]
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    assert [e.actor.kind for e in told if e.action == "user.second_factor_failed"] == ["system"]


async def test_a_code_is_good_one_step_around_its_own_and_none_after_it_is(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    later = datetime.now(UTC) + timedelta(hours=1)

    async def accepted(steps: int) -> bool:
        code = app.totp.at(later + timedelta(seconds=30 * steps))
        async with identity.db.transaction() as tx:
            return await totp.accept(tx, SEALER, member.user_id, code, later)

    assert [await accepted(steps) for steps in (-2, 2, -1, 1, 1, 0, -1)] == [
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]


async def test_the_code_that_confirmed_an_app_does_not_sign_in(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    results = await outcomes(identity, [step(await pending(identity, member), code=app.code(n)) for n in (0, 1)])
    assert results == ["CODE_WRONG", ""]


async def test_five_wrong_tries_end_a_pending_sign_in(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    secret = await pending(identity, member)
    for n in range(sessions.PENDING_TRIES):
        refused = await identity.refused(None, "CompleteSignIn", step(secret, recovery_code=f"tipp-{n}"))
        assert (refused.reason, refused.fields) == ("CODE_WRONG", ["recovery_code"])
    for request in (step(secret, code=app.code()), step("pp_nonsense", code=app.code())):
        refused = await identity.refused(None, "CompleteSignIn", request)
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SIGN_IN_EXPIRED")


async def test_guesses_at_a_users_codes_are_throttled_over_all_its_sign_ins(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, codes = await add_totp(identity, who)
    reasons = []
    for n in range(throttle.PER_CODE.burst + 2):
        secret = await pending(identity, member)
        reasons += await outcomes(identity, [step(secret, code=f"{n:06}")])
    # Each refusal was asked for twice.
    assert reasons.count("SIGN_IN_THROTTLED") == 2 + throttle.PER_CODE.burst // 2
    secret = await pending(identity, member)
    assert await outcomes(identity, [step(secret, code=app.code())]) == ["SIGN_IN_THROTTLED"]
    # Whoever guesses at six digits locks nobody out who has a recovery code.
    assert await outcomes(identity, [step(secret, recovery_code=codes[0])]) == [""]


async def test_an_expired_or_cancelled_sign_in_and_one_of_an_old_password_are_over(
    identity: Serving, town: Town
) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    expired, cancelled, old = [await pending(identity, member) for _ in range(3)]
    await identity.call(None, "CancelSignIn", pb.CancelSignInRequest(secret=cancelled))
    await identity.db.execute(
        "UPDATE pending_sign_ins SET expires_at = now() WHERE secret_hash = sha256($1::text::bytea)", expired
    )
    assert await outcomes(identity, [step(s, code=app.code()) for s in (expired, cancelled)]) == ["SIGN_IN_EXPIRED"] * 2
    async with identity.db.transaction() as tx:
        hashed = await store.lock_password(tx, member.user_id)
        await store.set_password(tx, member.user_id, str(hashed))
    assert await outcomes(identity, [step(old, code=app.code())]) == ["SIGN_IN_EXPIRED"]


async def test_a_recovery_code_is_good_once_however_it_is_typed_and_a_mail_says_so(
    identity: Serving, town: Town
) -> None:
    member, who = await person(identity, town)
    _, codes = await add_totp(identity, who)
    typed = codes[0].replace("-", " ").upper().replace("0", "O").replace("1", "l")
    assert await outcomes(identity, [step(await pending(identity, member), recovery_code=typed)]) == [""]
    assert await outcomes(identity, [step(await pending(identity, member), recovery_code=codes[0])]) == ["CODE_WRONG"]
    for code in codes[1:7]:
        await identity.call(None, "CompleteSignIn", step(await pending(identity, member), recovery_code=code))
    mails = await identity.db.fetch(
        "SELECT body, account_id, category FROM emails WHERE user_id = $1 AND subject ~ 'helyreállító kódot' ORDER BY id",
        member.user_id,
    )
    assert len(mails) == 7
    assert {(mail["account_id"], mail["category"]) for mail in mails} == {(None, "security")}
    assert "még 9 maradt" in mails[0]["body"]
    assert "Kevés kódja maradt" not in mails[5]["body"]
    assert "Kevés kódja maradt" in mails[6]["body"]
    assert not any(code in mail["body"] for mail in mails for code in codes)


async def test_anothers_code_or_key_completes_nothing(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    stranger, other = await person(identity, town)
    await add_totp(identity, who)
    app, codes = await add_totp(identity, other)
    mine, theirs = Authenticator(), Authenticator()
    await add_key(identity, who, mine)
    await add_key(identity, other, theirs)
    secret = await pending(identity, member)
    asked = await challenge(identity, secret)
    proofs: list[dict[str, Any]] = [
        {"code": app.code()},
        {"recovery_code": codes[0]},
        {"assertion": theirs.sign(asked)},
    ]
    for proof in proofs:
        refused = await identity.refused(None, "CompleteSignIn", step(secret, **proof))
        assert refused.reason in {"CODE_WRONG", "SECURITY_KEY_REFUSED"}
    # Nor does a challenge of one sign-in serve another.
    elsewhere = mine.sign(await challenge(identity, await pending(identity, member)))
    refused = await identity.refused(None, "CompleteSignIn", step(secret, assertion=elsewhere))
    assert (refused.reason, refused.fields) == ("SECURITY_KEY_REFUSED", ["assertion"])
    assert await outcomes(identity, [step(await pending(identity, stranger), code=app.code())]) == [""]


async def test_exactly_one_proof_is_asked_for(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    await add_totp(identity, who)
    refused = await identity.refused(None, "CompleteSignIn", step(await pending(identity, member)))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT


async def test_what_was_begun_and_not_ended_is_forgotten(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    await add_key(identity, who, Authenticator())
    await challenge(identity, await pending(identity, member))
    later = datetime.now(UTC) + sessions.PENDING_LIFE
    await factor_store.purge(identity.db, later)
    for table in ("pending_factors", "pending_sign_ins", "security_key_challenges"):
        assert await identity.db.fetchval(f"SELECT count(*) FROM {table} WHERE expires_at < $1", later) == 0
    assert (await identity.call(None, "CreateSession", sign_in(member))).pending_secret
    await forget_guesses(identity)
