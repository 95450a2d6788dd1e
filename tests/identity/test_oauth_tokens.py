"""Authorizations, codes and tokens, on identity's own RPCs."""

import asyncio
import base64
import functools
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2, oauth_pb2
from services.chassis.actor import Actor
from services.identity import access, credentials, secret
from services.identity.oauth_tokens import ACCESS_LIFE
from tests.identity.conftest import Member, Town
from tests.identity.oauth import ALLOW, CALLBACK, CONSENT, DENY, DONE, LOOKING, SIGN_IN, App
from tests.identity.test_credentials import authenticated, read, reason
from tests.identity.test_own_credentials import sessions
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving

ISSUER = "https://portal.example"
EVERYTHING = ("openid", "profile", "email", "offline_access", "domains.read")


@pytest.fixture
async def app(identity: Serving) -> App:
    return await App.register(identity)


@pytest.fixture
async def member(town: Town) -> Member:
    return await town.member()


@pytest.fixture
async def session(identity: Serving, member: Member) -> str:
    """The member's browser, signed in."""
    return await signed_in(identity, member)


async def actor(identity: Serving, credential: str) -> Actor:
    return read(identity, (await authenticated(identity, credential)).memberships[0].actor_token)


async def claims_of(identity: Serving, id_token: str) -> dict[str, Any]:
    answer = await identity.call(None, "ListSigningKeys", oauth_pb2.ListSigningKeysRequest())
    return dict(jwt.decode(id_token, KeySet.import_key_set(json.loads(answer.jwks_json)), algorithms=["RS256"]).claims)


async def audited(identity: Serving, member: Member, action: str) -> list[dict[str, Any]]:
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    return [json.loads(event.after_json) for event in told if event.action == action]


# -- from the request to the code


async def test_a_request_waits_for_signing_in_then_for_consent_and_is_answered_once(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    request = await app.start("openid", "domains.read", state="s", nonce="n")
    assert (await app.go_on(request)).step == SIGN_IN
    assert (await app.go_on(request, "ps_nonsense")).step == SIGN_IN
    asked = await app.go_on(request, session)
    assert (asked.step, asked.client_name, asked.user_email) == (CONSENT, "Próba", member.email)
    assert (list(asked.scopes), asked.code) == (["domains.read", "openid"], "")
    done = await app.go_on(request, session, answer=ALLOW, user_id=asked.user_id)
    assert (done.step, done.state, done.redirect_uri) == (DONE, "s", CALLBACK)
    again = oauth_pb2.ContinueAuthorizationRequest(request=request, session=session, answer=ALLOW)
    assert (await identity.refused(None, "ContinueAuthorization", again)).reason == "AUTHORIZATION_OVER"


async def test_an_answer_is_good_from_the_person_who_was_asked_alone(
    app: App, identity: Serving, session: str, town: Town
) -> None:
    request = await app.start()
    asked = await app.go_on(request, session)
    other = await signed_in(identity, await town.member())
    assert (await app.go_on(request, other, answer=ALLOW, user_id=asked.user_id)).step == CONSENT
    assert (await app.go_on(request, answer=ALLOW, user_id=asked.user_id)).step == SIGN_IN
    assert (await app.go_on(request, session, answer=ALLOW)).step == CONSENT


async def test_a_refusal_is_told_and_ends_the_request(app: App, identity: Serving, session: str) -> None:
    request = await app.start()
    assert (await app.go_on(request, session, answer=DENY)).error == "access_denied"
    again = oauth_pb2.ContinueAuthorizationRequest(request=request, session=session, answer=ALLOW)
    assert (await identity.refused(None, "ContinueAuthorization", again)).reason == "AUTHORIZATION_OVER"


async def test_consent_is_remembered_for_the_same_or_fewer_scopes_until_the_session_is_revoked(
    app: App, identity: Serving, session: str, member: Member, town: Town
) -> None:
    await app.tokens(session, "openid", "email", "domains.read")
    for scopes, step in (
        (("openid", "email", "domains.read"), DONE),
        (("openid", "email"), DONE),
        (("openid", "dns.write"), CONSENT),
    ):
        assert (await app.go_on(await app.start(*scopes), session)).step == step
    assert (await app.go_on(await app.start("openid", prompt=["consent"]), session)).step == CONSENT
    stranger = await signed_in(identity, await town.member())
    assert (await app.go_on(await app.start("openid"), stranger)).step == CONSENT
    here = await actor(identity, session)
    [theirs] = [one for one in await sessions(identity, here) if one.application]
    await identity.call(here, "RevokeSession", identity_pb2.RevokeSessionRequest(id=theirs.id))
    assert (await app.go_on(await app.start("openid"), session)).step == CONSENT


async def test_a_first_party_client_is_let_in_without_a_question_unless_it_wants_one(
    identity: Serving, session: str
) -> None:
    ours = await App.register(identity, first_party=True)
    assert (await ours.go_on(await ours.start(), session)).code
    assert (await ours.go_on(await ours.start(prompt=["consent"]), session)).step == CONSENT


async def test_prompt_none_never_shows_anything(app: App, session: str) -> None:
    assert (await app.go_on(await app.start("openid", prompt=["none"]))).error == "login_required"
    assert (await app.go_on(await app.start("openid", prompt=["none"]), session)).error == "consent_required"
    await app.tokens(session, "openid")
    assert (await app.go_on(await app.start("openid", prompt=["none"]), session)).code


@pytest.mark.parametrize("demand", [{"prompt": ["login"]}, {"max_age": 0}, {"prompt": ["select_account"]}])
async def test_a_fresh_sign_in_that_the_app_demands_is_made_once(
    app: App, identity: Serving, session: str, member: Member, demand: dict[str, Any]
) -> None:
    request = await app.start("openid", **demand)
    assert (await app.go_on(request, session)).step == SIGN_IN
    fresh = await signed_in(identity, member)
    assert (await app.go_on(request, fresh)).step == CONSENT


async def test_max_age_counts_from_the_last_confirmation(app: App, identity: Serving, session: str) -> None:
    await identity.db.execute("UPDATE sessions SET confirmed_at = confirmed_at - interval '1 hour'")
    assert (await app.go_on(await app.start("openid", max_age=1800), session)).step == SIGN_IN
    assert (
        await app.go_on(await app.start("openid", max_age=1800, prompt=["none"]), session)
    ).error == "login_required"
    assert (await app.go_on(await app.start("openid", max_age=7200), session)).step == CONSENT


@pytest.mark.parametrize("column", [LOOKING, "grants = '[]'"])
async def test_only_the_user_itself_lets_apps_in(app: App, identity: Serving, session: str, column: str) -> None:
    request = await app.start()
    await identity.db.execute(f"UPDATE sessions SET {column} WHERE secret_hash = $1", secret.digest(session))
    asked = oauth_pb2.ContinueAuthorizationRequest(request=request, session=session, answer=ALLOW)
    refused = await identity.refused(None, "ContinueAuthorization", asked)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SESSION_MAY_NOT_AUTHORIZE")


async def test_what_a_client_may_not_ask_for_is_not_kept(app: App, identity: Serving) -> None:
    for request, expected in (
        (app.asked("openid", "billing.pay"), "OAUTH_SCOPE_REFUSED"),
        (app.asked(redirect_uri="https://evil.example/"), "REDIRECT_URI_UNKNOWN"),
        (app.asked(code_challenge="short"), "INVALID"),
        (app.asked(code_challenge=""), "INVALID"),
        (app.asked(prompt=["create"]), "INVALID"),
    ):
        assert (await identity.refused(None, "StartAuthorization", request)).reason == expected
    waiting = "SELECT count(*) FROM oauth_authorizations WHERE client_id = $1"
    assert await identity.db.fetchval(waiting, UUID(app.id)) == 0


async def test_one_ip_cannot_start_authorizations_without_end(app: App, identity: Serving) -> None:
    await app.start(ip="203.0.113.55")
    await identity.db.execute(
        "UPDATE guesses SET whole_at = now() + interval '300 s' WHERE key = 'authorization:ip:203.0.113.55'"
    )
    refused = await identity.refused(None, "StartAuthorization", app.asked(ip="203.0.113.55"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGN_IN_THROTTLED")
    await app.start(ip="203.0.113.56")


# -- codes


async def test_a_code_brings_tokens_with_their_claims(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    tokens = await app.tokens(session, *EVERYTHING, nonce="n-1")
    assert (tokens.expires_in_seconds, list(tokens.scopes)) == (600, sorted(EVERYTHING))
    claims = await claims_of(identity, tokens.id_token)
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, app.id, str(member.user_id))
    assert (claims["nonce"], claims["email"], claims["name"], claims["locale"]) == ("n-1", member.email, "Anna", "hu")
    assert claims["iat"] <= claims["exp"] - 3600
    assert abs(claims["auth_time"] - claims["iat"]) < 10
    plain = await claims_of(identity, (await app.tokens(session, "openid")).id_token)
    assert not {"nonce", "email", "email_verified", "name", "locale"} & set(plain)
    none = await app.tokens(session, "domains.read")
    assert (none.id_token, none.refresh_token) == ("", "")


async def test_tokens_and_codes_are_kept_as_hashes_alone(app: App, identity: Serving, session: str) -> None:
    code = await app.code(session, *EVERYTHING)
    tokens = await app.redeem(code)
    for table in ("sessions", "oauth_authorizations", "oauth_access_tokens", "oauth_refresh_tokens", "outbox"):
        kept = str(await identity.db.fetch(f"SELECT * FROM {table}"))
        for shown in (code, tokens.access_token, tokens.refresh_token, tokens.id_token):
            assert shown not in kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"code_verifier": "w" * 43}, "another verifier"),
        ({"code_verifier": "short"}, "no verifier"),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, "another port than asked with"),
        ({"redirect_uri": CALLBACK + "/"}, "another path"),
        ({"code": "pc_nonsense"}, "another code"),
    ],
)
async def test_a_code_is_good_only_with_what_it_was_asked_with_and_a_miss_does_not_spoil_it(
    app: App, session: str, given: dict[str, str], why: str
) -> None:
    code = await app.code(session)
    assert (await app.refused(given.pop("code", code), **given)).reason == "OAUTH_GRANT_INVALID", why
    assert (await app.redeem(code)).access_token


async def test_a_code_is_bound_to_its_client_and_that_to_its_secret(app: App, identity: Serving, session: str) -> None:
    code, other = await app.code(session), await App.register(identity, confidential=True)
    assert (await app.refused(code, client=other.shown)).reason == "OAUTH_GRANT_INVALID"
    for wrong in ("", other.secret + "x"):
        shown = oauth_pb2.ClientCredentials(client_id=other.id, client_secret=wrong)
        assert (await app.refused(code, client=shown)).reason == "OAUTH_CLIENT_REFUSED"
    shown = oauth_pb2.ClientCredentials(client_id=app.id, client_secret="made up")
    assert (await app.refused(code, client=shown)).reason == "OAUTH_CLIENT_REFUSED"
    assert (await other.redeem(await other.code(session))).access_token


async def test_an_expired_code_and_one_of_a_browser_that_signed_out_are_refused(
    app: App, identity: Serving, session: str
) -> None:
    late = await app.code(session)
    await identity.db.execute(
        "UPDATE oauth_authorizations SET code_expires_at = now() WHERE code_hash = $1", secret.digest(late)
    )
    assert (await app.refused(late)).reason == "OAUTH_GRANT_INVALID"
    code = await app.code(session)
    await identity.call(None, "EndSession", identity_pb2.EndSessionRequest(secret=session))
    assert (await app.refused(code)).reason == "OAUTH_GRANT_INVALID"


async def test_of_fifty_parallel_redemptions_one_wins_and_its_tokens_are_good(
    app: App, identity: Serving, session: str
) -> None:
    code = await app.code(session, *EVERYTHING)
    answers = await asyncio.gather(*(app.redeem(code) for _ in range(50)), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, oauth_pb2.OAuthTokens)]
    assert len(won) == 1
    lost = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {answer.code() for answer in lost} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert len(lost) == 49
    await authenticated(identity, won[0].access_token)
    await app.refresh(won[0].refresh_token)


async def test_a_code_that_comes_again_after_its_tokens_were_used_ends_what_it_opened(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    code = await app.code(session, *EVERYTHING)
    tokens = await app.redeem(code)
    await authenticated(identity, tokens.access_token)
    assert (await app.refused(code, code_verifier="w" * 43)).reason == "OAUTH_GRANT_INVALID"
    await authenticated(identity, tokens.access_token)  # who has no verifier ends nothing
    assert (await app.refused(code)).reason == "OAUTH_GRANT_INVALID"
    assert await reason(identity, tokens.access_token) == "CREDENTIAL_INVALID"
    assert await app.not_refreshed(tokens.refresh_token) == "OAUTH_GRANT_INVALID"
    told = await audited(identity, member, "user.app_signed_out")
    assert told == [{"application": "Próba", "cause": "the code was used twice"}]


async def test_a_code_that_comes_again_much_later_ends_what_it_opened_used_or_not(
    app: App, identity: Serving, session: str
) -> None:
    code = await app.code(session, *EVERYTHING)
    tokens = await app.redeem(code)
    assert (await app.refused(code)).reason == "OAUTH_GRANT_INVALID"  # at once: the same app, twice
    await identity.db.execute(
        "UPDATE oauth_authorizations SET opened_at = opened_at - interval '6 s' WHERE code_hash = $1",
        secret.digest(code),
    )
    assert (await app.refused(code)).reason == "OAUTH_GRANT_INVALID"
    assert await app.not_refreshed(tokens.refresh_token) == "OAUTH_GRANT_INVALID"


# -- refreshing


async def test_refreshing_changes_both_tokens_and_keeps_who_signed_in_when(
    app: App, identity: Serving, session: str
) -> None:
    first = await app.tokens(session, *EVERYTHING, nonce="n")
    second = await app.refresh(first.refresh_token)
    assert len({first.access_token, second.access_token, first.refresh_token, second.refresh_token}) == 4
    before, after = await claims_of(identity, first.id_token), await claims_of(identity, second.id_token)
    assert {k: before[k] for k in ("iss", "sub", "aud", "auth_time")} == {
        k: after[k] for k in ("iss", "sub", "aud", "auth_time")
    }
    assert "nonce" not in after
    await authenticated(identity, second.access_token)


async def test_a_refresh_token_used_twice_ends_the_whole_family(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    first = await app.tokens(session, *EVERYTHING)
    second = await app.refresh(first.refresh_token)
    third = await app.refresh(second.refresh_token)
    assert await app.not_refreshed(first.refresh_token) == "OAUTH_GRANT_INVALID"
    for tokens in (first, second, third):
        assert await reason(identity, tokens.access_token) == "CREDENTIAL_INVALID"
        assert await app.not_refreshed(tokens.refresh_token) == "OAUTH_GRANT_INVALID"
    told = await audited(identity, member, "user.app_signed_out")
    assert told == [{"application": "Próba", "cause": "a refresh token was used twice"}]
    await authenticated(identity, session)  # the browser's own session is another


async def test_of_parallel_refreshes_one_wins_and_the_copy_is_noticed(app: App, session: str) -> None:
    tokens = await app.tokens(session)
    answers = await asyncio.gather(*(app.refresh(tokens.refresh_token) for _ in range(10)), return_exceptions=True)
    [won] = [answer for answer in answers if isinstance(answer, oauth_pb2.OAuthTokens)]
    assert await app.not_refreshed(won.refresh_token) == "OAUTH_GRANT_INVALID"


async def test_refreshing_may_narrow_the_scope_and_never_widen_it(app: App, identity: Serving, session: str) -> None:
    first = await app.tokens(session, *EVERYTHING)
    for wider in ("dns.write", "all", "billing.pay"):
        assert await app.not_refreshed(first.refresh_token, "openid", wider) == "OAUTH_SCOPE_REFUSED"
    narrow = await app.refresh(first.refresh_token, "email")
    assert (list(narrow.scopes), narrow.id_token) == (["email"], "")
    assert not (await authenticated(identity, narrow.access_token)).memberships
    assert list((await app.refresh(narrow.refresh_token)).scopes) == sorted(EVERYTHING)


async def test_another_clients_refresh_token_is_refused_and_stays_good(
    app: App, identity: Serving, session: str
) -> None:
    tokens, other = await app.tokens(session), await App.register(identity)
    assert await other.not_refreshed(tokens.refresh_token) == "OAUTH_GRANT_INVALID"
    await app.refresh(tokens.refresh_token)


@pytest.mark.parametrize(
    ("change", "credential"),
    [
        ("UPDATE oauth_refresh_tokens SET expires_at = now() WHERE session_id = $1", "CREDENTIAL_GOOD"),
        ("UPDATE sessions SET expires_at = now() WHERE id = $1", "CREDENTIAL_EXPIRED"),
        ("UPDATE sessions SET ended_at = now() WHERE id = $1", "CREDENTIAL_INVALID"),
    ],
)
async def test_refreshing_ends_with_the_token_and_with_the_session(
    app: App, identity: Serving, session: str, change: str, credential: str
) -> None:
    tokens = await app.tokens(session, *EVERYTHING)
    session_id = await identity.db.fetchval(
        "SELECT session_id FROM oauth_access_tokens WHERE secret_hash = $1", secret.digest(tokens.access_token)
    )
    await identity.db.execute(change, session_id)
    assert await app.not_refreshed(tokens.refresh_token) == "OAUTH_GRANT_INVALID"
    if credential == "CREDENTIAL_GOOD":
        await authenticated(identity, tokens.access_token)
    else:
        assert await reason(identity, tokens.access_token) == credential


# -- what an access token may


async def test_permissions_narrow_the_app_and_it_acts_as_a_token(
    app: App, identity: Serving, session: str, member: Member, town: Town
) -> None:
    other = await town.account("Másik Bt.")
    await town.join(member, other, "accountant")
    answer = await authenticated(identity, (await app.tokens(session, "domains.read", "dns.write")).access_token)
    own, guest = answer.memberships
    assert [g.permission for g in own.contact.grants] == ["dns.write", "domains.read"]
    assert list(guest.contact.grants) == []
    acting = read(identity, own.actor_token)
    assert (acting.kind, acting.label) == ("token", f"{member.email} (Próba)")
    assert (acting.session_id, acting.confirmed_until, answer.credential_kind) == (None, None, "token")
    refused = await identity.refused(acting, "RevokeAllSessions", identity_pb2.RevokeAllSessionsRequest())
    assert refused.reason == "TOKEN_MAY_NOT"
    assert await sessions(identity, acting) == []


async def test_with_all_the_app_acts_as_the_user_in_every_account(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    answer = await authenticated(identity, (await app.tokens(session, "all")).access_token)
    acting = read(identity, answer.memberships[0].actor_token)
    assert {g.permission for g in acting.grants} == access.PERMISSIONS
    assert (acting.kind, acting.id, answer.credential_kind) == ("user", str(member.user_id), "session")
    [mine] = [one for one in await sessions(identity, acting) if one.current]
    assert (mine.application, mine.ip, mine.user_agent) == ("Próba", "192.0.2.7", "Próba/1")
    assert acting.session_id == UUID(mine.id)
    assert acting.confirmed_until is not None  # signing in counts, as for a browser


async def test_step_up_works_on_an_apps_session(app: App, identity: Serving, session: str) -> None:
    tokens = await app.tokens(session, "all")
    mine = (await actor(identity, tokens.access_token)).session_id
    moved = "UPDATE sessions SET confirmed_at = $2 WHERE id = $1"
    await identity.db.execute(moved, mine, datetime.now(UTC) - timedelta(hours=1))
    assert (await actor(identity, tokens.access_token)).confirmed_until is None
    now = datetime.now(UTC)
    await identity.db.execute(moved, mine, now)
    until = (await actor(identity, tokens.access_token)).confirmed_until
    assert until is not None
    assert abs(until - now - credentials.CONFIRMED_FOR) < timedelta(seconds=1)


async def test_without_a_permission_an_app_learns_what_its_scopes_tell_and_sees_no_account(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    for scopes, name, email in (
        (("openid",), "", ""),
        (("profile",), "Anna", ""),
        (("openid", "email"), "", member.email),
    ):
        answer = await authenticated(identity, (await app.tokens(session, *scopes)).access_token)
        assert (answer.user.name, answer.user.email, list(answer.memberships)) == (name, email, [])


async def test_revoking_the_session_ends_every_token_of_it(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    tokens, here = await app.tokens(session, *EVERYTHING), await actor(identity, session)
    newer = await app.refresh(tokens.refresh_token)
    [theirs] = [one for one in await sessions(identity, here) if one.application]
    await identity.call(here, "RevokeSession", identity_pb2.RevokeSessionRequest(id=theirs.id))
    for one in (tokens, newer):
        assert await reason(identity, one.access_token) == "CREDENTIAL_INVALID"
    assert await app.not_refreshed(newer.refresh_token) == "OAUTH_GRANT_INVALID"
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    [event] = [e for e in told if e.action == "user.sessions_revoked"]
    assert [one["application"] for one in json.loads(event.before_json)["sessions"]] == ["Próba"]


async def test_an_access_token_is_short_lived_and_a_session_without_tokens_gives_way_to_the_next(
    app: App, identity: Serving, session: str
) -> None:
    assert timedelta(minutes=10) == ACCESS_LIFE
    tokens = await app.tokens(session, "openid", "email", "domains.read")
    await identity.db.execute(
        "UPDATE oauth_access_tokens SET expires_at = now() WHERE secret_hash = $1", secret.digest(tokens.access_token)
    )
    assert await reason(identity, tokens.access_token) == "CREDENTIAL_EXPIRED"
    here = await actor(identity, session)
    await app.tokens(session, "openid")  # fewer: the first still stands for the wider consent
    assert len([one for one in await sessions(identity, here) if one.application]) == 2
    await app.tokens(session, "openid", "email", "domains.read")
    assert len([one for one in await sessions(identity, here) if one.application]) == 2


async def test_authenticating_an_app_costs_as_much_as_a_session(app: App, identity: Serving, session: str) -> None:
    tokens = await app.tokens(session, "domains.read")
    who = await actor(identity, tokens.access_token)
    for credential in (tokens.access_token, session):
        request = identity_pb2.AuthenticateRequest(credential=credential, ip="192.0.2.9")
        assert await identity.statements(who, "Authenticate", request) == 2


async def test_a_session_that_the_app_opened_is_in_the_log(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    await app.tokens(session, "openid", "domains.read")
    told = await audited(identity, member, "user.app_signed_in")
    assert told == [{"application": "Próba", "scopes": ["domains.read", "openid"]}]


# -- revocation, introspection, userinfo


async def test_an_app_revokes_an_access_token_alone_or_all_with_the_refresh_token(
    app: App, identity: Serving, session: str
) -> None:
    tokens, other = await app.tokens(session, *EVERYTHING), await App.register(identity)

    def revocation(of: App, token: str) -> oauth_pb2.RevokeOAuthTokenRequest:
        return oauth_pb2.RevokeOAuthTokenRequest(client=of.shown, token=token)

    for token in (tokens.access_token, tokens.refresh_token):
        refused = await identity.refused(None, "RevokeOAuthToken", revocation(other, token))
        assert refused.reason == "OAUTH_GRANT_INVALID"
    await identity.call(None, "RevokeOAuthToken", revocation(app, "pa_unknown"))
    await identity.call(None, "RevokeOAuthToken", revocation(app, tokens.access_token))
    assert await reason(identity, tokens.access_token) == "CREDENTIAL_INVALID"
    newer = await app.refresh(tokens.refresh_token)
    for _ in range(2):
        await identity.call(None, "RevokeOAuthToken", revocation(app, newer.refresh_token))
    assert await reason(identity, newer.access_token) == "CREDENTIAL_INVALID"


async def test_introspection_tells_confidential_clients_of_their_own_tokens_and_first_party_ones_of_any(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    service = await App.register(identity, confidential=True, first_party=True)
    stranger = await App.register(identity, confidential=True)
    tokens = await app.tokens(session, *EVERYTHING)
    found = await service.introspect(tokens.access_token)
    assert (found.active, found.client_id, found.subject) == (True, app.id, str(member.user_id))
    assert (list(found.scopes), found.access_token) == (sorted(EVERYTHING), True)
    assert found.expires_at.seconds - found.issued_at.seconds == 600
    assert (await service.introspect(tokens.refresh_token)).active
    assert not (await stranger.introspect(tokens.access_token)).active
    own = await stranger.tokens(session, "openid")
    assert (await stranger.introspect(own.access_token)).active
    asked = oauth_pb2.IntrospectOAuthTokenRequest(client=app.shown, token=tokens.access_token)
    assert (await identity.refused(None, "IntrospectOAuthToken", asked)).reason == "OAUTH_CLIENT_REFUSED"
    newer = await app.refresh(tokens.refresh_token)
    for over in ("nonsense", session, tokens.refresh_token):
        assert await service.introspect(over) == oauth_pb2.IntrospectOAuthTokenResponse()
    await app.not_refreshed(tokens.refresh_token)
    assert not (await service.introspect(newer.access_token)).active


async def test_userinfo_tells_what_the_scopes_allow(app: App, identity: Serving, session: str, member: Member) -> None:
    async def told(token: str) -> oauth_pb2.Userinfo:
        answer = await identity.call(None, "GetUserinfo", oauth_pb2.GetUserinfoRequest(access_token=token))
        assert isinstance(answer, oauth_pb2.Userinfo)
        return answer

    full = await told((await app.tokens(session, "openid", "profile", "email")).access_token)
    assert (full.subject, full.name, full.email, full.email_verified) == (
        str(member.user_id),
        "Anna",
        member.email,
        True,
    )
    only = await told((await app.tokens(session, "openid")).access_token)
    assert only == oauth_pb2.Userinfo(subject=str(member.user_id))
    lacking = oauth_pb2.GetUserinfoRequest(access_token=(await app.tokens(session, "email")).access_token)
    refused = await identity.refused(None, "GetUserinfo", lacking)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OAUTH_SCOPE_MISSING")
    for other in (session, "pa_nonsense"):
        asked = oauth_pb2.GetUserinfoRequest(access_token=other)
        assert (await identity.refused(None, "GetUserinfo", asked)).reason == "CREDENTIAL_INVALID"


# -- tokens that are not ours


@functools.cache
def strange_key() -> RSAKey:
    return RSAKey.generate_key(2048)


async def forged(identity: Serving, app: App, user_id: UUID) -> dict[str, str]:
    """ID tokens that must not be believed, by what is wrong with them."""
    answer = await identity.call(None, "ListSigningKeys", oauth_pb2.ListSigningKeysRequest())
    kid = json.loads(answer.jwks_json)["keys"][0]["kid"]
    ours = await identity.app.signing.current(identity.db, identity.app.sealer, datetime.now(UTC))
    claims = {"iss": ISSUER, "aud": app.id, "sub": str(user_id), "exp": 4_000_000_000, "iat": 1_700_000_000}

    def signed(key: Any, alg: str, **more: str) -> str:
        return jwt.encode({"alg": alg, "kid": kid}, claims | more, key, algorithms=[alg])

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    def unsigned(alg: str) -> str:
        return f"{part(json.dumps({'alg': alg, 'kid': kid}).encode())}.{part(json.dumps(claims).encode())}"

    public = ours.as_pem(private=False)
    return {
        "another issuer": signed(ours, "RS256", iss="https://evil.example"),
        "another audience": signed(ours, "RS256", aud="somebody-else"),
        "another key": signed(strange_key(), "RS256"),
        "alg none": f"{unsigned('none')}.",
        "HS256 with our public key": f"{unsigned('HS256')}."
        + part(hmac.digest(public, unsigned("HS256").encode(), "sha256")),
        "nonsense": "a.b.c",
    }


async def test_a_forged_id_token_is_neither_a_hint_nor_a_credential(
    app: App, identity: Serving, session: str, member: Member
) -> None:
    await app.tokens(session, "openid")
    for why, token in (await forged(identity, app, member.user_id)).items():
        refused = await identity.refused(None, "StartAuthorization", app.asked("openid", id_token_hint=token))
        assert refused.reason == "ID_TOKEN_HINT_INVALID", why
        assert await reason(identity, token) == "CREDENTIAL_INVALID", why


async def test_a_hint_of_ours_names_who_is_expected(app: App, identity: Serving, session: str, town: Town) -> None:
    hint = (await app.tokens(session, "openid")).id_token
    request = await app.start("openid", id_token_hint=hint, prompt=["none"])
    assert (await app.go_on(request, session)).code
    other = await signed_in(identity, await town.member())
    request = await app.start("openid", id_token_hint=hint, prompt=["none"])
    assert (await app.go_on(request, other)).error == "login_required"
    assert (await app.go_on(await app.start("openid", id_token_hint=hint), other)).step == SIGN_IN
    # Our own ID token proves who somebody was; it opens nothing.
    assert await reason(identity, hint) == "CREDENTIAL_INVALID"
