"""Which e-mail the signed-in user gets, account by account: where the links in e-mails lead."""

import asyncio

from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from gateway import messages
from gateway.clients import Calls
from gateway.errors import ServiceError, problem_of
from gateway.pages.rendering import COMMON, Texts, current, page, read_form, too_large
from gateway.service import Gateway, locale_of, same_origin
from gateway.sessions import Member, Session
from portico.identity.v1 import notifications_pb2
from portico.identity.v1.notifications_pb2 import NotificationPreference

TEXTS: Texts = {
    "hu": {
        "title": "E-mail-értesítések",
        "intro": "Fiókonként választhatja ki, miről kap e-mailt.",
        "none": "Egyetlen fióknak sem kapcsolattartója.",
        "billing": "Számlázás: díjbekérők, számlák, jóváírások",
        "service": "Tárhelyszolgáltatások",
        "domain": "Domainek",
        "support": "Ügyfélszolgálat: hibajegyek",
        "security": "A saját bejelentkezésének biztonsága",
        "on": "bekapcsolva",
        "off": "kikapcsolva",
        "always": "mindig bekapcsolva",
        "switch_on": "Bekapcsolás",
        "switch_off": "Kikapcsolás",
        "switch_off_question": "Kikapcsolás…",
        "saved": "A beállítást elmentettük.",
        "bouncing": "Az erre a címre küldött levelek visszajönnek: {email}. Ellenőrizze a postafiókját.",
        "acknowledge": "Tudomásul veszem.",
    },
    "en": {
        "title": "E-mail notifications",
        "intro": "Choose what you get e-mail about, for each account.",
        "none": "You are a contact of no account.",
        "billing": "Billing: proformas, invoices, credits",
        "service": "Hosting services",
        "domain": "Domains",
        "support": "Support: tickets",
        "security": "The security of your own sign-in",
        "on": "on",
        "off": "off",
        "always": "always on",
        "switch_on": "Switch on",
        "switch_off": "Switch off",
        "switch_off_question": "Switch off…",
        "saved": "The setting is saved.",
        "bouncing": "Mail to this address comes back: {email}. Check your mailbox.",
        "acknowledge": "I understand.",
    },
}


async def notifications(gateway: Gateway, http: HttpRequest) -> Response:
    """GET shows the settings, POST switches one category of one account and shows them again."""
    session = await current(gateway, http)
    if session is None:
        return RedirectResponse("/sign-in?next=/notifications", 303, headers={"Cache-Control": "no-store"})
    locale = locale_of(http.headers, session)
    if http.method != "POST":
        return await _show(gateway, session, locale, done="saved" in http.query_params)
    form = await read_form(http)
    if form is None:
        return too_large()
    if not same_origin(http):
        return await _show(gateway, session, locale, 403, error=COMMON[locale]["cross_origin"])
    if session.operator:
        return await _show(gateway, session, locale, 403, error=messages.text("READ_ONLY_SESSION", locale))
    member = next((m for m in session.members if m.account_id == form.get("account")), None)
    if member is None:
        return await _show(gateway, session, locale, 404, error=messages.text("CONFLICT", locale))
    request = notifications_pb2.SetNotificationPreferenceRequest(
        category=form.get("category", "")[:50],
        enabled=form.get("enabled") == "1",
        acknowledgement=form.get("acknowledgement", "")[:100],
        locale=locale,
    )
    try:
        await Calls().write("identity", gateway.clients.notifications.SetNotificationPreference, request, member.token)
    except ServiceError as error:
        problem = problem_of(error)
        if problem is None:
            raise
        status = 503 if problem.code == "SERVICE_UNAVAILABLE" else 400
        return await _show(
            gateway, session, locale, status, error=messages.text(problem.message, locale, problem.values)
        )
    return RedirectResponse("/notifications?saved", 303, headers={"Cache-Control": "no-store"})


async def _show(
    gateway: Gateway, session: Session, locale: str, status: int = 200, *, error: str = "", done: bool = False
) -> Response:
    calls = Calls()
    try:
        found = await asyncio.gather(*(_preferences(gateway, calls, member, locale) for member in session.members))
    except ServiceError as failure:
        problem = problem_of(failure)
        if problem is None:
            raise
        status, found, error = 503, [], messages.text(problem.message, locale, problem.values)
    accounts = [
        {"contact": member.contact, "preferences": preferences}
        for member, preferences in zip(session.members, found, strict=False)
    ]
    return page(
        "notifications.html",
        locale,
        TEXTS,
        status,
        session=session,
        accounts=accounts,
        user=session.user,
        error=error,
        done=done and not error,
    )


async def _preferences(gateway: Gateway, calls: Calls, member: Member, locale: str) -> list[NotificationPreference]:
    request = notifications_pb2.ListNotificationPreferencesRequest(locale=locale)
    method = gateway.clients.notifications.ListNotificationPreferences
    answer = await calls.read("identity", method, request, member.token)
    return list(answer.preferences)
