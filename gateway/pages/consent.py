"""Where an app sends the browser (OAuth's authorization endpoint): signing in, the question to the person, the way back."""

from urllib.parse import quote, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.messages import LOCALES
from gateway.oauth import scopes
from gateway.oauth.endpoints import Malformed, form_request, request_of
from gateway.pages.rendering import Texts, form_csp, page, read_form, too_large
from gateway.service import Gateway, locale_of, same_origin
from gateway.sessions import COOKIE
from portico.identity.v1 import oauth_pb2 as pb

TEXTS: Texts = {
    "hu": {
        "consent_title": "Hozzáférés engedélyezése",
        "asks": "hozzáférést kér a Portico-fiókjához.",
        "as": "Bejelentkezve:",
        "not_you": "Másik felhasználó",
        "may": "Ha engedélyezi, az alkalmazás:",
        "everything": "Csak akkor engedélyezze, ha az alkalmazásban úgy megbízik, mint saját magában.",
        "goes_to": "Az engedélyezés után ide irányítjuk:",
        "take_back": "Az engedélyt bármikor visszavonhatja: az alkalmazás a munkamenetei között szerepel.",
        "allow": "Engedélyezem",
        "deny": "Nem engedélyezem",
        "back_title": "Vissza az alkalmazáshoz",
        "back": "Kész. Ha a böngésző nem lép tovább magától, folytassa innen:",
        "continue": "Tovább az alkalmazáshoz",
        "error_title": "A bejelentkezés nem folytatható",
        "client": "Ismeretlen vagy letiltott alkalmazás küldte ide. Értesítse az alkalmazás készítőjét.",
        "request": "Az alkalmazás hibás kérést küldött, ezért nem irányítjuk vissza oda. Értesítse a készítőjét.",
        "over": "Ez a kérés lejárt, vagy már válaszolt rá. Indítsa újra a bejelentkezést az alkalmazásból.",
        "operator": "Ezzel a munkamenettel nem lehet alkalmazást engedélyezni: csak maga a felhasználó teheti meg.",
        "away": "A bejelentkezés most nem érhető el. Próbálja újra néhány perc múlva.",
        "cross_site": "A válasz nem erről az oldalról érkezett. Indítsa újra a bejelentkezést az alkalmazásból.",
        "details": "Részletek a készítőnek:",
    },
    "en": {
        "consent_title": "Allow access",
        "asks": "asks for access to your Portico account.",
        "as": "Signed in as",
        "not_you": "Another user",
        "may": "If you allow it, the app can:",
        "everything": "Allow this only if you trust the app as you trust yourself.",
        "goes_to": "You will then be taken to:",
        "take_back": "You can take this back at any time: the app is in the list of your sessions.",
        "allow": "Allow",
        "deny": "Do not allow",
        "back_title": "Back to the app",
        "back": "Done. If your browser does not go on by itself, continue here:",
        "continue": "Continue to the app",
        "error_title": "Signing in cannot go on",
        "client": "You were sent here by an app that is unknown or disabled. Tell the app's maker.",
        "request": "The app sent a faulty request, so you are not sent back to it. Tell its maker.",
        "over": "This request has expired or has been answered. Start signing in again from the app.",
        "operator": "This session cannot let an app in: only the user itself can.",
        "away": "Signing in does not answer now. Try again in a few minutes.",
        "cross_site": "The answer did not come from this site. Start signing in again from the app.",
        "details": "Details for the maker:",
    },
}
_PAGES = {"AUTHORIZATION_OVER": ("over", 404), "SESSION_MAY_NOT_AUTHORIZE": ("operator", 403)}


async def authorize(gateway: Gateway, http: HttpRequest) -> Response:
    """The authorization endpoint (OpenID Connect Core, 3.1.2): keeps the app's request and goes on with it."""
    try:
        asked = (
            await form_request(gateway, http)
            if http.method == "POST"
            else request_of(gateway, http, http.scope["query_string"])
        )
        request = await gateway.oauth.authorize(asked)
    except Malformed as error:
        return _refused(http, "request", 400, str(error))
    except OAuth2Error as error:
        if error.redirect_uri:
            answer = _answer(
                gateway, error.redirect_uri, error.state, error=error.error, error_description=error.description
            )
            return _redirect(answer)
        if error.status_code >= 429:
            return _refused(http, "away", error.status_code)
        return _refused(http, "client" if isinstance(error, InvalidClientError) else "request", 400, error.description)
    if http.method == "POST":
        # Another site's form: only the next navigation carries the session's cookie.
        return _redirect(f"/oauth/consent?request={request}")
    return await _go_on(gateway, http, pb.ContinueAuthorizationRequest(request=request))


async def consent(gateway: Gateway, http: HttpRequest) -> Response:
    """GET comes back from signing in; POST is the person's answer."""
    if http.method != "POST":
        request = http.query_params.get("request", "")[:200]
        return await _go_on(gateway, http, pb.ContinueAuthorizationRequest(request=request))
    form = await read_form(http)
    if form is None:
        return too_large()
    if not same_origin(http):
        return _refused(http, "cross_site", 403)
    answer = pb.ContinueAuthorizationRequest(request=form.get("request", "")[:200], user_id=form.get("user", ""))
    answer.answer = {
        "allow": pb.ContinueAuthorizationRequest.ANSWER_ALLOW,
        "deny": pb.ContinueAuthorizationRequest.ANSWER_DENY,
    }.get(form.get("answer", ""), pb.ContinueAuthorizationRequest.ANSWER_UNSPECIFIED)
    return await _go_on(gateway, http, answer)


async def _go_on(gateway: Gateway, http: HttpRequest, request: pb.ContinueAuthorizationRequest) -> Response:
    """To the sign-in page, to the question, or back to the app."""
    request.session = http.cookies.get(COOKIE, "")[:4096]
    try:
        found = await Calls().write("identity", gateway.clients.oauth.ContinueAuthorization, request, None)
    except ServiceError as error:
        known = _PAGES.get(error.reason) or (("over", 404) if error.reason == "INVALID" else None)
        if known is None and problem_of(error) is None:
            raise
        return _refused(http, *(known or ("away", 503)))
    if found.step == pb.ContinueAuthorizationResponse.STEP_SIGN_IN:
        return _redirect(f"/sign-in?next={quote(f'/oauth/consent?request={request.request}', safe='')}")
    if found.step == pb.ContinueAuthorizationResponse.STEP_CONSENT:
        return _question(http, request.request, found)
    told = {"code": found.code} if found.code else {"error": found.error}
    back = _answer(gateway, found.redirect_uri, found.state, **told)
    if http.method == "GET" and http.url.path == "/oauth/consent":
        # A redirect here would be one of the sign-in page's form, whose policy lets it lead to this site only.
        return page("back_to_app.html", locale_of(http.headers), TEXTS, back=back)
    return _redirect(back)


def _question(http: HttpRequest, request: str, found: pb.ContinueAuthorizationResponse) -> Response:
    locale = found.user_locale if found.user_locale in LOCALES else locale_of(http.headers)
    parts = urlsplit(found.redirect_uri)
    return page(
        "consent.html",
        locale,
        TEXTS,
        # Its scheme alone: the app may send the browser on, and a policy for forms looks at every step.
        csp=form_csp(f"{parts.scheme}:"),
        request=request,
        user=found.user_id,
        email=found.user_email,
        client=found.client_name,
        may=scopes.in_words(found.scopes, locale),
        everything=scopes.ALL in found.scopes,
        goes_to=parts.netloc or f"{parts.scheme}:",
        sign_in=f"/sign-in?next={quote(f'/oauth/consent?request={request}', safe='')}",
    )


def _answer(gateway: Gateway, redirect_uri: str, state: str | None, **told: str) -> str:
    """The authorization response: with the app's state and our issuer (RFC 9207), errors too."""
    params = {**told, "state": state, "iss": gateway.settings.public_url}
    return str(add_params_to_uri(redirect_uri, [(name, value) for name, value in params.items() if value]))


def _redirect(to: str) -> Response:
    return RedirectResponse(to, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _refused(http: HttpRequest, why: str, status: int, details: str = "") -> Response:
    """A page for what must not, or cannot, be told to the app."""
    return page("oauth_error.html", locale_of(http.headers), TEXTS, status, why=why, details=details)
