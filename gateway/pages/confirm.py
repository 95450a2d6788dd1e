"""Step-up with the browser: confirm who you are, and go on to what needed it."""

from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from gateway.clients import Calls
from gateway.errors import ServiceError
from gateway.pages.rendering import (
    COMMON,
    KEY_CSP,
    Texts,
    current,
    go_to,
    options,
    page,
    proofs_of,
    read_form,
    refusal,
    safe_next,
    status_of,
    too_large,
)
from gateway.pages.sign_in import NO_STORE
from gateway.service import Gateway, locale_of, same_origin
from portico.identity.v1 import factors_pb2

TEXTS: Texts = {
    "hu": {
        "title": "Igazolja magát",
        "lead": "Amit tenni készül, érzékeny művelet. Igazolja magát újra; ez öt percig érvényes.",
        "missing": "Adja meg, amivel igazolja magát.",
        "own": "Ezt csak maga a felhasználó teheti meg, operátori munkamenetben nem lehet.",
        "back": "Vissza",
    },
    "en": {
        "title": "Confirm who you are",
        "lead": "What you are about to do is sensitive. Confirm who you are; it counts for five minutes.",
        "missing": "Enter what you confirm with.",
        "own": "Only the user itself can do this, an operator's session cannot.",
        "back": "Back",
    },
}


async def confirm(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the ways there are, POST confirms the session with one and goes on to `next`."""
    form = await read_form(http) if http.method == "POST" else {}
    if form is None:
        return too_large()
    goal = safe_next(form.get("next") or http.query_params.get("next", "/"))
    session = await current(gateway, http)
    if session is None or session.own is None:
        return RedirectResponse(f"/sign-in?next={quote(goal)}", 303, headers=NO_STORE)
    locale, token = locale_of(http.headers, session), session.own.token
    if session.operator:
        return page(
            "notice.html",
            locale,
            TEXTS,
            403,
            session=session,
            heading="title",
            paragraphs=["own"],
            href="/graphql",
            label="back",
        )
    if http.method != "POST":
        return await _show(gateway, locale, token, goal)
    if not same_origin(http):
        return await _show(gateway, locale, token, goal, 403, COMMON[locale]["cross_origin"])
    proofs = proofs_of(form)
    if not proofs:
        return await _show(gateway, locale, token, goal, 400, TEXTS[locale]["missing"])
    request = factors_pb2.ConfirmIdentityRequest(**proofs)
    try:
        await Calls().write("identity", gateway.clients.factors.ConfirmIdentity, request, token)
    except ServiceError as error:
        return await _show(gateway, locale, token, goal, status_of(error), refusal(error, locale))
    gateway.sessions.refresh(session)
    return RedirectResponse(goal, 303, headers=NO_STORE)


async def confirm_options(gateway: Gateway, http: HttpRequest) -> Response:
    """What the user's security key is to sign."""
    session = await current(gateway, http)
    if session is None or session.own is None:
        return go_to("/sign-in")
    if session.operator:
        return go_to("/confirm")
    method, request = gateway.clients.factors.BeginSecurityKeyAssertion, factors_pb2.BeginSecurityKeyAssertionRequest()
    token, locale = session.own.token, locale_of(http.headers, session)
    return await options(http, locale, lambda: Calls().write("identity", method, request, token))


async def _show(gateway: Gateway, locale: str, token: str, goal: str, status: int = 200, error: str = "") -> Response:
    listed = await Calls().read(
        "identity", gateway.clients.factors.ListFactors, factors_pb2.ListFactorsRequest(), token
    )
    kinds = {factor.kind for factor in listed.factors}
    ways = {
        "password": not kinds,
        "code": factors_pb2.FACTOR_KIND_TOTP in kinds,
        "recovery_code": listed.recovery_codes_left > 0,
        "security_key": factors_pb2.FACTOR_KIND_SECURITY_KEY in kinds,
    }
    return page(
        "confirm.html", locale, TEXTS, status, csp=KEY_CSP, next=goal, error=error, ways=ways, action="/confirm"
    )
