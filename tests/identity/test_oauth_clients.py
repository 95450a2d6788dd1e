"""OAuth clients, as the operator keeps them, and the keys that sign."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from portico.common.v1 import common_pb2
from portico.identity.v1 import oauth_pb2 as pb
from services.chassis.sealing import Sealer
from services.identity import redirect_uris, signing_keys
from tests.identity.conftest import Town
from tests.identity.oauth import CALLBACK, OPERATOR, App, registration
from tests.identity.test_credentials import reason
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving


async def found(identity: Serving, client_id: str, **given: str) -> pb.FindOAuthClientResponse:
    answer = await identity.call(None, "FindOAuthClient", pb.FindOAuthClientRequest(client_id=client_id, **given))
    assert isinstance(answer, pb.FindOAuthClientResponse)
    return answer


async def test_a_client_is_registered_once_and_its_secret_shown_once_and_kept_hashed(identity: Serving) -> None:
    request = registration(confidential=True, scopes=["openid", "domains.read", "openid"], name=" Könyvelő ")
    first, again = [await identity.call(OPERATOR, "RegisterOAuthClient", request) for _ in range(2)]
    assert first.client == again.client
    assert (first.client.name, first.client.confidential, list(first.client.scopes)) == (
        "Könyvelő",
        True,
        ["domains.read", "openid"],
    )
    assert first.secret
    assert not again.secret
    kept = await identity.db.fetchrow("SELECT * FROM oauth_clients WHERE id = $1", UUID(first.client.id))
    told = await identity.told(common_pb2.AuditRecorded, OPERATOR.account_id)
    assert [e.subject_label for e in told if e.subject_id == first.client.id] == ["Könyvelő"]
    assert first.secret not in f"{kept}{told}"
    assert (await found(identity, first.client.id, client_secret=first.secret)).secret_matches
    for wrong in ("", first.secret + "x"):
        assert not (await found(identity, first.client.id, client_secret=wrong)).secret_matches


async def test_clients_are_listed_by_pages_the_newest_first(identity: Serving) -> None:
    made = [(await App.register(identity)).id for _ in range(3)]
    request = pb.ListOAuthClientsRequest(page=common_pb2.PageRequest(first=2))
    first = await identity.call(OPERATOR, "ListOAuthClients", request)
    assert [client.id for client in first.clients] == made[:0:-1]
    assert first.page.has_next
    request.page.after = first.page.cursors[-1]
    second = await identity.call(OPERATOR, "ListOAuthClients", request)
    assert second.clients[0].id == made[0]


async def test_no_contact_may_keep_clients_or_keys(identity: Serving, town: Town) -> None:
    owner = (await town.member("owner")).actor()
    for method, request in (
        ("RegisterOAuthClient", registration()),
        ("ListOAuthClients", pb.ListOAuthClientsRequest()),
        ("DisableOAuthClient", pb.DisableOAuthClientRequest(client_id=str(uuid4()))),
        ("RotateSigningKey", pb.RotateSigningKeyRequest(request_id=uuid4().hex)),
    ):
        assert (await identity.refused(owner, method, request)).code is grpc.StatusCode.PERMISSION_DENIED
        assert (await identity.refused(None, method, request)).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "uri",
    [
        "http://minta.example/cb",
        "https://minta.example/cb#x",
        "https://anna@minta.example/cb",
        "https://*.minta.example/cb",
        "https:///cb",
        "https://minta.example:x/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/cb",
        "com.example.app:",
        "//minta.example/cb",
        "https://minta.example/c b",
        "https://mintá.example/cb",
        "https://minta.example\\@evil.example/cb",
        "",
    ],
)
async def test_a_redirect_uri_that_could_lead_astray_is_refused_by_its_place(identity: Serving, uri: str) -> None:
    request = registration(redirect_uris=[CALLBACK, uri])
    refused = await identity.refused(OPERATOR, "RegisterOAuthClient", request)
    assert (refused.reason, refused.fields) == ("REDIRECT_URI_INVALID", ["redirect_uris[1]"])


def test_redirect_uris_of_every_kind_of_app_are_taken_each_once() -> None:
    good = ["https://minta.example/cb?a=1", "http://127.0.0.1/cb", "http://[::1]:1/", "http://localhost:3000/cb"]
    good += ["hu.minta.app:/cb", "hu.minta.app://cb"]
    assert redirect_uris.check([*good, good[0]]) == good


@pytest.mark.parametrize(
    ("registered", "asked", "same"),
    [
        ("https://minta.example/cb", "https://minta.example/cb", True),
        ("https://minta.example/cb", "https://minta.example/cb/", False),
        ("https://minta.example/cb", "https://minta.example/cb.evil", False),
        ("https://minta.example/cb", "https://minta.example/cb#x", False),
        ("https://minta.example/cb", "https://minta.example/cb?x=1", False),
        ("https://minta.example/cb", "https://minta.example/%63b", False),
        ("https://minta.example/cb", "https://MINTA.example/cb", False),
        ("https://minta.example/cb", "https://minta.example:443/cb", False),
        ("https://minta.example/cb", "https://minta.example@evil.example/cb", False),
        ("https://minta.example/cb", "https://minta.example/x/../cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", True),
        ("http://127.0.0.1:8787/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:51234/cb", True),
        ("http://127.0.0.1/cb", "http://[::1]:51234/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8787@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8787/cb#x", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:8787/cb/..", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:8787/cb", False),
        ("http://localhost:3000/cb", "http://localhost:3001/cb", False),
    ],
)
def test_a_redirect_uri_is_compared_as_it_stands_but_for_the_port_of_a_loopback_address(
    registered: str, asked: str, same: bool
) -> None:
    assert redirect_uris.matches([registered], asked) is same


async def test_a_scope_that_does_not_exist_is_refused_by_its_place(identity: Serving) -> None:
    refused = await identity.refused(OPERATOR, "RegisterOAuthClient", registration(scopes=["openid", "domains.steal"]))
    assert (refused.reason, refused.fields) == ("OAUTH_SCOPE_UNKNOWN", ["scopes[1]"])


async def test_a_disabled_client_ends_with_all_that_it_was_given(identity: Serving, town: Town) -> None:
    member, app = await town.member(), await App.register(identity, confidential=True)
    session = await signed_in(identity, member)
    tokens = await app.tokens(session, "openid", "offline_access", "domains.read")
    code, request = await app.code(session, "openid", prompt=["consent"]), await app.start()
    for _ in range(2):
        await identity.call(OPERATOR, "DisableOAuthClient", pb.DisableOAuthClientRequest(client_id=app.id))
    assert await reason(identity, tokens.access_token) == "CREDENTIAL_INVALID"
    assert await app.not_refreshed(tokens.refresh_token) == "OAUTH_CLIENT_REFUSED"
    assert (await app.refused(code)).reason == "OAUTH_CLIENT_REFUSED"
    userinfo = pb.GetUserinfoRequest(access_token=tokens.access_token)
    assert (await identity.refused(None, "GetUserinfo", userinfo)).reason == "CREDENTIAL_INVALID"
    asked = pb.ContinueAuthorizationRequest(request=request, session=session)
    assert (await identity.refused(None, "ContinueAuthorization", asked)).reason == "AUTHORIZATION_OVER"
    assert (await identity.refused(None, "StartAuthorization", app.asked())).reason == "OAUTH_CLIENT_UNKNOWN"
    told = await identity.told(common_pb2.AuditRecorded, OPERATOR.account_id)
    [event] = [e for e in told if e.subject_id == app.id and e.action == "oauth_client.disabled"]
    assert json.loads(event.after_json) == {"sessions_ended": 1}
    unknown = pb.DisableOAuthClientRequest(client_id=str(uuid4()))
    assert (await identity.refused(OPERATOR, "DisableOAuthClient", unknown)).reason == "OAUTH_CLIENT_UNKNOWN"


@pytest.mark.parametrize("client_id", ["nonsense", "0191c2a4-0000-7000-8000-000000000000", "{0}"])
async def test_an_unknown_client_is_not_found(identity: Serving, client_id: str) -> None:
    app = await App.register(identity)
    asked = pb.FindOAuthClientRequest(client_id=client_id.format(app.id.upper()))
    refused = await identity.refused(None, "FindOAuthClient", asked)
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "OAUTH_CLIENT_UNKNOWN")


# -- signing keys


async def published(identity: Serving, now: datetime) -> list[str]:
    return [key["kid"] for key in json.loads(await signing_keys.public(identity.db, identity.app.sealer, now))["keys"]]


async def test_the_next_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_are_over(
    identity: Serving,
) -> None:
    now, keys = datetime.now(UTC), signing_keys.SigningKeys()
    first, second = await published(identity, now)
    assert (await keys.current(identity.db, identity.app.sealer, now)).kid == first
    request = pb.RotateSigningKeyRequest(request_id=uuid4().hex)
    for _ in range(2):
        assert (await identity.call(OPERATOR, "RotateSigningKey", request)).key_id == second
    later = datetime.now(UTC)
    old, current, third = await published(identity, later)
    assert (old, current) == (first, second)
    assert (await keys.current(identity.db, identity.app.sealer, later)).kid == second
    over = later + signing_keys.TOKEN_LIFE + timedelta(minutes=11)
    assert await published(identity, over) == [second, third]
    await signing_keys.keep_ready(identity.db, identity.app.sealer, over)
    assert not await identity.db.fetchval("SELECT EXISTS (SELECT FROM signing_keys WHERE id = $1)", first)
    # And by the clock alone.
    month = later + timedelta(days=31)
    assert (await keys.current(identity.db, identity.app.sealer, month)).kid == third
    assert len(await published(identity, month)) == 2
    await identity.db.execute("DELETE FROM signing_keys WHERE signs_from > $1", later + timedelta(days=32))


async def test_a_private_key_is_nowhere_in_the_clear(identity: Serving) -> None:
    answer = await identity.call(None, "ListSigningKeys", pb.ListSigningKeysRequest())
    for key in json.loads(answer.jwks_json)["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    for row in await identity.db.fetch("SELECT * FROM signing_keys"):
        assert not {"d", "p", "q"} & set(row["public_jwk"])
        assert b"PRIVATE KEY" not in row["sealed_private"]
    assert isinstance(identity.app.sealer, Sealer)


async def test_a_token_verifies_with_the_published_keys(identity: Serving, town: Town) -> None:
    app, session = await App.register(identity), await signed_in(identity, await town.member())
    tokens = await app.tokens(session, "openid")
    answer = await identity.call(None, "ListSigningKeys", pb.ListSigningKeysRequest())
    keys = KeySet.import_key_set(json.loads(answer.jwks_json))
    assert jwt.decode(tokens.id_token, keys, algorithms=["RS256"]).claims["aud"] == app.id
