"""OAuth and OpenID Connect as apps and browsers meet them: the gateway before the real identity service."""

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
import websockets

from gateway.sessions import COOKIE
from portico.identity.v1 import identity_pb2
from tests import door
from tests.identity.conftest import Member, Town
from tests.identity.oauth import LOOKING, VERIFIER, App, challenge
from tests.identity.test_credentials import authenticated, read
from tests.identity.test_oauth_tokens import forged
from tests.identity.test_own_credentials import sessions
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving

#: As the app listens on it: the port differs from the registered one.
CALLBACK = "http://127.0.0.1:8787/callback"
ISSUER = "https://portal.example"
ERRORS = {"hu": "Az alkalmazás hibás kérést küldött", "en": "The app sent a faulty request"}


@dataclass
class Browser:
    """Somebody's browser, signed in or not."""

    http: httpx.AsyncClient
    app: App
    session: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.session}"} if self.session else {}

    def asked(self, scope: str = "openid offline_access", **given: str | None) -> dict[str, str]:
        """The parameters of an authorization; None leaves one out."""
        fields: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.app.id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "s t/a?te",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (fields | given).items() if value is not None}

    async def authorize(self, scope: str = "openid offline_access", **given: str | None) -> httpx.Response:
        return await self.http.get("/oauth/authorize", params=self.asked(scope, **given), headers=self.headers)

    async def answer(self, page: httpx.Response, answer: str, **headers: str) -> httpx.Response:
        """Presses a button of the consent page."""
        assert page.status_code == 200, page.headers
        hidden = dict(re.findall(r'name="(request|user)" value="([^"]*)"', page.text))
        return await self.http.post("/oauth/consent", data=hidden | {"answer": answer}, headers=self.headers | headers)

    async def code(self, scope: str = "openid offline_access", **given: str | None) -> str:
        page = await self.authorize(scope, **given)
        back = page if page.status_code == 303 else await self.answer(page, "allow")
        return told(back)["code"]

    async def token(self, **fields: str) -> httpx.Response:
        shown = {"client_id": self.app.id} | ({"client_secret": self.app.secret} if self.app.secret else {})
        return await self.http.post("/oauth/token", data=shown | fields)

    async def redeem(self, code: str, **given: str) -> httpx.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return await self.token(**(fields | given))

    async def tokens(self, scope: str = "openid offline_access") -> dict[str, Any]:
        answer = await self.redeem(await self.code(scope))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def graphql(self, token: str, query: str = "{ viewer { user { email } } }") -> httpx.Response:
        return await self.http.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})


def told(back: httpx.Response) -> dict[str, str]:
    """What the browser carries back to the app; it must carry nothing twice."""
    assert back.status_code == 303, back.text
    parts = urlsplit(back.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    assert back.headers["cache-control"] == "no-store"
    found = parse_qs(parts.query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    answer = {name: values[0] for name, values in found.items()}
    assert answer["iss"] == ISSUER
    return answer


@pytest.fixture(scope="session")
async def gateway(identity: Serving) -> AsyncIterator[httpx.AsyncClient]:
    nobody = dict.fromkeys(("domains", "hosting", "billing", "tickets"), "127.0.0.1:1")
    async with (
        door.gateway({"identity": identity.address} | nobody, ISSUER) as (_, address),
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20, headers={"Accept-Language": "en"}) as http,
    ):
        yield http


@pytest.fixture
async def member(town: Town) -> Member:
    return await town.member()


@pytest.fixture
async def browser(gateway: httpx.AsyncClient, identity: Serving, member: Member) -> Browser:
    return Browser(gateway, await App.register(identity), await signed_in(identity, member))


# -- metadata


async def test_the_metadata_says_where_everything_is_and_only_what_is_supported(gateway: httpx.AsyncClient) -> None:
    answers = [
        await gateway.get(f"/.well-known/{name}") for name in ("openid-configuration", "oauth-authorization-server")
    ]
    first, second = (answer.json() for answer in answers)
    assert first == second
    assert first["issuer"] == ISSUER
    assert first["response_types_supported"] == ["code"]
    assert first["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert first["code_challenge_methods_supported"] == ["S256"]
    assert first["id_token_signing_alg_values_supported"] == ["RS256"]
    for name, address in first.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = address.removeprefix(ISSUER)
            assert (await gateway.request("OPTIONS", path)).status_code != 404, name
    keys = (await gateway.get(first["jwks_uri"].removeprefix(ISSUER))).json()["keys"]
    assert {key["alg"] for key in keys} == {"RS256"}


async def test_pages_of_any_origin_may_call_what_apps_in_browsers_need_without_credentials(
    gateway: httpx.AsyncClient,
) -> None:
    origin = {"Origin": "https://app.example"}
    for path in (
        "/oauth/token",
        "/oauth/userinfo",
        "/oauth/revoke",
        "/oauth/jwks",
        "/.well-known/openid-configuration",
    ):
        preflight = await gateway.options(
            path,
            headers=origin
            | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"},
        )
        assert preflight.status_code == 204
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        actual = await gateway.request(
            "GET" if "token" not in path and "revoke" not in path else "POST", path, headers=origin
        )
        for answer in (preflight, actual):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
    closed = await gateway.get("/oauth/authorize", headers=origin)
    assert "access-control-allow-origin" not in closed.headers


# -- the authorization endpoint


async def test_the_pending_authorization_survives_signing_in(
    browser: Browser, identity: Serving, member: Member
) -> None:
    browser.app = await App.register(identity, confidential=True)
    browser.session = ""
    away = await browser.authorize()
    assert away.status_code == 303
    place = urlsplit(away.headers["location"])
    assert place.path == "/sign-in"
    goal = parse_qs(place.query)["next"][0]
    form = {"email": member.email, "password": member.password, "next": goal}
    signed = await browser.http.post("/sign-in", data=form)
    assert (signed.status_code, signed.headers["location"]) == (303, goal)
    browser.session = signed.headers["set-cookie"].split(";")[0].partition("=")[2]
    page = await browser.http.get(goal, headers=browser.headers)
    answer = told(await browser.answer(page, "allow"))
    assert answer["state"] == "s t/a?te"
    assert (await browser.redeem(answer["code"])).status_code == 200
    # Already allowed: from the sign-in page's form a redirect may not lead to another site, so a page does.
    again = await browser.http.get(goal, headers=browser.headers)
    assert (again.status_code, "has been answered" in again.text) == (404, True)
    browser.session = ""
    goal = parse_qs(urlsplit((await browser.authorize("openid")).headers["location"]).query)["next"][0]
    browser.session = signed.headers["set-cookie"].split(";")[0].partition("=")[2]
    through = await browser.http.get(goal, headers=browser.headers)
    assert through.status_code == 200
    assert f'http-equiv="refresh" content="0;url={CALLBACK}?code=pc_' in through.text


async def test_the_consent_page_tells_who_asks_for_what_in_the_readers_language(
    browser: Browser, identity: Serving, member: Member
) -> None:
    for locale, words in (
        ("hu", ["hozzáférést kér", "Látja a domaineket.", "Módosítja a DNS-rekordokat.", "legfeljebb 90 napig"]),
        ("en", ["asks for access", "See the domains.", "Change DNS records.", "for up to 90 days"]),
    ):
        await identity.db.execute("UPDATE users SET locale = $2 WHERE id = $1", member.user_id, locale)
        page = await browser.authorize("openid offline_access domains.read dns.write")
        for word in ["Próba", member.email, "127.0.0.1:8787", *words]:
            assert word in page.text
    everything = await browser.authorize("openid all")
    assert "Do everything that you may" in everything.text
    assert "trust the app as you trust yourself" in everything.text


async def test_a_clients_name_is_text_and_never_markup(browser: Browser, identity: Serving) -> None:
    browser.app = await App.register(identity, name="<script>alert(1)</script>")
    page = await browser.authorize()
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_the_consent_page_cannot_be_framed_or_answered_from_elsewhere(browser: Browser) -> None:
    page = await browser.authorize()
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http:;" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    for elsewhere in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await browser.answer(page, "allow", **elsewhere)).status_code == 403
    assert told(await browser.answer(page, "deny"))["error"] == "access_denied"
    late = await browser.answer(page, "allow")
    assert (late.status_code, "location" in late.headers) == (404, False)


async def test_an_operators_session_lets_no_app_in(browser: Browser, identity: Serving, member: Member) -> None:
    await identity.db.execute(f"UPDATE sessions SET {LOOKING} WHERE user_id = $1", member.user_id)
    page = await browser.authorize()
    assert page.status_code == 403
    assert "only the user itself can" in page.text


async def test_prompt_none_answers_with_errors_of_openid_connect_and_no_page(
    browser: Browser, identity: Serving
) -> None:
    browser.app = await App.register(identity, confidential=True)
    assert told(await browser.authorize("openid", prompt="none"))["error"] == "consent_required"
    await browser.tokens("openid")
    assert "code" in told(await browser.authorize("openid", prompt="none"))
    browser.session = ""
    assert told(await browser.authorize("openid", prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openid billing.pay"}, "invalid_scope"),
        ({"scope": "openid domains.steal"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
        ({"nonce": "n" * 1001}, "invalid_request"),
    ],
)
async def test_a_faulty_request_is_told_to_the_app(browser: Browser, given: dict[str, Any], error: str) -> None:
    answer = told(await browser.authorize(**given))
    assert (answer["error"], answer["state"]) == (error, "s t/a?te")
    assert "code" not in answer


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "https://evil.example/callback",
        CALLBACK + ".evil",
        CALLBACK + "#fragment",
        CALLBACK + "?more=1",
        CALLBACK + "/../callback",
        "http://127.0.0.1:8787@evil.example/callback",
        "http://127.0.0.1:8787%40evil.example/callback",
        "http://127.0.0.1:8787\\@evil.example/callback",
        "http://127.0.0.1:8787/%63allback",
        "http://localhost:8787/callback",
        "javascript:alert(1)//127.0.0.1/callback",
        "//127.0.0.1:8787/callback",
        'http://127.0.0.1:8787/callback"',
        "http://127.0.0.1:8787/kávé",
    ],
)
async def test_a_redirect_uri_that_is_not_registered_gets_a_page_and_no_redirect(
    browser: Browser, uri: str | None
) -> None:
    others: tuple[tuple[str, dict[str, str]], ...] = (("hu", {"response_type": "token"}), ("en", {"prompt": "none"}))
    for locale, more in others:
        query = browser.asked(redirect_uri=uri, **more)
        page = await browser.http.get(
            "/oauth/authorize", params=query, headers=browser.headers | {"Accept-Language": locale}
        )
        assert page.status_code == 400
        assert "location" not in page.headers
        assert ERRORS[locale] in page.text


@pytest.mark.parametrize("client_id", [None, "nonsense", "0191c2a4-0000-7000-8000-000000000000", 'x"y', "x" * 300])
async def test_an_unknown_client_gets_a_page_and_no_redirect(browser: Browser, client_id: str | None) -> None:
    page = await browser.authorize(client_id=client_id)
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_a_parameter_given_twice_or_not_utf8_is_refused_without_a_redirect(browser: Browser) -> None:
    query = httpx.QueryParams(browser.asked())
    for address in (
        f"/oauth/authorize?{query}&redirect_uri=https%3A%2F%2Fevil.example",
        f"/oauth/authorize?{query}&nonce=%ff",
        f"/oauth/authorize?{query}" + "&a=b" * 60,
    ):
        page = await browser.http.get(address, headers=browser.headers)
        assert (page.status_code, "location" in page.headers) == (400, False)


async def test_the_authorization_endpoint_takes_a_form_too_and_goes_on_where_the_cookie_is_sent(
    browser: Browser,
) -> None:
    away = await browser.http.post("/oauth/authorize", data=browser.asked(), headers={"Origin": "https://app.example"})
    assert away.status_code == 303
    assert away.headers["location"].startswith("/oauth/consent?request=pq_")
    page = await browser.http.get(away.headers["location"], headers=browser.headers)
    assert "code" in told(await browser.answer(page, "allow"))


# -- the token endpoint


async def test_tokens_are_never_cached_and_refused_ones_are_told_as_oauth_does(browser: Browser) -> None:
    code = await browser.code("openid offline_access domains.read")
    answer = await browser.redeem(code)
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    assert tokens["scope"] == "domains.read offline_access openid"
    for wrong in (
        {"code": code},
        {"code": "pc_unknown"},
        {"code_verifier": "w" * 43},
        {"redirect_uri": "http://127.0.0.1:1/callback"},
    ):
        refused = await browser.redeem(**({"code": await browser.code()} | wrong))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), wrong
        assert refused.headers["cache-control"] == "no-store"
        assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "password", "username": "anna", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "pr_unknown"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 5000}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": ""}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "unknown"}, "invalid_client"),
    ],
)
async def test_a_faulty_token_request_is_refused_by_its_error(
    browser: Browser, fields: dict[str, str], error: str
) -> None:
    refused = await browser.token(**fields)
    assert refused.json()["error"] == error
    assert refused.status_code in {400, 401}


async def test_the_token_endpoint_reads_a_form_and_nothing_else(browser: Browser) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": browser.app.id}
    for answer in (
        await browser.http.post("/oauth/token", json=fields),
        await browser.http.post("/oauth/token", params=fields),
        await browser.http.post(
            "/oauth/token",
            content="grant_type=refresh_token&refresh_token=x&refresh_token=y&client_id=" + browser.app.id,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        await browser.token(grant_type="refresh_token", refresh_token="x" * 200_000),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await browser.http.get("/oauth/token")).status_code == 405


async def test_a_confidential_client_shows_its_secret_in_the_header_or_the_form(
    browser: Browser, identity: Serving
) -> None:
    browser.app = await App.register(identity, confidential=True)

    def basic(secret: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{browser.app.id}:{secret}".encode()).decode()}

    async def redeem(shown: dict[str, str], **more: str) -> httpx.Response:
        fields = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        form = fields | {"code": await browser.code()} | more
        headers = {name: value.encode("latin-1") for name, value in shown.items()}
        return await browser.http.post("/oauth/token", data=form, headers=headers)  # type: ignore[arg-type]

    assert (await redeem(basic(browser.app.secret))).status_code == 200
    assert (await redeem({}, client_id=browser.app.id, client_secret=browser.app.secret)).status_code == 200
    for headers, more in (
        (basic("wrong"), {}),
        (basic("wrong"), {"client_id": browser.app.id}),
        ({}, {"client_id": browser.app.id}),
        ({}, {"client_id": browser.app.id, "client_secret": "wrong"}),
        ({"Authorization": "Basic é"}, {}),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, {}),
    ):
        refused = await redeem(headers, **more)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), headers
        assert refused.headers["www-authenticate"].startswith("Basic")


async def test_fifty_parallel_redemptions_over_http_bring_tokens_once(browser: Browser) -> None:
    code = await browser.code()
    answers = await asyncio.gather(*(browser.redeem(code) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    [tokens] = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await browser.graphql(tokens["access_token"])).status_code == 200


async def test_refreshing_over_http_narrows_and_notices_a_copy(browser: Browser) -> None:
    tokens = await browser.tokens("openid email offline_access")
    narrow = await browser.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope="openid offline_access"
    )
    assert narrow.json()["scope"] == "offline_access openid"
    wider = await browser.token(
        grant_type="refresh_token", refresh_token=narrow.json()["refresh_token"], scope="openid domains.read"
    )
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")
    copied = await browser.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (copied.status_code, copied.json()["error"]) == (400, "invalid_grant")
    assert (await browser.graphql(narrow.json()["access_token"])).status_code == 401


# -- using and ending tokens


async def test_userinfo_answers_as_openid_connect_and_rfc_6750_want(
    browser: Browser, identity: Serving, member: Member
) -> None:
    tokens = await browser.tokens("openid profile email")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    for answer in (
        await browser.http.get("/oauth/userinfo", headers=bearer),
        await browser.http.post("/oauth/userinfo", headers=bearer),
    ):
        assert answer.json() == {
            "sub": str(member.user_id),
            "name": "Anna",
            "locale": "hu",
            "email": member.email,
            "email_verified": True,
        }
        assert answer.headers["cache-control"] == "no-store"
    none = await browser.http.get("/oauth/userinfo", headers=browser.headers)
    assert (none.status_code, none.headers["www-authenticate"]) == (401, 'Bearer realm="portico"')
    lacking = (await browser.tokens("email"))["access_token"]
    refused = await browser.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {lacking}"})
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    for why, token in (await forged(identity, browser.app, member.user_id)).items():
        bearer = {"Authorization": f"Bearer {token}"}
        for refused in (await browser.http.get("/oauth/userinfo", headers=bearer), await browser.graphql(token)):
            assert refused.status_code == 401, why
            assert 'error="invalid_token"' in refused.headers["www-authenticate"], why
    bearer = {"Authorization": f"Bearer {browser.session}"}
    assert (await browser.http.get("/oauth/userinfo", headers=bearer)).status_code == 401


async def test_a_forged_id_token_is_no_hint(browser: Browser, identity: Serving, member: Member) -> None:
    for why, token in (await forged(identity, browser.app, member.user_id)).items():
        answer = told(await browser.authorize("openid", prompt="none", id_token_hint=token))
        assert answer["error"] == "invalid_request", why


async def test_graphql_takes_an_access_token_and_the_sessions_list_names_the_app(
    browser: Browser, member: Member
) -> None:
    query = "{ viewer { user { email } memberships { grants { permission } } sessions { application current } } }"
    narrow = (await browser.graphql((await browser.tokens("domains.read"))["access_token"], query)).json()["data"]
    assert narrow["viewer"]["user"]["email"] == member.email
    assert narrow["viewer"]["memberships"] == [{"grants": [{"permission": "DOMAINS_READ"}]}]
    assert narrow["viewer"]["sessions"] == []
    every = (await browser.graphql((await browser.tokens("all"))["access_token"], query)).json()["data"]
    shown = {(one["application"], one["current"]) for one in every["viewer"]["sessions"]}
    assert shown == {("Próba", True), ("Próba", False), (None, False)}


async def test_revoking_over_http_ends_the_app(browser: Browser) -> None:
    tokens = await browser.tokens()
    for token in ("unknown", tokens["refresh_token"], tokens["refresh_token"]):
        form = {"client_id": browser.app.id, "token": token, "token_type_hint": "made_up"}
        answer = await browser.http.post("/oauth/revoke", data=form)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (await browser.graphql(tokens["access_token"])).status_code == 401
    missing = await browser.http.post("/oauth/revoke", data={"client_id": browser.app.id})
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


async def test_introspection_is_for_confidential_clients(browser: Browser, identity: Serving, member: Member) -> None:
    service = await App.register(identity, confidential=True, first_party=True)
    tokens = await browser.tokens("openid domains.read")
    form = {"token": tokens["access_token"]}
    answer = await browser.http.post("/oauth/introspect", data=form, auth=(service.id, service.secret))
    found = answer.json()
    assert found.pop("exp") - found.pop("iat") == 600
    assert found == {
        "active": True,
        "scope": "domains.read openid",
        "client_id": browser.app.id,
        "sub": str(member.user_id),
        "iss": ISSUER,
        "token_type": "Bearer",
    }
    over = await browser.http.post("/oauth/introspect", data={"token": "x"}, auth=(service.id, service.secret))
    assert over.json() == {"active": False}
    refused = await browser.http.post("/oauth/introspect", data=form | {"client_id": browser.app.id})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_revoking_the_session_closes_the_apps_websocket_within_a_second(
    browser: Browser, identity: Serving
) -> None:
    tokens = await browser.tokens("all")
    address = str(browser.http.base_url).replace("http", "ws").rstrip("/") + "/graphql"
    here = read(identity, (await authenticated(identity, browser.session)).memberships[0].actor_token)
    [theirs] = [one for one in await sessions(identity, here) if one.application]
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {tokens['access_token']}"}}
        await socket.send(orjson.dumps(init).decode())
        assert orjson.loads(await socket.recv()) == {"type": "connection_ack"}
        await identity.call(here, "RevokeSession", identity_pb2.RevokeSessionRequest(id=theirs.id))
        revoked_at = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert time.monotonic() - revoked_at < 1
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    assert (await browser.graphql(tokens["access_token"])).status_code == 401


async def test_while_identity_is_away_apps_are_told_to_try_again() -> None:
    nobody = dict.fromkeys(("identity", "domains", "hosting", "billing", "tickets"), "127.0.0.1:1")
    async with (
        door.gateway(nobody) as (_, address),
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as http,
    ):
        form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "x"}
        answers = await asyncio.gather(
            http.post("/oauth/token", data=form),
            http.get("/oauth/jwks"),
            http.get("/oauth/userinfo", headers={"Authorization": "Bearer pa_12345678"}),
        )
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        page = await http.get("/oauth/authorize", params={"response_type": "code", "client_id": "x"})
        assert page.status_code == 503
