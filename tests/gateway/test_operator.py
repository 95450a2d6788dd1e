"""Operators as the customer's door knows them: read-only sessions, their link and banner; locked accounts and users."""

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)

from gateway import schema
from services.chassis.errors import Unauthenticated
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import ALL, contact, uid
from tests.gateway.test_access import EVERYTHING
from tests.gateway.test_pages import FORM, HTML, sign_in
from tests.gateway.test_websocket import connect, read, subscribe

CORE, _ = schema.executable(schema.build())
MUTATIONS = dict(CORE.mutation_type.fields) if CORE.mutation_type else {}
_SCALARS: dict[str, Any] = {
    "ID": gid("Domain", uid(10_001)),
    "Boolean": True,
    "Int": 1,
    "DateTime": "2027-01-01T00:00:00Z",
    "Decimal": "1",
    "CurrencyCode": "HUF",
    "DomainName": "uj.hu",
}


def something(type_: GraphQLInputType) -> Any:
    """A value that is well formed."""
    if isinstance(type_, GraphQLNonNull):
        return something(type_.of_type)
    if isinstance(type_, GraphQLList):
        return [something(type_.of_type)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {name: something(f.type) for name, f in type_.fields.items() if is_required_input_field(f)}
    return _SCALARS.get(type_.name, "something")


async def codes(stand: Stand, mutation: str, token: str) -> list[str]:
    """Those of the userErrors."""
    if (given := MUTATIONS[mutation].args.get("input")) is None:
        document, variables = f"mutation {{ {mutation} {{ userErrors {{ code }} }} }}", {}
    else:
        document = f"mutation ($i: {given.type}) {{ {mutation}(input: $i) {{ userErrors {{ code }} }} }}"
        variables = {"i": something(given.type)}
    answer = (await stand.post(document, token, variables=variables)).json()
    payload = (answer.get("data") or {}).get(mutation) or {"userErrors": []}
    return [e["code"] for e in payload["userErrors"]] + [e["extensions"]["code"] for e in answer.get("errors", [])]


def watched(stand: Stand) -> None:
    """Lets an operator look through owner-token."""
    stand.world.operators["owner-token"] = "Kovács Anna"


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_an_operators_session_is_refused_every_mutation_before_a_service_is_asked(
    stand: Stand, mutation: str
) -> None:
    assert "READ_ONLY_SESSION" not in await codes(stand, mutation, "both-token")
    watched(stand)
    stand.world.clear_counts()
    assert await codes(stand, mutation, "owner-token") == ["READ_ONLY_SESSION"]
    assert set(stand.world.calls) == {"identity.Authenticate"}


async def test_the_viewer_tells_who_looks_through_the_session(stand: Stand) -> None:
    query = "{ viewer { operator } }"
    assert (await stand.data(query, "both-token"))["viewer"] == {"operator": None}
    watched(stand)
    assert (await stand.data(query))["viewer"] == {"operator": "Kovács Anna"}


@pytest.mark.parametrize(("language", "text"), [("hu", "Semmit sem módosíthat."), ("en", "changes nothing.")])
async def test_every_page_of_an_operators_session_says_so(stand: Stand, language: str, text: str) -> None:
    stand.world.person("owner-token", contact(1, ALL), locale=language)
    cookie = await sign_in(stand)
    headers = {**HTML, "Cookie": cookie, "Accept-Language": language}
    for path in ("/graphql", "/sign-out", "/notifications"):
        assert "Kovács Anna" not in (await stand.http.get(path, headers=headers)).text
    watched(stand)
    stand.gateway.sessions._kept.clear()
    for path in ("/graphql", "/sign-out", "/notifications"):
        page = (await stand.http.get(path, headers=headers)).text
        assert "Kovács Anna" in page
        assert text in page
        assert "owner-token@x.example" in page


async def test_the_users_own_factors_are_no_page_for_an_operator(stand: Stand) -> None:
    headers = {**HTML, "Cookie": await sign_in(stand), "Accept-Language": "hu"}
    watched(stand)
    stand.gateway.sessions._kept.clear()
    stand.world.clear_counts()
    for path in ("/security", "/security/totp", "/confirm"):
        page = await stand.http.get(path, headers=headers)
        assert page.status_code == 403
        assert "Kovács Anna" in page.text
        assert "aki megtudja a jelszavát" not in page.text
        assert "<form" not in page.text
    # Nor is it guessed at: whoever looks through a session cannot confirm that it is the user.
    guess = await stand.http.post("/confirm", data={"password": "a jelszava"}, headers=headers)
    assert (guess.status_code, "Kovács Anna" in guess.text) == (403, True)
    challenge = await stand.http.post("/confirm/options", headers=headers)
    assert challenge.json() == {"goTo": "/confirm"}
    assert set(stand.world.calls) == {"identity.Authenticate"}


async def test_following_an_operators_link_uses_nothing_up_and_its_button_signs_in_once(stand: Stand) -> None:
    stand.world.links["pl_code"] = "owner-token"
    watched(stand)
    for _ in range(2):
        page = await stand.http.get("/operator?code=pl_code")
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert 'value="pl_code"' in page.text
    assert not stand.world.calls["identity.RedeemSignInLink"]
    answer = await stand.http.post("/operator", data={"code": "pl_code"}, headers={"User-Agent": "lynx"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    request = stand.world.requests[-1]
    assert (request.code, request.ip, request.user_agent) == ("pl_code", "127.0.0.1", "lynx")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-portico=session-")
    query = {"query": "{ viewer { operator } }"}
    seen = await stand.http.post("/graphql", json=query, headers={"Cookie": cookie.split(";")[0]})
    assert seen.json()["data"]["viewer"]["operator"] == "Kovács Anna"
    again = await stand.http.post("/operator", data={"code": "pl_code"}, headers={"Accept-Language": "hu"})
    assert again.status_code == 410
    assert "egyszer, egy percig használható" in again.text
    assert "set-cookie" not in again.headers


async def test_a_link_without_a_code_or_from_another_site_is_refused(stand: Stand) -> None:
    stand.world.links["pl_code"] = "owner-token"
    for code in ("", "x" * 201):
        assert (await stand.http.get("/operator", params={"code": code})).status_code == 400
        assert (await stand.http.post("/operator", data={"code": code})).status_code == 400
    answer = await stand.http.post("/operator", data={"code": "pl_code"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not stand.world.calls["identity.RedeemSignInLink"]
    page = await stand.http.get("/operator", params={"code": '"><script>'})
    assert "<script>" not in page.text


async def test_in_a_locked_account_every_field_says_why_and_no_service_is_asked(stand: Stand) -> None:
    stand.world.person("owner-token", contact(1, ALL), locale="hu")
    stand.world.account_locks[uid(1)] = "Csalás gyanúja"
    answer = (await stand.post(EVERYTHING)).json()
    assert {e["extensions"]["code"] for e in answer["errors"]} == {"ACCOUNT_LOCKED"}
    text = "Az ügyfélfiók zárolva van („Csalás gyanúja”); forduljon ügyfélszolgálatunkhoz."
    assert {e["message"] for e in answer["errors"]} == {text}
    assert answer["data"]["account"]["number"] == "P-10001"
    assert set(stand.world.calls) == {"identity.Authenticate", "identity.GetDashboard"}
    shown = await stand.data("{ account { name lock { reason } } }")
    assert shown["account"]["lock"] == {"reason": "Csalás gyanúja"}
    assert await codes(stand, "registerDomains", "owner-token") == ["ACCOUNT_LOCKED"]
    node = f'{{ node(id: "{gid("Domain", uid(10_001))}") {{ id }} }}'
    assert [e["extensions"]["code"] for e in (await stand.post(node)).json()["errors"]] == ["ACCOUNT_LOCKED"]
    can = await stand.data('{ account { can(action: "domains.read") { allowed blockers { code message } } } }')
    assert can["account"]["can"] == {"allowed": False, "blockers": [{"code": "ACCOUNT_LOCKED", "message": text}]}


async def test_a_lock_of_one_account_leaves_the_others_alone(stand: Stand) -> None:
    stand.world.account_locks[uid(1)] = "x"
    query = "query ($a: ID) { account(id: $a) { lock { reason } invoices { nodes { number } } } }"
    for number, code in ((1, ["ACCOUNT_LOCKED"]), (2, [])):
        given = {"a": gid("Account", uid(number))}
        answer = (await stand.post(query, "both-token", variables=given)).json()
        assert [e["extensions"]["code"] for e in answer.get("errors", [])] == code
        assert (answer["data"]["account"]["lock"] is None) == (number == 2)
    node = f'{{ node(id: "{gid("Invoice", uid(20_003))}") {{ id }} }}'
    assert (await stand.data(node, "both-token"))["node"]


async def test_a_subscription_to_a_locked_account_is_refused_with_why(stand: Stand) -> None:
    stand.world.account_locks[uid(1)] = "x"
    async with connect(stand) as socket:
        await subscribe(socket, "subscription ($i: ID!) { operationUpdated(id: $i) { state } }", i=operation_id())
        frame = await read(socket)
        assert frame["type"] == "error"
        assert [e["extensions"]["code"] for e in frame["payload"]] == ["ACCOUNT_LOCKED"]


def operation_id() -> str:
    return gid("Operation", f"domains.{uid(50_001)}")


class _UserLocked(Unauthenticated):
    reason = "USER_LOCKED"


async def test_a_locked_user_is_told_why_at_sign_in_and_by_its_token(stand: Stand) -> None:
    locked = _UserLocked("locked", reason="Feltört postafiók")
    stand.world.broken["identity.CreateSession"] = locked
    for language, text in (("hu", "A felhasználója zárolva van („Feltört postafiók”)"), ("en", "Your user is locked")):
        page = await stand.http.post("/sign-in", data=FORM, headers={"Accept-Language": language})
        assert page.status_code == 403
        assert text in page.text
    stand.world.broken["identity.Authenticate"] = locked
    answer = await stand.post("{ viewer { currentIp } }")
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["reason"]) == (401, "USER_LOCKED")
    assert "Feltört postafiók" in error["message"]
