"""The few pages that the gateway serves itself: signing in and out, and GraphiQL. They work in Hungarian and English."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from gateway import messages, ready_queries
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.limits import MAX_BODY, BodyTooLarge, read_body
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import COOKIE, BadCredential, Session, bearer, credential_of
from portico.identity.v1 import identity_pb2

FOLDER = Path(__file__).parent

TEXTS: dict[str, dict[str, str]] = {
    "hu": {
        "sign_in": "Bejelentkezés",
        "email": "E-mail-cím",
        "password": "Jelszó",
        "sign_out": "Kijelentkezés",
        "sign_out_question": "Kijelentkezik a Porticóból?",
        "signed_in_as": "Bejelentkezve:",
        "not_signed_in": "Nincs bejelentkezve.",
        "with_token": "Folytatás API-tokennel",
        "no_script": "A GraphiQL működéséhez JavaScript kell.",
        "cross_origin": "A kérés nem erről az oldalról érkezett. Töltse be újra az oldalt.",
        "missing": "Adja meg az e-mail-címét és a jelszavát.",
    },
    "en": {
        "sign_in": "Sign in",
        "email": "E-mail address",
        "password": "Password",
        "sign_out": "Sign out",
        "sign_out_question": "Sign out of Portico?",
        "signed_in_as": "Signed in as",
        "not_signed_in": "Not signed in.",
        "with_token": "Continue with an API token",
        "no_script": "GraphiQL needs JavaScript.",
        "cross_origin": "The request did not come from this site. Load the page again.",
        "missing": "Enter your e-mail address and password.",
    },
}

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FORM_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def graphiql_csp(host: str) -> str:
    """Scripts from here alone. Styles may be inline: the editor measures text with style attributes."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
        f"connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _page(name: str, locale: str, status: int = 200, csp: str = _FORM_CSP, **values: Any) -> Response:
    html = _templates.get_template(name).render(t=TEXTS[locale], locale=locale, **values)
    return HTMLResponse(html, status, headers={**SECURITY, "Content-Security-Policy": csp, "Vary": "Accept-Language"})


def safe_next(value: str) -> str:
    """A path on this site to go on to; "/" for anything that could lead elsewhere."""
    parts = urlsplit(value)
    plain = value.isprintable() and "\\" not in value and len(value) < 1000
    good = plain and value.startswith("/") and not value.startswith("//") and not parts.scheme and not parts.netloc
    return value if good else "/"


async def current(gateway: Gateway, http: HttpRequest) -> Session | None:
    """The session of the browser's cookie, None when there is none or it does not count."""
    try:
        credential = credential_of(http.headers)
        return await gateway.session(credential, client_ip(http), Calls()) if credential else None
    except (BadCredential, ServiceError):
        return None


async def sign_in(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the form, POST signs in with it and goes on to `next`."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        return _page("sign_in.html", locale, next=safe_next(http.query_params.get("next", "/")), email="", error="")
    form = await _form(http)
    if form is None:
        return JSONResponse({"error": "send a form of at most 100 KB"}, 413)
    email, password, goal = form.get("email", "").strip(), form.get("password", ""), safe_next(form.get("next", "/"))

    def again(status: int, error: str) -> Response:
        return _page("sign_in.html", locale, status, next=goal, email=email[:320], error=error)

    if not same_origin(http):
        return again(403, TEXTS[locale]["cross_origin"])
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
    response = RedirectResponse(goal, 303, headers={"Cache-Control": "no-store"})
    expires = answer.expires_at.ToDatetime().strftime("%a, %d %b %Y %H:%M:%S GMT")
    response.set_cookie(COOKIE, answer.secret, expires=expires, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def sign_out(gateway: Gateway, http: HttpRequest) -> Response:
    """GET asks, POST ends the session and takes the cookie away."""
    locale = locale_of(http.headers)
    if http.method != "POST":
        return _page("sign_out.html", locale)
    if not same_origin(http):
        return _page("sign_out.html", locale, 403)
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


async def _form(http: HttpRequest) -> dict[str, str] | None:
    """The fields of a form; None when it is too large."""
    from urllib.parse import parse_qsl

    try:
        body = await read_body(http.stream(), http.headers.get("content-length"), MAX_BODY)
    except BodyTooLarge:
        return None
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))


async def graphiql(gateway: Gateway, http: HttpRequest) -> Response:
    """GraphiQL with the ready queries; without a session it asks for a token and offers to sign in."""
    session = await current(gateway, http)
    return _page(
        "graphiql.html",
        locale_of(http.headers, session),
        csp=graphiql_csp(http.headers.get("host", "")),
        email=session.user.email if session else "",
        tabs=orjson.dumps(ready_queries.TABS).decode(),
    )
