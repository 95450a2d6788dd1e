"""A security key through the real pages, in a real browser with a virtual authenticator."""

from collections.abc import AsyncIterator

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
    # Nobody else's test signs in as she does.
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

    # Where keys cannot work the page says so, with the address where they do.
    await page.goto(f"{portal.stack.url}/sign-in?next=/security")
    await page.locator("form[data-security-key] button").click()
    await page.locator("form[data-security-key] .error a").wait_for()
    assert await page.locator("form[data-security-key] .error a").get_attribute("href") == f"{home}/sign-in"
