"""What can be said of a transfer before anything is paid: each name by itself. All that is written is how many wrong codes
were given."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.chassis.db import Row
from services.chassis.errors import DomainError, Invalid
from services.domains import code_guesses, lifecycle, registry_store, store
from services.domains.app import App
from services.domains.epp import DomainInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown, Registry
from services.domains.lifecycle import Facts, Rules
from services.domains.names import DomainInvalid, Name, parse
from services.domains.orders import DomainAlreadyHere, DomainRepeated, RegistryUnavailable, TldNotSold, in_house
from services.domains.registries import WHILE_WAITING
from services.domains.transfer_lists import Line

_WRONG_CODE = 2202
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
#: Questions to the registry at once: a session stays free for what was paid.
_ABREAST = 3
#: Seconds for all of them. Whoever is not asked about by then is asked about after payment.
_SECONDS = 3.0


class TldNotTransferable(DomainError):
    reason = "TLD_NOT_TRANSFERABLE"


class AuthCodeMissing(Invalid):
    reason = "AUTH_CODE_MISSING"


class AuthCodeInvalid(Invalid):
    reason = "AUTH_CODE_INVALID"


class AuthCodeWrong(DomainError):
    reason = "AUTH_CODE_WRONG"


class DomainNotRegistered(DomainError):
    reason = "DOMAIN_NOT_REGISTERED"


class DomainTransferLocked(DomainError):
    reason = "DOMAIN_TRANSFER_LOCKED"


class TransferTooEarly(DomainError):
    reason = "TRANSFER_TOO_EARLY"


class TransferPending(DomainError):
    reason = "TRANSFER_PENDING"


class DomainBeingDeleted(DomainError):
    reason = "DOMAIN_BEING_DELETED"


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something at the registry that keeps the name where it is; `until` where time clears it."""

    error: DomainError
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """`problem` None: it can be ordered; its `field` is the part of the item that is wrong. `silent`: its registry did not
    answer; one that was not `asked` for want of time is not that."""

    line: Line
    name: Name | None = None
    problem: DomainError | None = None
    blockers: Sequence[Blocker] = ()
    asked: bool = field(default=False)
    silent: bool = field(default=False)


def wrong_code(code: str, tld: Row) -> Invalid | None:
    """What a registry would not even compare: RFC 5731 authInfo, and the length that the registry gives its codes."""
    if not code:
        return AuthCodeMissing("there is no code", field="auth_code")
    if not _PRINTABLE.fullmatch(code) or not tld["auth_code_min"] <= len(code) <= tld["auth_code_max"]:
        return AuthCodeInvalid(
            "not the length or the characters of a code",
            field="auth_code",
            tld=tld["tld"],
            min=str(tld["auth_code_min"]),
            max=str(tld["auth_code_max"]),
        )
    return None


async def check(app: App, account_id: UUID, lines: Sequence[Line], now: datetime) -> list[Check]:
    """What would become of each line, in their order."""
    tlds = await store.tlds(app.db)
    seen: set[str] = set()
    checks = [_read(app, line, tlds, seen) for line in lines]
    owned = await store.live_owners(app.db, [one.name.ascii for one in checks if one.name and not one.problem])
    checks = [_here(one, owned, account_id) for one in checks]
    names = [one.name.ascii for one in checks if one.name is not None and one.problem is None]
    exhausted = await code_guesses.pay_names(app.db, account_id, names, now)
    checks = [_throttled(one, exhausted.get(one.name.ascii) if one.name else None) for one in checks]
    asked = Asked()
    try:
        await _ask(app, account_id, [one for one in checks if one.problem is None], asked, now)
    finally:
        await _settle_guesses(app, account_id, set(names) - set(exhausted), asked)
    rules = await registry_store.rules(app.db)
    return [_told(app, one, asked, rules, now) for one in checks]


def refuse_silent(checks: Sequence[Check]) -> list[Check]:
    """Nobody pays for a name of which nothing is known. RegistryUnavailable when nothing but silent registries is left."""
    open_ = [one for one in checks if one.problem is None]
    if open_ and all(one.silent for one in open_):
        raise RegistryUnavailable("no registry answers")
    return [replace(one, problem=_no_answer(one)) if one.problem is None and one.silent else one for one in checks]


def _no_answer(one: Check) -> RegistryUnavailable:
    name = one.name.unicode if one.name else ""
    return RegistryUnavailable("its registry does not answer", field="name", name=name)


def _read(app: App, line: Line, tlds: Mapping[str, Row], seen: set[str]) -> Check:
    if line.problem is not None:
        return Check(line, problem=line.problem)
    try:
        name = parse(line.name)
    except DomainInvalid as error:
        return Check(line, problem=type(error)(error.detail, field="name", **error.metadata))
    tld = tlds.get(name.tld)
    shown = {"name": name.unicode, "tld": name.tld}
    if tld is None or not app.registries.runs(name.tld):
        return Check(line, name, TldNotSold(f".{name.tld} is not sold here", field="name", **shown))
    if not tld["transferable"]:
        return Check(line, name, TldNotTransferable("its registry knows no transfers", field="name", **shown))
    if name.ascii in seen:
        return Check(line, name, DomainRepeated("in the list already", field="name", name=name.unicode))
    seen.add(name.ascii)
    return Check(line, name, wrong_code(line.code, tld))


def _here(one: Check, owned: Mapping[str, tuple[UUID, str]], account_id: UUID) -> Check:
    if one.problem is not None or one.name is None or one.name.ascii not in owned:
        return one
    return replace(one, problem=in_house(one.name, *owned[one.name.ascii], account_id, foreign=DomainAlreadyHere))


def _throttled(one: Check, until: datetime | None) -> Check:
    if until is None or one.name is None or one.problem is not None:
        return one
    error = code_guesses.throttled(one.name.unicode, until)
    return replace(one, problem=error, blockers=[Blocker(error, until)])


@dataclass(slots=True)
class Asked:
    """What the registries told of each name to whoever knows its code, as far as there was time; who was silent; and until
    when no more codes of the account are taken, if it has used up its guesses. `open` names are being asked about."""

    told: dict[str, DomainInfo | EppRefused | None] = field(default_factory=dict)
    silent: set[Registry] = field(default_factory=set)
    exhausted: datetime | None = None
    open: set[str] = field(default_factory=set)

    def wrong(self, name: str) -> bool:
        answer = self.told.get(name)
        return isinstance(answer, EppRefused) and answer.code == _WRONG_CODE


async def _ask(app: App, account_id: UUID, checks: Sequence[Check], asked: Asked, now: datetime) -> None:
    by_registry: dict[Registry, list[Check]] = {}
    for one in checks:
        if one.name is not None:
            by_registry.setdefault(app.registries.of(one.name.tld), []).append(one)
    ends = time.monotonic() + _SECONDS

    async def ask(registry: Registry, queue: Iterator[Check]) -> None:
        # A guess of the account's in hand; it goes with a wrong code, and serves for the next name after any other answer.
        paid = False
        try:
            for one in queue:
                if registry in asked.silent or time.monotonic() > ends or one.name is None:
                    return
                if not paid and (until := await code_guesses.pay_account(app.db, account_id, now)) is not None:
                    asked.exhausted = until
                    return
                # Whoever hangs up before the answer comes has guessed all the same.
                name, paid = one.name.ascii, False
                asked.open.add(name)
                try:
                    asked.told[name] = await registry.within(WHILE_WAITING).info(name, one.line.code)
                except (EppUnavailable, EppUnknown, EppServerFailure):
                    asked.silent.add(registry)
                except EppRefused as error:
                    asked.told[name] = error
                asked.open.discard(name)
                paid = not asked.wrong(name)
        finally:
            if paid:
                await code_guesses.give_back_account(app.db, account_id)

    try:
        async with asyncio.timeout(_SECONDS + 1), asyncio.TaskGroup() as group:
            for registry, its in by_registry.items():
                queue = iter(its)
                for _ in range(min(_ABREAST, len(its))):
                    group.create_task(ask(registry, queue))
    except TimeoutError:
        asked.silent |= {registry for registry in by_registry if not any(registry.runs(name) for name in asked.told)}
        asked.open.clear()


async def _settle_guesses(app: App, account_id: UUID, paid: Set[str], asked: Asked) -> None:
    """A code that a registry has shown a domain for was right; a name that was not asked about was not guessed at."""
    right = {name for name in paid if isinstance(asked.told.get(name), DomainInfo)}
    other = {name for name in paid - right - asked.open if not asked.wrong(name)}
    await code_guesses.settle_names(app.db, account_id, right, other)


def _told(
    app: App,
    one: Check,
    asked: Asked,
    rules: Mapping[str, Rules],
    now: datetime,
) -> Check:
    if one.problem is not None or one.name is None:
        return one
    registry = app.registries.of(one.name.tld)
    if one.name.ascii not in asked.told and asked.exhausted is not None:
        return _throttled(one, asked.exhausted)
    if one.name.ascii not in asked.told:
        return replace(one, silent=registry in asked.silent)
    info, name = asked.told[one.name.ascii], one.name.unicode
    if info is None:
        return replace(one, problem=DomainNotRegistered("nobody has it", field="name", name=name), asked=True)
    if isinstance(info, EppRefused):
        # Any other refusal says nothing of the transfer: some registries tell others' domains to nobody.
        wrong = AuthCodeWrong("2202", field="auth_code", name=name) if info.code == _WRONG_CODE else None
        return replace(one, problem=wrong, asked=wrong is not None)
    if info.cl_id == registry.registrar:
        return replace(one, problem=DomainAlreadyHere("sponsored by us", field="name", name=name), asked=True)
    blockers = list(_blockers(info, name, rules[one.name.tld], now))
    return replace(one, problem=blockers[0].error if blockers else None, blockers=blockers, asked=True)


def _blockers(info: DomainInfo, name: str, rules: Rules, now: datetime) -> list[Blocker]:
    found = []
    statuses = {*info.statuses, *info.rgp_statuses}
    if statuses & {"pendingDelete", "redemptionPeriod", "pendingRestore"}:
        found.append(Blocker(DomainBeingDeleted("it is being deleted", field="name", name=name)))
    if "pendingTransfer" in statuses:
        found.append(Blocker(TransferPending("another transfer is under way", field="name", name=name)))
    if statuses & {"clientTransferProhibited", "serverTransferProhibited"}:
        found.append(Blocker(DomainTransferLocked("it is locked where it is", field="name", name=name)))
    facts = Facts("ACTIVE", now, registered_at=info.created_at, transferred_at=info.transferred_at)
    until = lifecycle.transfer_locked_until(facts, rules)
    if until is not None and until > now:
        error = TransferTooEarly("registered or moved lately", field="name", name=name, until=f"{until:%Y-%m-%d}")
        found.append(Blocker(error, until))
    return found
