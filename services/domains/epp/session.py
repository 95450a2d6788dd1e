"""One connection to the registry: connect, greeting, login, one command at a time, hello, logout (RFC 5730, 5734)."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from services.domains.epp import commands, frames
from services.domains.epp.commands import Command
from services.domains.epp.errors import EppLoginRefused, EppUnavailable, EppUnknown, MalformedFrame
from services.domains.epp.frames import CONTACT, DOMAIN, HOST, RGP, SECDNS, Greeting, Response

BROKEN = (OSError, EOFError, ssl.SSLError, TimeoutError, MalformedFrame)
CLOSING = frozenset({1500, 2500, 2501, 2502})


@dataclass(frozen=True, slots=True)
class Access:
    """Where the registry is and who we are."""

    host: str
    port: int
    registrar: str
    password: str = field(repr=False)
    #: The system's authorities without one.
    ca_file: Path | None
    server_name: str
    #: Who we are on the connection (RFC 5734 section 9), where the registry wants to see it: certificate and key, PEM.
    client_files: tuple[Path, Path] | None
    timeout: float
    """Seconds for a command; connecting and login get as much again."""


class Session:
    """Never two commands at once. Once anything is odd it is closed for good: an answer that comes late would be
    taken for the next command's."""

    def __init__(
        self, access: Access, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: Greeting
    ) -> None:
        self._access = access
        self._reader, self._writer = reader, writer
        self._closed = False
        self.greeting = greeting
        self.used_at = time.monotonic()
        self.commands = 0

    @classmethod
    async def open(cls, access: Access, within: float | None = None) -> "Session":
        """Connect and log in. Raises EppUnavailable (EppLoginRefused when we are not let in)."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(within or access.timeout):
                context = await asyncio.to_thread(_trust, access)
                reader, writer = await asyncio.open_connection(
                    access.host, access.port, ssl=context, server_hostname=access.server_name
                )
                greeting = frames.greeting(await frames.read_frame(reader))
                session = cls(access, reader, writer, greeting)
                await session._login()
        except BROKEN as error:
            if writer is not None:
                writer.transport.abort()
            raise EppUnavailable(f"no connection: {_why(error)}") from error
        except BaseException:
            if writer is not None:
                writer.transport.abort()
            raise
        return session

    async def _login(self) -> None:
        # Only what both sides speak: a server refuses a login that asks for more than its greeting offers.
        objects = [uri for uri in (DOMAIN, CONTACT, HOST) if uri in self.greeting.objects]
        extensions = [uri for uri in (RGP, SECDNS) if uri in self.greeting.extensions]
        command = commands.login(
            self._access.registrar, self._access.password, objects, extensions, f"login-{uuid4().hex}"
        )
        answer = await self._exchange(command)
        if answer.code != 1000:
            raise EppLoginRefused(answer.code, answer.message)

    @property
    def usable(self) -> bool:
        """Open on our side, and the other side has not said goodbye."""
        # A frame nobody asked for may still wait in the reader: the clTRID of the next answer gives it away.
        return not (self._closed or self._writer.is_closing() or self._reader.at_eof())

    @property
    def idle(self) -> float:
        """Seconds since the last answer."""
        return time.monotonic() - self.used_at

    async def send(self, command: Command, timeout: float | None = None) -> Response:  # noqa: ASYNC109  it is the registry's time
        """One command and its answer. Raises EppUnknown for everything that is not a proper answer."""
        try:
            async with asyncio.timeout(timeout or self._access.timeout):
                answer = await self._exchange(command)
        except BROKEN as error:
            self.abort()
            raise EppUnknown(f"{command.label}: {_why(error)}") from error
        except BaseException:
            # Cancelled in the middle: the answer is still to come, and nobody will read it.
            self.abort()
            raise
        self.used_at = time.monotonic()
        self.commands += 1
        if answer.code in CLOSING:
            self.abort()
        return answer

    async def _exchange(self, command: Command) -> Response:
        self._writer.write(frames.framed(command.xml))
        await self._writer.drain()
        answer = frames.response(await frames.read_frame(self._reader))
        if answer.cl_trid != command.cl_trid:
            raise MalformedFrame("the answer carries another clTRID")
        return answer

    async def hello(self, seconds: float = 5.0) -> bool:
        """Keep alive; False when the connection turned out to be dead, and is closed."""
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(frames.framed(commands.hello()))
                await self._writer.drain()
                self.greeting = frames.greeting(await frames.read_frame(self._reader))
        except BROKEN:
            self.abort()
            return False
        except BaseException:
            self.abort()
            raise
        self.used_at = time.monotonic()
        return True

    async def logout(self) -> None:
        """Say goodbye, briefly; never raises."""
        if self.usable:
            with contextlib.suppress(EppUnknown):
                await self.send(commands.logout(f"logout-{uuid4().hex}"), timeout=2.0)
        self.abort()

    def abort(self) -> None:
        """Close without ceremony."""
        self._closed = True
        self._writer.transport.abort()


def _trust(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(
        ssl.Purpose.SERVER_AUTH, cafile=None if access.ca_file is None else str(access.ca_file)
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.client_files is not None:
        context.load_cert_chain(*access.client_files)
    return context


def _why(error: BaseException) -> str:
    """Without the content of frames."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, asyncio.IncompleteReadError):
        return "the connection was cut"
    return str(error) or type(error).__name__
