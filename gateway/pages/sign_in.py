"""Signing in and out with the browser."""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import COMMON, Texts, page, read_form, safe_next, too_large
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import COOKIE, BadCredential, bearer
from portico.identity.v1 import identity_pb2

TEXTS: Texts = {
    "hu": {
        "sign_out_question": "Kijelentkezik a Porticóból?",
        "forgot": "Elfelejtette a jelszavát?",
        "with_token": "Folytatás API-tokennel",
        "missing": "Adja meg az e-mail-címét és a jelszavát.",
    },
    "en": {
        "sign_out_question": "Sign out of Portico?",
        "forgot": "Forgot your password?",
        "with_token": "Continue with an API token",
        "missing": "Enter your e-mail address and password.",
    },
}


async def sign_in(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the form, POST signs in with it and goes on to `next`."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        return page(
            "sign_in.html", locale, TEXTS, next=safe_next(http.query_params.get("next", "/")), email="", error=""
        )
    form = await read_form(http)
    if form is None:
        return too_large()
    email, password, goal = form.get("email", "").strip(), form.get("password", ""), safe_next(form.get("next", "/"))

    def again(status: int, error: str) -> Response:
        return page("sign_in.html", locale, TEXTS, status, next=goal, email=email[:320], error=error)

    if not same_origin(http):
        return again(403, COMMON[locale]["cross_origin"])
    if not email or not password or len(email) > 320 or len(password) > 1024:
        return again(400, TEXTS[locale]["missing"])
    request = identity_pb2.CreateSessionRequest(
        email=email, password=password, ip=client_ip(http), user_agent=http.headers.get("user-agent", "")[:1000]
    )
    try:
        answer = await Calls().write("identity", gateway.clients.identity.CreateSession, request, None)
    except ServiceError as error:
        if error.reason in {"SIGN_IN_FAILED", "SIGN_IN_THROTTLED"}:
            status = 429 if error.reason == "SIGN_IN_THROTTLED" else 401
            return again(status, messages.text(error.reason, locale, error.metadata))
        problem = problem_of(error)
        if problem is None:
            raise
        return again(503, messages.text(problem.message, locale, problem.values))
    return enter(goal, answer)


def enter(goal: str, opened: identity_pb2.CreateSessionResponse) -> Response:
    """Goes on to a path of this site with the session that was opened."""
    response = RedirectResponse(goal, 303, headers={"Cache-Control": "no-store"})
    expires = opened.expires_at.ToDatetime().strftime("%a, %d %b %Y %H:%M:%S GMT")
    response.set_cookie(COOKIE, opened.secret, expires=expires, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def sign_out(gateway: Gateway, http: HttpRequest) -> Response:
    """GET asks, POST ends the session and takes the cookie away."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        return page("sign_out.html", locale, TEXTS)
    if not same_origin(http):
        return page("sign_out.html", locale, TEXTS, 403)
    secret = http.cookies.get(COOKIE, "")
    if secret:
        request = identity_pb2.EndSessionRequest(secret=secret[:4096])
        try:
            await Calls().write("identity", gateway.clients.identity.EndSession, request, None)
            gateway.sessions.forget(bearer(f"Bearer {secret}"), client_ip(http))
        except BadCredential:
            pass  # it was none; the cookie goes all the same
        except ServiceError as error:
            # The cookie stays: to take it away would look like signed out while the session still lives.
            problem = problem_of(error)
            return JSONResponse({"error": messages.text(problem.message if problem else "INTERNAL", locale)}, 503)
    response = RedirectResponse("/sign-in", 303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response
