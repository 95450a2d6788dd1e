"""Hands mail to an SMTP server."""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import idna

from services.chassis.config import ConfigError

#: For the server to answer one command, and for the whole of one mail.
_SECONDS, _SECONDS_IN_ALL = 20.0, 60.0
_FAREWELL_SECONDS = 5.0
#: One address and nothing else: a comma would add a reader, a line break a header.
_ADDRESS = re.compile(r"""[^\s@,;:<>()\[\]\\"]+@[^\s@,;:<>()\[\]\\"]+""")
#: The enhanced status (RFC 3463) that an answer may begin with.
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


class Refused(Exception):
    """The server will not take this mail, now or ever (5xx). `failure` says why, for people: ADDRESS_INVALID,
    ADDRESS_UNKNOWN, MAILBOX_FULL, MESSAGE_REFUSED."""

    def __init__(self, failure: str, said: str) -> None:
        super().__init__(said)
        self.failure = failure


class Undelivered(Exception):
    """The server was away or asks to try later."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it goes out. `unsubscribe_url` is where its kind can be switched off, empty where it cannot."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str = ""


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Refused, Undelivered. A repeat carries the same Message-ID, by which readers recognise it."""


class SmtpMailer:
    """`url`: smtp://user:password@host:587 (STARTTLS whenever the server offers it, always before a password) or
    smtps://host:465. One connection a mail. `tls` checks the server's certificate."""

    def __init__(self, url: str, sender: str, *, tls: ssl.SSLContext | None = None, seconds: float = _SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ConfigError("SMTP_URL must look like smtp://user:password@host:port or smtps://…")
        self._implicit_tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._implicit_tls else 25)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender = sender
        self._address = parseaddr(sender)[1]
        self._tls = tls or ssl.create_default_context()
        self._seconds = seconds

    async def send(self, mail: Mail) -> None:
        recipient = _deliverable(mail.recipient)
        message = self._message(mail, recipient)
        server = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._seconds,
            use_tls=self._implicit_tls,
            start_tls=False,
            tls_context=self._tls,
            # Without one, the library asks the DNS for our name first.
            local_hostname=self._address.partition("@")[2] or "localhost",
        )
        try:
            async with asyncio.timeout(_SECONDS_IN_ALL):
                await self._secure(server)
                await server.send_message(message, sender=self._address, recipients=[recipient])
            # Taken is taken: a farewell that fails must not have the mail sent again.
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await server.quit(timeout=_FAREWELL_SECONDS)
        except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPHeloError) as error:
            # Ours to mend, not the mail's fault.
            raise Undelivered(f"the server refuses us: {_said(error)}") from error
        except aiosmtplib.SMTPConnectResponseError as error:
            raise Undelivered(_said(error)) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judged(error.recipients[0], of_recipient=True) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error, of_recipient=False) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Refused("ADDRESS_INVALID", str(error)) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Undelivered(repr(error)) from error
        finally:
            server.close()

    async def _secure(self, server: aiosmtplib.SMTP) -> None:
        await server.connect()
        if not self._implicit_tls:
            await server.ehlo()
            if server.supports_extension("starttls"):
                await server.starttls(tls_context=self._tls)
            elif self._login:
                raise Undelivered("the server offers no TLS, and a password must not travel without it")
        if self._login:
            try:
                await server.login(*self._login)
            except aiosmtplib.SMTPNotSupported as error:
                raise Undelivered("the server takes no password in a way we know") from error

    def _message(self, mail: Mail, recipient: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
        # The subject holds names from elsewhere: a line break in it would be a header of its own.
        message["From"], message["To"], message["Subject"] = self._sender, recipient, " ".join(mail.subject.split())
        message["Message-ID"] = f"<{mail.message_id}@{self._address.partition('@')[2]}>"
        message["Date"] = formatdate()
        message["Auto-Submitted"] = "auto-generated"
        if mail.unsubscribe_url:
            message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message


def _deliverable(recipient: str) -> str:
    """The address with its domain in A-labels; a local part beyond ASCII stays, for servers with SMTPUTF8 (RFC 6531)."""
    if not _ADDRESS.fullmatch(recipient):
        raise Refused("ADDRESS_INVALID", f"{recipient!r} is no address")
    local, _, domain = recipient.rpartition("@")
    try:
        return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise Refused("ADDRESS_INVALID", f"{recipient!r} is no address: {error}") from error


def failure_of_status(status: str) -> str:
    """What an enhanced status (RFC 3463) means for people."""
    kind, subject, detail = status.split(".")
    if subject == "1" or (subject, detail) == ("2", "1"):
        return "ADDRESS_UNKNOWN"
    if (subject, detail) == ("2", "2"):
        return "MAILBOX_FULL"
    return "SERVER_AWAY" if kind == "4" else "MESSAGE_REFUSED"


def _judged(error: aiosmtplib.SMTPResponseException, *, of_recipient: bool) -> Exception:
    said = _said(error)
    if error.code < 500:
        return Undelivered(said)
    status = _STATUS.match(error.message.strip())
    if not of_recipient:
        return Refused("MESSAGE_REFUSED", said)
    if status:
        return Refused(failure_of_status(status[0]), said)
    return Refused("MAILBOX_FULL" if error.code == 552 else "ADDRESS_UNKNOWN", said)


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {error.message}"
