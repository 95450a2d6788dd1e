"""What a registry tells of domains' contacts: asked for once when somebody needs it, and kept with us."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import audit, jobs
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Queryable, Row, Tx
from services.domains import contact_store, intents, store
from services.domains.app import App
from services.domains.contact_data import Person
from services.domains.epp import ContactInfo, EppRefused, EppServerFailure, EppUnavailable, EppUnknown, Registry

KIND = "fetch_contacts"
_NOT_AUTHORIZED = 2201
_AT_ONCE = 100


async def of_domains(app: App, actor: Actor, scope: Scope, domain_ids: Sequence[UUID]) -> dict[UUID, dict[str, Row]]:
    """Role -> contact of each domain. Those that nobody has asked the registry for yet are left out, and fetched."""
    rows = await contact_store.of_domains(app.db, actor.account_id, scope.resources, domain_ids)
    found: dict[UUID, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["domain_id"], {})[row["role"]] = row
    if missing := [domain_id for domain_id in domain_ids if domain_id not in found]:
        await fetch_unknown(app, actor, scope, missing)
    return found


async def fetch_unknown(app: App, actor: Actor, scope: Scope, domain_ids: Sequence[UUID]) -> None:
    """The registry is asked for the contacts of those whose contacts nobody knows here yet."""
    unknown = await contact_store.unknown(app.db, actor.account_id, scope.resources, domain_ids)
    if unknown:
        await schedule(app.db, unknown)


async def schedule(q: Queryable, domain_ids: Sequence[UUID], *, again: str = "") -> None:
    """The registry is asked for the contacts of domains; once, whoever and however often somebody needs them, and once
    more for each occasion to ask `again`."""
    keys = {f"{domain_id}:{again}" if again else str(domain_id): domain_id for domain_id in domain_ids}
    await jobs.add_many(q, KIND, {key: {"domain_id": str(domain_id)} for key, domain_id in keys.items()})


async def run(job: jobs.LeasedJob, app: App, now: datetime) -> None:
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
            role: info.contacts_of(role)[0] for role in contact_store.ROLES[1:] if info.contacts_of(role)
        }
        told = {handle: await _contact(registry, handle) for handle in sorted(set(handles.values())) if handle}
    except (EppUnavailable, EppUnknown, EppRefused) as error:
        raise jobs.RetryLater(cause=f"the registry does not tell: {error}") from error
    async with job.finishing(app.db) as tx:
        domain = await store.lock(tx, domain["id"])
        if await intents.has_changed(tx, domain["id"], contact_store.COMMAND, since=now):
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
    await schedule(app.db, [row["domain_id"] for row in waiting], again=f"{now:%Y-%m-%dT%H:%M}")


async def retry_given_up(q: Queryable) -> None:
    """What was asked of the registry is asked until it answers."""
    await jobs.revive(q, KIND)
