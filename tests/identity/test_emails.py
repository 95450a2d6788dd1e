"""E-mails: who gets one, delivered by real SMTP, tried again, given up, come back."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID, uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains_pb2
from portico.identity.v1 import events_pb2, notifications_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.chassis.actor import Actor
from services.chassis.jobs import LeasedJob, RetryLater
from services.identity import emails
from services.identity.letters import Letter, as_html, render
from services.identity.mailer import SmtpMailer
from tests.identity.conftest import Member, Town
from tests.identity.smtp import catching
from tests.serving import Serving, person

_EXPIRES = datetime(2027, 11, 23, 12, tzinfo=UTC)
SENDER = "Portico <no-reply@portico.example>"


def completed(account: UUID, contact: UUID | None, *, order: UUID | None = None) -> domains_pb2.OrderCompleted:
    return domains_pb2.OrderCompleted(
        order_id=str(order or uuid4()),
        account_id=str(account),
        locale="hu",
        actor=common_pb2.ActorRef(kind="user", contact_id=str(contact or "")),
        outcomes=[
            domains_pb2.OrderOutcome(
                domain_id=str(uuid4()),
                name="xn--rvztr-mta9cwbm.hu",
                unicode_name="árvíztűrő.hu",
                registered=True,
                expires_at=times.to_pb(_EXPIRES),
            ),
            domains_pb2.OrderOutcome(
                domain_id=str(uuid4()), name="foglalt.hu", unicode_name="foglalt.hu", reason="DOMAIN_TAKEN"
            ),
        ],
    )


async def mails(identity: Serving, account: UUID, **wanted: object) -> list[pb.Email]:
    request = pb.ListEmailsRequest(**wanted)  # type: ignore[arg-type]
    answer = await identity.call(person(account, "emails.read"), "ListEmails", request)
    return list(answer.emails)


async def test_a_completed_order_writes_one_mail_to_who_ordered(identity: Serving, town: Town) -> None:
    owner = await town.member()
    clerk = await town.member("technical", owner.account_id)
    event = completed(owner.account_id, clerk.contact_id)
    for _ in range(2):  # two messages about one order
        await identity.hear(event, owner.account_id)
    [mail] = await mails(identity, owner.account_id)
    assert (mail.recipient, mail.category, mail.state) == (clerk.email, "domain", pb.EMAIL_STATE_QUEUED)
    assert mail.subject == "Domainregisztráció: árvíztűrő.hu és további 1"
    assert "árvíztűrő.hu: regisztrálva, lejárat: 2027. 11. 23." in mail.body
    assert "foglalt.hu: sikertelen (időközben más regisztrálta)" in mail.body
    assert "Fiók: Minta Kft. (P-" in mail.body
    assert not mail.HasField("sent_at")


async def test_the_owner_is_told_in_its_own_language_when_who_ordered_is_there_no_more(
    identity: Serving, town: Town
) -> None:
    owner, stranger = await town.member(), await town.member()
    await identity.db.execute("UPDATE users SET locale = 'en' WHERE id = $1", owner.user_id)
    for contact in (None, uuid4(), stranger.contact_id):
        await identity.hear(completed(owner.account_id, contact), owner.account_id)
    sent = await mails(identity, owner.account_id)
    assert [m.recipient for m in sent] == [owner.email] * 3
    assert sent[0].subject == "Domain registration: árvíztűrő.hu and 1 more"
    assert "registered until 23 November 2027" in sent[0].body


async def test_nobody_to_tell_is_no_reason_to_fail(identity: Serving, town: Town) -> None:
    account = await town.account()
    await identity.hear(completed(account, None), account)
    assert not await mails(identity, account)


async def test_an_order_that_was_never_paid_promises_no_money_back(identity: Serving, town: Town) -> None:
    owner = await town.member()
    for locale, said, unsaid in (("hu", "Nem terheltük meg", "jóváírtuk"), ("en", "not charged", "balance")):
        await identity.db.execute("UPDATE users SET locale = $2 WHERE id = $1", owner.user_id, locale)
        event = completed(owner.account_id, None)
        del event.outcomes[0]
        event.outcomes[0].reason = "PRICE_MISSING"
        await identity.hear(event, owner.account_id)
        mail = (await mails(identity, owner.account_id))[0]
        assert said in mail.body
        assert unsaid not in mail.body


async def test_a_grant_limited_to_objects_shows_only_mail_about_those(identity: Serving, town: Town) -> None:
    owner = await town.member()
    first, second = completed(owner.account_id, None), completed(owner.account_id, None)
    for event in (first, second):
        await identity.hear(event, owner.account_id)

    async def seen(*outcomes: domains_pb2.OrderOutcome) -> int:
        resources = frozenset(UUID(o.domain_id) for o in outcomes)
        reader = person(owner.account_id, "emails.read", resources=resources)
        return len((await identity.call(reader, "ListEmails", pb.ListEmailsRequest())).emails)

    assert await seen(*first.outcomes) == 1
    assert await seen(first.outcomes[0]) == 0


async def test_the_list_is_filtered_searched_and_paged(identity: Serving, town: Town) -> None:
    owner = await town.member()
    for n in range(5):
        letter = Letter(
            "ticket_opened",
            f"test:{uuid4()}",
            "support" if n % 2 else "billing",
            owner.email,
            "Anna",
            "hu",
            {"number": f"T-{n}", "subject": "100%_biztos", "portal": ""},
            account_id=owner.account_id,
        )
        async with identity.db.transaction() as tx:
            await identity.app.post.write(tx, letter, _EXPIRES + timedelta(seconds=n))
    account = owner.account_id
    assert [m.category for m in await mails(identity, account, categories=["support"])] == ["support"] * 2
    assert [m.subject for m in await mails(identity, account, search="t-3 100%_B")] == ["Hibajegy: T-3 100%_biztos"]
    assert not await mails(identity, account, search="100x")
    assert len(await mails(identity, account, search=owner.email[:12].upper())) == 5
    assert not await mails(identity, account, states=[pb.EMAIL_STATE_SENT, pb.EMAIL_STATE_BOUNCED])
    seen: list[str] = []
    page = common_pb2.PageRequest(first=2)
    while True:
        request = pb.ListEmailsRequest(page=page, states=[pb.EMAIL_STATE_QUEUED])
        answer = await identity.call(person(account, "emails.read"), "ListEmails", request)
        seen += [m.subject for m in answer.emails]
        if not answer.page.has_next:
            break
        page = common_pb2.PageRequest(first=2, after=answer.page.cursors[-1])
    assert seen == [f"Hibajegy: T-{n} 100%_biztos" for n in (4, 3, 2, 1, 0)]


@pytest.fixture
async def written(identity: Serving, town: Town) -> Member:
    """An owner with one mail in the queue."""
    owner = await town.member()
    await identity.hear(completed(owner.account_id, None), owner.account_id)
    return owner


async def deliver(
    identity: Serving, owner: Member, url: str, attempt: int = 1, seconds: float = 20, email_id: str = ""
) -> pb.Email:
    """Runs the mail's job as the worker does, at this attempt."""
    await emails.queue_waiting(identity.db, datetime.now(UTC))
    email_id = email_id or (await mails(identity, owner.account_id))[0].id
    row = await identity.db.fetchrow("SELECT * FROM jobs WHERE kind = $1 AND key = $2", emails.SEND, email_id)
    assert row is not None
    job = LeasedJob(row["id"], row["kind"], row["payload"], attempt, row["fence"])
    mailer = SmtpMailer(url, SENDER, seconds=seconds)
    await emails.deliver(identity.db, identity.app.post, mailer, job, datetime.now(UTC))
    return next(m for m in await mails(identity, owner.account_id) if m.id == email_id)


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def test_a_mail_is_handed_to_the_server_once_and_then_counts_as_sent(identity: Serving, written: Member) -> None:
    # The farewell fails: that is no reason to send it again.
    async with catching(quit="421 going down") as server:
        mail = await deliver(identity, written, server.url)
        assert (mail.state, mail.HasField("sent_at"), mail.failure) == (pb.EMAIL_STATE_SENT, True, "")
        await deliver(identity, written, server.url)
    [raw] = server.taken
    message = parsed(raw)
    assert message["To"] == written.email
    assert message["Message-ID"] == f"<{mail.id}@portico.example>"
    assert message["List-Unsubscribe"] == "<https://portal.example/notifications>"
    [settled] = await identity.told(events_pb2.EmailSettled, written.account_id)
    assert (settled.email_id, settled.sent) == (mail.id, True)


async def test_the_html_says_the_same_words_as_the_text(identity: Serving, written: Member) -> None:
    async with catching() as server:
        await deliver(identity, written, server.url)
    message = parsed(server.taken[0])
    assert message.get_content_type() == "multipart/alternative"
    text, html = body(message, "plain"), body(message, "html")
    assert '<html lang="hu">' in html
    shown = re.sub(r"<[^>]+>", " ", html.split("<body>")[1])
    words = [w for w in text.split() if w not in {"-", "--"}]
    assert [w for w in words if w not in shown.split()] == []
    assert '<a href="https://portal.example/notifications">' in html


@pytest.mark.parametrize("reply", ["451 greylisted", "away"])
async def test_a_server_that_is_busy_or_away_is_asked_again(identity: Serving, written: Member, reply: str) -> None:
    async with catching(rcpt=reply) as server:
        address = server.url if reply != "away" else "smtp://127.0.0.1:1"
        with pytest.raises(RetryLater):
            await deliver(identity, written, address)
        [mail] = await mails(identity, written.account_id)
        assert (mail.state, mail.failure) == (pb.EMAIL_STATE_QUEUED, "SERVER_AWAY")
        given_up = await deliver(identity, written, address, emails.MAX_ATTEMPTS)
        assert (given_up.state, given_up.failure) == (pb.EMAIL_STATE_FAILED, "SERVER_AWAY")


async def test_a_mail_that_was_late_is_sent_with_the_same_message_id_and_nothing_wrong_is_left(
    identity: Serving, written: Member
) -> None:
    async with catching(data="451 try later") as busy, catching() as server:
        with pytest.raises(RetryLater):
            await deliver(identity, written, busy.url)
        mail = await deliver(identity, written, server.url, attempt=2)
    assert (mail.state, mail.failure, mail.failure_detail) == (pb.EMAIL_STATE_SENT, "", "")
    assert parsed(server.taken[0])["Message-ID"] == f"<{mail.id}@portico.example>"


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ("550 no such user", "ADDRESS_UNKNOWN"),
        ("550 5.1.1 unknown", "ADDRESS_UNKNOWN"),
        ("552 5.2.2 over quota", "MAILBOX_FULL"),
        ("550 5.7.1 blocked", "MESSAGE_REFUSED"),
    ],
)
async def test_a_refused_mail_has_failed_at_once_and_says_why(
    identity: Serving, written: Member, reply: str, failure: str
) -> None:
    async with catching(rcpt=reply) as server:
        mail = await deliver(identity, written, server.url)
    assert (mail.state, mail.failure, mail.failure_detail) == (pb.EMAIL_STATE_FAILED, failure, reply)
    assert not server.taken
    [settled] = await identity.told(events_pb2.EmailSettled, written.account_id)
    assert not settled.sent


async def test_a_secret_is_in_the_mail_that_is_sent_and_nowhere_else(identity: Serving, town: Town) -> None:
    owner = await town.member()
    link, occasion = "https://portal.example/reset#qxj3", f"password_reset:{uuid4()}"
    letter = Letter(
        "password_reset",
        occasion,
        "security",
        owner.email,
        "Anna {{ 1 }} <b>",
        "en",
        {"minutes": 60},
        account_id=owner.account_id,
        secret=link,
    )
    async with identity.db.transaction() as tx:
        await identity.app.post.write(tx, letter, datetime.now(UTC))

    async def kept() -> str:
        return str(await identity.db.fetchval("SELECT e::text FROM emails e WHERE occasion = $1", occasion))

    assert "qxj3" not in await kept()
    async with catching() as server:
        await deliver(identity, owner, server.url)
    message = parsed(server.taken[0])
    assert link in body(message, "plain")
    assert f'<a href="{link}">' in body(message, "html")
    assert "Dear Anna {{ 1 }} <b>," in body(message, "plain")
    assert "Dear Anna {{ 1 }} &lt;b&gt;," in body(message, "html")
    assert message["List-Unsubscribe"] is None
    [mail] = await mails(identity, owner.account_id)
    assert mail.state == pb.EMAIL_STATE_SENT
    assert "•••" in mail.body
    assert "qxj3" not in mail.body + await kept()


OPERATOR = person(uuid4(), "operator")


def bounce(message_id: str, status: str = "5.1.1") -> notifications_pb2.RecordBounceRequest:
    return notifications_pb2.RecordBounceRequest(message_id=message_id, status=status, diagnostic="550 nobody here")


async def bouncing(identity: Serving, owner: Member) -> bool:
    found = await identity.call(owner.actor(), "ListContacts", pb.ListContactsRequest())
    [contact] = [c for c in found.contacts if c.id == str(owner.contact_id)]
    return bool(contact.user.email_bouncing)


async def test_a_mail_that_came_back_is_marked_and_its_address_flagged_until_mail_is_taken_again(
    identity: Serving, written: Member
) -> None:
    async with catching() as server:
        mail = await deliver(identity, written, server.url)
        assert not await bouncing(identity, written)
        for _ in range(2):
            await identity.call(OPERATOR, "RecordBounce", bounce(f"<{mail.id}@portico.example>"))
        [back] = await mails(identity, written.account_id, states=[pb.EMAIL_STATE_BOUNCED])
        assert (back.failure, back.failure_detail) == ("ADDRESS_UNKNOWN", "5.1.1 550 nobody here")
        assert await bouncing(identity, written)
        told = await identity.told(common_pb2.AuditRecorded, written.account_id)
        assert [e.subject_label for e in told if e.action == "email.bounced"] == [written.email]
        await identity.hear(completed(written.account_id, None), written.account_id)
        [waiting] = await mails(identity, written.account_id, states=[pb.EMAIL_STATE_QUEUED])
        await deliver(identity, written, server.url, email_id=waiting.id)
    assert not await bouncing(identity, written)
    assert (await mails(identity, written.account_id, states=[pb.EMAIL_STATE_BOUNCED]))[0].id == mail.id


async def test_a_changed_address_is_not_flagged(identity: Serving, written: Member) -> None:
    async with catching() as server:
        mail = await deliver(identity, written, server.url)
    await identity.call(OPERATOR, "RecordBounce", bounce(mail.id))
    assert await bouncing(identity, written)
    await identity.db.execute(
        "UPDATE users SET email = $2 WHERE id = $1", written.user_id, f"{uuid4().hex}@new.example"
    )
    assert not await bouncing(identity, written)


async def test_a_bounce_that_overtakes_its_mail_keeps_it_from_being_sent_again(
    identity: Serving, written: Member
) -> None:
    await emails.queue_waiting(identity.db, datetime.now(UTC))
    [mail] = await mails(identity, written.account_id)
    await identity.call(OPERATOR, "RecordBounce", bounce(mail.id))
    async with catching() as server:
        assert (await deliver(identity, written, server.url)).state == pb.EMAIL_STATE_BOUNCED
    assert not server.taken


async def test_only_the_operator_records_bounces_and_only_of_mail_that_there_is(
    identity: Serving, written: Member
) -> None:
    [mail] = await mails(identity, written.account_id)
    refused = await identity.refused(written.actor(), "RecordBounce", bounce(mail.id))
    assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    for unknown in (str(uuid4()), "<hello@portico.example>"):
        refused = await identity.refused(OPERATOR, "RecordBounce", bounce(unknown))
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "EMAIL_NOT_FOUND")
    for status in ("2.0.0", "five"):
        refused = await identity.refused(OPERATOR, "RecordBounce", bounce(mail.id, status))
        assert refused.fields == ["status"]
    assert (await mails(identity, written.account_id))[0].state == pb.EMAIL_STATE_QUEUED


async def test_mail_about_the_user_itself_is_in_its_own_list_alone(identity: Serving, town: Town) -> None:
    owner = await town.member()
    colleague = await town.member("owner", owner.account_id)
    letter = Letter(
        "password_reset",
        f"password_reset:{uuid4()}",
        "security",
        owner.email,
        "Anna",
        "hu",
        {"minutes": 60},
        user_id=owner.user_id,
        secret="https://portal.example/x",
    )
    async with identity.db.transaction() as tx:
        await identity.app.post.write(tx, letter, datetime.now(UTC))

    async def own(actor: Actor) -> list[str]:
        answer = await identity.call(actor, "ListOwnEmails", notifications_pb2.ListOwnEmailsRequest())
        return [m.category for m in answer.emails]

    assert await own(signed_in_actor(owner)) == ["security"]
    assert await own(signed_in_actor(colleague)) == []
    assert await own(owner.actor()) == []  # no session: a token
    assert not await mails(identity, owner.account_id)


def signed_in_actor(member: Member) -> Actor:
    return replace(member.actor(), session_id=uuid4())


@pytest.mark.parametrize(
    ("action", "subject", "line"),
    [
        ("TRANSFER", "Domainátregisztráció: egy.hu", "- egy.hu: átregisztrálva, lejárat: 2027. 11. 23."),
        ("RENEW", "Domainhosszabbítás: egy.hu", "- egy.hu: meghosszabbítva, lejárat: 2027. 11. 23."),
        ("RESTORE", "Domain-visszaállítás: egy.hu", "- egy.hu: visszaállítva, lejárat: 2027. 11. 23."),
    ],
)
async def test_an_orders_mail_says_what_was_ordered(
    identity: Serving, town: Town, action: str, subject: str, line: str
) -> None:
    owner = await town.member()
    event = completed(owner.account_id, owner.contact_id)
    del event.outcomes[1:]
    event.outcomes[0].unicode_name, event.outcomes[0].action = "egy.hu", action
    await identity.hear(event, owner.account_id)
    [mail] = await mails(identity, owner.account_id)
    assert mail.subject == subject
    assert line in mail.body


async def test_an_order_that_was_not_paid_in_time_has_a_letter_of_its_own(identity: Serving, town: Town) -> None:
    owner = await town.member()
    event = completed(owner.account_id, owner.contact_id)
    for outcome in event.outcomes:
        outcome.registered, outcome.reason, outcome.action = False, "ORDER_UNPAID", "RENEW"
    await identity.hear(event, owner.account_id)
    [mail] = await mails(identity, owner.account_id)
    assert mail.subject == "A megrendelése lejárt: árvíztűrő.hu és további 1"
    assert "nem érkezett meg határidőre" in mail.body
    assert "árunk" not in mail.body


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("hu", "- egy.hu: az átregisztrációt visszavonták; a díját jóváírtuk az egyenlegén"),
        ("en", "- egy.hu: the transfer was cancelled; its price is back on your balance"),
    ],
)
def test_a_transfer_that_was_cancelled_is_not_told_of_as_a_failure(locale: str, line: str) -> None:
    outcome = {
        "name": "egy.hu",
        "action": "TRANSFER",
        "registered": False,
        "reason": "TRANSFER_CANCELLED",
        "unpaid": False,
    }
    text = render(Letter("order_completed", "o", "domain", "a@minta.example", "Anna", locale, {"outcomes": [outcome]}))
    assert f"\n{line}\n" in text.body
    assert not {"sikertelen", "failed"} & set(re.findall(r"\w+", text.body))


def test_part_of_an_address_stays_on_one_line_in_html() -> None:
    html = as_html("S", "Erre a címre: a…@minta-bolt.example. https://a.example/?q=b…@c", "hu")
    assert '<span class="whole">a…@minta-bolt.example</span>.' in html
    assert html.count("<span") == 1
    assert '<a href="https://a.example/?q=b…@c">' in html
