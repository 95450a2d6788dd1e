"""The user's own sessions and API tokens through GraphQL, and how soon a revoked one is refused."""

import time
from typing import Any

from services.chassis.errors import DomainError
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import session_id, uid
from tests.gateway.test_websocket import close_code, connect

CREATE = """mutation ($i: CreateApiTokenInput!) { createApiToken(input: $i) {
  secret apiToken { id name grants { permission } ips contact { account { number } } } userErrors { code field message } } }"""
REVOKE = "mutation ($i: ID!) { revokeApiToken(input: {id: $i}) { viewer { currentIp } userErrors { code field } } }"
SESSION = (
    "mutation ($i: RevokeSessionInput!) { revokeSession(input: $i) { viewer { currentIp } userErrors { code field } } }"
)
NAME = "{ viewer { user { name } } }"


def asked(**more: Any) -> dict[str, Any]:
    given = {"name": "robot", "permissions": ["BILLING_READ"], "expiresAt": "2027-01-01T00:00:00Z"}
    return {"i": given | {"idempotencyKey": "k" * 10} | more}


async def made(stand: Stand) -> tuple[str, str]:
    answer = (await stand.data(CREATE, variables=asked()))["createApiToken"]
    return answer["apiToken"]["id"], answer["secret"]


async def test_a_token_is_made_with_its_secret_once_and_a_repeat_says_so(stand: Stand) -> None:
    given = asked(ips=["203.0.113.0/24"], accountId=gid("Account", uid(1)))
    first, again = [(await stand.data(CREATE, variables=given))["createApiToken"] for _ in range(2)]
    assert first["secret"]
    assert first["userErrors"] == []
    assert first["apiToken"]["grants"] == [{"permission": "BILLING_READ"}]
    assert (again["secret"], again["apiToken"]) == (None, first["apiToken"])
    assert again["userErrors"][0]["code"] == "SECRET_SHOWN_ALREADY"
    assert again["userErrors"][0]["field"] == ["input", "idempotencyKey"]
    listed = await stand.data("{ viewer { apiTokens { id name ips } sessions { id } } }")
    assert listed["viewer"]["apiTokens"] == [
        {"id": first["apiToken"]["id"], "name": "robot", "ips": ["203.0.113.0/24"]}
    ]


async def test_a_foreign_account_or_an_impossible_moment_makes_no_token(stand: Stand) -> None:
    for more, code in (
        ({"accountId": gid("Account", uid(2))}, "NOT_FOUND"),
        ({"expiresAt": "2027-99-99T00:00:00Z"}, "TOKEN_EXPIRY_INVALID"),
    ):
        answer = (await stand.data(CREATE, variables=asked(**more)))["createApiToken"]
        assert [e["code"] for e in answer["userErrors"]] == [code]
    assert not stand.world.calls["identity.CreateApiToken"]


async def test_a_sessions_input_names_exactly_one_way(stand: Stand) -> None:
    for given in ({}, {"all": True, "others": True}, {"all": False}):
        answer = (await stand.data(SESSION, variables={"i": given}))["revokeSession"]
        assert answer == {"viewer": None, "userErrors": [{"code": "INVALID", "field": ["input"]}]}
    for kind, code in (("Session", "SESSION_NOT_FOUND"), ("Domain", "INVALID")):
        answer = (await stand.data(SESSION, variables={"i": {"id": gid(kind, uid(5))}}))["revokeSession"]
        assert answer["userErrors"] == [{"code": code, "field": ["input", "id"]}]


async def test_a_revoked_token_is_refused_within_a_second_over_http_and_its_socket_closes(stand: Stand) -> None:
    id_, secret = await made(stand)
    async with connect(stand, secret) as socket:
        # Other traffic with the same token, just before: its fresh answer must not hold the socket open longer.
        await stand.data(NAME, secret)
        await stand.data(REVOKE, variables={"i": id_})
        begun = time.monotonic()
        assert await close_code(socket) == 4403
        assert time.monotonic() - begun < 1
    assert (await stand.post(NAME, secret)).status_code == 401


async def test_a_revoked_session_is_refused(stand: Stand) -> None:
    form = {"email": "owner-token@x.example", "password": "right"}
    cookie = (await stand.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]
    [secret] = stand.world.sessions
    async with connect(stand, secret) as socket:
        answer = await stand.data(SESSION, variables={"i": {"id": gid("Session", session_id(secret))}})
        begun = time.monotonic()
        assert answer["revokeSession"]["userErrors"] == []
        assert await close_code(socket) == 4403
        assert time.monotonic() - begun < 1
    asked_again = await stand.http.post("/graphql", json={"query": NAME}, headers={"Cookie": cookie})
    assert asked_again.status_code == 401


class _MayNot(DomainError):
    reason = "TOKEN_MAY_NOT"


async def test_what_only_a_person_may_is_refused_in_the_readers_language(stand: Stand) -> None:
    stand.world.broken["identity.CreateApiToken"] = _MayNot()
    for locale, word in (("hu", "jelentkezzen be"), ("en", "sign in")):
        stand.world.users["owner-token"].locale = locale
        stand.gateway.sessions._kept.clear()
        [error] = (await stand.data(CREATE, variables=asked()))["createApiToken"]["userErrors"]
        assert error["code"] == "TOKEN_MAY_NOT"
        assert word in error["message"]
