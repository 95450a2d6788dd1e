"""Signing in, with the password or a passkey, and out with the browser."""

import logging
from urllib.parse import quote

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import (
    COMMON,
    KEY_CSP,
    Texts,
    current,
    options,
    page,
    read_form,
    refusal,
    safe_next,
    status_of,
    too_large,
)
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import COOKIE, PENDING_COOKIE, BadCredential, bearer
from portico.identity.v1 import factors_pb2, identity_pb2, operator_pb2
from portico.identity.v1.identity_pb2 import EndSessionRequest

log = logging.getLogger("gateway")
NO_STORE = {"Cache-Control": "no-store"}
TEXTS: Texts = {
    "hu": {
        "sign_out_question": "Kijelentkezik a Porticóból?",
        "forgot": "Elfelejtette a jelszavát?",
        "with_token": "Folytatás API-tokennel",
        "with_passkey": "Belépés hozzáférési kulccsal",
        "missing": "Adja meg az e-mail-címét és a jelszavát.",
    },
    "en": {
        "sign_out_question": "Sign out of Portico?",
        "forgot": "Forgot your password?",
        "with_token": "Continue with an API token",
        "with_passkey": "Sign in with a passkey",
        "missing": "Enter your e-mail address and password.",
    },
}


async def sign_in(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the form; POST signs in with it and goes on to `next`, by way of the second factor where there is one."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        return form_again(locale, 200, safe_next(http.query_params.get("next", "/")))
    form = await read_form(http)
    if form is None:
        return too_large()
    email, password, goal = form.get("email", "").strip(), form.get("password", ""), safe_next(form.get("next", "/"))
    if not same_origin(http):
        return form_again(locale, 403, goal, COMMON[locale]["cross_origin"], email)
    if not email or not password or len(email) > 320 or len(password) > 1024:
        return form_again(locale, 400, goal, TEXTS[locale]["missing"], email)
    request = identity_pb2.CreateSessionRequest(
        email=email, password=password, ip=client_ip(http), user_agent=agent(http)
    )
    try:
        answer = await Calls().write("identity", gateway.clients.identity.CreateSession, request, None)
    except ServiceError as error:
        return form_again(locale, status_of(error), goal, refusal(error, locale), email)
    return await enter(gateway, http, answer, goal)


async def passkey(gateway: Gateway, http: HttpRequest) -> Response:
    """Signs in with what a passkey has signed, and goes on to `next`."""
    locale = locale_of(http.headers)
    form = await read_form(http)
    if form is None:
        return too_large()
    goal = safe_next(form.get("next", "/"))
    if not same_origin(http):
        return form_again(locale, 403, goal, COMMON[locale]["cross_origin"])
    request = factors_pb2.CompletePasskeySignInRequest(
        assertion=form.get("assertion", ""), ip=client_ip(http), user_agent=agent(http)
    )
    try:
        answer = await Calls().write("identity", gateway.clients.factors.CompletePasskeySignIn, request, None)
    except ServiceError as error:
        return form_again(locale, status_of(error), goal, refusal(error, locale))
    return await enter(gateway, http, answer, goal)


async def passkey_options(gateway: Gateway, http: HttpRequest) -> Response:
    """What any passkey is to sign."""
    request = factors_pb2.BeginPasskeySignInRequest(ip=client_ip(http))
    method = gateway.clients.factors.BeginPasskeySignIn
    return await options(http, locale_of(http.headers), lambda: Calls().write("identity", method, request, None))


def form_again(locale: str, status: int, goal: str, error: str = "", email: str = "") -> Response:
    """The sign-in page, with what went wrong."""
    return page("sign_in.html", locale, TEXTS, status, csp=KEY_CSP, next=goal, email=email[:320], error=error)


async def enter(
    gateway: Gateway,
    http: HttpRequest,
    opened: identity_pb2.CreateSessionResponse
    | factors_pb2.CompleteSignInResponse
    | operator_pb2.RedeemSignInLinkResponse,
    goal: str,
) -> Response:
    """On to a path of this site with the session that was opened, or to the second factor when that is still to come. The
    session that the browser had before, whosever it was, ends when there is a new one."""
    if isinstance(opened, identity_pb2.CreateSessionResponse) and opened.pending_secret:
        response = RedirectResponse(f"/sign-in/second-factor?next={quote(goal)}", 303, headers=NO_STORE)
        set_cookie(response, PENDING_COOKIE, opened.pending_secret, opened.expires_at)
        return response
    await end_session(gateway, http)
    response = RedirectResponse(goal, 303, headers=NO_STORE)
    set_cookie(response, COOKIE, opened.secret, opened.expires_at)
    if PENDING_COOKIE in http.cookies:
        take_cookie(response, PENDING_COOKIE)
    return response


async def end_session(gateway: Gateway, http: HttpRequest) -> None:
    """Ends the session of the browser's cookie, if it is one. A service that does not answer is told to the log alone."""
    old = http.cookies.get(COOKIE, "")
    if not old:
        return
    try:
        credential = bearer(f"Bearer {old}")
        await Calls().write("identity", gateway.clients.identity.EndSession, EndSessionRequest(secret=old), None)
        gateway.sessions.forget(credential, client_ip(http))
    except BadCredential:
        pass  # it was none
    except ServiceError as error:
        log.warning("a session that was replaced goes on", extra={"cause": str(error)})


def agent(http: HttpRequest) -> str:
    return http.headers.get("user-agent", "")[:1000]


def set_cookie(response: Response, name: str, secret: str, expires_at: Timestamp) -> None:
    expires = expires_at.ToDatetime().strftime("%a, %d %b %Y %H:%M:%S GMT")
    response.set_cookie(name, secret, expires=expires, path="/", secure=True, httponly=True, samesite="lax")


def take_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


async def sign_out(gateway: Gateway, http: HttpRequest) -> Response:
    """GET asks, POST ends the session and takes the cookie away."""
    session = await current(gateway, http)
    locale = locale_of(http.headers, session)
    if http.method != "POST":
        return page("sign_out.html", locale, TEXTS, session=session)
    if not same_origin(http):
        return page("sign_out.html", locale, TEXTS, 403)
    secret = http.cookies.get(COOKIE, "")
    if secret:
        request = EndSessionRequest(secret=secret[:4096])
        try:
            await Calls().write("identity", gateway.clients.identity.EndSession, request, None)
            gateway.sessions.forget(bearer(f"Bearer {secret}"), client_ip(http))
        except BadCredential:
            pass  # it was none; the cookie goes all the same
        except ServiceError as error:
            # The cookie stays: to take it away would look like signed out while the session still lives.
            problem = problem_of(error)
            return JSONResponse({"error": messages.text(problem.message if problem else "INTERNAL", locale)}, 503)
    response = RedirectResponse("/sign-in", 303, headers=NO_STORE)
    take_cookie(response, COOKIE)
    return response
