"""A user's second factors: adding, listing and removing them, and the recovery codes that come with them."""

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import grpc
import pyotp
import pytest
from google.protobuf.message import Message

from portico.common.v1 import common_pb2
from portico.identity.v1 import factors_pb2 as pb
from portico.identity.v1 import identity_pb2
from services.chassis.actor import Actor
from services.identity import factors
from tests.identity.authenticator import Authenticator
from tests.identity.conftest import WEAK, Member, Town
from tests.identity.second_factors import add_key, add_totp, pending, person, step
from tests.identity.test_sign_in import sign_in
from tests.serving import Serving, confirmed

LONG = "elég hosszú jelszó"


async def listed(identity: Serving, who: Actor) -> tuple[list[str], int]:
    answer = await identity.call(who, "ListFactors", pb.ListFactorsRequest())
    return [factor.name for factor in answer.factors], answer.recovery_codes_left


async def set_password(identity: Serving, member: Member, password: str) -> None:
    hashed = await WEAK.hash(password)
    await identity.db.execute("UPDATE users SET password_hash = $2 WHERE id = $1", member.user_id, hashed)


async def mails(identity: Serving, member: Member) -> list[str]:
    rows = await identity.db.fetch(
        "SELECT subject FROM emails WHERE user_id = $1 AND account_id IS NULL ORDER BY id", member.user_id
    )
    return [row["subject"] for row in rows]


async def actions(identity: Serving, member: Member) -> list[str]:
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    return [e.action for e in told if e.action.startswith("user.")]


async def test_an_app_is_added_by_the_code_that_it_shows_with_ten_recovery_codes(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    begun = await identity.call(confirmed(who), "BeginTotp", pb.BeginTotpRequest())
    totp = pyotp.parse_uri(begun.uri)
    assert isinstance(totp, pyotp.TOTP)
    assert (totp.issuer, totp.name, totp.secret) == ("Portico", member.email, begun.secret)
    assert begun.qr_svg.startswith("<svg")
    # Begun is not added: the password still signs in alone.
    assert await listed(identity, who) == ([], 0)
    assert (await identity.call(None, "CreateSession", sign_in(member))).secret
    wrong = pb.ConfirmTotpRequest(id=begun.id, code="000000", name="telefon")
    refused = await identity.refused(confirmed(who), "ConfirmTotp", wrong)
    assert (refused.reason, refused.fields) == ("CODE_WRONG", ["code"])
    right = pb.ConfirmTotpRequest(id=begun.id, code=totp.now(), name=" telefon ")
    first, again = [await identity.call(confirmed(who), "ConfirmTotp", right) for _ in range(2)]
    assert len(set(first.recovery_codes)) == 10
    assert (list(again.recovery_codes), again.factor) == ([], first.factor)
    assert await listed(identity, who) == (["telefon"], 10)
    _, second = await add_totp(identity, who, "másik telefon")
    assert not second
    names = ["user.signed_in", "user.signed_in", "user.factor_added", "user.recovery_codes_made", "user.factor_added"]
    assert await actions(identity, member) == names
    assert await mails(identity, member) == ["Új második tényező a bejelentkezéshez"] * 2
    secrets = [begun.secret, *first.recovery_codes]
    for table in ("factors", "recovery_codes", "emails", "outbox"):
        for row in await identity.db.fetch(f"SELECT * FROM {table}"):
            assert not any(secret in str(value) for value in row.values() for secret in secrets)


async def test_a_factor_shows_in_every_account_of_the_user(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    other = await town.account("Másik Bt.")
    await town.join(member, other, "read_only")
    await add_totp(identity, who)
    for account in (member.account_id, other):
        told = await identity.told(common_pb2.AuditRecorded, account)
        [event] = [e for e in told if e.action == "user.factor_added"]
        assert (event.actor.label, event.actor.ip) == (member.email, who.ip)
        assert json.loads(event.after_json) == {"kind": "totp", "name": "telefon"}
    answer = await identity.call(who, "GetDashboard", identity_pb2.GetDashboardRequest())
    assert [w.code for w in answer.warnings] == []


async def test_another_users_or_an_expired_beginning_adds_nothing(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    _, other = await person(identity, town)
    begun = await identity.call(confirmed(who), "BeginTotp", pb.BeginTotpRequest())
    request = pb.ConfirmTotpRequest(id=begun.id, code=pyotp.TOTP(begun.secret).now(), name="x")
    refused = await identity.refused(confirmed(other), "ConfirmTotp", request)
    assert (refused.reason, refused.fields) == ("PENDING_FACTOR_NOT_FOUND", ["id"])
    await identity.db.execute("UPDATE pending_factors SET expires_at = now() WHERE id = $1::text::uuid", begun.id)
    assert (await identity.refused(confirmed(who), "ConfirmTotp", request)).reason == "PENDING_FACTOR_NOT_FOUND"
    assert await listed(identity, who) == ([], 0)


CHANGES: list[tuple[str, Message]] = [
    ("BeginTotp", pb.BeginTotpRequest()),
    ("ConfirmTotp", pb.ConfirmTotpRequest(id=str(uuid4()), code="1", name="x")),
    ("BeginSecurityKey", pb.BeginSecurityKeyRequest()),
    ("ConfirmSecurityKey", pb.ConfirmSecurityKeyRequest(id=str(uuid4()), credential="{}", name="x")),
    ("RemoveFactor", pb.RemoveFactorRequest(id=str(uuid4()))),
    ("RegenerateRecoveryCodes", pb.RegenerateRecoveryCodesRequest()),
]


@pytest.mark.parametrize(("method", "request_"), CHANGES)
async def test_changes_need_a_confirmed_session_and_no_token_may(
    identity: Serving, town: Town, method: str, request_: Message
) -> None:
    _, who = await person(identity, town)
    stale = replace(who, confirmed_until=None)
    refused = await identity.refused(stale, method, request_)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "STEP_UP_REQUIRED")
    # Even one that claimed to be confirmed.
    token = confirmed(replace(who, kind="token", id=str(uuid4()), session_id=None))
    refused = await identity.refused(token, method, request_)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_MAY_NOT")


async def test_a_token_sees_no_factor_and_confirms_nobody(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    token = replace(who, kind="token", id=str(uuid4()), session_id=None)
    assert await listed(identity, token) == ([], 0)
    for method, request in (
        ("ConfirmIdentity", pb.ConfirmIdentityRequest(code=app.code())),
        ("ConfirmIdentity", pb.ConfirmIdentityRequest(password="x")),
        ("BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest()),
    ):
        assert (await identity.refused(token, method, request)).reason == "TOKEN_MAY_NOT"


async def test_of_many_factors_ten_are_allowed_however_many_are_confirmed_at_once(
    identity: Serving, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factors, "MOST", 3)
    _, who = await person(identity, town)
    begun = [await identity.call(confirmed(who), "BeginTotp", pb.BeginTotpRequest()) for _ in range(5)]

    async def confirm(one: pb.BeginTotpResponse) -> bool:
        request = pb.ConfirmTotpRequest(id=one.id, code=pyotp.TOTP(one.secret).now(), name="x")
        try:
            await identity.call(confirmed(who), "ConfirmTotp", request)
        except grpc.aio.AioRpcError:
            assert (await identity.refused(confirmed(who), "ConfirmTotp", request)).reason == "TOO_MANY_FACTORS"
            return False
        return True

    assert sum(await asyncio.gather(*map(confirm, begun))) == 3
    refused = await identity.refused(confirmed(who), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
    assert (refused.reason, refused.metadata["limit"]) == ("TOO_MANY_FACTORS", "3")


async def test_new_recovery_codes_replace_all_old_ones(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    refused = await identity.refused(confirmed(who), "RegenerateRecoveryCodes", pb.RegenerateRecoveryCodesRequest())
    assert refused.reason == "NO_FACTOR"
    _, old = await add_totp(identity, who)
    answer = await identity.call(confirmed(who), "RegenerateRecoveryCodes", pb.RegenerateRecoveryCodesRequest())
    assert len(answer.codes) == 10
    assert not set(answer.codes) & set(old)
    secret = await pending(identity, member)
    assert (await identity.refused(None, "CompleteSignIn", step(secret, recovery_code=old[0]))).reason == "CODE_WRONG"
    await identity.call(None, "CompleteSignIn", step(secret, recovery_code=answer.codes[0]))
    assert await listed(identity, who) == (["telefon"], 9)
    assert "Új helyreállító kódok készültek" in await mails(identity, member)


async def test_the_last_factor_goes_only_when_the_password_can_stand_alone(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    app, _ = await add_totp(identity, who)

    async def refused(password: str) -> tuple[str, list[str]]:
        request = pb.RemoveFactorRequest(id=app.id, current_password=password)
        told = await identity.refused(confirmed(who), "RemoveFactor", request)
        return told.reason, told.fields

    field = ["current_password"]
    assert await refused("") == ("PASSWORD_REQUIRED", field)
    assert await refused("rossz jelszó, de hosszú") == ("PASSWORD_WRONG", field)
    assert await refused(member.password) == ("PASSWORD_TOO_SHORT_ALONE", field)
    assert await listed(identity, who) == (["telefon"], 10)
    await set_password(identity, member, LONG)
    request = pb.RemoveFactorRequest(id=app.id, current_password=LONG)
    await identity.call(confirmed(who), "RemoveFactor", request)
    assert await listed(identity, who) == ([], 0)
    assert (await identity.refused(confirmed(who), "RemoveFactor", request)).reason == "FACTOR_NOT_FOUND"
    assert "user.factor_removed" in await actions(identity, member)
    body = await identity.db.fetchval(
        "SELECT body FROM emails WHERE user_id = $1 AND subject ~ 'eltávolítva'", member.user_id
    )
    assert "Ez volt az utolsó" in body


async def test_a_factor_that_is_not_the_last_goes_without_the_password(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    first, _ = await add_totp(identity, who)
    second, _ = await add_totp(identity, who, "másik")
    await identity.call(confirmed(who), "RemoveFactor", pb.RemoveFactorRequest(id=first.id))
    assert await listed(identity, who) == (["másik"], 10)
    assert (await identity.refused(confirmed(who), "RemoveFactor", pb.RemoveFactorRequest(id=second.id))).reason == (
        "PASSWORD_REQUIRED"
    )


async def test_of_two_factors_removed_at_once_one_stays(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    apps = [(await add_totp(identity, who, name))[0] for name in ("a", "b")]

    async def remove(id_: str) -> bool:
        try:
            await identity.call(confirmed(who), "RemoveFactor", pb.RemoveFactorRequest(id=id_))
        except grpc.aio.AioRpcError:
            return False
        return True

    assert sorted(await asyncio.gather(*(remove(app.id) for app in apps))) == [False, True]


async def test_anothers_factor_is_not_found_and_stays(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    _, colleague = await person(identity, town)
    app, _ = await add_totp(identity, who)
    request = pb.RemoveFactorRequest(id=app.id)
    refused = await identity.refused(confirmed(colleague), "RemoveFactor", request)
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.NOT_FOUND, "FACTOR_NOT_FOUND", ["id"])
    assert await listed(identity, who) == (["telefon"], 10)
    assert await listed(identity, colleague) == ([], 0)


async def test_the_password_is_not_guessed_by_removing_factors(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    app, _ = await add_totp(identity, who)
    reasons = []
    for n in range(12):
        request = pb.RemoveFactorRequest(id=app.id, current_password=f"tipp {n}")
        reasons.append((await identity.refused(replace(confirmed(who), ip=""), "RemoveFactor", request)).reason)
    assert reasons == ["PASSWORD_WRONG"] * 10 + ["SIGN_IN_THROTTLED"] * 2


async def test_listing_costs_the_same_however_many_there_are(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    none = await identity.statements(who, "ListFactors", pb.ListFactorsRequest())
    for n in range(3):
        await add_key(identity, who, Authenticator(), f"kulcs {n}")
    assert await identity.statements(who, "ListFactors", pb.ListFactorsRequest()) == none
