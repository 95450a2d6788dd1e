"""A real SMTP server on loopback that refuses, delays or takes what a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope


@dataclass
class Server:
    """`taken` are the mails whole, `recipients` their envelopes'; `replies` replace what it says after a verb."""

    url: str = ""
    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    logins: list[tuple[bool, Any]] = field(default_factory=list)
    """Whether the connection was encrypted, and with which name and password."""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if reply := self.replies.get("rcpt"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        if reply := self.replies.get("data"):
            return reply
        assert isinstance(envelope.content, bytes)
        self.taken.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        return "250 taken"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Envelope) -> str:
        return self.replies.get("quit", "221 bye")

    def authenticate(self, _server: Any, session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((session.ssl is not None, data))
        return AuthResult(success=data.password == b"jelsz\xc3\xb3", handled=False)


@asynccontextmanager
async def catching(tls: ssl.SSLContext | None = None, *, utf8: bool = True, **replies: str) -> AsyncIterator[Server]:
    """Runs one; with `tls` it offers STARTTLS, and takes a password only after it."""
    caught = Server(replies=replies)
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            caught,
            hostname="localhost",
            loop=loop,
            tls_context=tls,
            enable_SMTPUTF8=utf8,
            authenticator=caught.authenticate,
            auth_require_tls=True,
        )

    async with await loop.create_server(session, "127.0.0.1", 0) as server:
        caught.port = server.sockets[0].getsockname()[1]
        caught.url = f"smtp://127.0.0.1:{caught.port}"
        yield caught
