"""GraphiQL, for whoever explores the API with a browser."""

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from gateway import ready_queries
from gateway.pages.rendering import Texts, current, page
from gateway.service import Gateway, locale_of

TEXTS: Texts = {
    "hu": {
        "signed_in_as": "Bejelentkezve:",
        "not_signed_in": "Nincs bejelentkezve.",
        "no_script": "A GraphiQL működéséhez JavaScript kell.",
    },
    "en": {
        "signed_in_as": "Signed in as",
        "not_signed_in": "Not signed in.",
        "no_script": "GraphiQL needs JavaScript.",
    },
}


def graphiql_csp(host: str) -> str:
    """Scripts from here alone. Styles may be inline: the editor measures text with style attributes."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
        f"connect-src 'self' ws://{host} wss://{host}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


async def graphiql(gateway: Gateway, http: HttpRequest) -> Response:
    """GraphiQL with the ready queries; without a session it asks for a token and offers to sign in."""
    session = await current(gateway, http)
    return page(
        "graphiql.html",
        locale_of(http.headers, session),
        TEXTS,
        session=session,
        csp=graphiql_csp(http.headers.get("host", "")),
        email=session.user.email if session else "",
        tabs=orjson.dumps(ready_queries.TABS).decode(),
    )
