"""The gateway as a Starlette application: its routes and its lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from gateway import over_http
from gateway.cors import Handler, for_browsers
from gateway.oauth import endpoints as oauth
from gateway.over_websocket import Connection
from gateway.pages import (
    confirm,
    consent,
    graphiql,
    invitation,
    notifications,
    operator,
    reset,
    second_factor,
    security,
    sign_in,
)
from gateway.pages.rendering import FOLDER
from gateway.service import Gateway
from gateway.settings import Settings

_answer = for_browsers(over_http.handle)


async def graphql(gateway: Gateway, http: Request) -> Response:
    """POST is the API, for pages of any origin that bring a token; GET is GraphiQL, for browsers."""
    if http.method in {"POST", "OPTIONS"}:
        return await _answer(gateway, http)
    wants_page = "text/html" in http.headers.get("accept", "")
    if http.method in {"GET", "HEAD"} and wants_page and "query" not in http.query_params:
        return await graphiql.graphiql(gateway, http)
    text = "Send queries by POST; subscriptions by WebSocket. Browsers get GraphiQL here."
    errors = {"errors": [{"message": text, "extensions": {"code": "METHOD_NOT_ALLOWED"}}]}
    return JSONResponse(errors, 405, headers={"Allow": "POST"})


async def healthz(gateway: Gateway, http: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def readyz(gateway: Gateway, http: Request) -> Response:
    """Ready while identity answers: without it nobody is let in. Another dead service blanks its own part only."""
    down = await gateway.clients.down()
    ready = "identity" not in down
    answer = {"ready": ready, "down": down, "events": "connected" if gateway.hub.connected else "disconnected"}
    return JSONResponse(answer, 200 if ready else 503, headers={"Cache-Control": "no-store"})


async def home(gateway: Gateway, http: Request) -> Response:
    return RedirectResponse("/graphql", 307)


def create(settings: Settings) -> Starlette:
    """The application. Connections are made at its start and closed at its end."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.gateway = gateway = Gateway.make(settings)
        gateway.hub.start()
        try:
            yield
        finally:
            await gateway.hub.stop()
            await gateway.oauth.close()
            await gateway.clients.close()

    def route(path: str, handler: Handler, *methods: str) -> Route:
        async def endpoint(http: Request) -> Response:
            return await handler(http.app.state.gateway, http)

        return Route(path, endpoint, methods=list(methods))

    async def websocket(socket: WebSocket) -> None:
        await Connection(socket.app.state.gateway, socket).serve()

    return Starlette(
        lifespan=lifespan,
        routes=[
            route("/graphql", graphql, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
            WebSocketRoute("/graphql", websocket),
            route("/healthz", healthz, "GET"),
            route("/readyz", readyz, "GET"),
            route("/sign-in", sign_in.sign_in, "GET", "POST"),
            route("/sign-in/passkey", sign_in.passkey, "POST"),
            route("/sign-in/passkey/options", sign_in.passkey_options, "POST"),
            route("/sign-in/second-factor", second_factor.second_factor, "GET", "POST"),
            route("/sign-in/second-factor/options", second_factor.second_factor_options, "POST"),
            route("/sign-in/cancel", second_factor.cancel, "POST"),
            route("/confirm", confirm.confirm, "GET", "POST"),
            route("/confirm/options", confirm.confirm_options, "POST"),
            route("/security", security.security, "GET"),
            route("/security/totp", security.totp, "GET", "POST"),
            route("/security/key", security.key, "POST"),
            route("/security/key/options", security.key_options, "POST"),
            route("/security/remove", security.remove, "POST"),
            route("/security/recovery-codes", security.new_codes, "POST"),
            route("/sign-out", sign_in.sign_out, "GET", "POST"),
            route("/notifications", notifications.notifications, "GET", "POST"),
            route("/operator", operator.operator, "GET", "POST"),
            route("/forgot", reset.forgot, "GET", "POST"),
            route("/reset", reset.reset, "GET", "POST"),
            route("/invitation", invitation.invitation, "GET", "POST"),
            route("/.well-known/openid-configuration", oauth.metadata, "GET", "OPTIONS"),
            route("/.well-known/oauth-authorization-server", oauth.metadata, "GET", "OPTIONS"),
            route("/oauth/jwks", oauth.jwks, "GET", "OPTIONS"),
            route("/oauth/authorize", consent.authorize, "GET", "POST"),
            route("/oauth/consent", consent.consent, "GET", "POST"),
            route("/oauth/token", oauth.token, "POST", "OPTIONS"),
            route("/oauth/userinfo", oauth.userinfo, "GET", "POST", "OPTIONS"),
            route("/oauth/revoke", oauth.revoke, "POST", "OPTIONS"),
            route("/oauth/introspect", oauth.introspect, "POST"),
            route("/", home, "GET"),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
    )
