"""The mailer against real SMTP: STARTTLS, passwords, addresses, a server that hangs."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.chassis import jobs
from services.chassis.config import ConfigError
from services.chassis.jobs import LeasedJob, Worker
from services.identity.mailer import Mail, Refused, SmtpMailer, Undelivered
from tests.identity.conftest import Town
from tests.identity.smtp import catching
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving

SENDER = "Portico <no-reply@portico.example>"
MAIL = Mail("0", "anna@minta.example", "Szia", "Árvíztűrő\n", "<p>Árvíztűrő</p>")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's, a client's that trusts it)."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + made.public_bytes(Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


def with_password(port: int, password: str = "jelsz%C3%B3") -> str:
    return f"smtp://anna%40x:{password}@localhost:{port}"


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://"])
def test_a_mail_server_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="SMTP_URL"):
        SmtpMailer(url, SENDER)


async def test_a_password_travels_only_after_starttls(certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = certificate
    async with catching(server_tls) as server:
        await SmtpMailer(with_password(server.port), SENDER, tls=client_tls).send(MAIL)
        [(encrypted, given)] = server.logins
        assert (encrypted, given.login, given.password) == (True, b"anna@x", "jelszó".encode())
        assert len(server.taken) == 1
    async with catching() as plain:
        with pytest.raises(Undelivered, match="TLS"):
            await SmtpMailer(with_password(plain.port), SENDER).send(MAIL)
        assert not plain.logins
        assert not plain.taken


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with catching(certificate[0]) as server:
        with pytest.raises(Undelivered):
            await SmtpMailer(f"smtp://localhost:{server.port}", SENDER).send(MAIL)
        assert not server.taken


async def test_a_login_that_is_refused_is_ours_to_mend_and_no_mail_fails_for_it(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with catching(certificate[0]) as server:
        with pytest.raises(Undelivered, match="535"):
            await SmtpMailer(with_password(server.port, "rossz"), SENDER, tls=certificate[1]).send(MAIL)


@pytest.mark.parametrize(
    "recipient", ["", "a@b.hu, c@d.hu", "a@b.hu\r\nBcc: c@d.hu", "anna", "<>", "a@b.hu;c@d.hu", "a@" + "ő" * 80 + ".hu"]
)
async def test_what_is_not_one_address_is_refused_before_any_server_hears_of_it(recipient: str) -> None:
    with pytest.raises(Refused) as refused:
        await SmtpMailer("smtp://127.0.0.1:1", SENDER).send(replace(MAIL, recipient=recipient))
    assert refused.value.failure == "ADDRESS_INVALID"


async def test_a_line_break_in_a_subject_makes_no_header() -> None:
    async with catching() as server:
        await SmtpMailer(server.url, SENDER).send(replace(MAIL, subject="minta.hu\r\nBcc: c@d.hu\nX: y"))
    message = message_from_bytes(server.taken[0], policy=default)
    assert message["Bcc"] is None
    assert message["Subject"] == "minta.hu Bcc: c@d.hu X: y"


async def test_a_domain_with_accents_is_reached_by_its_a_label() -> None:
    async with catching(utf8=False) as server:
        await SmtpMailer(server.url, SENDER).send(replace(MAIL, recipient="anna@árvíztűrő.hu"))
    assert server.recipients == ["anna@xn--rvztr-wqa0gx3bwi.hu"]


async def test_an_accent_before_the_at_needs_a_server_that_takes_it() -> None:
    mail = replace(MAIL, recipient="ágnes@árvíztűrő.hu")
    async with catching() as server:
        await SmtpMailer(server.url, SENDER).send(mail)
    assert server.recipients == ["ágnes@xn--rvztr-wqa0gx3bwi.hu"]
    assert "To: ágnes@".encode() in server.taken[0]
    async with catching(utf8=False) as server:
        with pytest.raises(Refused) as refused:
            await SmtpMailer(server.url, SENDER).send(mail)
    assert refused.value.failure == "ADDRESS_INVALID"
    assert not server.taken


async def test_a_server_that_refuses_everybody_refuses_no_mail() -> None:
    async def turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service here\r\n")
        writer.close()

    async with await asyncio.start_server(turn_away, "127.0.0.1", 0) as server:
        with pytest.raises(Undelivered):
            await SmtpMailer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", SENDER).send(MAIL)


@asynccontextmanager
async def hanging() -> AsyncIterator[str]:
    """A server that takes connections and says nothing."""
    over = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        try:
            yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            over.set()


async def test_a_server_that_hangs_is_given_up_in_time_and_keeps_nobody_from_signing_in(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    async with hanging() as url:
        mailer = SmtpMailer(url, SENDER, seconds=0.5)
        sends = [asyncio.create_task(mailer.send(MAIL)) for _ in range(40)]
        await asyncio.wait_for(signed_in(identity, member), 5)
        outcomes = await asyncio.wait_for(asyncio.gather(*sends, return_exceptions=True), 5)
    assert {type(outcome) for outcome in outcomes} == {Undelivered}


async def test_mail_to_a_server_that_hangs_leaves_the_other_jobs_their_room(identity: Serving) -> None:
    done, sending, most = asyncio.Event(), 0, 0

    async def send(_job: LeasedJob, _app: object) -> None:
        nonlocal sending, most
        sending += 1
        most = max(most, sending)
        try:
            await mailer.send(MAIL)
        finally:
            sending -= 1

    async def other(_job: LeasedJob, _app: object) -> None:
        done.set()

    async with hanging() as url:
        mailer = SmtpMailer(url, SENDER)
        async with identity.db.transaction() as tx:
            for _ in range(jobs.CONCURRENCY + 10):
                await jobs.add(tx, "hanging mail", {})
        handlers = {"hanging mail": send, "other work": other}
        worker = asyncio.create_task(Worker(identity.db, None, handlers, {"hanging mail": 4}).run())
        while sending < 4:
            await asyncio.sleep(0.01)
        async with identity.db.transaction() as tx:
            await jobs.add(tx, "other work", {})
        await asyncio.wait_for(done.wait(), 5)
        assert most == 4
        await identity.db.execute("DELETE FROM jobs WHERE kind = 'hanging mail'")
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
