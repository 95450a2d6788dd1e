"""The EPP listener: sessions, login, and the faults that a test asked for."""

import asyncio
import contextlib
import hmac
import itertools
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.sandbox.registry import domains, objects, tls, transfers, updates, wire
from deploy.sandbox.registry.engine import Context, Engine
from deploy.sandbox.registry.faults import Fault, Faults, Log
from deploy.sandbox.registry.wire import CONTACT, EPP, RGP, Answer, Element, MalformedError

HANDLER_MODULES = (domains, objects, transfers, updates)
"""Importing them fills the engine's table."""

VERBS = frozenset({"check", "create", "delete", "info", "login", "logout", "poll", "renew", "transfer", "update"})
CLOSING = frozenset({1500, 2500, 2501, 2502})
LOGIN_ATTEMPTS = 3


class HangUp(Exception):
    """Close the connection now."""


@dataclass
class Options:
    """How the registry behaves."""

    registrars: dict[str, str] = field(default_factory=dict, repr=False)
    delay: float = 0.0
    """Seconds before every command."""
    idle: float = 600.0
    """Seconds without a command until the registry closes a session."""
    max_sessions: int = 32
    """For each registrar."""
    client_ca: Path | None = None
    """Of whom every registrar must show a certificate."""
    server_id: str = "Sandbox registry"


class Server:
    """Listens and keeps the sessions."""

    def __init__(self, engine: Engine, options: Options) -> None:
        self.engine = engine
        self.options = options
        self.faults = Faults()
        self.log = Log()
        #: What was cut off and is still to be carried out, by (object kind, verb, operation, *names).
        self.late: dict[tuple[str | None, ...], list[Callable[[], None]]] = {}
        self._sessions: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._epoch = f"{int(time.time() * 1000):x}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int, folder: Path) -> int:
        """Listen with the certificate in `folder`; the port that was taken."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(folder / tls.CERTIFICATE, folder / tls.KEY)
        if self.options.client_ca is not None:
            context.load_verify_locations(self.options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self._server = await asyncio.start_server(self._serve, host, port, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end every session."""
        if self._server is not None:
            self._server.close()
        self.disconnect()

    def disconnect(self) -> int:
        """Cut every open session, as a restart of the registry would; how many there were."""
        count = len(self._writers)
        for writer in list(self._writers):
            writer.transport.abort()
        return count

    def sv_trid(self) -> str:
        """A new server transaction id."""
        return f"SBX-{self._epoch}-{next(self._numbers)}"

    def enter(self, registrar: str) -> bool:
        """Count a session; False past the limit."""
        if self._sessions.get(registrar, 0) >= self.options.max_sessions:
            return False
        self._sessions[registrar] = self._sessions.get(registrar, 0) + 1
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        session = Session(self, reader, writer)
        try:
            await session.run()
        except (HangUp, ConnectionError, ssl.SSLError, TimeoutError):
            pass
        except MalformedError:
            # A frame of an impossible length: where the next one starts is unknown.
            pass
        finally:
            self._writers.discard(writer)
            if session.registrar:
                self._sessions[session.registrar] -= 1
            writer.transport.abort() if session.aborted else writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)


class Session:
    """One connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.registrar = ""
        self.aborted = False
        self._services: frozenset[str] = frozenset()
        self._failures = 0

    async def run(self) -> None:
        """Until the other side leaves or is shown the door."""
        fault = self.server.faults.take("", "connect", [])
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            if fault.action != "delay":
                self._abort()
        await self._send(wire.greeting(self.server.options.server_id, self.server.engine.now))
        while True:
            frame = await asyncio.wait_for(wire.read_frame(self.reader), self.server.options.idle)
            if frame is None:
                return
            await self._handle(frame)

    async def _handle(self, frame: bytes) -> None:
        sv_trid = self.server.sv_trid()
        try:
            root = wire.parse(frame)
        except MalformedError as error:
            await self._send(wire.response(Answer(2001, reason=str(error)[:200]), None, sv_trid))
            return
        top = root[0]
        if top.tag == f"{{{EPP}}}hello":
            await self._hello()
            return
        if top.tag != f"{{{EPP}}}command" or len(top) == 0:
            await self._send(wire.response(Answer(2001, reason="hello or command expected"), None, sv_trid))
            return
        await self._command(top, sv_trid)

    async def _hello(self) -> None:
        self.server.log.add(command="hello", registrar=self.registrar, object="", name="", cl_trid=None, code=None)
        fault = self.server.faults.take("", "hello", [])
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            if fault.action != "delay":
                self._abort()
        await self._send(wire.greeting(self.server.options.server_id, self.server.engine.now))

    async def _command(self, command: Element, sv_trid: str) -> None:
        verb_element = command[0]
        verb = wire.local(verb_element) if wire.space(verb_element) == EPP else ""
        cl_trid = wire.text_of(command, "clTRID")
        if cl_trid is not None and not 3 <= len(cl_trid) <= 64:
            await self._send(wire.response(Answer(2001, reason="clTRID has 3 to 64 characters"), None, sv_trid))
            return
        kind, names = _subject(verb, verb_element)
        operation = _operation(command, verb_element)
        for late in self.server.late.pop((kind, verb, operation, *names), []):
            late()
        fault = self.server.faults.take(kind, verb, names, operation)
        entry = self.server.log.add(
            at=wire.stamp(self.server.engine.now),
            registrar=self.registrar,
            object=kind,
            command=verb,
            op=operation,
            name=names[0] if names else "",
            names=names,
            cl_trid=cl_trid,
            sv_trid=sv_trid,
            fault=fault.action if fault else None,
            code=None,
        )
        await asyncio.sleep(self.server.options.delay)
        if fault is not None:
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.action == "cut_before":
                self._abort()
            elif fault.action == "cut_late":

                def carry_out() -> None:
                    context = Context(self.registrar, sv_trid, cl_trid)
                    entry["code"] = self._carry_out(context, command, verb, verb_element).code

                self.server.late.setdefault((kind, verb, operation, *names), []).append(carry_out)
                self._abort()
            elif fault.action == "result":
                entry["code"] = fault.code
                await self._answer(Answer(fault.code, reason="As the test wished"), cl_trid, sv_trid)
                return
        context = Context(self.registrar, sv_trid, cl_trid, hold=fault is not None and fault.action == "pending")
        answer = self._carry_out(context, command, verb, verb_element)
        entry["code"] = answer.code
        entry["registrar"] = self.registrar
        if fault is not None:
            cl_trid = await self._spoil(fault, answer, cl_trid, sv_trid)
        await self._answer(answer, cl_trid, sv_trid)

    async def _spoil(self, fault: Fault, answer: Answer, cl_trid: str | None, sv_trid: str) -> str | None:
        """The faults that come after the command was carried out; the clTRID to answer with."""
        good = wire.response(answer, cl_trid, sv_trid)
        if fault.action == "cut_after":
            self._abort()
        elif fault.action == "delay_after":
            await asyncio.sleep(fault.seconds)
        elif fault.action == "wrong_trid":
            return "not-the-one-you-sent"
        elif fault.action == "never_end":
            await self._write(wire.framed(good)[: len(good) // 2])
            await self._until_they_leave(fault.seconds or 60)
        elif fault.action == "garbage":
            await self._write(wire.framed(b"\x00\xff this is not XML <<<"))
            await self._until_they_leave(fault.seconds or 60)
        elif fault.action == "doctype":
            bomb = b'<!DOCTYPE epp [<!ENTITY a "1000"><!ENTITY b "&a;&a;&a;&a;">]>'
            head, _, tail = good.partition(b"?>")
            await self._write(wire.framed(head + b"?>" + bomb + tail))
            await self._until_they_leave(fault.seconds or 60)
        elif fault.action == "oversized":
            await self._write(struct.pack("!I", 1 << 30) + b"x" * 65_536)
            await self._until_they_leave(fault.seconds or 60)
        return cl_trid

    def _carry_out(self, context: Context, command: Element, verb: str, element: Element) -> Answer:
        if verb not in VERBS:
            return Answer(2000)
        if verb == "login":
            return self._login(element)
        if not self.registrar:
            return Answer(2002, reason="Log in first")
        if verb == "logout":
            return Answer(1500)
        extension = wire.find(command, "extension")
        for part in [] if extension is None else extension:
            if wire.space(part) not in wire.EXTENSIONS or wire.space(part) not in self._services:
                return Answer(2103, reason=f"{wire.space(part)} was not agreed on at login")
            context.extensions[str(part.tag)] = part
        self.server.engine.tick()
        if verb == "poll":
            return self.server.engine.poll(context, element)
        if len(element) != 1:
            return Answer(2001, reason="One object element expected")
        if wire.space(element[0]) in wire.OBJECTS and wire.space(element[0]) not in self._services:
            return Answer(2002, reason="The object service was not agreed on at login")
        return self.server.engine.execute(context, verb, element[0])

    def _login(self, element: Element) -> Answer:
        if self.registrar:
            return Answer(2002, reason="Already logged in")
        name, password = wire.text_of(element, "clID"), wire.text_of(element, "pw")
        if not name or not password or wire.find(element, "svcs") is None:
            return Answer(2003, reason="clID, pw and svcs are required")
        if wire.text_of(element, "options/version") != "1.0":
            return Answer(2100)
        if wire.text_of(element, "options/lang") != "en" or wire.find(element, "newPW") is not None:
            return Answer(2102, reason="English only, and passwords are not changed here")
        known = self.server.options.registrars.get(name)
        if known is None or not hmac.compare_digest(known.encode(), password.encode()):
            self._failures += 1
            return Answer(2501 if self._failures >= LOGIN_ATTEMPTS else 2200)
        asked = [(e.text or "").strip() for e in wire.find_all(element, "svcs/objURI")]
        extensions = [(e.text or "").strip() for e in wire.find_all(element, "svcs/svcExtension/extURI")]
        if not set(asked) <= set(wire.OBJECTS):
            return Answer(2307)
        if not set(extensions) <= set(wire.EXTENSIONS):
            return Answer(2103)
        if not self.server.enter(name):
            return Answer(2502)
        self.registrar = name
        self._services = frozenset(asked + extensions)
        return Answer()

    async def _answer(self, answer: Answer, cl_trid: str | None, sv_trid: str) -> None:
        await self._send(wire.response(answer, cl_trid, sv_trid))
        if answer.code in CLOSING:
            raise HangUp

    async def _send(self, xml: bytes) -> None:
        await self._write(wire.framed(xml))

    async def _write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def _until_they_leave(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(self.reader.read(1), seconds)
        self._abort()

    def _abort(self) -> None:
        self.aborted = True
        raise HangUp


def _operation(command: Element, verb_element: Element) -> str | None:
    """Of a transfer or a poll, and of a restore (RFC 3915), which is an update by its verb."""
    restore = command.find(f"{{{EPP}}}extension/{{{RGP}}}update/{{{RGP}}}restore")
    return verb_element.get("op") if restore is None else restore.get("op")


def _subject(verb: str, element: Element) -> tuple[str, list[str]]:
    """(object kind, names in lower case) of a command, for the log and the faults. Never a secret."""
    if verb == "login":
        return "", [(wire.text_of(element, "clID") or "").lower()]
    if verb == "poll":
        return "", [element.get("msgID", "")] if element.get("msgID") else []
    if len(element) == 0:
        return "", []
    body = element[0]
    key = "id" if wire.space(body) == CONTACT else "name"
    names = [(e.text or "").strip().lower() for e in wire.find_all(body, key)]
    return wire.PREFIXES.get(wire.space(body), ""), names


def shown(server: Server, name: str) -> dict[str, Any] | None:
    """A domain for the control listener: the document and the statuses as <info> shows them."""
    domain = server.engine.store.domain(name.lower())
    if domain is None:
        return None
    return {**asdict(domain), "shown": domain.shown(), "rgp": domain.rgp(server.engine.now)}
