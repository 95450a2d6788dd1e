"""Signing in in steps, step-up and the page of one's factors, as a browser meets them."""

from http.cookies import SimpleCookie

import httpx
import pytest

from portico.identity.v1 import factors_pb2
from tests.gateway.conftest import Stand
from tests.gateway.fakes import uid
from tests.gateway.test_pages import ELSEWHERE, FORM, sign_in

SESSION, PENDING = "__Host-portico", "__Host-portico-sign-in"
STEP = "/sign-in/second-factor"


@pytest.fixture
def keyed(stand: Stand) -> Stand:
    """The stand, where everybody has a second factor."""
    kind = factors_pb2.FACTOR_KIND_TOTP
    factor = factors_pb2.Factor(id=uid(60_000), kind=kind, name="telefon")
    factor.created_at.FromJsonString("2026-01-01T00:00:00Z")
    stand.world.factors = [factor]
    return stand


def cookies(answer: httpx.Response) -> dict[str, str]:
    """Those that the answer sets; a deleted one is empty."""
    jar: dict[str, str] = {}
    for header in answer.headers.get_list("set-cookie"):
        jar |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    return jar


async def half_way(stand: Stand, goal: str = "/graphql") -> tuple[dict[str, str], str]:
    """(headers with the pending cookie, where the browser is sent) after the right password."""
    answer = await stand.http.post("/sign-in", data=FORM | {"next": goal})
    assert answer.status_code == 303
    assert SESSION not in cookies(answer)
    return {"Cookie": f"{PENDING}={cookies(answer)[PENDING]}"}, answer.headers["location"]


async def test_the_second_factor_opens_the_session_and_goes_on(keyed: Stand) -> None:
    headers, location = await half_way(keyed)
    assert location == f"{STEP}?next=/graphql"
    page = await keyed.http.get(location, headers=headers)
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for field in ("code", "recovery_code", "assertion"):
        assert f'name="{field}"' in page.text
    # The pending secret is no session, under whichever cookie's name.
    stolen = {"Cookie": headers["Cookie"].replace(PENDING, SESSION)}
    query = {"query": "{ viewer { currentIp } }"}
    assert (await keyed.http.post("/graphql", json=query, headers=stolen)).status_code == 401
    wrong = await keyed.http.post(STEP, data={"code": "000000", "next": "/graphql"}, headers=headers)
    assert (wrong.status_code, cookies(wrong)) == (400, {})
    assert (
        "The code is wrong, or was used before."
        in (await keyed.http.post(STEP, data={"code": "1"}, headers={**headers, "Accept-Language": "en"})).text
    )
    done = await keyed.http.post(STEP, data={"code": "123456", "next": "/graphql"}, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, "/graphql")
    assert cookies(done)[PENDING] == ""
    fresh = {"Cookie": f"{SESSION}={cookies(done)[SESSION]}"}
    assert (await keyed.http.post("/graphql", json=query, headers=fresh)).status_code == 200


async def test_each_way_is_handed_to_identity_as_itself(keyed: Stand) -> None:
    for name, value in (("code", "123456"), ("recovery_code", "123456"), ("assertion", "{}")):
        headers, _ = await half_way(keyed)
        done = await keyed.http.post(STEP, data={name: value}, headers=headers)
        assert done.status_code == 303
        assert keyed.world.requests[-1].WhichOneof("proof") == name


async def test_an_unknown_or_finished_sign_in_leads_back_to_the_beginning(keyed: Stand) -> None:
    headers, location = await half_way(keyed)
    keyed.world.pending.clear()
    for answer in (
        await keyed.http.get(location, headers=headers),
        await keyed.http.get(location),
        await keyed.http.post(STEP, data={"code": "123456"}, headers=headers),
    ):
        assert answer.status_code == 401
        assert 'action="/sign-in"' in answer.text
        assert cookies(answer) == {PENDING: ""}


async def test_cancelling_gives_the_sign_in_up(keyed: Stand) -> None:
    headers, _ = await half_way(keyed)
    answer = await keyed.http.post("/sign-in/cancel", headers=headers)
    assert (answer.headers["location"], cookies(answer)) == ("/sign-in", {PENDING: ""})
    assert not keyed.world.pending


@pytest.mark.parametrize("way", ["password", "second factor", "passkey"])
async def test_a_session_fixed_before_sign_in_ends_and_is_not_reused(stand: Stand, way: str) -> None:
    fixed = (await sign_in(stand)).partition("=")[2]
    headers = {"Cookie": f"{SESSION}={fixed}"}
    if way == "second factor":
        stand.world.factors = [factors_pb2.Factor(id=uid(60_000), kind=factors_pb2.FACTOR_KIND_TOTP, name="x")]
        half, _ = await half_way(stand)
        headers = {"Cookie": f"{headers['Cookie']}; {half['Cookie']}"}
        answer = await stand.http.post(STEP, data={"code": "123456"}, headers=headers)
    elif way == "passkey":
        answer = await stand.http.post("/sign-in/passkey", data={"assertion": "{}"}, headers=headers)
    else:
        answer = await stand.http.post("/sign-in", data=FORM, headers=headers)
    assert answer.status_code == 303
    assert cookies(answer)[SESSION] != fixed
    assert list(stand.world.sessions) == [cookies(answer)[SESSION]]
    query = {"query": "{ viewer { currentIp } }"}
    refused = await stand.http.post("/graphql", json=query, headers={"Cookie": f"{SESSION}={fixed}"})
    assert refused.status_code == 401


async def test_no_step_leads_to_another_site(stand: Stand) -> None:
    for value in ELSEWHERE:
        stand.world.factors = []
        cookie = {"Cookie": await sign_in(stand)}
        passkey = await stand.http.post("/sign-in/passkey", data={"assertion": "{}", "next": value})
        confirm = await stand.http.post("/confirm", data={"password": "x", "next": value}, headers=cookie)
        page = await stand.http.get("/confirm", params={"next": value}, headers=cookie)
        assert 'name="next" value="/"' in page.text
        stand.world.factors = [factors_pb2.Factor(id=uid(60_000), kind=factors_pb2.FACTOR_KIND_TOTP, name="x")]
        headers, location = await half_way(stand, value)
        done = await stand.http.post(STEP, data={"code": "123456", "next": value}, headers=headers)
        assert [a.headers["location"] for a in (passkey, confirm, done)] == ["/"] * 3
        assert location == f"{STEP}?next=/"


POSTS = [
    "/sign-in/passkey",
    "/sign-in/passkey/options",
    STEP,
    f"{STEP}/options",
    "/sign-in/cancel",
    "/confirm",
    "/confirm/options",
    "/security/totp",
    "/security/key",
    "/security/key/options",
    "/security/remove",
    "/security/recovery-codes",
]


async def test_another_site_can_post_none_of_the_forms(stand: Stand) -> None:
    headers = {"Cookie": await sign_in(stand), "Origin": "https://evil.example"}
    stand.world.factors = [factors_pb2.Factor(id=uid(60_000), kind=factors_pb2.FACTOR_KIND_TOTP, name="x")]
    half, _ = await half_way(stand)
    headers["Cookie"] += f"; {half['Cookie']}"
    stand.world.clear_counts()
    for path in POSTS:
        answer = await stand.http.post(path, data={"code": "123456", "assertion": "{}"}, headers=headers)
        assert answer.status_code == 403, path
    reads = {"identity.Authenticate", "identity.ListFactors", "identity.GetPendingSignIn"}
    assert set(stand.world.calls) <= reads


async def test_what_a_key_is_to_sign_comes_as_json_with_the_addresses_where_keys_work(keyed: Stand) -> None:
    headers, _ = await half_way(keyed)
    cookie = {"Cookie": f"{SESSION}={(await _session(keyed, headers))}"}
    for path, sent in (("/sign-in/passkey/options", {}), ("/confirm/options", cookie)):
        answer = await keyed.http.post(path, headers=sent)
        told = {"options": {"challenge": "AAAA"}, "origins": ["http://localhost:8000"], "id": ""}
        assert (answer.status_code, answer.json()) == (200, told)
    gone = await keyed.http.post(f"{STEP}/options", headers={**headers, "Accept-Language": "en"})
    assert gone.status_code == 401
    assert gone.json()["error"].startswith("This sign-in has expired")


async def _session(stand: Stand, headers: dict[str, str]) -> str:
    done = await stand.http.post(STEP, data={"code": "123456"}, headers=headers)
    return cookies(done)[SESSION]


async def test_confirming_counts_from_the_very_next_request(stand: Stand) -> None:
    cookie = {"Cookie": await sign_in(stand)}
    first = await stand.http.get("/security/totp", headers=cookie)
    assert (first.status_code, first.headers["location"]) == (303, "/confirm?next=/security")
    assert (await stand.http.get("/confirm?next=/security", headers=cookie)).text.count('type="password"') == 1
    asked = stand.world.calls["identity.Authenticate"]
    answer = await stand.http.post("/confirm", data={"password": "x", "next": "/security"}, headers=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/security")
    assert (await stand.http.get("/security/totp", headers=cookie)).status_code == 200
    assert stand.world.calls["identity.Authenticate"] > asked


async def test_whoever_is_not_signed_in_is_sent_to_sign_in_first(stand: Stand) -> None:
    for path, goal in (("/security", "/security"), ("/confirm?next=/security", "/security")):
        answer = await stand.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={goal}")
    for path in ("/confirm/options", "/security/key/options"):
        assert (await stand.http.post(path)).json()["goTo"].startswith("/sign-in")


async def test_the_page_of_factors_adds_shows_and_removes(stand: Stand) -> None:
    cookie = {"Cookie": await sign_in(stand)}
    stand.world.confirmed = True
    page = await stand.http.get("/security", headers=cookie)
    assert "You have no second factor yet" in page.text
    page = await stand.http.get("/security/totp", headers=cookie)
    assert "<svg></svg>" in page.text
    given = {"id": uid(60_001), "name": '<b>"phone"', "code": "1"}
    again = await stand.http.post("/security/totp", data=given, headers=cookie)
    assert (again.status_code, "The code is wrong" in again.text) == (400, True)
    assert "&lt;b&gt;&#34;phone&#34;" in again.text
    added = await stand.http.post("/security/totp", data=given | {"code": "123456"}, headers=cookie)
    assert "aaaa-bbbb" in added.text
    assert added.headers["cache-control"] == "no-store"
    key = {"id": uid(60_002), "name": "key", "credential": "{}"}
    assert (await stand.http.post("/security/key", data=key, headers=cookie)).headers["location"] == "/security"
    assert "security key" in (await stand.http.get("/security", headers=cookie)).text
    codes = await stand.http.post("/security/recovery-codes", headers=cookie)
    assert "cccc-dddd" in codes.text
    removed = await stand.http.post("/security/remove", data={"id": uid(60_001)}, headers=cookie)
    assert removed.headers["location"] == "/security"
    assert [factor.name for factor in stand.world.factors] == ["key"]


async def test_the_pages_speak_hungarian(keyed: Stand) -> None:
    keyed.world.users["owner-token"].locale = "hu"
    hungarian = {"Accept-Language": "hu"}
    headers, location = await half_way(keyed)
    page = await keyed.http.get(location, headers={**headers, **hungarian})
    assert "Kétlépcsős azonosítás" in page.text
    cookie = {"Cookie": f"{SESSION}={await _session(keyed, headers)}"}
    assert "Igazolja magát" in (await keyed.http.get("/confirm", headers=cookie)).text
    assert "Kétlépcsős azonosítás" in (await keyed.http.get("/security", headers=cookie)).text
    refused = await keyed.http.post("/sign-in/passkey", data={"assertion": "x"}, headers=hungarian)
    assert (refused.status_code, "Ezzel a hozzáférési kulccsal" in refused.text) == (401, True)
