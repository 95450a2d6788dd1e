"""The user's second factors and recovery codes: added, shown, removed. What is refused for want of step-up goes by way of
/confirm."""

from typing import Any
from urllib.parse import quote

from markupsafe import Markup
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
    read_form,
    refusal,
    status_of,
    too_large,
)
from gateway.pages.sign_in import NO_STORE
from gateway.service import Gateway, locale_of, same_origin
from portico.identity.v1 import factors_pb2

TEXTS: Texts = {
    "hu": {
        "title": "Kétlépcsős azonosítás",
        "own": "Ez csak a felhasználóra tartozik, operátori munkamenetben nem látható.",
        "none": "Még nincs bekapcsolva: aki megtudja a jelszavát, be is tud lépni.",
        "totp": "hitelesítő alkalmazás",
        "key": "biztonsági kulcs",
        "remove": "Eltávolítás",
        "last": "Ez az utolsó: a jelszava egyedül marad, ezért meg kell adnia.",
        "add_totp": "Hitelesítő alkalmazás hozzáadása",
        "add_key": "Biztonsági kulcs hozzáadása",
        "name": "Elnevezés",
        "key_name": "Kulcs",
        "totp_name": "Telefon",
        "scan": "Olvassa be a hitelesítő alkalmazással (Google Authenticator, Aegis, 1Password…), majd írja be a kódot, "
        "amelyet mutat.",
        "by_hand": "Ha nem tudja beolvasni, ezt írja be:",
        "codes": "Helyreállító kódok",
        "codes_left": "Még {left} fel nem használt kódja van.",
        "make_codes": "Új kódok készítése",
        "codes_lead": "Mentse el vagy nyomtassa ki őket most: többször nem mutatjuk meg. Ha az alkalmazás vagy a kulcs "
        "nincs kéznél, mindegyik kód egyszer helyettesíti. A korábbi kódok már nem érvényesek.",
        "back": "Vissza",
    },
    "en": {
        "title": "Two-step sign-in",
        "own": "This is the user's alone: an operator's session does not show it.",
        "none": "You have no second factor yet: whoever learns your password can sign in.",
        "totp": "authenticator app",
        "key": "security key",
        "remove": "Remove",
        "last": "This is the last one: your password is left alone, so you have to enter it.",
        "add_totp": "Add an authenticator app",
        "add_key": "Add a security key",
        "name": "Name",
        "key_name": "Key",
        "totp_name": "Phone",
        "scan": "Scan it with your authenticator app (Google Authenticator, Aegis, 1Password…), then enter the code that it "
        "shows.",
        "by_hand": "If you cannot scan it, type this in:",
        "codes": "Recovery codes",
        "codes_left": "You have {left} unused codes.",
        "make_codes": "Make new codes",
        "codes_lead": "Save or print them now: they are not shown again. Should you lose your second factor, each stands in for "
        "it once. Earlier codes are good no more.",
        "back": "Back",
    },
}
_HOME = "/security"


async def security(gateway: Gateway, http: HttpRequest) -> Response:
    """The factors there are, and forms to add and remove."""
    visit = await _Visit.of(gateway, http)
    return await visit.home() if isinstance(visit, _Visit) else visit


async def totp(gateway: Gateway, http: HttpRequest) -> Response:
    """GET begins to add an authenticator app and shows its QR code, POST adds it for a code that it shows."""
    visit = await _Visit.of(gateway, http)
    if not isinstance(visit, _Visit):
        return visit
    if http.method != "POST":
        try:
            begun = await visit.write(gateway.clients.factors.BeginTotp, factors_pb2.BeginTotpRequest())
        except ServiceError as error:
            return await visit.refused(error)
        return visit.page("totp.html", id=begun.id, called="", secret=begun.secret, qr=Markup(begun.qr_svg))  # noqa: S704
    id_, name = visit.form.get("id", ""), visit.form.get("name", "")
    request = factors_pb2.ConfirmTotpRequest(id=id_, code=visit.form.get("code", ""), name=name)
    try:
        return visit.added(await visit.write(gateway.clients.factors.ConfirmTotp, request))
    except ServiceError as error:
        if error.reason != "CODE_WRONG":
            return await visit.refused(error)
        # The app has it already: only the code is asked for again.
        text = refusal(error, visit.locale)
        return visit.page("totp.html", 400, id=id_, called=name[:100], secret="", qr="", error=text)


async def key(gateway: Gateway, http: HttpRequest) -> Response:
    """Adds the security key that has answered."""
    visit = await _Visit.of(gateway, http)
    if not isinstance(visit, _Visit):
        return visit
    form = visit.form
    request = factors_pb2.ConfirmSecurityKeyRequest(
        id=form.get("id", ""), credential=form.get("credential", ""), name=form.get("name", "")
    )
    try:
        return visit.added(await visit.write(gateway.clients.factors.ConfirmSecurityKey, request))
    except ServiceError as error:
        return await visit.refused(error)


async def key_options(gateway: Gateway, http: HttpRequest) -> Response:
    """What a new key is to register itself for."""
    session = await current(gateway, http)
    if session is None or session.own is None:
        return go_to(f"/sign-in?next={quote(_HOME)}")
    method, request = gateway.clients.factors.BeginSecurityKey, factors_pb2.BeginSecurityKeyRequest()
    token, locale = session.own.token, locale_of(http.headers, session)
    return await options(http, locale, lambda: Calls().write("identity", method, request, token), step_up=_confirm())


async def remove(gateway: Gateway, http: HttpRequest) -> Response:
    """Removes a factor."""
    visit = await _Visit.of(gateway, http)
    if not isinstance(visit, _Visit):
        return visit
    request = factors_pb2.RemoveFactorRequest(
        id=visit.form.get("id", ""), current_password=visit.form.get("password", "")
    )
    try:
        await visit.write(gateway.clients.factors.RemoveFactor, request)
    except ServiceError as error:
        return await visit.refused(error)
    return RedirectResponse(_HOME, 303, headers=NO_STORE)


async def new_codes(gateway: Gateway, http: HttpRequest) -> Response:
    """Makes recovery codes and shows them, once."""
    visit = await _Visit.of(gateway, http)
    if not isinstance(visit, _Visit):
        return visit
    request = factors_pb2.RegenerateRecoveryCodesRequest()
    try:
        answer = await visit.write(gateway.clients.factors.RegenerateRecoveryCodes, request)
    except ServiceError as error:
        return await visit.refused(error)
    return visit.page("recovery_codes.html", codes=answer.codes)


class _Visit:
    """A signed-in person at one of these pages, with the form that was sent."""

    def __init__(self, gateway: Gateway, locale: str, token: str, form: dict[str, str]) -> None:
        self._gateway = gateway
        self.locale = locale
        self._token = token
        self.form = form

    @classmethod
    async def of(cls, gateway: Gateway, http: HttpRequest) -> "_Visit | Response":
        """The answer instead, where there is no session or the form is not ours."""
        form = await read_form(http) if http.method == "POST" else {}
        if form is None:
            return too_large()
        session = await current(gateway, http)
        if session is None or session.own is None:
            return RedirectResponse(f"/sign-in?next={quote(_HOME)}", 303, headers=NO_STORE)
        visit = cls(gateway, locale_of(http.headers, session), session.own.token, form)
        if session.operator:
            return visit.page(
                "notice.html", 403, session=session, heading="title", paragraphs=["own"], href="/graphql", label="back"
            )
        if http.method == "POST" and not same_origin(http):
            return await visit.home(403, COMMON[visit.locale]["cross_origin"])
        return visit

    async def write(self, method: Any, request: Any) -> Any:
        return await Calls().write("identity", method, request, self._token)

    def page(self, name: str, status: int = 200, error: str = "", **values: Any) -> Response:
        return page(name, self.locale, TEXTS, status, csp=KEY_CSP, error=error, **values)

    async def home(self, status: int = 200, error: str = "") -> Response:
        listed = await Calls().read(
            "identity", self._gateway.clients.factors.ListFactors, factors_pb2.ListFactorsRequest(), self._token
        )
        factors = [
            {"id": one.id, "name": one.name, "kind": "totp" if one.kind == factors_pb2.FACTOR_KIND_TOTP else "key"}
            for one in listed.factors
        ]
        return self.page("security.html", status, error, factors=factors, left=listed.recovery_codes_left)

    def added(self, answer: factors_pb2.ConfirmFactorResponse) -> Response:
        """The recovery codes that came with the first factor, else the list with the new one."""
        if answer.recovery_codes:
            return self.page("recovery_codes.html", codes=answer.recovery_codes)
        return RedirectResponse(_HOME, 303, headers=NO_STORE)

    async def refused(self, error: ServiceError) -> Response:
        if error.reason == "STEP_UP_REQUIRED":
            return RedirectResponse(_confirm(), 303, headers=NO_STORE)
        return await self.home(status_of(error), refusal(error, self.locale))


def _confirm() -> str:
    return f"/confirm?next={quote(_HOME)}"
