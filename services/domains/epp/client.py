"""The registry as the domains service sees it: typed operations over a pool of EPP sessions."""

import asyncio
import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from services.domains.epp import answers, commands
from services.domains.epp.commands import Command, Delta, RestoreReport
from services.domains.epp.errors import (
    EppError,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
    MalformedFrame,
)
from services.domains.epp.frames import CONTACT, DOMAIN, HOST, Response
from services.domains.epp.model import (
    Availability,
    ContactData,
    ContactInfo,
    Created,
    DomainInfo,
    Done,
    DsRecord,
    HostInfo,
    PollMessage,
    Renewed,
    Transfer,
)
from services.domains.epp.pool import Pool
from services.domains.epp.session import Access

T = TypeVar("T")

CHECK_AT_ONCE = 50
"""Names in one check; registries refuse long lists."""

tracer = trace.get_tracer("portico.epp")


class Registry:
    """Every operation may raise EppRefused, EppServerFailure and EppUnavailable; a transform also EppUnknown.

    A transform takes `cl_trid`, the id under which the caller has already committed its intent (3 to 64 characters).
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registrar: str,
        password: str,
        ca_file: Path | None,
        server_name: str = "localhost",
        client_files: tuple[Path, Path] | None = None,
        sessions: int = 4,
        timeout: float = 20.0,
        name: str = "",
        tlds: Iterable[str] = (),
    ) -> None:
        #: What it is called with us, wherever it is reached; its host without one.
        self.name = name or host
        #: Those that it runs, without dots, in A-labels.
        self.tlds = frozenset(tlds)
        self._access = Access(host, port, registrar, password, ca_file, server_name, client_files, timeout)
        self._pool = Pool(self._access, sessions)
        # The message queue has a session of its own: customers' commands never wait for it, nor it for them.
        self._mailbox = Pool(self._access, 1)
        # A session stays free of a long list, for the registrations that were paid.
        self._within: float | None = None
        self._checks_abreast = max(sessions - 1, 1)

    def runs(self, name: str) -> bool:
        """Whether a domain name is of a top-level domain of this registry."""
        return name.rpartition(".")[2] in self.tlds

    @property
    def registrar(self) -> str:
        """Who we are to the registry (clID)."""
        return self._access.registrar

    def within(self, seconds: float) -> Self:
        """The same, on the same sessions, for somebody who waits: no answer within so many seconds is none."""
        hurried = copy.copy(self)
        hurried._within = seconds
        return hurried

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Log out and close every session."""
        await self._pool.close()
        await self._mailbox.close()

    @property
    def sessions(self) -> int:
        """How many are open now, the message queue's included."""
        return self._pool.sessions + self._mailbox.sessions

    # Domains

    async def check(self, names: Iterable[str]) -> dict[str, Availability]:
        """Availability by lower-case name."""
        return await self._check(DOMAIN, [name.lower() for name in names])

    async def info(self, name: str, auth_info: str | None = None) -> DomainInfo | None:
        """None when the registry does not know the name."""
        return await self._found(commands.info(DOMAIN, name, _query(), auth_info), answers.domain)

    async def create(
        self,
        name: str,
        years: int = 1,
        *,
        registrant: str,
        contacts: Sequence[tuple[str, str]] = (),
        nameservers: Sequence[str] = (),
        auth_info: str,
        ds: Sequence[DsRecord] = (),
        cl_trid: str,
    ) -> Created:
        """Register. Contacts are (role, id). The name servers must exist as host objects."""
        command = commands.create_domain(name, years, registrant, contacts, nameservers, auth_info, ds, cl_trid)
        return await self._run(command, answers.created)

    async def renew(self, name: str, cur_exp_date: date, years: int = 1, *, cl_trid: str) -> Renewed:
        """Extend. `cur_exp_date` is the expiry that info() gave (UTC); it keeps a repeat from renewing twice."""
        return await self._run(commands.renew_domain(name, cur_exp_date, years, cl_trid), answers.renewed)

    async def update(
        self,
        name: str,
        *,
        add_statuses: Sequence[str] = (),
        rem_statuses: Sequence[str] = (),
        add_nameservers: Sequence[str] = (),
        rem_nameservers: Sequence[str] = (),
        add_contacts: Sequence[tuple[str, str]] = (),
        rem_contacts: Sequence[tuple[str, str]] = (),
        add_ds: Sequence[DsRecord] = (),
        rem_ds: Sequence[DsRecord] = (),
        clear_ds: bool = False,
        registrant: str | None = None,
        auth_info: str | None = None,
        cl_trid: str,
    ) -> Done:
        """All of it or nothing. Contacts are (role, id). Raises ValueError when it would change nothing."""
        added = Delta(add_nameservers, add_contacts, add_statuses, add_ds)
        removed = Delta(rem_nameservers, rem_contacts, rem_statuses, rem_ds)
        command = commands.update_domain(name, added, removed, registrant, auth_info, clear_ds, cl_trid)
        return await self._run(command, answers.done)

    async def delete(self, name: str, *, cl_trid: str) -> Done:
        """Delete; `pending` when the domain enters its redemption period."""
        return await self._run(commands.delete(DOMAIN, name, cl_trid), answers.done)

    async def restore_request(self, name: str, *, cl_trid: str) -> Done:
        """Ask for a deleted domain back (RFC 3915)."""
        return await self._run(commands.restore_domain(name, None, cl_trid), answers.done)

    async def restore_report(self, name: str, report: RestoreReport, *, cl_trid: str) -> Done:
        """Why it should come back: the second half of a restore."""
        return await self._run(commands.restore_domain(name, report, cl_trid), answers.done)

    async def request_transfer(self, name: str, auth_info: str, years: int | None = None, *, cl_trid: str) -> Transfer:
        """Ask for another registrar's domain; the outcome arrives in the message queue."""
        command = commands.transfer_domain("request", name, cl_trid, auth_info, years)
        return await self._run(command, answers.transfer)

    async def query_transfer(self, name: str, auth_info: str | None = None) -> Transfer | None:
        """The last transfer; None when there never was one, or the name is unknown."""
        command = commands.transfer_domain("query", name, _query(), auth_info)
        return await self._found(command, answers.transfer, 2301, 2303)

    async def cancel_transfer(self, name: str, *, cl_trid: str) -> Transfer:
        """Take our own request back."""
        return await self._run(commands.transfer_domain("cancel", name, cl_trid), answers.transfer)

    async def approve_transfer(self, name: str, *, cl_trid: str) -> Transfer:
        """Let a domain go."""
        return await self._run(commands.transfer_domain("approve", name, cl_trid), answers.transfer)

    async def reject_transfer(self, name: str, *, cl_trid: str) -> Transfer:
        """Keep a domain."""
        return await self._run(commands.transfer_domain("reject", name, cl_trid), answers.transfer)

    # Contacts

    async def check_contacts(self, ids: Iterable[str]) -> dict[str, Availability]:
        """Which ids are free."""
        return await self._check(CONTACT, list(ids))

    async def create_contact(self, contact: ContactData, *, cl_trid: str) -> str:
        """The id under which the registry keeps it."""
        return await self._run(commands.create_contact(contact, cl_trid), answers.contact_id)

    async def contact_info(self, contact: str, auth_info: str | None = None) -> ContactInfo | None:
        """None when there is no such contact."""
        return await self._found(commands.info(CONTACT, contact, _query(), auth_info), answers.contact)

    async def update_contact(self, contact: ContactData, *, cl_trid: str) -> Done:
        """Replace everything; the auth code only when it is given."""
        return await self._run(commands.update_contact(contact, cl_trid), answers.done)

    async def delete_contact(self, contact: str, *, cl_trid: str) -> Done:
        """Refused with 2305 while a domain uses it."""
        return await self._run(commands.delete(CONTACT, contact, cl_trid), answers.done)

    # Hosts

    async def check_hosts(self, names: Iterable[str]) -> dict[str, Availability]:
        """Which host objects do not exist yet."""
        return await self._check(HOST, [name.lower() for name in names])

    async def create_host(self, name: str, addresses: Sequence[str] = (), *, cl_trid: str) -> Done:
        """Addresses only for hosts inside the registry's own zones."""
        return await self._run(commands.create_host(name, addresses, cl_trid), answers.done)

    async def host_info(self, name: str) -> HostInfo | None:
        """None when there is no such host."""
        return await self._found(commands.info(HOST, name, _query()), answers.host)

    async def update_host(
        self, name: str, *, add: Sequence[str] = (), remove: Sequence[str] = (), cl_trid: str
    ) -> Done:
        """Its addresses. Raises ValueError when it would change nothing."""
        return await self._run(commands.update_host(name, add, remove, cl_trid), answers.done)

    async def delete_host(self, name: str, *, cl_trid: str) -> Done:
        """Refused with 2305 while a domain uses it."""
        return await self._run(commands.delete(HOST, name, cl_trid), answers.done)

    # The message queue

    async def poll_request(self) -> PollMessage | None:
        """The oldest message, or None. It stays there until it is acknowledged."""
        return await self._run(commands.poll("req", _query()), answers.message, self._mailbox)

    async def poll_ack(self, message_id: str, *, cl_trid: str | None = None) -> int:
        """Remove a message; how many are left. Already removed counts as removed."""
        try:
            command = commands.poll("ack", cl_trid or _query(), message_id)
            return await self._run(command, answers.left, self._mailbox)
        except EppRefused as refusal:
            if refusal.code != 2303:
                raise
            return 0

    # How a command runs

    async def _check(self, ns: str, names: list[str]) -> dict[str, Availability]:
        found: dict[str, Availability] = {}
        batches = iter([names[start : start + CHECK_AT_ONCE] for start in range(0, len(names), CHECK_AT_ONCE)])

        async def ask() -> None:
            for batch in batches:
                found.update(await self._run(commands.check(ns, batch, _query()), answers.availability))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._checks_abreast, -(-len(names) // CHECK_AT_ONCE))):
                    group.create_task(ask())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return found

    async def _found(self, command: Command, extract: Callable[[Response], T], *absent: int) -> T | None:
        try:
            return await self._run(command, extract)
        except EppRefused as refusal:
            if refusal.code in (absent or (2303,)):
                return None
            raise

    async def _run(self, command: Command, extract: Callable[[Response], T], pool: Pool | None = None) -> T:
        with tracer.start_as_current_span(f"epp {command.label}", kind=SpanKind.CLIENT, record_exception=False) as span:
            span.set_attribute("server.address", self._access.host)
            span.set_attribute("epp.cl_trid", command.cl_trid)
            try:
                result, code = await self._attempts(command, extract, pool or self._pool)
            except EppRefused as refusal:
                span.set_attribute("epp.result_code", refusal.code)
                if isinstance(refusal, EppServerFailure):
                    span.set_status(Status(StatusCode.ERROR))
                raise
            except EppError as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
            span.set_attribute("epp.result_code", code)
            return result

    async def _attempts(self, command: Command, extract: Callable[[Response], T], pool: Pool) -> tuple[T, int]:
        """A transform is sent once. A query gets a second try when a session that had rested turned out to be dead."""
        try:
            return await self._once(command, extract, pool)
        except EppUnknown as error:
            if not command.query:
                raise
            if isinstance(error.__cause__, TimeoutError | MalformedFrame):
                raise EppUnavailable(str(error)) from error
        try:
            return await self._once(command, extract, pool)
        except EppUnknown as error:
            raise EppUnavailable(str(error)) from error

    async def _once(self, command: Command, extract: Callable[[Response], T], pool: Pool) -> tuple[T, int]:
        async with pool.session(self._within) as session:
            response = await session.send(command, self._within)
            if response.code >= 2000:
                failed = response.code == 2400 or response.code >= 2500
                kind = EppServerFailure if failed else EppRefused
                raise kind(response.code, response.message, response.reason)
            try:
                return extract(response), response.code
            except MalformedFrame as error:
                session.abort()
                raise EppUnknown(f"{command.label}: {error}") from error


def _query() -> str:
    """A clTRID for a command that nobody will ask about."""
    return f"q-{uuid4().hex}"
