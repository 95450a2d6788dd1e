"""A domain's contacts at its registry (RFC 5733): read once, kept with us, shared by an account's domains, changed.

The contact objects that the house makes have handles of their own kind, each of one account: these can be changed in place.
Others, which came with a domain, may be somebody else's too: they can be reused or replaced.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.chassis import audit, jobs
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import DomainError, Invalid
from services.domains import (
    changes,
    confirmations,
    contact_data,
    contact_store,
    intents,
    object_intents,
    store,
    transforms,
)
from services.domains.app import App
from services.domains.changes import Asked
from services.domains.contact_data import Person
from services.domains.epp import (
    ContactInfo,
    DomainInfo,
    EppRefused,
    EppServerFailure,
    EppUnavailable,
    EppUnknown,
    Registry,
)
from services.domains.orders import RegistryUnavailable
from services.domains.transforms import Command, Seen, State, Task

COMMAND = "contacts"
OPERATION = "DOMAIN_CONTACTS"
FETCH = "fetch_contacts"
ROLES = contact_store.ROLES
OUR_HANDLES = "^PT[A-Z2-7]{14}$"
_NOT_AUTHORIZED = 2201
_AT_ONCE = 100


class RegistryContactNotFound(Invalid):
    reason = "REGISTRY_CONTACT_NOT_FOUND"


class ContactsNotRead(DomainError):
    """The registry has been asked for the domain's contacts just now: try again in a moment."""

    reason = "CONTACTS_NOT_READ"


class ContactNotEditable(DomainError):
    """It came with a domain and may be somebody else's too: give the data as a new contact."""

    reason = "CONTACT_NOT_EDITABLE"


class ContactOnOtherDomains(DomainError):
    """It is on domains too that the caller may not change."""

    reason = "CONTACT_ON_OTHER_DOMAINS"


class RegistrantChangeByTrade(DomainError):
    """The registry takes another registrant in a procedure of its own only."""

    reason = "REGISTRANT_CHANGE_BY_TRADE"


class RegistrantChangeRefused(DomainError):
    reason = "REGISTRANT_CHANGE_REFUSED"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who shall have a role: a contact of the account, with `person` what it shall say; or somebody new."""

    contact_id: UUID | None
    person: Person | None


async def update(
    app: App, actor: Actor, scope: Scope, domain_id: UUID, choices: Mapping[str, Choice], now: datetime
) -> Asked:
    """Gives roles to contacts, and contacts other data. Asking for what is so changes nothing."""
    await _fetch_unknown(app, actor, scope, [domain_id])
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        if not app.registries.runs(domain["tld"]):
            raise RegistryUnavailable("no registry is set for it", name=domain["unicode_name"])
        present = {row["role"]: row for row in await contact_store.of_domains(tx, actor.account_id, None, [domain_id])}
        if "registrant" not in present:
            raise ContactsNotRead("its contacts are being read", field="domain_id", name=domain["unicode_name"])
        asked = _Asked(tx, actor, scope, domain, app.registries.of(domain["name"]).name, now)
        for role, choice in choices.items():
            await asked.take(role, choice)
        await asked.check_registrant(present["registrant"])
        if asked.problems:
            return Asked(domain, problems=asked.problems)
        so = all(role in present and present[role]["id"] == asked.roles[role] for role in asked.roles)
        if so and not asked.edits and await changes.at_rest(tx, domain):
            return Asked(domain)
        changes.updatable(domain)
        await asked.insert_new()
        parameters = {
            "roles": {role: str(contact_id) for role, contact_id in sorted(asked.roles.items())},
            "edits": {str(contact_id): person.to_json() for contact_id, person in asked.edits.items()},
            "new_holder": asked.new_holder,
        }
        operation_id = await changes.ask(
            tx, domain, COMMAND, parameters, kind=OPERATION, steps=["registry_update"], actor=actor, now=now
        )
    return Asked(domain, operation_id)


class _Asked:
    """The choices of one request, as they are read."""

    def __init__(self, tx: Tx, actor: Actor, scope: Scope, domain: Row, registry: str, now: datetime) -> None:
        self._tx, self._actor, self._scope, self._domain, self._now = tx, actor, scope, domain, now
        self._registry = registry
        #: Whether the domain gets another registrant, by name.
        self.new_holder = False
        self.roles: dict[str, UUID] = {}
        self.edits: dict[UUID, Person] = {}
        self.problems: list[DomainError] = []
        self._people: dict[UUID, Person] = {}
        self._new: dict[Person, UUID] = {}

    async def take(self, role: str, choice: Choice) -> None:
        person = None
        if choice.person is not None:
            person, wrong = contact_data.read(choice.person, f"{role}.data")
            self.problems += wrong
            if wrong:
                return
        if choice.contact_id is not None:
            await self._existing(role, choice.contact_id, person)
        elif person is not None:
            await self._person(role, person)
        else:
            self.problems.append(contact_data.FieldRequired("an id or data", field=role, name=role))

    async def _person(self, role: str, person: Person) -> None:
        found = self._new.get(person) or await contact_store.same(
            self._tx, self._domain["account_id"], self._registry, person, OUR_HANDLES
        )
        if found is None:
            found = self._new[person] = uuid4()
        self.roles[role], self._people[found] = found, person

    async def _existing(self, role: str, contact_id: UUID, person: Person | None) -> None:
        account = self._domain["account_id"]
        row = (await contact_store.by_ids(self._tx, account, self._scope.resources, [contact_id])).get(contact_id)
        if row is None:
            field = f"{role}.contact_id"
            self.problems.append(RegistryContactNotFound("no such contact of the account", field=field))
            return
        old = Person.of_json(row)
        if row["registry"] != self._registry:
            # Registries share no contacts: this one gets one that says the same.
            same, wrong = contact_data.read(person or old, role)
            self.problems += wrong
            if not wrong:
                await self._person(role, same)
            return
        self.roles[role], self._people[contact_id] = contact_id, person or old
        if person is None or person == old:
            return
        if not re.match(OUR_HANDLES, row["handle"]):
            detail = "it was not made here, and may be somebody else's too"
            self.problems.append(ContactNotEditable(detail, field=f"{role}.data"))
        elif self._scope.resources is not None and await contact_store.elsewhere(
            self._tx, contact_id, self._scope.resources
        ):
            detail = "it is on domains that your right does not cover"
            self.problems.append(ContactOnOtherDomains(detail, field=f"{role}.data"))
        elif self.edits.setdefault(contact_id, person) != person:
            self.problems.append(Invalid("two roles give one contact different data", field=f"{role}.data"))
        else:
            # What it says is said of every domain that it holds.
            for tld in await contact_store.holder_rules(self._tx, contact_id):
                self._holder(tld, old, person, f"{role}.data")

    async def check_registrant(self, old: Row) -> None:
        """Another holder is the registry's rule to allow, and where it may live."""
        new = self.roles.get("registrant", old["id"])
        if new != old["id"]:
            tld = await store.tld(self._tx, self._domain["tld"])
            self.new_holder = self._holder(tld, Person.of_json(old), self._people[new], "registrant")

    def _holder(self, tld: Row, old: Person, new: Person, field: str) -> bool:
        """Notes what the top-level domain has against it; answers whether it is somebody else."""
        if new.country != old.country and (wrong := contact_data.local_presence(tld, new.country, field)) is not None:
            self.problems.append(wrong)
        if (new.name, new.org) == (old.name, old.org):
            return False  # the same one's new address
        if tld["registrant_change"] == "TRADE":
            self.problems.append(RegistrantChangeByTrade("by trade only", field=field, tld=tld["tld"]))
        elif tld["registrant_change"] == "REFUSED":
            self.problems.append(RegistrantChangeRefused("never", field=field, tld=tld["tld"]))
        return True

    async def insert_new(self) -> None:
        for person, contact_id in self._new.items():
            account = self._domain["account_id"]
            handle = _handle(contact_id)
            await contact_store.insert(self._tx, contact_id, account, self._registry, handle, person, self._now)


def _handle(contact_id: UUID) -> str:
    """An id at the registry (RFC 5730 clIDType: at most 16 characters) that nobody else can have chosen."""
    return "PT" + base64.b32encode(hashlib.sha256(contact_id.bytes).digest()).decode()[:14]


# -- at the registry


async def _send(task: Task) -> bool:
    registry = task.registry
    rows = await contact_store.get_many(task.app.db, list(_roles(task).values()))
    for row in rows.values():
        if not row["created"]:
            await _create(task.app, registry, task.domain["id"], row)
    edits, pending = _edits(task), False
    for row in (await contact_store.get_many(task.app.db, list(edits))).values():
        pending = await _edit(task, row["handle"], edits[row["id"]]) or pending
    info, wanted = await registry.info(task.domain["name"]), await _handles(task)
    if info is None:
        return False
    roles = {role: handle for role, handle in wanted.items() if role != "registrant"}
    added = [(role, handle) for role, handle in roles.items() if handle not in info.contacts_of(role)]
    removed = [(role, old) for role, handle in roles.items() for old in info.contacts_of(role) if old != handle]
    registrant = wanted.get("registrant", info.registrant)
    if not added and not removed and registrant == info.registrant:
        return pending
    done = await registry.update(
        task.domain["name"],
        add_contacts=added,
        rem_contacts=removed,
        registrant=registrant if registrant != info.registrant else None,
        cl_trid=task.cl_trid,
    )
    return pending or done.pending


async def _create(app: App, registry: Registry, domain_id: UUID, row: Row) -> str:
    """Its handle at the registry, which may be another than we chose."""
    contact = Person.of_json(row).to_epp(row["handle"], secrets.token_urlsafe(12))

    async def send(cl_trid: str) -> str:
        handle = await registry.create_contact(contact, cl_trid=cl_trid)
        await contact_store.mark_created(app.db, row["id"], handle)
        return handle

    async def look() -> str | None:
        # Nobody else would have chosen that handle.
        if await registry.contact_info(contact.id) is None:
            return None
        await contact_store.mark_created(app.db, row["id"], contact.id)
        return contact.id

    return await object_intents.say(app.db, registry.name, domain_id, "create_contact", contact.id, send, look)


async def _edit(task: Task, handle: str, person: Person) -> bool:
    """Whether the registry left it pending."""
    registry, contact = task.registry, person.to_epp(handle)

    async def send(cl_trid: str) -> bool:
        return (await registry.update_contact(contact, cl_trid=cl_trid)).pending

    async def look() -> bool | None:
        info = await registry.contact_info(handle)
        return False if info is not None and Person.of_epp(info.data) == person else None

    return await object_intents.say(task.app.db, registry.name, task.domain["id"], "update_contact", handle, send, look)


async def _look(task: Task) -> Seen:
    wanted = await _handles(task)

    def carried_out(_task: Task, info: DomainInfo) -> bool:
        people = {role: handle for role, handle in wanted.items() if role != "registrant"}
        return wanted.get("registrant", info.registrant) == info.registrant and all(
            info.contacts_of(role) == (handle,) for role, handle in people.items()
        )

    seen = await transforms.shown_by_info(carried_out)(task)
    if seen.state is not State.DONE:
        return seen
    edits = _edits(task)
    for contact_id, row in (await contact_store.get_many(task.app.db, list(edits))).items():
        contact = await task.registry.contact_info(row["handle"])
        if contact is not None and "pendingUpdate" in contact.statuses:
            return Seen(State.PENDING, seen.info)
        if contact is None or Person.of_epp(contact.data) != edits[contact_id]:
            return Seen(State.NOT_DONE, seen.info)
    return seen


async def _succeed(tx: Tx, task: Task, _info: DomainInfo | None) -> None:
    domain, edits = task.domain, _edits(task)
    before = await _named(tx, domain)
    renamed = []
    for row in (await contact_store.get_many(tx, list(edits))).values():
        person = edits[row["id"]]
        if (person.name, person.org) != (row["name"], row["org"]):
            renamed.append(row["id"])
        await contact_store.keep_data(tx, row["id"], person, task.now)
    # Before the roles change: whoever has been renamed is the holder of what it held.
    new_holder = [domain["id"]] if task.parameters.get("new_holder") else []
    if new_holder or renamed:
        await contact_store.note_new_holder(tx, new_holder, renamed, task.now)
    await contact_store.set_roles(tx, domain, _roles(task))
    after: dict[str, object] = dict(await _named(tx, domain))
    if edits:
        after["edited"] = [person.org or person.name for person in edits.values()]
    await changes.tell(tx, task.actor, domain, "domain.contacts_changed", before=before, after=after)
    # Whether the registry verifies them is for the next look at it to say.
    await schedule_fetch(tx, [domain["id"]], again=str(task.intent["id"]))


async def _named(tx: Tx, domain: Row) -> dict[str, Any]:
    rows = await contact_store.of_domains(tx, domain["account_id"], None, [domain["id"]])
    return contact_store.people({row["role"]: row for row in rows})


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    await changes.log_refusal(tx, task, "domain.contacts_refused", reason)


def _roles(task: Task) -> dict[str, UUID]:
    return {role: UUID(contact_id) for role, contact_id in task.parameters["roles"].items()}


def _edits(task: Task) -> dict[UUID, Person]:
    return {UUID(contact_id): Person.of_json(kept) for contact_id, kept in task.parameters["edits"].items()}


async def _handles(task: Task) -> dict[str, str]:
    rows = await contact_store.get_many(task.app.db, list(_roles(task).values()))
    return {role: rows[contact_id]["handle"] for role, contact_id in _roles(task).items()}


async def _confirmable(tx: Tx, task: Task) -> str:
    """The holder is asked about another holder, and about another name of the same."""
    rows = await contact_store.of_domains(tx, task.domain["account_id"], None, [task.domain["id"]])
    present = next((row for row in rows if row["role"] == "registrant"), None)
    if present is None:
        return ""
    edited = _edits(task).get(present["id"])
    renamed = edited is not None and (edited.name, edited.org) != (present["name"], present["org"])
    other = _roles(task).get("registrant", present["id"]) != present["id"]
    return confirmations.REGISTRANT if renamed or other else ""


# What a contact shall say is kept with the contact, not with the command.
COMMANDS = {COMMAND: Command("registry_update", _send, _look, _succeed, _refuse, _confirmable, forget=("edits",))}


async def holder(app: App, registry: Registry, domain: Row, now: datetime) -> str:
    """The handle of the account's own contact at a registry: it says what identity told of the account last, and is made
    where it is missing. EppError; RetryLater."""
    account: UUID = domain["account_id"]
    async with app.db.transaction() as tx:
        told = await store.lock_registrant(tx, account)
        if told is None:
            raise jobs.RetryLater(cause="identity has not told of the account yet")
        person = contact_data.of_account(told)
        contact_id = await contact_store.same(tx, account, registry.name, person, OUR_HANDLES)
        if contact_id is None:
            contact_id = uuid4()
            await contact_store.insert(tx, contact_id, account, registry.name, _handle(contact_id), person, now)
        row = (await contact_store.get_many(tx, [contact_id]))[contact_id]
    handle: str = row["handle"]
    return handle if row["created"] else await _create(app, registry, domain["id"], row)


# -- reading


async def of_domains(app: App, actor: Actor, scope: Scope, domain_ids: Sequence[UUID]) -> dict[UUID, dict[str, Row]]:
    """Role -> contact of each domain. Those that nobody has asked the registry for yet are left out, and fetched."""
    rows = await contact_store.of_domains(app.db, actor.account_id, scope.resources, domain_ids)
    found: dict[UUID, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["domain_id"], {})[row["role"]] = row
    if missing := [domain_id for domain_id in domain_ids if domain_id not in found]:
        await _fetch_unknown(app, actor, scope, missing)
    return found


async def _fetch_unknown(app: App, actor: Actor, scope: Scope, domain_ids: Sequence[UUID]) -> None:
    unknown = await contact_store.unknown(app.db, actor.account_id, scope.resources, domain_ids)
    if unknown:
        await schedule_fetch(app.db, unknown)


async def schedule_fetch(q: Queryable, domain_ids: Sequence[UUID], *, again: str = "") -> None:
    """The registry is asked for the contacts of domains; once, whoever and however often somebody needs them, and once
    more for each occasion to ask `again`."""
    keys = {f"{domain_id}:{again}" if again else str(domain_id): domain_id for domain_id in domain_ids}
    await jobs.add_many(q, FETCH, {key: {"domain_id": str(domain_id)} for key, domain_id in keys.items()})


async def fetch(job: jobs.LeasedJob, app: App, now: datetime) -> None:
    """Keeps what the registry tells of a domain's contacts. Of those that it does not let us see, the handle."""
    domain = await store.get(app.db, UUID(job.payload["domain_id"]))
    if domain is None or domain["state"] in store.ENDED:
        return
    try:
        registry = app.registries.of(domain["name"])
        info = await registry.info(domain["name"])
        if info is None or info.cl_id != registry.registrar:
            return
        handles = {"registrant": info.registrant} | {
            role: info.contacts_of(role)[0] for role in ROLES[1:] if info.contacts_of(role)
        }
        told = {handle: await _contact(registry, handle) for handle in sorted(set(handles.values())) if handle}
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(cause=f"the registry does not tell: {error}") from error
    async with job.finishing(app.db) as tx:
        domain = await store.lock(tx, domain["id"])
        if await intents.has_changed(tx, domain["id"], COMMAND, since=now):
            raise jobs.RetryLater(cause="they are being changed")
        account, known = domain["account_id"], {}
        for handle, contact in told.items():
            if contact is None:
                known[handle] = await contact_store.keep_unreadable(tx, account, registry.name, handle, now)
            else:
                person = Person.of_epp(contact.data)
                known[handle] = await contact_store.keep_fetched(tx, account, registry.name, handle, person, now)
        roles = {role: known[handle] for role, handle in handles.items() if handle in known}
        await contact_store.set_roles(tx, domain, roles, others_go=True)
        days = (await store.tld(tx, domain["tld"]))["contact_verified_days"]
        holder = told.get(info.registrant)
        if days is not None and holder is not None:
            await _keep_verification(tx, domain, roles["registrant"], holder, days)


async def _contact(registry: Registry, handle: str) -> ContactInfo | None:
    try:
        return await registry.contact_info(handle)
    except EppServerFailure:
        raise
    except EppRefused as error:
        if error.code == _NOT_AUTHORIZED:
            return None
        raise


async def _keep_verification(tx: Tx, domain: Row, contact_id: UUID, holder: ContactInfo, days: int) -> None:
    """A registry that verifies holders leaves what was made or changed of one pending until it has (RFC 5733 3.3)."""
    pending = any(status in holder.statuses for status in ("pendingCreate", "pendingUpdate"))
    verified_at = None if pending else holder.updated_at or holder.created_at
    if not pending and verified_at is None:
        return
    if await contact_store.keep_verification(tx, contact_id, verified_at, days):
        subject = ("Domain", domain["id"], domain["unicode_name"])
        after = {"registrant": "PENDING" if pending else "VERIFIED"}
        if verified_at is not None:
            after["until"] = (verified_at + timedelta(days=days)).isoformat()
        actor = system("domains", domain["account_id"])
        await audit.record(tx, actor, "domain.holder_verification", subject=subject, after=after)


async def look_at_waiting(app: App, now: datetime) -> None:
    """Asks again for the contacts that wait for their verification."""
    waiting = await contact_store.waiting(app.db, _AT_ONCE)
    await schedule_fetch(app.db, [row["domain_id"] for row in waiting], again=f"{now:%Y-%m-%dT%H:%M}")


async def retry_given_up(q: Queryable) -> None:
    """What was asked of the registry is asked until it answers."""
    await jobs.revive(q, FETCH)
