"""Security keys and passkeys: what is believed of a key's answer, and what is not."""

import asyncio
import json
from dataclasses import replace

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import factors_pb2 as pb
from services.chassis.actor import Actor
from services.identity.relying_party import RelyingParty, SecurityKeysUnavailable
from tests.identity.authenticator import Authenticator
from tests.identity.conftest import Member, Town
from tests.identity.second_factors import add_key, challenge, pending, person, step
from tests.serving import Serving, confirmed

OK, NO = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED


async def keyed(identity: Serving, town: Town) -> tuple[Member, Actor, Authenticator]:
    """Somebody with a security key."""
    member, who = await person(identity, town)
    authenticator = Authenticator()
    await add_key(identity, who, authenticator)
    return member, who, authenticator


async def passkey_options(identity: Serving) -> str:
    answer = await identity.call(None, "BeginPasskeySignIn", pb.BeginPasskeySignInRequest())
    return str(answer.options_json)


async def alone(identity: Serving, assertion: str) -> grpc.StatusCode:
    """What comes of signing in with the passkey's answer."""
    request = pb.CompletePasskeySignInRequest(assertion=assertion, user_agent="pytest")
    try:
        await identity.call(None, "CompletePasskeySignIn", request)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return OK


async def test_a_key_is_registered_as_asked_and_signs_in_after_the_password(identity: Serving, town: Town) -> None:
    member, who = await person(identity, town)
    begun = await identity.call(confirmed(who), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
    options = json.loads(begun.options_json)
    assert options["rp"] == {"name": "Portico", "id": "portal.example"}
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert list(begun.origins) == ["https://portal.example"]
    key = Authenticator(verifies=False)
    request = pb.ConfirmSecurityKeyRequest(id=begun.id, credential=key.register(begun.options_json), name="kulcs")
    first, again = [await identity.call(confirmed(who), "ConfirmSecurityKey", request) for _ in range(2)]
    assert (first.factor.kind, len(first.recovery_codes)) == (pb.FACTOR_KIND_SECURITY_KEY, 10)
    assert (again.factor, list(again.recovery_codes)) == (first.factor, [])
    secret = await pending(identity, member)
    found = await identity.call(None, "GetPendingSignIn", pb.GetPendingSignInRequest(secret=secret))
    assert (found.code, found.security_key, found.recovery_code) == (False, True, True)
    asked = await challenge(identity, secret)
    assert [c["id"] for c in json.loads(asked)["allowCredentials"]] == [json.loads(request.credential)["id"]]
    made = await identity.call(None, "CompleteSignIn", step(secret, assertion=key.sign(asked, name_user=False)))
    assert made.secret.startswith("ps_")
    listed = await identity.call(who, "ListFactors", pb.ListFactorsRequest())
    assert listed.factors[0].HasField("last_used_at")


async def test_a_known_key_is_left_out_when_asked_and_not_registered_twice(identity: Serving, town: Town) -> None:
    _, who, key = await keyed(identity, town)
    _, other = await person(identity, town)
    for actor, known in ((who, 1), (other, 0)):
        begun = await identity.call(confirmed(actor), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
        assert len(json.loads(begun.options_json)["excludeCredentials"]) == known
        request = pb.ConfirmSecurityKeyRequest(id=begun.id, credential=key.register(begun.options_json), name="x")
        refused = await identity.refused(confirmed(actor), "ConfirmSecurityKey", request)
        assert (refused.reason, refused.fields) == ("SECURITY_KEY_KNOWN", ["credential"])


@pytest.mark.parametrize(
    "key",
    [
        Authenticator(origin="https://evil.example"),
        Authenticator(rp_id="evil.example"),
        Authenticator(id=b"x" * 1024),
    ],
)
async def test_a_registration_for_another_site_is_refused_and_its_challenge_spent(
    identity: Serving, town: Town, key: Authenticator
) -> None:
    _, who = await person(identity, town)
    begun = await identity.call(confirmed(who), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
    for answer, expected in (
        (key.register(begun.options_json), "SECURITY_KEY_REFUSED"),
        (Authenticator().register(begun.options_json), "PENDING_FACTOR_NOT_FOUND"),
    ):
        request = pb.ConfirmSecurityKeyRequest(id=begun.id, credential=answer, name="x")
        assert (await identity.refused(confirmed(who), "ConfirmSecurityKey", request)).reason == expected


NONSENSE = ["{}", "[]", "null", "x", "[" * 9000, json.dumps({"id": "a", "rawId": "a", "type": "public-key"})]


@pytest.mark.parametrize("answer", NONSENSE)
async def test_nonsense_instead_of_an_answer_is_refused(identity: Serving, town: Town, answer: str) -> None:
    member, who, _ = await keyed(identity, town)
    begun = await identity.call(confirmed(who), "BeginSecurityKey", pb.BeginSecurityKeyRequest())
    request = pb.ConfirmSecurityKeyRequest(id=begun.id, credential=answer, name="x")
    assert (await identity.refused(confirmed(who), "ConfirmSecurityKey", request)).reason == "SECURITY_KEY_REFUSED"
    refused = await identity.refused(None, "CompleteSignIn", step(await pending(identity, member), assertion=answer))
    assert refused.reason == "SECURITY_KEY_REFUSED"
    refused = await identity.refused(None, "CompletePasskeySignIn", pb.CompletePasskeySignInRequest(assertion=answer))
    assert refused.reason == "PASSKEY_REFUSED"


async def test_a_passkey_signs_in_alone_and_the_log_says_how(identity: Serving, town: Town) -> None:
    member, _, key = await keyed(identity, town)
    options = await passkey_options(identity)
    assert json.loads(options)["userVerification"] == "required"
    assert json.loads(options)["allowCredentials"] == []
    assert await alone(identity, key.sign(options)) == OK
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    assert json.loads([e for e in told if e.action == "user.signed_in"][-1].after_json) == {"with": "passkey"}


async def test_one_answer_of_a_passkey_opens_one_session(identity: Serving, town: Town) -> None:
    _, _, key = await keyed(identity, town)
    answer = key.sign(await passkey_options(identity))
    results = await asyncio.gather(*(alone(identity, answer) for _ in range(20)))
    assert (results.count(OK), results.count(NO)) == (1, 19)


async def test_a_passkey_alone_must_verify_its_user_and_name_it(identity: Serving, town: Town) -> None:
    member, _, key = await keyed(identity, town)
    key.verifies = False
    assert await alone(identity, key.sign(await passkey_options(identity))) == NO
    key.verifies = True
    assert await alone(identity, key.sign(await passkey_options(identity), name_user=False)) == NO
    stranger, _ = await person(identity, town)
    key.user = stranger.user_id.bytes
    assert await alone(identity, key.sign(await passkey_options(identity))) == NO
    assert await alone(identity, Authenticator(user=member.user_id.bytes).sign(await passkey_options(identity))) == NO
    key.user = member.user_id.bytes
    assert await alone(identity, key.sign(await passkey_options(identity))) == OK
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    assert [e.actor.kind for e in told if e.action == "user.sign_in_failed"] == ["system"] * 3


@pytest.mark.parametrize("wrong", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}])
async def test_an_answer_for_another_site_is_refused(identity: Serving, town: Town, wrong: dict[str, str]) -> None:
    member, _, key = await keyed(identity, town)
    for name, value in wrong.items():
        setattr(key, name, value)
    assert await alone(identity, key.sign(await passkey_options(identity))) == NO
    secret = await pending(identity, member)
    request = step(secret, assertion=key.sign(await challenge(identity, secret)))
    assert (await identity.refused(None, "CompleteSignIn", request)).reason == "SECURITY_KEY_REFUSED"


async def test_a_counter_that_goes_back_betrays_a_copied_key(identity: Serving, town: Town) -> None:
    _, _, key = await keyed(identity, town)
    assert await alone(identity, key.sign(await passkey_options(identity))) == OK
    copied = key.count - 1
    assert await alone(identity, key.sign(await passkey_options(identity))) == OK
    key.count = copied
    assert await alone(identity, key.sign(await passkey_options(identity))) == NO


async def test_a_challenge_is_good_once_in_time_and_for_its_own_purpose(identity: Serving, town: Town) -> None:
    _, who, key = await keyed(identity, town)
    options = await passkey_options(identity)
    assert await alone(identity, key.sign(options)) == OK
    assert await alone(identity, key.sign(options)) == NO
    late = await passkey_options(identity)
    await identity.db.execute("UPDATE security_key_challenges SET expires_at = now()")
    assert await alone(identity, key.sign(late)) == NO
    # One of a step-up does not sign in, nor one for signing in alone confirm anybody, nor one of another session.
    asked = await identity.call(who, "BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest())
    assert await alone(identity, key.sign(asked.options_json)) == NO
    elsewhere = replace(who, session_id=(await keyed(identity, town))[1].session_id)
    theirs = await identity.call(elsewhere, "BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest())
    for wrong in (await passkey_options(identity), theirs.options_json):
        request = pb.ConfirmIdentityRequest(assertion=key.sign(wrong))
        assert (await identity.refused(who, "ConfirmIdentity", request)).reason == "SECURITY_KEY_REFUSED"
    asked = await identity.call(who, "BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest())
    await identity.call(who, "ConfirmIdentity", pb.ConfirmIdentityRequest(assertion=key.sign(asked.options_json)))


async def test_without_a_key_there_is_nothing_to_sign(identity: Serving, town: Town) -> None:
    _, who = await person(identity, town)
    refused = await identity.refused(who, "BeginSecurityKeyAssertion", pb.BeginSecurityKeyAssertionRequest())
    assert refused.reason == "NO_SECURITY_KEY"
    gone = pb.BeginSignInAssertionRequest(secret="pp_nonsense")
    assert (await identity.refused(None, "BeginSignInAssertion", gone)).reason == "SIGN_IN_EXPIRED"


async def test_asking_for_challenges_is_throttled_per_ip(identity: Serving) -> None:
    request = pb.BeginPasskeySignInRequest(ip="203.0.113.200")
    for _ in range(50):
        await identity.call(None, "BeginPasskeySignIn", request)
    assert (await identity.refused(None, "BeginPasskeySignIn", request)).reason == "SIGN_IN_THROTTLED"


def test_an_ip_address_is_no_relying_party_and_an_origin_has_no_path() -> None:
    both = RelyingParty.read("https://portal.example/, https://www.portal.example:8443")
    assert both == RelyingParty("portal.example", ("https://portal.example", "https://www.portal.example:8443"))
    for address in ("http://127.0.0.1:8000", "http://[::1]:8000"):
        with pytest.raises(SecurityKeysUnavailable):
            RelyingParty.read(address).required_id()
    for wrong in ("", "portal.example", "https://portal.example/a", "ftp://portal.example", "https://a@b.example"):
        with pytest.raises(ValueError):
            RelyingParty.read(wrong)
