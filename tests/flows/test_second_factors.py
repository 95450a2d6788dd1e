"""Second factors on the real stack: a security key through the pages, in a real browser with a virtual authenticator, and
an authenticator app through GraphQL. Both leave everybody as they were."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyotp
import pytest
from playwright.async_api import Page, async_playwright

from deploy.parts.browser import FLAGS
from tests.flows.portal import Portal

#: A key that holds passkeys and asks for a PIN, which is always right (WebDriver, Web Authentication extension).
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
async def browser_page(browser_path: str) -> AsyncIterator[Page]:
    """A fresh browser with the key plugged in."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(10_000)
        devtools = await context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
        yield page
        await browser.close()


async def test_a_key_is_registered_then_signs_in_beside_the_password_and_alone(
    portal: Portal, browser_page: Page
) -> None:
    page, home = browser_page, f"http://localhost:{portal.stack.port('gateway')}"
    csaba = next(p for p in portal.stack.demo["people"] if p["email"].startswith("csaba"))

    async def with_password() -> None:
        await page.goto(f"{home}/sign-in?next=/security")
        await page.locator("#email").fill(csaba["email"])
        await page.locator("#password").fill(csaba["password"])
        await page.locator("form[action='/sign-in'] button").click()

    async def sign_out() -> None:
        await page.goto(f"{home}/sign-out")
        await page.locator("button").click()
        await page.wait_for_url(f"{home}/sign-in")

    await with_password()
    await page.locator("#name").fill("Yubi")
    await page.locator("form[action='/security/key'] button").click()
    codes = page.locator(".codes li")
    await codes.first.wait_for()
    assert await codes.count() == 10
    await page.goto(f"{home}/security")
    assert await page.locator(".items strong").all_inner_texts() == ["Yubi"]
    await sign_out()

    await with_password()
    await page.wait_for_url(f"{home}/sign-in/second-factor?next=/security")
    assert "__Host-portico" not in {cookie["name"] for cookie in await page.context.cookies()}
    await page.locator("form[data-security-key] button").click()
    await page.wait_for_url(f"{home}/security")
    await sign_out()

    await page.goto(f"{home}/sign-in?next=/security")
    await page.locator("form[data-security-key] button").click()
    await page.wait_for_url(f"{home}/security")

    # The last one goes with the password, which is long enough to stand alone.
    await page.locator("#password").fill(csaba["password"])
    await page.locator("form[action='/security/remove'] button").click()
    await page.locator(".items li").wait_for(state="detached")
    await sign_out()

    # Where keys cannot work the page says so, with the address where they do.
    await page.goto(f"{portal.stack.url}/sign-in?next=/security")
    await page.locator("form[data-security-key] button").click()
    await page.locator("form[data-security-key] .error a").wait_for()
    assert await page.locator("form[data-security-key] .error a").get_attribute("href") == f"{home}/sign-in"


BEGIN = "mutation { beginTotp { id uri userErrors { code } } }"
CONFIRM = """mutation ($i: ConfirmTotpInput!) { confirmTotp(input: $i) {
  factor { id } recoveryCodes userErrors { code message } } }"""
STEP_UP = "mutation ($i: ConfirmIdentityInput!) { confirmIdentity(input: $i) { userErrors { code message } } }"
REMOVE = """mutation ($i: RemoveFactorInput!) { removeFactor(input: $i) {
  viewer { factors { id } recoveryCodesLeft } userErrors { code message } } }"""


async def test_an_authenticator_app_signs_in_and_confirms(portal: Portal) -> None:
    csaba = next(p for p in portal.stack.demo["people"] if p["email"].startswith("csaba"))
    form = {"email": csaba["email"], "password": csaba["password"], "next": "/security"}
    async with httpx.AsyncClient(base_url=portal.stack.url, timeout=20) as http:

        async def ask(document: str, cookie: str, **variables: Any) -> dict[str, Any]:
            body = {"query": document, "variables": variables}
            answer = (await http.post("/graphql", json=body, headers={"Cookie": cookie})).json()
            assert "errors" not in answer
            [payload] = answer["data"].values()
            assert payload["userErrors"] == []
            return dict(payload)

        def cookie(answer: httpx.Response) -> str:
            return answer.headers["set-cookie"].split(";")[0]

        first = cookie(await http.post("/sign-in", data=form))
        begun = await ask(BEGIN, first)
        totp = pyotp.parse_uri(begun["uri"])
        assert isinstance(totp, pyotp.TOTP)
        given = {"id": begun["id"], "code": totp.now(), "name": "telefon"}
        codes = (await ask(CONFIRM, first, i=given))["recoveryCodes"]

        half = await http.post("/sign-in", data=form)
        assert half.headers["location"] == "/sign-in/second-factor?next=/security"
        headers, next_ = {"Cookie": cookie(half)}, datetime.now(UTC) + timedelta(seconds=30)
        done = await http.post("/sign-in/second-factor", data={"code": totp.at(next_)}, headers=headers)
        assert done.status_code == 303
        second = cookie(done)
        await ask(STEP_UP, second, i={"recoveryCode": codes[0]})
        removed = await ask(REMOVE, second, i={"id": begun["id"], "currentPassword": csaba["password"]})
        assert removed["viewer"] == {"factors": [], "recoveryCodesLeft": 0}
