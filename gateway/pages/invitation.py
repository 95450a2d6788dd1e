"""Accepting or declining an invitation: by who has the invited address as a user, or becomes one here."""

import grpc
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import COMMON, Texts, current, page, read_form, too_large
from gateway.pages.sign_in import NO_STORE, agent, enter
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import COOKIE, Session
from portico.identity.v1 import accounts_pb2, identity_pb2

TEXTS: Texts = {
    "hu": {
        "title": "Meghívás",
        "by": "{inviter} meghívta Önt kapcsolattartónak. Szerepköre: {role}.",
        "by_nobody": "Meghívjuk Önt kapcsolattartónak. Szerepköre: {role}.",
        "for": "A meghívás címzettje:",
        "other": "Ön most ezzel a címmel van bejelentkezve: {email}. Az elfogadáshoz jelentkezzen ki, majd nyissa meg újra "
        "a levélben kapott hivatkozást.",
        "sign_in_first": "Ezzel a címmel már szokott bejelentkezni. Jelentkezzen be, és elfogadhatja a meghívást.",
        "new_user": "Az elfogadáshoz adja meg a nevét, és válasszon jelszót a bejelentkezéshez.",
        "name": "Név",
        "language": "Nyelv",
        "password_rule": "Legalább 15 karakter; egy hosszabb mondat jó választás.",
        "accept": "Elfogadom",
        "join": "Elfogadás és bejelentkezés",
        "decline": "Visszautasítom",
        "declined": "A meghívást visszautasította.",
        "accepted": "Ezt a meghívást már elfogadták.",
        "withdrawn": "Ezt a meghívást visszavonták.",
        "expired": "A meghívás lejárt.",
        "expired_hint": "Kérje meg a meghívóját, hogy küldje el újra.",
        "unknown": "Ez a hivatkozás nem érvényes.",
        "unknown_hint": "Ha azóta új meghívást kapott, a legutóbbi levélben lévő hivatkozást nyissa meg.",
        "over_hint": "Ha mégis szüksége van a hozzáférésre, kérjen új meghívást.",
        "go_on": "Tovább a Porticóba",
        "missing": "Adja meg a nevét és a jelszavát.",
    },
    "en": {
        "title": "Invitation",
        "by": "{inviter} invites you to be a contact. Your role: {role}.",
        "by_nobody": "You are invited to be a contact. Your role: {role}.",
        "for": "The invitation is for",
        "other": "You are signed in as {email}. To accept, sign out and open the link in the mail again.",
        "sign_in_first": "You sign in with this address already. Do so now, and you can accept the invitation.",
        "new_user": "To accept, enter your name and choose a password to sign in with.",
        "name": "Name",
        "language": "Language",
        "password_rule": "At least 15 characters; a longer sentence is a good choice.",
        "accept": "Accept",
        "join": "Accept and sign in",
        "decline": "Decline",
        "declined": "You have declined the invitation.",
        "accepted": "This invitation has been accepted already.",
        "withdrawn": "This invitation was withdrawn.",
        "expired": "The invitation has run out.",
        "expired_hint": "Ask whoever invited you to send it again.",
        "unknown": "This link is not valid.",
        "unknown_hint": "If you were invited again since, open the link in the latest mail.",
        "over_hint": "If you need access all the same, ask for a new invitation.",
        "go_on": "Go on to Portico",
        "missing": "Enter your name and your password.",
    },
}
LANGUAGES = {"hu": "Magyar", "en": "English"}
_MAX_TOKEN = 200


async def invitation(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows what the invitation's link offers; POST accepts, joins as a new user, or declines."""
    session = await current(gateway, http)
    locale = locale_of(http.headers, session)
    if http.method != "POST":
        return await _show(gateway, http, session, http.query_params.get("token", ""), locale)
    form = await read_form(http)
    if form is None:
        return too_large()
    token = form.get("token", "")
    if not same_origin(http):
        return await _show(gateway, http, session, token, locale, COMMON[locale]["cross_origin"], 403)
    act = {"accept": _accept, "join": _join, "decline": _decline}.get(form.get("action", ""))
    if act is None:
        return await _show(gateway, http, session, token, locale, status=400)
    try:
        answer = await act(gateway, http, token[:_MAX_TOKEN], form, locale)
    except ServiceError as error:
        return await _refused(gateway, http, session, token, form, locale, error)
    if session is not None:
        gateway.sessions.refresh(session)  # the page that follows shall know of the new account
    return answer


async def _accept(gateway: Gateway, http: HttpRequest, token: str, form: dict[str, str], locale: str) -> Response:
    request = accounts_pb2.AcceptInvitationRequest(
        secret=token, session=http.cookies.get(COOKIE, "none")[:4096], ip=client_ip(http)
    )
    await Calls().write("identity", gateway.clients.accounts.AcceptInvitation, request, None)
    return RedirectResponse("/", 303, headers=NO_STORE)


async def _join(gateway: Gateway, http: HttpRequest, token: str, form: dict[str, str], locale: str) -> Response:
    name, password = form.get("name", "").strip(), form.get("password", "")
    if not name or not password or len(name) > 200 or len(password) > 1024:
        session = await current(gateway, http)
        return await _show(gateway, http, session, token, locale, TEXTS[locale]["missing"], 400, form)
    chosen = form.get("locale", "")
    request = accounts_pb2.JoinByInvitationRequest(
        secret=token,
        name=name,
        locale=chosen if chosen in LANGUAGES else locale,
        password=password,
        ip=client_ip(http),
    )
    joined = await Calls().write("identity", gateway.clients.accounts.JoinByInvitation, request, None)
    sign_in = identity_pb2.CreateSessionRequest(
        email=joined.email,
        password=password,
        ip=client_ip(http),
        user_agent=agent(http),
    )
    try:
        opened = await Calls().write("identity", gateway.clients.identity.CreateSession, sign_in, None)
    except ServiceError:
        # The user is there and the invitation accepted; it signs in by itself.
        return RedirectResponse("/sign-in", 303, headers=NO_STORE)
    return await enter(gateway, http, opened, "/")


async def _decline(gateway: Gateway, http: HttpRequest, token: str, form: dict[str, str], locale: str) -> Response:
    request = accounts_pb2.DeclineInvitationRequest(secret=token, ip=client_ip(http))
    await Calls().write("identity", gateway.clients.accounts.DeclineInvitation, request, None)
    return _closed(locale, "declined", "over_hint", 200)


async def _show(
    gateway: Gateway,
    http: HttpRequest,
    session: Session | None,
    token: str,
    locale: str,
    error: str = "",
    status: int = 200,
    form: dict[str, str] | None = None,
) -> Response:
    """The invitation as it stands; what was typed stays in the form, but for the password."""
    request = accounts_pb2.GetInvitationRequest(secret=token[:_MAX_TOKEN] or "none")
    try:
        found = await Calls().read("identity", gateway.clients.accounts.GetInvitation, request, None)
    except ServiceError as refusal:
        return _over(locale, refusal)
    texts = TEXTS[locale]
    values = {
        "inviter": found.inviter_name,
        "role": messages.text(f"ROLE_{found.role.upper()}", locale, default=found.role).lower(),
    }
    typed = form or {}
    if session is None:
        way = "sign_in" if found.has_user else "join"
    else:
        way = "accept" if session.user.email.casefold() == found.email.casefold() else "other"
    return page(
        "invitation.html",
        locale,
        TEXTS,
        status,
        way=way,
        token=token,
        account=found.account_name,
        by=texts["by" if found.inviter_name else "by_nobody"].format_map(values),
        email=found.email,
        other=texts["other"].format(email=session.user.email) if session else "",
        guest=typed.get("name", found.name)[:200],
        chosen=typed.get("locale", locale),
        languages=LANGUAGES,
        error=error,
    )


async def _refused(
    gateway: Gateway,
    http: HttpRequest,
    session: Session | None,
    token: str,
    form: dict[str, str],
    locale: str,
    error: ServiceError,
) -> Response:
    """The page again, with why it did not go; or that the invitation is over."""
    if error.reason in {"INVITATION_UNKNOWN", "INVITATION_OVER", "INVITATION_EXPIRED"}:
        return _over(locale, error)
    if error.reason == "CREDENTIAL_INVALID":
        # Signed out meanwhile: the page offers to sign in.
        return await _show(gateway, http, None, token, locale, status=401)
    problem = problem_of(error)
    if problem is None:
        raise error
    status = 503 if error.silent else 403 if error.code == grpc.StatusCode.PERMISSION_DENIED else 400
    text = messages.text(problem.message, locale, problem.values)
    return await _show(gateway, http, session, token, locale, text, status, form)


def _over(locale: str, error: ServiceError) -> Response:
    if error.reason == "INVITATION_OVER":
        outcome = error.metadata.get("outcome", "")
        return _closed(locale, outcome if outcome in {"accepted", "declined"} else "withdrawn", "over_hint", 410)
    if error.reason == "INVITATION_EXPIRED":
        return _closed(locale, "expired", "expired_hint", 410)
    # INVALID: what cannot be the secret of any.
    if error.reason in {"INVITATION_UNKNOWN", "INVALID"}:
        return _closed(locale, "unknown", "unknown_hint", 404)
    problem = problem_of(error)
    if problem is None:
        raise error
    text = messages.text(problem.message, locale, problem.values)
    return page("invitation_over.html", locale, TEXTS, 503, heading=text, hint="")


def _closed(locale: str, heading: str, hint: str, status: int) -> Response:
    texts = TEXTS[locale]
    return page("invitation_over.html", locale, TEXTS, status, heading=texts[heading], hint=texts[hint])
