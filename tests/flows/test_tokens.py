"""A narrow API token on the real stack: made, used, refused elsewhere, revoked."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets

from tests.flows.portal import Answer, Person, Portal, key
from tests.flows.test_house import connected

CREATE = """mutation ($i: CreateApiTokenInput!) { createApiToken(input: $i) {
  secret apiToken { id } userErrors { code message } } }"""
REVOKE = "mutation ($i: ID!) { revokeApiToken(input: {id: $i}) { userErrors { code } } }"
INVOICES = "{ account { invoices(first: 1) { nodes { number } } } }"


async def test_a_narrow_token_is_good_for_its_right_alone_until_it_is_revoked(portal: Portal, anna: Person) -> None:
    [known] = [p for p in portal.stack.demo["people"] if p["email"].startswith("anna@")]
    form = {"email": known["email"], "password": known["password"]}
    cookie = (await portal.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]

    async def signed_in(document: str, **variables: object) -> Answer:
        body = {"query": document, "variables": variables}
        answer = await portal.http.post("/graphql", json=body, headers={"Cookie": cookie})
        return Answer(answer.status_code, answer.json(), answer.headers)

    def asked(**more: Any) -> dict[str, Any]:
        expires_at = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"name": "r", "permissions": ["BILLING_READ"], "expiresAt": expires_at, "idempotencyKey": key()} | more

    refused = (await anna.ask(CREATE, i=asked())).data["createApiToken"]
    assert [e["code"] for e in refused["userErrors"]] == ["STEP_UP_REQUIRED"]
    elsewhere = (await signed_in(CREATE, i=asked(ips=["203.0.113.7"]))).data["createApiToken"]
    answer = await Person(portal.http, elsewhere["secret"]).ask(INVOICES)
    assert (answer.status, answer.errors[0]["extensions"]["reason"]) == (401, "TOKEN_IP_REFUSED")

    made = (await signed_in(CREATE, i=asked(ips=["127.0.0.0/8"]))).data["createApiToken"]
    robot = Person(portal.http, made["secret"])
    assert (await robot.ask(INVOICES)).data["account"]["invoices"]["nodes"]
    answer = await robot.ask("{ account { domains { nodes { name } } } }")
    assert [e["extensions"]["code"] for e in answer.errors] == ["FORBIDDEN"]
    async with connected(portal, robot) as socket:
        assert not (await signed_in(REVOKE, i=made["apiToken"]["id"])).data["revokeApiToken"]["userErrors"]
        revoked_at = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert time.monotonic() - revoked_at < 1
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    assert (await robot.ask(INVOICES)).status == 401
