"""How pages are rendered: templates, the texts that every page needs, security headers, forms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway.clients import Calls
from gateway.errors import ServiceError
from gateway.limits import MAX_FORM, BodyTooLarge, read_body
from gateway.service import Gateway, client_ip
from gateway.sessions import BadCredential, Session, credential_of

FOLDER = Path(__file__).parents[1]
"""Where templates/ and static/ are."""

COMMON: Mapping[str, Mapping[str, str]] = {
    "hu": {
        "sign_in": "Bejelentkezés",
        "sign_out": "Kijelentkezés",
        "email": "E-mail-cím",
        "password": "Jelszó",
        "cross_origin": "A kérés nem erről az oldalról érkezett. Töltse be újra az oldalt.",
    },
    "en": {
        "sign_in": "Sign in",
        "sign_out": "Sign out",
        "email": "E-mail address",
        "password": "Password",
        "cross_origin": "The request did not come from this site. Load the page again.",
    },
}
"""Locale -> name -> text, of every page; a page adds its own."""

Texts = Mapping[str, Mapping[str, str]]

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


def page(
    name: str, locale: str, texts: Texts, status: int = 200, *, csp: str = FORM_CSP, **values: Any
) -> HTMLResponse:
    """A template as a response; in it, `t` holds COMMON and `texts` in the reader's language."""
    t = {**COMMON[locale], **texts[locale]}
    html = _templates.get_template(name).render(t=t, locale=locale, **values)
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


async def read_form(http: HttpRequest) -> dict[str, str] | None:
    """The fields of a form; None when it is too large."""
    try:
        body = await read_body(http.stream(), http.headers.get("content-length"), MAX_FORM)
    except BodyTooLarge:
        return None
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))


def too_large() -> Response:
    """The answer to a form of which read_form made nothing."""
    return JSONResponse({"error": "send a form of at most 100 KB"}, 413)
