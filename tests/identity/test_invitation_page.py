"""The way of a contact as people go it: a gateway before the real identity service, from the invitation to its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway import app
from gateway.context import global_id
from gateway.settings import SERVICES, Settings
from portico.identity.v1 import identity_pb2 as pb
from tests.identity.conftest import Member, Town
from tests.identity.test_contacts import mails
from tests.identity.test_invitations import PASSWORD, invited, link, user_with
from tests.serving import Serving

NOWHERE = "127.0.0.1:1"
INVITE = """mutation ($i: InviteContactInput!) { inviteContact(input: $i) {
  contact { id state email } userErrors { code message } } }"""
UPDATE = """mutation ($i: UpdateContactInput!) { updateContact(input: $i) {
  contact { grants { permission } deniedFields } userErrors { code } } }"""
REVOKE = "mutation ($i: ID!) { revokeContact(input: {id: $i}) { contact { state } userErrors { code } } }"
PROFILE = "{ account { name profile { taxNumber email city } } }"


@pytest.fixture(scope="module")
async def portal(identity: Serving) -> AsyncIterator[httpx.ASGITransport]:
    addresses = {name: identity.address if name == "identity" else NOWHERE for name in SERVICES}
    settings = Settings(
        host="127.0.0.1",
        port=1,
        public_url="http://portal.example",
        amqp_url=f"amqp://{NOWHERE}/",
        addresses=addresses,
        timing=False,
        trusted_proxies="",
        log_level="INFO",
        traces_file=None,
        otlp_endpoint=None,
    )
    application = app.create(settings)
    async with application.router.lifespan_context(application):
        yield httpx.ASGITransport(application)


@dataclass
class Browser:
    http: httpx.AsyncClient

    async def sign_in(self, email: str, password: str) -> None:
        self.keep(await self.http.post("/sign-in", data={"email": email, "password": password}))

    def keep(self, answer: httpx.Response) -> None:
        """The session cookie; it is for https alone, which a test's client does not speak."""
        assert answer.status_code == 303, answer.text
        self.http.headers["Cookie"] = answer.headers["set-cookie"].split(";")[0]

    async def ask(self, document: str, **variables: Any) -> Any:
        answer = (await self.http.post("/graphql", json={"query": document, "variables": variables})).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def open(self, token: str) -> httpx.Response:
        return await self.http.get("/invitation", params={"token": token})

    async def send(self, action: str, token: str, **form: str) -> httpx.Response:
        return await self.http.post("/invitation", data={"action": action, "token": token, **form})


@pytest.fixture
def browser(portal: httpx.ASGITransport) -> Browser:
    return Browser(httpx.AsyncClient(transport=portal, base_url="http://portal.example"))


async def signed_in(portal: httpx.ASGITransport, member: Member) -> Browser:
    browser = Browser(httpx.AsyncClient(transport=portal, base_url="http://portal.example"))
    await browser.sign_in(member.email, member.password)
    return browser


async def test_from_the_invitation_to_its_end(
    identity: Serving, town: Town, portal: httpx.ASGITransport, browser: Browser
) -> None:
    owner = await town.member()
    boss = await signed_in(portal, owner)
    email = f"{uuid4().hex}@guest.example"
    given = {"email": email, "role": "accountant", "idempotencyKey": uuid4().hex, "locale": "hu", "name": "Új Ödön"}
    made = (await boss.ask(INVITE, i=given))["inviteContact"]
    assert (made["contact"]["state"], made["userErrors"]) == ("INVITED", [])
    id_ = made["contact"]["id"]
    [contact] = [c for c in await _contacts(identity, owner) if c.email == email]
    token = await link(identity, contact)

    page = await browser.open(token)
    assert page.status_code == 200
    for text in ("Minta Kft.", email, "könyvelő", 'value="Új Ödön"', 'autocomplete="new-password"'):
        assert text in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    browser.keep(await browser.send("join", token, name="Új Ödön", locale="hu", password=PASSWORD))
    assert (await browser.ask(PROFILE))["account"]["name"] == "Minta Kft."

    narrow = {"id": id_, "role": "custom", "grants": [{"permission": "ACCOUNT_READ"}]}
    changed = (await boss.ask(UPDATE, i=narrow | {"deniedFields": ["AccountProfile.taxNumber"]}))["updateContact"]
    assert changed["contact"]["grants"] == [{"permission": "ACCOUNT_READ"}]
    await browser.sign_in(email, PASSWORD)  # another session, so that nothing kept for half a second answers
    answer = (await browser.http.post("/graphql", json={"query": PROFILE})).json()
    assert answer["data"]["account"]["profile"] == {"taxNumber": None, "email": "iroda@minta.example", "city": None}
    assert [error["path"] for error in answer["errors"]] == [["account", "profile", "taxNumber"]]

    assert (await boss.ask(REVOKE, i=id_))["revokeContact"]["contact"]["state"] == "REVOKED"
    await browser.sign_in(email, PASSWORD)
    assert (await browser.ask("{ viewer { memberships { id } } }"))["viewer"]["memberships"] == []
    guest = Member(owner.account_id, owner.user_id, owner.contact_id, email, PASSWORD, "custom")
    assert [letter for letter, _ in await mails(identity, guest)] == ["invitation", "rights_changed", "access_ended"]


async def _contacts(identity: Serving, owner: Member) -> list[pb.Contact]:
    return list((await identity.call(owner.actor(), "ListContacts", pb.ListContactsRequest())).contacts)


async def test_a_user_signs_in_first_and_then_accepts(
    identity: Serving, town: Town, portal: httpx.ASGITransport, browser: Browser
) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    guest = await user_with(identity, town, contact.email)
    token = await link(identity, contact)
    page = await browser.open(token)
    assert f'href="/sign-in?next=/invitation%3Ftoken%3D{token}"' in page.text
    assert "new-password" not in page.text
    at_sign_in = await browser.http.get(f"/sign-in?next=/invitation%3Ftoken%3D{token}")
    assert f'value="/invitation?token={token}"' in at_sign_in.text
    assert (await browser.send("accept", token)).status_code == 401
    there = await signed_in(portal, guest)
    assert 'value="accept"' in (await there.open(token)).text
    answer = await there.send("accept", token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    seen = await there.http.post("/graphql", json={"query": "{ account { me { state } } }"})
    assert seen.json()["data"] == {"account": {"me": {"state": "ACTIVE"}}}
    assert (await there.open(token)).status_code == 410


async def test_somebody_else_is_told_for_whom_it_is_and_cannot_accept(
    identity: Serving, town: Town, portal: httpx.ASGITransport
) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    token = await link(identity, contact)
    other = await signed_in(portal, owner)
    page = await other.open(token)
    assert contact.email in page.text
    assert owner.email in page.text
    assert "<button" not in page.text
    assert (await other.send("accept", token)).status_code == 403


async def test_a_link_that_is_used_withdrawn_or_invented_says_so_in_both_languages(
    identity: Serving, town: Town, browser: Browser
) -> None:
    owner = await town.member()
    token = await link(identity, await invited(identity, owner))
    assert "visszautasította" in (await browser.send("decline", token)).text
    for language, gone, unknown in (
        ("hu", "A meghívást visszautasította", "nem érvényes"),
        ("en", "You have declined", "not valid"),
    ):
        browser.http.headers["Accept-Language"] = language
        for answer in (await browser.open(token), await browser.send("join", token, name="A", password=PASSWORD)):
            assert answer.status_code == 410
            assert gone in answer.text
        for wrong in ("pi_invented", "pi_\0", "", "x" * 5000):
            answer = await browser.open(wrong)
            assert answer.status_code == 404
            assert unknown in answer.text


async def test_wrong_input_shows_the_form_again_without_the_password(
    identity: Serving, town: Town, browser: Browser
) -> None:
    owner = await town.member()
    token = await link(identity, await invited(identity, owner))
    browser.http.headers["Accept-Language"] = "en"
    for form, text in (
        ({"name": "", "password": PASSWORD}, "Enter your name and your password."),
        ({"name": "<b>Ödön</b>", "password": "short-secret"}, "at least 15 characters"),
    ):
        answer = await browser.send("join", token, locale="hu", **form)
        assert answer.status_code == 400
        assert text in answer.text
        assert "short-secret" not in answer.text
        assert "<b>" not in answer.text
    assert 'value="hu" lang="hu" selected' in answer.text
    assert (await browser.send("dance", token)).status_code == 400


async def test_another_site_can_neither_send_the_form_nor_lead_away(
    identity: Serving, town: Town, portal: httpx.ASGITransport, browser: Browser
) -> None:
    owner = await town.member()
    contact = await invited(identity, owner)
    guest = await user_with(identity, town, contact.email)
    token = await link(identity, contact)
    there = await signed_in(portal, guest)
    foreign = {"Origin": "https://evil.example"}
    for action in ("accept", "decline", "join"):
        form = {"action": action, "token": token, "name": "A", "password": PASSWORD}
        assert (await there.http.post("/invitation", data=form, headers=foreign)).status_code == 403
    page = await there.http.get("/invitation", params={"token": token, "next": "https://evil.example"})
    assert "evil.example" not in page.text
    answer = await there.send("accept", token, next="https://evil.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    # What stands in the link stays in the page as text.
    page = await browser.open('"><script>alert(1)</script>')
    assert "<script>" not in page.text


async def test_a_change_that_needs_confirmation_is_refused_to_a_token(
    identity: Serving, town: Town, browser: Browser
) -> None:
    owner = await town.member()
    browser.http.headers["Authorization"] = f"Bearer {await town.token(owner)}"
    given = {"email": "a@b.example", "idempotencyKey": uuid4().hex}
    refused = (await browser.ask(INVITE, i=given))["inviteContact"]
    assert [error["code"] for error in refused["userErrors"]] == ["STEP_UP_REQUIRED"]
    can = '{ account { can(action: "inviteContact") { allowed blockers { code resolvedBy } } } }'
    answer = (await browser.ask(can))["account"]["can"]
    assert answer == {"allowed": False, "blockers": [{"code": "TOKEN_MAY_NOT", "resolvedBy": None}]}
    revoke = (await browser.ask(REVOKE, i=global_id("Contact", str(owner.contact_id))))["revokeContact"]
    assert [error["code"] for error in revoke["userErrors"]] == ["STEP_UP_REQUIRED"]


OWN = """{ viewer { sessions { current } apiTokens { id } factors { id } recoveryCodesLeft vpnAccess { username }
  emails(first: 1) { nodes { subject } } } }"""
CHANGE_PASSWORD = """mutation ($i: ChangePasswordInput!) { changePassword(input: $i) {
  endedSessions userErrors { code } } }"""


async def test_a_user_without_any_account_keeps_what_is_its_own(
    identity: Serving, town: Town, portal: httpx.ASGITransport
) -> None:
    owner = await town.member()
    guest = await town.member("technical", owner.account_id)
    contact = global_id("Contact", str(guest.contact_id))
    boss = await signed_in(portal, owner)
    assert (await boss.ask(REVOKE, i=contact))["revokeContact"]["userErrors"] == []
    there = await signed_in(portal, guest)
    own = (await there.ask(OWN))["viewer"]
    assert own["sessions"] == [{"current": True}]
    assert (own["apiTokens"], own["factors"], own["recoveryCodesLeft"]) == ([], [], 0)
    assert (await there.http.get("/security")).status_code == 200
    assert (await there.http.get("/confirm")).status_code == 200
    begun = await there.ask("mutation { beginTotp { secret userErrors { code } } }")
    assert (begun["beginTotp"]["secret"], begun["beginTotp"]["userErrors"]) != (None, [])
    changed = {"currentPassword": guest.password, "newPassword": "egeszen mas jelszo 7"}
    assert (await there.ask(CHANGE_PASSWORD, i=changed))["changePassword"]["userErrors"] == []
    vpn = await there.ask("mutation { setVpnPassword(input: {}) { password userErrors { code } } }")
    assert vpn["setVpnPassword"]["password"]

    # In no account it is nobody, that of others included.
    refused = (await there.http.post("/graphql", json={"query": "{ account { name } }"})).json()
    assert [e["extensions"]["code"] for e in refused["errors"]] == ["NOT_FOUND"]
    invite = {"email": "x@guest.example", "role": "owner", "idempotencyKey": uuid4().hex}
    for more in ({}, {"accountId": global_id("Account", str(owner.account_id))}):
        errors = (await there.ask(INVITE, i=invite | more))["inviteContact"]["userErrors"]
        assert [e["code"] for e in errors] == ["NOT_FOUND"]
    ended = await there.ask("mutation { revokeSession(input: {all: true}) { userErrors { code } } }")
    assert ended["revokeSession"]["userErrors"] == []
