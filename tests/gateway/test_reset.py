"""The pages for a forgotten password, as a browser without scripts meets them."""

import httpx

from services.chassis.errors import Exhausted
from tests.gateway.conftest import Stand

FORM = {"token": "good-link", "password": "elem kapocs helyes ló", "again": "elem kapocs helyes ló"}
HU, EN = {"Accept-Language": "hu"}, {"Accept-Language": "en"}


async def test_the_way_from_the_sign_in_page_to_a_link_and_back(stand: Stand) -> None:
    for language, question, lead in (
        (HU, "Elfelejtette a jelszavát?", "Nézze meg a postafiókját"),
        (EN, "Forgot your password?", "Look into your mailbox"),
    ):
        first = await stand.http.get("/sign-in", headers=language)
        assert f'<a href="/forgot">{question}</a>' in first.text
        assert 'action="/forgot"' in (await stand.http.get("/forgot", headers=language)).text
        sent = await stand.http.post("/forgot", data={"email": " anna@x.example "}, headers=language)
        assert (sent.status_code, sent.headers["location"]) == (303, "/forgot?sent")
        assert lead in (await stand.http.get("/forgot?sent", headers=language)).text
    [request, _] = stand.world.requests
    assert (request.email, request.ip) == ("anna@x.example", "127.0.0.1")


async def test_the_link_sets_the_password_once(stand: Stand) -> None:
    page = await stand.http.get("/reset?token=good-link", headers=EN)
    assert page.status_code == 200
    assert 'name="token" value="good-link"' in page.text
    assert "At least 15 characters" in page.text
    assert 'value="anna@x.example" readonly' in page.text
    done = await stand.http.post("/reset", data=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/reset?done")
    assert "set-cookie" not in done.headers  # nobody is signed in by it
    assert "Sign in with your new password" in (await stand.http.get("/reset?done", headers=EN)).text
    for again in (await stand.http.post("/reset", data=FORM), await stand.http.get("/reset?token=good-link")):
        assert again.status_code == 410
        assert 'href="/forgot"' in again.text


async def test_every_bad_link_gets_the_same_page(stand: Stand) -> None:
    paths = ("/reset", "/reset?token=", "/reset?token=bad", "/reset?token=" + "a" * 5000)
    answers = [await stand.http.get(path, headers=HU) for path in paths]
    answers.append(await stand.http.post("/reset", data=FORM | {"token": "bad"}, headers=HU))
    assert {answer.status_code for answer in answers} == {410}
    [text] = {answer.text for answer in answers}
    assert "Ez a hivatkozás nem használható" in text


async def test_the_secret_of_the_link_leaves_the_page_nowhere(stand: Stand) -> None:
    answers: list[httpx.Response] = [
        await stand.http.get("/reset?token=good-link"),
        await stand.http.get("/reset?token=bad"),
        await stand.http.post("/reset", data=FORM | {"again": "más"}),
        await stand.http.post("/reset", data=FORM),
    ]
    for answer in answers:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "//" not in answer.text.replace("<!doctype html>", "")
    assert "default-src 'none'" in answers[0].headers["content-security-policy"]
    assert "good-link" not in answers[3].headers["location"]


async def test_what_is_wrong_with_the_password_is_said_and_the_link_stays_good(stand: Stand) -> None:
    for given, text in (
        ({"password": "rövid", "again": "rövid"}, "A jelszó legalább 15 karakter legyen."),
        ({"again": "elem kapocs helyes lo"}, "A két jelszó nem egyezik."),
        ({"password": "", "again": ""}, "Írja be az új jelszót mindkét mezőbe."),
        ({"password": "x" * 5000, "again": "x" * 5000}, "A jelszó legfeljebb 1024 karakter lehet."),
    ):
        answer = await stand.http.post("/reset", data=FORM | given, headers=HU)
        assert answer.status_code == 400
        assert text in answer.text
        assert 'name="token" value="good-link"' in answer.text
    assert (await stand.http.post("/reset", data=FORM)).status_code == 303


async def test_another_site_can_use_neither_form(stand: Stand) -> None:
    for origin in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": "null"}):
        for path, form in (("/forgot", {"email": "anna@x.example"}), ("/reset", FORM)):
            assert (await stand.http.post(path, data=form, headers=origin)).status_code == 403
    assert not stand.world.calls["passwords.RequestPasswordReset"]
    assert not stand.world.calls["passwords.ResetPassword"]


async def test_a_browser_that_calls_the_page_without_referrer_null_gets_through_with_its_secret(stand: Stand) -> None:
    assert (await stand.http.post("/reset", data=FORM, headers={"Origin": "null"})).status_code == 303
    assert (await stand.http.post("/forgot", data={"email": "a@b.hu"}, headers={"Origin": "null"})).status_code == 403


class _Throttled(Exhausted):
    reason = "RESET_THROTTLED"


async def test_too_many_requests_no_address_and_a_dead_service_are_told(stand: Stand) -> None:
    form = {"email": "anna@x.example"}
    assert (await stand.http.post("/forgot", data={"email": " "}, headers=EN)).status_code == 400
    assert (await stand.http.post("/forgot", data={"email": "a" * 321})).status_code == 400
    stand.world.broken["passwords.RequestPasswordReset"] = _Throttled(retry_after="60")
    answer = await stand.http.post("/forgot", data=form, headers=EN)
    assert (answer.status_code, "Too many attempts." in answer.text) == (429, True)
    assert 'value="anna@x.example"' in answer.text
    await stand.servers["identity"].stop(0)
    for dead in (await stand.http.post("/forgot", data=form), await stand.http.get("/reset?token=good-link")):
        assert dead.status_code == 503
