"""Hands mail to an SMTP server."""

import asyncio
import re
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

from services.chassis.config import ConfigError

_SECONDS = 20.0
#: One address and nothing else: a comma would add a reader, a line break a header.
_ADDRESS = re.compile(r"""[^\s@,;:<>()\[\]\\"]+@[^\s@,;:<>()\[\]\\"]+""")


class Refused(Exception):
    """The server will not take this mail, now or ever (5xx)."""


class Undelivered(Exception):
    """The server was away or asks to try later."""


class Mailer(Protocol):
    async def send(self, *, message_id: str, recipient: str, subject: str, body: str) -> None:
        """Refused, Undelivered. A repeat carries the same Message-ID, by which readers recognise it."""


class SmtpMailer:
    """`url`: smtp://user:password@host:587 (STARTTLS whenever the server offers it, always before a password) or
    smtps://host:465."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ConfigError("SMTP_URL must look like smtp://user:password@host:port or smtps://…")
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 25)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._sender = sender
        self._domain = parseaddr(sender)[1].partition("@")[2]

    async def send(self, *, message_id: str, recipient: str, subject: str, body: str) -> None:
        if not _ADDRESS.fullmatch(recipient):
            raise Refused(f"{recipient!r} is no address")
        message = EmailMessage()
        # The subject holds names from elsewhere: a line break in it would be a header of its own.
        message["From"], message["To"], message["Subject"] = self._sender, recipient, " ".join(subject.split())
        message["Message-ID"], message["Date"] = f"<{message_id}@{self._domain}>", formatdate()
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        await asyncio.to_thread(self._send, message)

    def _send(self, message: EmailMessage) -> None:
        try:
            server = self._connect()
            try:
                self._secure(server)
                server.send_message(message)
            finally:
                # Taken is taken: a farewell that fails must not have the mail sent again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
                server.close()
        except smtplib.SMTPAuthenticationError as error:
            # Ours to mend, not the mail's fault.
            raise Undelivered(f"the server refuses our login ({error.smtp_code})") from error
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _judged(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(repr(error)) from error

    def _connect(self) -> smtplib.SMTP:
        if self._tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=ssl.create_default_context())
        return smtplib.SMTP(self._host, self._port, timeout=_SECONDS)

    def _secure(self, server: smtplib.SMTP) -> None:
        if not self._tls:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif self._login:
                raise Undelivered("the server offers no TLS, and a password must not travel without it")
        if self._login:
            server.login(*self._login)


def _judged(code: int, text: bytes | str) -> Exception:
    said = f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    return Refused(said) if code >= 500 else Undelivered(said)
