"""Apps in browsers, of any origin: they bring a token; the browser's cookies count for nothing there (Fetch, CORS protocol)."""

import functools
from collections.abc import Awaitable, Callable

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from gateway.service import Gateway

Handler = Callable[[Gateway, HttpRequest], Awaitable[Response]]

# Without Access-Control-Allow-Credentials a browser sends no cookie, or shows no answer.
_ANYWHERE = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "WWW-Authenticate"}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
    "Access-Control-Max-Age": "86400",
}


def for_browsers(handler: Handler) -> Handler:
    """Lets pages of any origin call it, without credentials of the browser."""

    @functools.wraps(handler)
    async def opened(gateway: Gateway, http: HttpRequest) -> Response:
        if http.method == "OPTIONS":
            return Response(status_code=204, headers=_ANYWHERE | _PREFLIGHT)
        response = await handler(gateway, http)
        response.headers.update(_ANYWHERE)
        return response

    return opened
