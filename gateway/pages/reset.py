"""A new password for who has forgotten it: asking for a link by e-mail, and setting the password with it.

Every answer to a form that changed something is a redirect, so that loading the page again repeats nothing.
"""

from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import COMMON, Texts, page, read_form, too_large
from gateway.service import Gateway, client_ip, locale_of, same_origin
from portico.identity.v1 import passwords_pb2

TEXTS: Texts = {
    "hu": {
        "forgot": "Elfelejtett jelszó",
        "forgot_lead": "Adja meg az e-mail-címét, amellyel bejelentkezik. Küldünk rá egy hivatkozást az új jelszóhoz.",
        "send": "Hivatkozás küldése",
        "back": "Vissza a bejelentkezéshez",
        "missing_email": "Adja meg az e-mail-címét.",
        "sent": "Nézze meg a postafiókját",
        "sent_text": "Ha ezzel a címmel be lehet jelentkezni a Porticóba, elküldtük rá a hivatkozást.",
        "sent_once": "A hivatkozás egyszer, rövid ideig használható.",
        "sent_again": "Nem jött meg? Nézze meg a levélszemét között is, vagy kérje újra.",
        "reset": "Új jelszó beállítása",
        "new_password": "Új jelszó",
        "length": "Legalább {} karakter. Több egymás után írt szó jó jelszó.",
        "new_password_again": "Új jelszó még egyszer",
        "save": "Jelszó mentése",
        "missing_password": "Írja be az új jelszót mindkét mezőbe.",
        "differ": "A két jelszó nem egyezik.",
        "gone": "Ez a hivatkozás nem használható",
        "gone_text": "Lejárt, már felhasználták, vagy azóta újabbat kértek.",
        "again": "Új hivatkozás kérése",
        "done": "Az új jelszó beállítva",
        "done_text": "Minden eszközön kijelentkeztettük. Jelentkezzen be az új jelszavával.",
    },
    "en": {
        "forgot": "Forgotten password",
        "forgot_lead": "Enter the e-mail address that you sign in with. We send a link to it that sets a new password.",
        "send": "Send the link",
        "back": "Back to sign-in",
        "missing_email": "Enter your e-mail address.",
        "sent": "Look into your mailbox",
        "sent_text": "If you sign in to Portico with that address, the link is on its way.",
        "sent_once": "It works once, for a short time.",
        "sent_again": "Nothing there? Look among the spam too, or ask again.",
        "reset": "Set a new password",
        "new_password": "New password",
        "length": "At least {} characters. Several words in a row make a good one.",
        "new_password_again": "New password once more",
        "save": "Save the password",
        "missing_password": "Enter the new password in both fields.",
        "differ": "The two passwords differ.",
        "gone": "This link does not work",
        "gone_text": "It has expired, was used, or a newer one was asked for.",
        "again": "Ask for a new link",
        "done": "The new password is set",
        "done_text": "You were signed out everywhere. Sign in with your new password.",
    },
}
#: As identity's fields have it; both are more than anything good.
_MOST_SECRET, _MOST_PASSWORD = 200, 4096


async def forgot(gateway: Gateway, http: HttpRequest) -> Response:
    """GET asks for the address, POST has the link sent; the answer is the same whether the address is known."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        if "sent" in http.query_params:
            return _notice(locale, "sent", ["sent_text", "sent_once", "sent_again"], ("/forgot", "again"))
        return page("forgot.html", locale, TEXTS, email="", error="")
    form = await read_form(http)
    if form is None:
        return too_large()
    email = form.get("email", "").strip()

    def again(status: int, error: str) -> Response:
        return page("forgot.html", locale, TEXTS, status, email=email[:320], error=error)

    if not same_origin(http):
        return again(403, COMMON[locale]["cross_origin"])
    if not email or len(email) > 320:
        return again(400, TEXTS[locale]["missing_email"])
    request = passwords_pb2.RequestPasswordResetRequest(email=email, ip=client_ip(http))
    try:
        await Calls().write("identity", gateway.clients.passwords.RequestPasswordReset, request, None)
    except ServiceError as error:
        return again(*_refusal(error, locale))
    return RedirectResponse("/forgot?sent", 303, headers={"Cache-Control": "no-store"})


async def reset(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the form behind a link, POST sets the password with it."""
    response = await (_set(gateway, http) if http.method == "POST" else _show(gateway, http))
    # The page's own address holds the secret.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def _show(gateway: Gateway, http: HttpRequest) -> Response:
    locale = locale_of(http.headers)
    if "done" in http.query_params:
        return _notice(locale, "done", ["done_text"], ("/sign-in", "sign_in"))
    return await _form(gateway, locale, http.query_params.get("token", ""), 200, "")


async def _set(gateway: Gateway, http: HttpRequest) -> Response:
    locale = locale_of(http.headers)
    form = await read_form(http)
    if form is None:
        return too_large()
    secret, password = form.get("token", ""), form.get("password", "")
    if not _from_here(http):
        return await _form(gateway, locale, secret, 403, COMMON[locale]["cross_origin"])
    if not password or not form.get("again"):
        return await _form(gateway, locale, secret, 400, TEXTS[locale]["missing_password"])
    if password != form["again"]:
        return await _form(gateway, locale, secret, 400, TEXTS[locale]["differ"])
    if len(password) > _MOST_PASSWORD:
        return await _form(gateway, locale, secret, 400, messages.text("PASSWORD_TOO_LONG", locale, {"most": 1024}))
    request = passwords_pb2.ResetPasswordRequest(
        secret=secret[:_MOST_SECRET], new_password=password, ip=client_ip(http)
    )
    try:
        await Calls().write("identity", gateway.clients.passwords.ResetPassword, request, None)
    except ServiceError as error:
        return await _form(gateway, locale, secret, *_refusal(error, locale))
    return RedirectResponse("/reset?done", 303, headers={"Cache-Control": "no-store"})


async def _form(gateway: Gateway, locale: str, secret: str, status: int, error: str) -> Response:
    """The form of a good link; for any other the one page that says so."""
    request = passwords_pb2.GetPasswordResetRequest(secret=secret[:_MOST_SECRET])
    try:
        found = await Calls().read("identity", gateway.clients.passwords.GetPasswordReset, request, None)
    except ServiceError as failure:
        if failure.reason in {"RESET_LINK_INVALID", "INVALID"}:
            return _notice(locale, "gone", ["gone_text"], ("/forgot", "again"), 410)
        code, text = _refusal(failure, locale)
        return page("reset.html", locale, TEXTS, code, token=secret, email="", least=0, error=text)
    return page(
        "reset.html", locale, TEXTS, status, token=secret, email=found.email, least=found.min_length, error=error
    )


def _notice(locale: str, heading: str, paragraphs: list[str], link: tuple[str, str], status: int = 200) -> HTMLResponse:
    """A page that tells and leads on: the names of its texts, and of a link's (address, text)."""
    return page(
        "notice.html", locale, TEXTS, status, heading=heading, paragraphs=paragraphs, href=link[0], label=link[1]
    )


def _from_here(http: HttpRequest) -> bool:
    """As same_origin. A browser too old to send Sec-Fetch-Site calls a page without referrer "null"; the form's secret,
    which no other site has, stands in for the origin then."""
    old = "sec-fetch-site" not in http.headers and http.headers.get("origin") == "null"
    return old or same_origin(http)


def _refusal(error: ServiceError, locale: str) -> tuple[int, str]:
    """(status, what to say)."""
    problem = problem_of(error)
    if problem is None:
        raise error
    status = {"RESET_THROTTLED": 429, "SERVICE_UNAVAILABLE": 503}.get(problem.code, 400)
    return status, messages.text(problem.message, locale, problem.values)
