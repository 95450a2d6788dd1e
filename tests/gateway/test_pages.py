"""Signing in and out, and GraphiQL, as a browser meets them."""

import pytest

from gateway.pages.rendering import safe_next
from tests.gateway.conftest import Stand

HTML = {"Accept": "text/html"}
FORM = {"email": "owner-token@x.example", "password": "right", "next": "/graphql"}


async def sign_in(stand: Stand) -> str:
    """The session cookie, as a Cookie header's value."""
    answer = await stand.http.post("/sign-in", data=FORM)
    return answer.headers["set-cookie"].split(";")[0]


async def test_signing_in_sets_a_strict_cookie_and_goes_on(stand: Stand) -> None:
    answer = await stand.http.post("/sign-in", data=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/graphql")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-portico=session-")
    parts = {p.strip().split("=")[0].lower() for p in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite", "path", "expires"} == parts
    assert "samesite=lax" in cookie.lower()


async def test_a_cookie_session_can_query_and_ends_with_sign_out(stand: Stand) -> None:
    cookie = await sign_in(stand)
    query, headers = {"query": "{ viewer { user { name } } }"}, {"Cookie": cookie}
    answer = await stand.http.post("/graphql", json=query, headers=headers)
    assert answer.json()["data"]["viewer"]["user"]["name"] == "owner-token"
    out = await stand.http.post("/sign-out", headers={"Cookie": cookie})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert (await stand.http.post("/graphql", json=query, headers=headers)).status_code == 401


@pytest.mark.parametrize("origin", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_can_use_neither_the_form_nor_the_cookie(stand: Stand, origin: dict[str, str]) -> None:
    assert (await stand.http.post("/sign-in", data=FORM, headers=origin)).status_code == 403
    assert not stand.world.calls["identity.CreateSession"]
    cookie = await sign_in(stand)
    headers = {"Cookie": cookie, **origin}
    answer = await stand.http.post("/graphql", json={"query": "{ viewer { currentIp } }"}, headers=headers)
    assert answer.status_code == 403
    assert (await stand.http.post("/sign-out", headers=headers)).status_code == 403
    assert not stand.world.calls["identity.EndSession"]


async def test_a_wrong_password_shows_the_form_again_in_the_readers_language(stand: Stand) -> None:
    for language, text in (("hu", "Hibás e-mail-cím vagy jelszó."), ("en-GB,hu;q=0.5", "password is wrong")):
        wrong = FORM | {"password": "wrong"}
        answer = await stand.http.post("/sign-in", data=wrong, headers={"Accept-Language": language})
        assert answer.status_code == 401
        assert text in answer.text
        assert "owner-token@x.example" in answer.text
        assert "set-cookie" not in answer.headers
    assert (await stand.http.post("/sign-in", data={"email": "", "password": ""})).status_code == 400


ELSEWHERE = ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb", "", "evil"]


@pytest.mark.parametrize("value", [*ELSEWHERE, "//[", "https://[", "//\u2100.example", "/x" * 900])
def test_next_never_leads_to_another_site(value: str) -> None:
    assert safe_next(value) == "/"
    assert safe_next("/graphql?a=1") == "/graphql?a=1"


async def test_a_form_of_more_fields_than_any_page_has_is_refused(stand: Stand) -> None:
    many = FORM | {f"more{number}": "x" for number in range(20)}
    assert (await stand.http.post("/sign-in", data=many)).status_code == 413
    assert not stand.world.calls["identity.CreateSession"]


async def test_graphiql_offers_to_sign_in_and_loads_only_from_here(stand: Stand) -> None:
    first = await stand.http.get("/graphql", headers=HTML)
    assert first.status_code == 200
    assert 'href="/sign-in?next=/graphql"' in first.text
    cookie = await sign_in(stand)
    page = await stand.http.get("/graphql", headers={**HTML, "Cookie": cookie})
    assert page.status_code == 200
    assert "owner-token@x.example" in page.text
    assert "https://" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assets = [p.split('"')[0] for p in page.text.split('src="')[1:] + page.text.split('href="')[1:]]
    for asset in (a for a in assets if a.startswith("/static/")):
        assert (await stand.http.get(asset)).status_code == 200


async def test_a_session_cookie_of_nonsense_is_as_none(stand: Stand) -> None:
    for cookie in ("__Host-portico=x", "__Host-portico=", "a=b; =;;", "__Host-portico=" + "a" * 5000):
        answer = await stand.http.get("/graphql", headers={**HTML, "Cookie": cookie})
        assert "/sign-in?next=/graphql" in answer.text
