"""Who gets which mail: by permission, object, preference and language; what has to be acknowledged; sign-ins and tokens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message

from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing
from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains
from portico.hosting.v1 import events_pb2 as hosting
from portico.identity.v1 import identity_pb2
from portico.identity.v1 import notifications_pb2 as pb
from portico.tickets.v1 import events_pb2 as tickets
from portico.tickets.v1 import tickets_pb2
from services.chassis import times
from services.chassis.actor import Actor, Grant
from services.identity import devices, notifications
from tests.identity.conftest import Member, Town
from tests.identity.test_emails import completed
from tests.serving import Serving, person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"


def money(minor: int, currency: str = "HUF") -> common_pb2.Money:
    return common_pb2.Money(minor=minor, currency=currency)


def invoice(gross: int = 12990, currency: str = "HUF", number: str = "D-2026-000001") -> billing_pb2.Invoice:
    lines = [billing_pb2.InvoiceLine(description="pelda.hu, 1 év", gross=money(gross, currency))]
    return billing_pb2.Invoice(
        id=str(uuid4()), number=number, gross=money(gross, currency), due_on="2026-12-02", lines=lines
    )


def proforma(account: UUID) -> billing.ProformaIssued:
    return billing.ProformaIssued(invoice=invoice(), account_id=str(account), locale="hu")


def paid(account: UUID) -> billing.InvoicePaid:
    return billing.InvoicePaid(invoice=invoice(number="SZ-2026-000001"), account_id=str(account))


def credited(account: UUID) -> billing.InvoiceCredited:
    return billing.InvoiceCredited(invoice=invoice(-1290, "EUR", "ST-2026-000001"), account_id=str(account))


def extended(account: UUID) -> hosting.ServiceExtended:
    return hosting.ServiceExtended(
        service_id=str(uuid4()),
        account_id=str(account),
        label="Webáruház",
        due_before="2026-11-24",
        due_after="2027-11-24",
    )


def ticket(account: UUID, order_id: str = "") -> tickets.TicketOpened:
    opened = tickets_pb2.Ticket(id=str(uuid4()), number="T-000001", subject="Lassú a webáruház")
    return tickets.TicketOpened(ticket=opened, account_id=str(account), order_id=order_id)


def confirmation(account: UUID, **known: object) -> domains.HolderConfirmationWanted:
    told: dict[str, object] = {
        "change": "registration",
        "holder_email": "a…@minta.example",
        "until": times.to_pb(datetime(2026, 12, 8, 9, 30, tzinfo=UTC)),
        **known,
    }
    return domains.HolderConfirmationWanted(
        command_id=str(uuid4()),
        domain_id=str(uuid4()),
        account_id=str(account),
        name="xn--rvztr-mta9cwbm.hu",
        unicode_name="árvíztűrő.hu",
        **told,  # type: ignore[arg-type]
    )


async def mails(identity: Serving, account: UUID) -> list[identity_pb2.Email]:
    answer = await identity.call(person(account, "emails.read"), "ListEmails", identity_pb2.ListEmailsRequest())
    return list(answer.emails)


async def told(identity: Serving, account: UUID, event: Message) -> set[str]:
    """Who gets mail about an event."""
    before = {mail.id for mail in await mails(identity, account)}
    await identity.hear(event, account)
    return {mail.recipient for mail in await mails(identity, account) if mail.id not in before}


def signed_in(member: Member) -> Actor:
    return replace(member.actor(), session_id=uuid4())


async def switch(identity: Serving, member: Member, category: str, *, enabled: bool) -> None:
    request = pb.SetNotificationPreferenceRequest(
        category=category, enabled=enabled, acknowledgement=notifications.version(category)
    )
    await identity.call(signed_in(member), "SetNotificationPreference", request)


@pytest.mark.parametrize(
    ("make", "locale", "subject", "part"),
    [
        (proforma, "hu", "Díjbekérő: D-2026-000001, 12 990 Ft", "Fizetési határidő: 2026. 12. 02."),
        (proforma, "en", "Proforma D-2026-000001: HUF 12,990 to pay", "Due: 2 December 2026"),
        (paid, "hu", "Befizetés megérkezett: SZ-2026-000001", "- pelda.hu, 1 év: 12\u00a0990\u00a0Ft"),
        (paid, "en", "Payment received: SZ-2026-000001", "Paid: HUF\u00a012,990"),
        (credited, "hu", "Jóváírás: ST-2026-000001, 12,90 €", "Jóváírt összeg: 12,90\u00a0€"),
        (credited, "en", "Credited: ST-2026-000001, €12.90", "Credited: €12.90"),
        (extended, "hu", "Meghosszabbítva: Webáruház", "2027. 11. 24."),
        (extended, "en", "Extended: Webáruház", "24 November 2027"),
        (
            confirmation,
            "hu",
            "Megerősítésre vár: árvíztűrő.hu",
            "A nyilvántartó e-mailt küldött a birtokosnak erre a címre: a…@minta.example. A megerősítéshez az abban leírtakat "
            "kell követni.\n\nHatáridő: 2026. 12. 08. 09:30 (UTC)\n\nHa a birtokos",
        ),
        (
            confirmation,
            "en",
            "To be confirmed: árvíztűrő.hu",
            "The registry has sent the holder an e-mail to a…@minta.example; it tells how to confirm.\n\n"
            "Last moment: 8 December 2026, 09:30 (UTC)\n\nIf the holder",
        ),
        (ticket, "hu", "Hibajegy: T-000001 Lassú a webáruház", "Tárgy: Lassú a webáruház"),
        (ticket, "en", "Ticket T-000001: Lassú a webáruház", "Subject: Lassú a webáruház"),
    ],
)
async def test_an_event_is_told_once_in_the_readers_language(
    identity: Serving, town: Town, make: Callable[[UUID], Message], locale: str, subject: str, part: str
) -> None:
    owner = await town.member()
    await identity.db.execute("UPDATE users SET locale = $2 WHERE id = $1", owner.user_id, locale)
    event = make(owner.account_id)
    for _ in range(2):
        await identity.hear(event, owner.account_id)
    [mail] = await mails(identity, owner.account_id)
    assert mail.subject == subject
    assert part in mail.body


@pytest.mark.parametrize(
    ("change", "hu", "en", "end"),
    [
        ("registration", "domain bejegyzését a birtokosnak", "the registration of", "back to your balance"),
        ("registrant", "domain birtokosának megváltoztatását", "the change of holder of", "stays as it is now"),
        ("nameservers", "domain névszervereinek módosítását", "the change of nameservers of", "stays as it is now"),
        ("dnssec", "domain DNSSEC-beállításának módosítását", "the change of DNSSEC of", "stays as it is now"),
    ],
)
async def test_what_a_holder_has_to_confirm_is_said_without_what_is_not_known(
    identity: Serving, town: Town, change: str, hu: str, en: str, end: str
) -> None:
    owner = await town.member()
    english = await town.member("technical", owner.account_id)
    await town.member("accountant", owner.account_id)
    await identity.db.execute("UPDATE users SET locale = 'en' WHERE id = $1", english.user_id)
    event = confirmation(owner.account_id, change=change, holder_email="", until=None)
    assert await told(identity, owner.account_id, event) == {owner.email, english.email}
    bodies = {mail.recipient: mail.body for mail in await mails(identity, owner.account_id)}
    assert hu in bodies[owner.email]
    assert "e-mailt küldött a birtokosnak. A megerősítéshez" in bodies[owner.email]
    assert "Határidő" not in bodies[owner.email]
    assert en in bodies[english.email]
    assert "sent the holder an e-mail; it tells" in bodies[english.email]
    assert end in bodies[english.email]


async def test_each_reader_of_an_account_gets_its_own_mail_in_its_own_language(identity: Serving, town: Town) -> None:
    owner = await town.member()
    english = await town.member("accountant", owner.account_id)
    await identity.db.execute("UPDATE users SET locale = 'en' WHERE id = $1", english.user_id)
    await identity.hear(proforma(owner.account_id), owner.account_id)
    subjects = {mail.recipient: mail.subject.split()[0] for mail in await mails(identity, owner.account_id)}
    assert subjects == {owner.email: "Díjbekérő:", english.email: "Proforma"}


async def test_mail_goes_to_those_who_hold_the_permission_now(identity: Serving, town: Town) -> None:
    owner = await town.member()
    account = owner.account_id
    accountant = await town.member("accountant", account)
    technical = await town.member("technical", account)
    now = datetime.now(UTC)
    await town.member("accountant", account, expires_at=now - timedelta(days=1))
    await town.member("custom", account, grants=[Grant("billing.read", None, now - timedelta(days=1))])
    await town.member("accountant", account, denied_fields=["Invoice.gross"])
    gone = await town.member("owner", account)
    await identity.db.execute("UPDATE contacts SET revoked_at = now() WHERE id = $1", gone.contact_id)
    assert await told(identity, account, proforma(account)) == {owner.email, accountant.email}
    assert await told(identity, account, extended(account)) == {owner.email, technical.email}
    assert await told(identity, account, paid((await town.member()).account_id)) == set()


async def test_a_grant_limited_to_objects_brings_mail_about_those_alone(identity: Serving, town: Town) -> None:
    owner = await town.member()
    mine, other = extended(owner.account_id), extended(owner.account_id)
    grant = Grant("hosting.read", frozenset({UUID(mine.service_id)}))
    limited = await town.member("custom", owner.account_id, grants=[grant])
    assert await told(identity, owner.account_id, mine) == {owner.email, limited.email}
    assert await told(identity, owner.account_id, other) == {owner.email}


async def test_who_switched_a_category_off_gets_no_mail_of_it_until_it_is_on_again(
    identity: Serving, town: Town
) -> None:
    owner = await town.member()
    account = owner.account_id
    accountant = await town.member("accountant", account)
    await switch(identity, accountant, "billing", enabled=False)
    assert await told(identity, account, proforma(account)) == {owner.email}
    assert accountant.email in await told(identity, account, ticket(account))
    await switch(identity, accountant, "billing", enabled=True)
    assert await told(identity, account, proforma(account)) == {owner.email, accountant.email}


async def test_essential_mail_that_nobody_would_get_goes_to_the_owners_all_the_same(
    identity: Serving, town: Town
) -> None:
    owner = await town.member()
    account = owner.account_id
    second = await town.member("owner", account)
    technical = await town.member("technical", account)
    for member in (owner, second):
        for category in ("billing", "support", "domain"):
            await switch(identity, member, category, enabled=False)
    await switch(identity, technical, "support", enabled=False)
    assert await told(identity, account, proforma(account)) == {owner.email, second.email}
    assert await told(identity, account, ticket(account)) == set()  # nothing is lost by not knowing
    assert await told(identity, account, completed(account, technical.contact_id)) == {technical.email}
    assert await told(identity, account, completed(account, second.contact_id)) == {owner.email}


async def test_a_ticket_that_tells_of_an_order_brings_no_second_mail(identity: Serving, town: Town) -> None:
    owner = await town.member()
    assert await told(identity, owner.account_id, ticket(owner.account_id, order_id=str(uuid4()))) == set()


async def preferences(identity: Serving, member: Member, locale: str = "hu") -> dict[str, pb.NotificationPreference]:
    request = pb.ListNotificationPreferencesRequest(locale=locale)
    answer = await identity.call(signed_in(member), "ListNotificationPreferences", request)
    return {preference.category: preference for preference in answer.preferences}


async def test_switching_off_what_can_cost_the_service_takes_an_acknowledgement_of_the_present_text(
    identity: Serving, town: Town
) -> None:
    member = await town.member("accountant")
    shown = (await preferences(identity, member, "en"))["billing"]
    assert (shown.enabled, shown.essential, shown.optional) == (True, True, True)
    assert "may be suspended" in shown.warning
    for given in ("", "billing-1", notifications.version("domain")):
        request = pb.SetNotificationPreferenceRequest(category="billing", acknowledgement=given, locale="en")
        refused = await identity.refused(signed_in(member), "SetNotificationPreference", request)
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ACKNOWLEDGEMENT_REQUIRED")
        assert refused.fields == ["acknowledgement"]
        assert refused.metadata == {"warning": shown.warning, "acknowledgement": shown.acknowledgement}
    assert (await preferences(identity, member))["billing"].enabled
    request = pb.SetNotificationPreferenceRequest(
        category="billing", acknowledgement=shown.acknowledgement, locale="en"
    )
    for _ in range(2):  # twice is once
        answer = await identity.call(signed_in(member), "SetNotificationPreference", request)
        assert (answer.enabled, answer.HasField("disabled_at")) == (False, True)
    row = await identity.db.fetchrow("SELECT * FROM notification_preferences WHERE contact_id = $1", member.contact_id)
    assert row is not None
    assert (row["acknowledged"], row["acknowledged_by"]) == (shown.acknowledgement, member.user_id)
    assert row["acknowledged_at"] == times.from_pb(answer.disabled_at)
    audited = await identity.told(common_pb2.AuditRecorded, member.account_id)
    [event] = [e for e in audited if e.action == "notifications.disabled"]
    assert (event.actor.label, event.actor.ip, event.subject_label) == (member.email, "192.0.2.1", member.email)
    assert shown.warning in event.after_json
    assert shown.acknowledgement in event.after_json
    await switch(identity, member, "billing", enabled=True)
    assert (await preferences(identity, member))["billing"].enabled
    audited = await identity.told(common_pb2.AuditRecorded, member.account_id)
    assert [e.action for e in audited if e.action.startswith("notifications.")] == [
        "notifications.disabled",
        "notifications.enabled",
    ]


async def test_support_is_switched_off_without_more_and_security_never(identity: Serving, town: Town) -> None:
    member = await town.member("accountant")
    request = pb.SetNotificationPreferenceRequest(category="support")
    assert not (await identity.call(signed_in(member), "SetNotificationPreference", request)).enabled
    request = pb.SetNotificationPreferenceRequest(category="security", acknowledgement="x")
    refused = await identity.refused(signed_in(member), "SetNotificationPreference", request)
    assert (refused.reason, refused.fields) == ("NOTIFICATION_NOT_OPTIONAL", ["category"])
    request = pb.SetNotificationPreferenceRequest(category="weather")
    assert (await identity.refused(signed_in(member), "SetNotificationPreference", request)).fields == ["category"]
    shown = await preferences(identity, member)
    assert [(p.category, p.enabled) for p in shown.values()] == [
        ("billing", True),
        ("service", True),
        ("domain", True),
        ("support", False),
        ("security", True),
    ]
    assert not shown["security"].optional


async def test_preferences_are_of_one_membership_and_of_its_person_alone(identity: Serving, town: Town) -> None:
    member, stranger = await town.member(), await town.member()
    await switch(identity, member, "support", enabled=False)
    assert (await preferences(identity, stranger))["support"].enabled
    request = pb.SetNotificationPreferenceRequest(category="support", enabled=True)
    for who in (
        replace(member.actor(), kind="token"),
        replace(signed_in(stranger), contact_id=member.contact_id),
        replace(signed_in(stranger), contact_id=member.contact_id, account_id=member.account_id),
    ):
        refused = await identity.refused(who, "SetNotificationPreference", request)
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_MAY_NOT")
    assert not (await preferences(identity, member))["support"].enabled


async def test_the_database_itself_refuses_silence_without_an_acknowledgement(identity: Serving, town: Town) -> None:
    member = await town.member()
    with pytest.raises(asyncpg.CheckViolationError):
        await identity.db.execute(
            """INSERT INTO notification_preferences (contact_id, category, enabled, changed_at)
               VALUES ($1, 'domain', false, now())""",
            member.contact_id,
        )


async def own_mail(identity: Serving, member: Member) -> list[identity_pb2.Email]:
    answer = await identity.call(signed_in(member), "ListOwnEmails", pb.ListOwnEmailsRequest())
    return list(answer.emails)


async def sign_in(identity: Serving, member: Member, ip: str, user_agent: str) -> None:
    request = identity_pb2.CreateSessionRequest(
        email=member.email, password=member.password, ip=ip, user_agent=user_agent
    )
    await identity.call(None, "CreateSession", request)


async def test_a_sign_in_from_a_new_network_or_program_is_told_to_the_user(identity: Serving, town: Town) -> None:
    member = await town.member()
    await sign_in(identity, member, "100.64.7.7", FIREFOX)
    assert not await own_mail(identity, member)  # the first of all is no news
    await sign_in(identity, member, "100.64.7.99", FIREFOX.replace("131", "140"))
    assert not await own_mail(identity, member)  # the same street, the same program after an update
    await sign_in(identity, member, "100.64.8.1", FIREFOX)
    [mail] = await own_mail(identity, member)
    assert (mail.category, mail.recipient) == ("security", member.email)
    assert "100.64.8.1" in mail.body
    assert "Firefox, Linux" in mail.body
    await sign_in(identity, member, "100.64.8.2", FIREFOX)
    await sign_in(identity, member, "100.64.8.2", "see http://evil.example to keep your account")
    newest, *older = await own_mail(identity, member)
    assert len(older) == 1
    assert "evil" not in newest.body
    assert "ismeretlen program" in newest.body


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.200", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("", "203.0.113.7", False),
    ],
)
def test_a_network_is_a_neighbourhood(one: str, other: str, same: bool) -> None:
    assert (devices.network(one) == devices.network(other)) is same


async def test_a_token_that_is_made_or_revoked_is_told_to_its_user(identity: Serving, town: Town) -> None:
    member = await town.member()
    actor = replace(signed_in(member), confirmed_until=datetime.now(UTC) + timedelta(minutes=5))
    request = identity_pb2.CreateApiTokenRequest(request_id=uuid4().hex, name="robot", permissions=["billing.read"])
    request.expires_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    for _ in range(2):
        made = await identity.call(actor, "CreateApiToken", request)
    [mail] = await own_mail(identity, member)
    assert mail.subject == "Új API-token: robot"
    assert "192.0.2.1" in mail.body
    for _ in range(2):
        await identity.call(actor, "RevokeApiToken", identity_pb2.RevokeApiTokenRequest(id=made.token.id))
    assert [m.subject for m in await own_mail(identity, member)] == [
        "Visszavont API-token: robot",
        "Új API-token: robot",
    ]
    assert not await mails(identity, member.account_id)
