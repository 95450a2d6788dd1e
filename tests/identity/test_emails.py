"""E-mails: one an order, to who ordered it; delivered by real SMTP, tried again, given up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains_pb2
from portico.identity.v1 import events_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.chassis.config import ConfigError
from services.chassis.jobs import LeasedJob, RetryLater
from services.identity import emails
from services.identity.letters import Letter
from services.identity.mailer import Refused, SmtpMailer
from tests.identity.conftest import SEALER, Member, Town
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving, person

_EXPIRES = datetime(2027, 11, 23, 12, tzinfo=UTC)


def completed(
    account: UUID, contact: UUID | None, *, order: UUID | None = None, locale: str = "hu"
) -> domains_pb2.OrderCompleted:
    return domains_pb2.OrderCompleted(
        order_id=str(order or uuid4()),
        account_id=str(account),
        locale=locale,
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


async def mails(identity: Serving, account: UUID) -> list[pb.Email]:
    answer = await identity.call(person(account, "emails.read"), "ListEmails", pb.ListEmailsRequest())
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
    assert not mail.HasField("sent_at")


async def test_the_owner_is_told_when_who_ordered_is_there_no_more(identity: Serving, town: Town) -> None:
    owner, stranger = await town.member(), await town.member()
    for contact in (None, uuid4(), stranger.contact_id):
        await identity.hear(completed(owner.account_id, contact, locale="en"), owner.account_id)
    sent = await mails(identity, owner.account_id)
    assert [m.recipient for m in sent] == [owner.email] * 3
    assert sent[0].subject == "Domain registration: árvíztűrő.hu and 1 more"
    assert "registered until 23 November 2027" in sent[0].body


async def test_nobody_to_tell_is_no_reason_to_fail(identity: Serving, town: Town) -> None:
    account = await town.account()
    await identity.hear(completed(account, None), account)
    assert not await mails(identity, account)


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


Answer = Callable[[str], str]


@asynccontextmanager
async def smtp(answer: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that speaks SMTP on loopback: (its URL, what it took). `answer` may replace a verb's reply."""
    taken: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(":")[0].upper()
            reply = answer(verb) or ("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "DATA" and reply.startswith("250"):
                writer.write(b"354 go on\r\n")
                taken.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                reply = "250 taken"
            writer.write(f"{reply}\r\n".encode())
            if verb == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", taken


@pytest.fixture
async def written(identity: Serving, town: Town) -> Member:
    """An owner with one mail in the queue."""
    owner = await town.member()
    await identity.hear(completed(owner.account_id, None), owner.account_id)
    return owner


async def deliver(identity: Serving, owner: Member, url: str, attempt: int = 1) -> pb.Email:
    """Runs the mail's job as the worker does, at this attempt."""
    await emails.queue_waiting(identity.db, datetime.now(UTC))
    [mail] = await mails(identity, owner.account_id)
    row = await identity.db.fetchrow("SELECT * FROM jobs WHERE kind = $1 AND key = $2", emails.SEND, mail.id)
    assert row is not None
    job = LeasedJob(row["id"], row["kind"], row["payload"], attempt, row["fence"])
    mailer = SmtpMailer(url, "Portico <no-reply@portico.example>")
    await emails.deliver(identity.db, SEALER, mailer, job, datetime.now(UTC))
    [mail] = await mails(identity, owner.account_id)
    return mail


async def test_a_mail_is_handed_to_the_server_once_and_then_counts_as_sent(identity: Serving, written: Member) -> None:
    # The farewell fails: that is no reason to send it again.
    async with smtp(lambda verb: "421 going down" if verb == "QUIT" else "") as (url, taken):
        mail = await deliver(identity, written, url)
        assert (mail.state, mail.HasField("sent_at")) == (pb.EMAIL_STATE_SENT, True)
        await deliver(identity, written, url)
    [raw] = taken
    assert f"To: {written.email}" in raw
    assert f"Message-ID: <{mail.id}@portico.example>" in raw
    [settled] = await identity.told(events_pb2.EmailSettled, written.account_id)
    assert (settled.email_id, settled.sent) == (mail.id, True)


@pytest.mark.parametrize("reply", ["451 greylisted", "away"])
async def test_a_server_that_is_busy_or_away_is_asked_again(identity: Serving, written: Member, reply: str) -> None:
    async with smtp(lambda verb: reply if verb.startswith("RCPT") else "") as (url, _):
        address = url if reply != "away" else "smtp://127.0.0.1:1"
        with pytest.raises(RetryLater):
            await deliver(identity, written, address)
        [mail] = await mails(identity, written.account_id)
        assert mail.state == pb.EMAIL_STATE_QUEUED
        assert (await deliver(identity, written, address, emails.MAX_ATTEMPTS)).state == pb.EMAIL_STATE_FAILED


async def test_a_refused_mail_has_failed_at_once(identity: Serving, written: Member) -> None:
    async with smtp(lambda verb: "550 no such user" if verb.startswith("RCPT") else "") as (url, taken):
        assert (await deliver(identity, written, url)).state == pb.EMAIL_STATE_FAILED
    assert not taken
    [settled] = await identity.told(events_pb2.EmailSettled, written.account_id)
    assert not settled.sent


def test_a_mail_server_address_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="SMTP_URL"):
        SmtpMailer("mail.example", "no-reply@portico.example")


@pytest.mark.parametrize("recipient", ["", "a@b.hu, c@d.hu", "a@b.hu\r\nBcc: c@d.hu", "anna", "<>", "a@b.hu;c@d.hu"])
async def test_what_is_not_one_address_is_refused_before_any_server_hears_of_it(recipient: str) -> None:
    async with smtp(lambda _: "") as (url, taken):
        mailer = SmtpMailer(url, "Portico <no-reply@portico.example>")
        with pytest.raises(Refused):
            await asyncio.wait_for(mailer.send(message_id="1", recipient=recipient, subject="s", body="b"), 5)
    assert not taken


async def test_a_line_break_in_a_subject_makes_no_header() -> None:
    async with smtp(lambda _: "") as (url, taken):
        mailer = SmtpMailer(url, "Portico <no-reply@portico.example>")
        subject = "minta.hu\r\nBcc: c@d.hu\nX: y"
        await mailer.send(message_id="1", recipient="anna@minta.example", subject=subject, body="b")
    assert "\nBcc:" not in taken[0]
    assert "Subject: minta.hu Bcc: c@d.hu X: y" in taken[0]


async def test_an_order_that_was_never_paid_promises_no_money_back(identity: Serving, town: Town) -> None:
    owner = await town.member()
    for locale, said, unsaid in (("hu", "nem terheltük meg", "jóváírtuk"), ("en", "not charged", "balance")):
        event = completed(owner.account_id, None, locale=locale)
        del event.outcomes[0]
        event.outcomes[0].reason = "PRICE_MISSING"
        await identity.hear(event, owner.account_id)
        mail = (await mails(identity, owner.account_id))[0]
        assert said in mail.body
        assert unsaid not in mail.body


async def test_a_mail_server_that_hangs_keeps_nobody_from_signing_in(identity: Serving, town: Town) -> None:
    member, over = await town.member(), asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", "no-reply@portico.example")
        sends = [
            asyncio.create_task(mailer.send(message_id=str(n), recipient="a@b.hu", subject="s", body="b"))
            for n in range(40)  # more than there are threads
        ]
        try:
            await asyncio.wait_for(signed_in(identity, member), 5)
        finally:
            over.set()
            await asyncio.gather(*sends, return_exceptions=True)


async def test_a_secret_is_in_the_mail_that_is_sent_and_nowhere_else(identity: Serving, town: Town) -> None:
    owner = await town.member()
    link, occasion = "https://portal.example/reset#qxj3", f"password_reset:{uuid4()}"
    letter = Letter(
        "password_reset",
        occasion,
        "security",
        owner.email,
        "Anna {{ 1 }}",
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
    async with smtp(lambda verb: "") as (url, taken):
        await deliver(identity, owner, url)
    assert link in taken[0].replace("=\n", "")
    assert "Dear Anna {{ 1 }}," in taken[0]
    [mail] = await mails(identity, owner.account_id)
    assert mail.state == pb.EMAIL_STATE_SENT
    assert "•••" in mail.body
    assert "qxj3" not in mail.body + await kept()
