"""How pages are rendered: templates, the texts that every page needs, security headers, forms."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import grpc
import jinja2
import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.limits import MAX_FORM, BodyTooLarge, read_body
from gateway.service import Gateway, client_ip, same_origin
from gateway.sessions import BadCredential, Session, credential_of
from portico.identity.v1.factors_pb2 import AssertionOptions, BeginSecurityKeyResponse

FOLDER = Path(__file__).parents[1]
"""Where templates/ and static/ are."""

COMMON: Mapping[str, Mapping[str, str]] = {
    "hu": {
        "sign_in": "Bejelentkezés",
        "sign_out": "Kijelentkezés",
        "email": "E-mail-cím",
        "password": "Jelszó",
        "cross_origin": "A kérés nem erről az oldalról érkezett. Töltse be újra az oldalt.",
        "code": "A hitelesítő alkalmazás kódja",
        "recovery_code": "Helyreállító kód",
        "use_recovery_code": "Helyreállító kód használata",
        "security_key": "Biztonsági kulcs vagy hozzáférési kulcs",
        "go_on": "Tovább",
        "key_failed": "A kulcs nem válaszolt, vagy megszakította a műveletet. Próbálja újra.",
        "key_elsewhere": "Biztonsági kulcs csak a portál saját címén használható, itt nem. Nyissa meg ezt:",
        "key_unsupported": "Ez a böngésző nem tud biztonsági kulcsot használni. Válasszon más módot.",
        "key_no_script": "A biztonsági kulcshoz JavaScript kell; a többi mód enélkül is működik.",
        "operator_sees": "operátorként azt látja, amit {user} lát. Semmit sem módosíthat.",
        "operator_leaves": "Befejezés",
    },
    "en": {
        "sign_in": "Sign in",
        "sign_out": "Sign out",
        "email": "E-mail address",
        "password": "Password",
        "cross_origin": "The request did not come from this site. Load the page again.",
        "code": "Code of your authenticator app",
        "recovery_code": "Recovery code",
        "use_recovery_code": "Use a recovery code",
        "security_key": "Security key or passkey",
        "go_on": "Continue",
        "key_failed": "The key did not answer, or you cancelled. Try again.",
        "key_elsewhere": "Security keys work at the portal's own address only, not here. Open this:",
        "key_unsupported": "This browser cannot use security keys. Choose another way.",
        "key_no_script": "Security keys need JavaScript; the other ways work without.",
        "operator_sees": "sees, as an operator, what {user} sees, and changes nothing.",
        "operator_leaves": "Leave",
    },
}
"""Locale -> name -> text, of every page; a page adds its own."""

Texts = Mapping[str, Mapping[str, str]]

_MOST_FIELDS = 20
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


def form_csp(*sources: str) -> str:
    """Forms go to this site; to other sources of CSP too where their answer leads on there."""
    targets = " ".join(("'self'", *sources))
    return f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"


FORM_CSP = form_csp()
KEY_CSP = f"{FORM_CSP}; script-src 'self'; connect-src 'self'"
"""Of the pages on which security keys can be used: static/security_keys.js, and where it asks what to sign."""


def page(
    name: str,
    locale: str,
    texts: Texts,
    status: int = 200,
    *,
    session: Session | None = None,
    csp: str = FORM_CSP,
    **values: Any,
) -> HTMLResponse:
    """A template as a response; in it, `t` holds COMMON and `texts` in the reader's language. A banner says when
    `session` is an operator's."""
    t = {**COMMON[locale], **texts[locale]}
    html = _templates.get_template(name).render(t=t, locale=locale, session=session, **values)
    return HTMLResponse(html, status, headers={**SECURITY, "Content-Security-Policy": csp, "Vary": "Accept-Language"})


def safe_next(value: str) -> str:
    """A path on this site to go on to; "/" for anything that could lead elsewhere."""
    plain = value.isprintable() and "\\" not in value and len(value) < 1000
    return value if plain and value.startswith("/") and not value.startswith("//") else "/"


async def current(gateway: Gateway, http: HttpRequest) -> Session | None:
    """The session of the browser's cookie, None when there is none or it does not count."""
    try:
        credential = credential_of(http.headers)
        return await gateway.session(credential, client_ip(http), Calls()) if credential else None
    except (BadCredential, ServiceError):
        return None


async def read_form(http: HttpRequest) -> dict[str, str] | None:
    """The fields of a form; None when it is too large, or has more of them than any page's."""
    try:
        body = await read_body(http.stream(), http.headers.get("content-length"), MAX_FORM)
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except (BodyTooLarge, ValueError):
        return None


def proofs_of(form: Mapping[str, str]) -> dict[str, str]:
    """The one proof of identity in a form, by its name in ConfirmIdentityRequest; empty when there is none."""
    names = ("code", "recovery_code", "assertion", "password")
    return next(({name: form[name]} for name in names if form.get(name, "").strip()), {})


Options = AssertionOptions | BeginSecurityKeyResponse


async def options(
    http: HttpRequest, locale: str, ask: Callable[[], Awaitable[Options]], *, step_up: str = "/confirm"
) -> Response:
    """What static/security_keys.js asks for before it turns to the key: {"options", "origins", "id"}, or {"error"}, or
    {"goTo"}: where to confirm who one is first."""
    if not same_origin(http):
        return JSONResponse({"error": COMMON[locale]["cross_origin"]}, 403, headers=SECURITY)
    try:
        answer = await ask()
    except ServiceError as error:
        if error.reason == "STEP_UP_REQUIRED":
            return go_to(step_up)
        return JSONResponse({"error": refusal(error, locale)}, status_of(error), headers=SECURITY)
    id_ = answer.id if isinstance(answer, BeginSecurityKeyResponse) else ""
    body = {"options": orjson.loads(answer.options_json), "origins": list(answer.origins), "id": id_}
    return JSONResponse(body, headers=SECURITY)


def go_to(address: str) -> Response:
    """Sends the page to another one of this site."""
    return JSONResponse({"goTo": address}, headers=SECURITY)


def refusal(error: ServiceError, locale: str) -> str:
    """A service's refusal in the reader's language; a fault is raised again."""
    if error.reason != "INVALID" and error.reason in messages.MESSAGES["en"]:
        return messages.text(error.reason, locale, error.metadata)
    problem = problem_of(error)
    if problem is None:
        raise error
    return messages.text(problem.message, locale, problem.values)


def status_of(error: ServiceError) -> int:
    """The HTTP status of a service's refusal on a page."""
    if error.reason == "USER_LOCKED":
        return 403
    codes = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.RESOURCE_EXHAUSTED: 429}
    return 503 if error.silent or error.code == grpc.StatusCode.UNAVAILABLE else codes.get(error.code, 400)


def too_large() -> Response:
    """The answer to a form of which read_form made nothing."""
    return JSONResponse({"error": f"send a form of at most 100 KB and {_MOST_FIELDS} fields"}, 413)
