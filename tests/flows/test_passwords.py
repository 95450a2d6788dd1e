"""A forgotten password on the real stack: the link, the new password, and what a person may with it that a token may not."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.flows.portal import Answer, Portal

NEW = "helyes ló elem kapocs"
CHANGE = (
    """mutation ($i: ChangePasswordInput!) { changePassword(input: $i) { endedSessions userErrors { code field } } }"""
)
VPN = """mutation ($i: SetVpnPasswordInput!) { setVpnPassword(input: $i) {
  password viewer { vpnAccess { username } } userErrors { code } } }"""
CODE = "mutation ($i: RequestAuthCodeInput!) { requestAuthCode(input: $i) { code userErrors { code message } } }"
DOMAIN = "{ account { domains(filter: {states: [ACTIVE]}, first: 1) { nodes { id } } } }"


async def test_a_forgotten_password_is_set_anew_and_opens_what_a_token_cannot(portal: Portal) -> None:
    [eszter] = [p for p in portal.stack.demo["people"] if p["email"].startswith("eszter@")]

    async def sign_in(password: str) -> Any:
        return await portal.http.post("/sign-in", data={"email": eszter["email"], "password": password})

    sent = await portal.http.post("/forgot", data={"email": eszter["email"].upper()})
    assert sent.headers["location"] == "/forgot?sent"
    [link] = (await portal.mail(eszter["email"], "/reset?token=")).links
    assert link.startswith(f"{portal.stack.url}/reset?token=")
    assert eszter["email"] in (await portal.http.get(link)).text
    form = {"token": parse_qs(urlsplit(link).query)["token"][0], "password": NEW, "again": NEW}
    assert (await portal.http.post("/reset", data=form)).headers["location"] == "/reset?done"
    assert (await portal.http.get(link)).status_code == 410
    assert (await sign_in(eszter["password"])).status_code == 401
    cookie = (await sign_in(NEW)).headers["set-cookie"].split(";")[0]

    async def ask(document: str, **variables: object) -> Any:
        body = {"query": document, "variables": variables}
        answer = await portal.http.post("/graphql", json=body, headers={"Cookie": cookie})
        return Answer(answer.status_code, answer.json(), answer.headers).data

    made = (await ask(VPN, i={}))["setVpnPassword"]
    assert made["password"]
    assert made["viewer"]["vpnAccess"]["username"].startswith("vpn-")
    nodes = (await ask(DOMAIN))["account"]["domains"]["nodes"]
    token = portal.person("eszter")
    refused = (await token.ask(CODE, i={"domainId": nodes[0]["id"]})).data["requestAuthCode"]
    assert [e["code"] for e in refused["userErrors"]] == ["STEP_UP_REQUIRED"]
    confirmed = (await ask(CODE, i={"domainId": nodes[0]["id"]}))["requestAuthCode"]
    assert "STEP_UP_REQUIRED" not in [e["code"] for e in confirmed["userErrors"]]
    back = {"currentPassword": NEW, "newPassword": eszter["password"]}
    assert (await ask(CHANGE, i=back))["changePassword"] == {"endedSessions": 0, "userErrors": []}
    assert (await sign_in(eszter["password"])).status_code == 303
