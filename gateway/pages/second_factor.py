"""The second step of signing in: a code, a recovery code or a security key."""

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from gateway.clients import Calls
from gateway.errors import ServiceError
from gateway.pages.rendering import (
    COMMON,
    KEY_CSP,
    Texts,
    options,
    page,
    proofs_of,
    read_form,
    refusal,
    safe_next,
    status_of,
    too_large,
)
from gateway.pages.sign_in import NO_STORE, agent, enter, form_again, take_cookie
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import PENDING_COOKIE
from portico.identity.v1 import factors_pb2

TEXTS: Texts = {
    "hu": {
        "title": "Kétlépcsős azonosítás",
        "lead": "A jelszó rendben van. Igazolja, hogy valóban Ön az.",
        "cancel": "Mégsem",
        "missing": "Adja meg a kódot.",
    },
    "en": {
        "title": "Second factor",
        "lead": "The password is right. Now confirm that it is you.",
        "cancel": "Cancel",
        "missing": "Enter the code.",
    },
}


async def second_factor(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the ways there are, POST opens the session with one and goes on to `next`."""
    locale, secret = locale_of(http.headers), _secret(http)
    form = await read_form(http) if http.method == "POST" else {}
    if form is None:
        return too_large()
    goal = safe_next(form.get("next") or http.query_params.get("next", "/"))
    if http.method != "POST":
        return await _show(gateway, locale, secret, goal)
    if not same_origin(http):
        return await _show(gateway, locale, secret, goal, 403, COMMON[locale]["cross_origin"])
    proofs = proofs_of(form)
    if not proofs or "password" in proofs:
        return await _show(gateway, locale, secret, goal, 400, TEXTS[locale]["missing"])
    request = factors_pb2.CompleteSignInRequest(secret=secret, ip=client_ip(http), user_agent=agent(http), **proofs)
    try:
        answer = await Calls().write("identity", gateway.clients.factors.CompleteSignIn, request, None)
    except ServiceError as error:
        return await _show(gateway, locale, secret, goal, status_of(error), refusal(error, locale))
    return await enter(gateway, http, answer, goal)


async def second_factor_options(gateway: Gateway, http: HttpRequest) -> Response:
    """What the user's security key is to sign."""
    request = factors_pb2.BeginSignInAssertionRequest(secret=_secret(http), ip=client_ip(http))
    method = gateway.clients.factors.BeginSignInAssertion
    return await options(http, locale_of(http.headers), lambda: Calls().write("identity", method, request, None))


async def cancel(gateway: Gateway, http: HttpRequest) -> Response:
    """Gives the sign-in up and begins anew."""
    if not same_origin(http):
        return form_again(locale_of(http.headers), 403, "/", COMMON[locale_of(http.headers)]["cross_origin"])
    response = RedirectResponse("/sign-in", 303, headers=NO_STORE)
    take_cookie(response, PENDING_COOKIE)
    request = factors_pb2.CancelSignInRequest(secret=_secret(http))
    try:
        await Calls().write("identity", gateway.clients.factors.CancelSignIn, request, None)
    except ServiceError as error:
        return form_again(locale_of(http.headers), status_of(error), "/", refusal(error, locale_of(http.headers)))
    return response


async def _show(gateway: Gateway, locale: str, secret: str, goal: str, status: int = 200, error: str = "") -> Response:
    """The page; the sign-in page instead, saying so, when the sign-in is over."""
    request = factors_pb2.GetPendingSignInRequest(secret=secret)
    try:
        pending = await Calls().read("identity", gateway.clients.factors.GetPendingSignIn, request, None)
    except ServiceError as gone:
        over = form_again(locale, status_of(gone), goal, refusal(gone, locale))
        if gone.reason == "SIGN_IN_EXPIRED":
            take_cookie(over, PENDING_COOKIE)
        return over
    return page(
        "second_factor.html",
        locale,
        TEXTS,
        status,
        csp=KEY_CSP,
        next=goal,
        error=error,
        ways={
            "password": False,
            "code": pending.code,
            "recovery_code": pending.recovery_code,
            "security_key": pending.security_key,
        },
        action="/sign-in/second-factor",
    )


def _secret(http: HttpRequest) -> str:
    # Without a cookie there is no sign-in: identity says so of this as of any unknown one.
    return http.cookies.get(PENDING_COOKIE, "")[:4096] or "none"
