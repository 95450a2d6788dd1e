"""domain:update (RFC 5731 section 3.2.5), with secDNS:update (RFC 5910) and rgp:restore (RFC 3915)."""

from copy import deepcopy

from deploy.sandbox.registry import wire
from deploy.sandbox.registry.domains import contacts, ds_records, nameservers
from deploy.sandbox.registry.engine import Context, Engine, handles
from deploy.sandbox.registry.names import host_name
from deploy.sandbox.registry.store import Domain, iso
from deploy.sandbox.registry.wire import DOMAIN, RGP, SECDNS, Answer, Element, RefusedError

CLIENT_STATUSES = frozenset(
    {
        "clientDeleteProhibited",
        "clientHold",
        "clientRenewProhibited",
        "clientTransferProhibited",
        "clientUpdateProhibited",
    }
)


@handles(DOMAIN, "update")
def update(engine: Engine, context: Context, body: Element) -> Answer:
    """Everything in the command happens, or nothing of it."""
    domain = engine.sponsored(context, wire.require(body, "name"))
    restore = context.extensions.get(f"{{{RGP}}}update")
    if restore is not None:
        return _restore(engine, context, domain, restore)
    added, removed, changed = (wire.find(body, part) for part in ("add", "rem", "chg"))
    signed = context.extensions.get(f"{{{SECDNS}}}update")
    if added is None and removed is None and changed is None and signed is None:
        raise RefusedError(2003, "add, rem or chg is missing")
    _may_update(engine, domain, removed)
    before = deepcopy(domain)
    if removed is not None:
        _remove(domain, removed)
    if added is not None:
        _add(engine, domain, added)
    if changed is not None:
        _change(engine, domain, changed)
    if signed is not None:
        _sign(domain, signed)
    domain.updated, domain.updater = iso(engine.now), context.registrar
    return engine.keep(context, "update", before, domain, Answer())


def _may_update(engine: Engine, domain: Domain, removed: Element | None) -> None:
    """A client's own lock does not prevent the update that takes the lock away."""
    statuses = _statuses(removed) if removed is not None else []
    if "clientUpdateProhibited" in statuses and "serverUpdateProhibited" not in domain.statuses:
        engine.permitted(domain)
    else:
        engine.permitted(domain, "Update")


def _remove(domain: Domain, part: Element) -> None:
    for status in _statuses(part):
        if status not in domain.statuses:
            raise RefusedError(2306, "Status is not set", (DOMAIN, "status", status))
        domain.statuses.remove(status)
    for element in wire.find_all(part, "ns/hostObj"):
        name = host_name((element.text or "").strip())
        if name not in domain.nameservers:
            raise RefusedError(2306, "Not a name server of it", (DOMAIN, "hostObj", name))
        domain.nameservers.remove(name)
    for element in wire.find_all(part, "contact"):
        entry = [element.get("type", ""), (element.text or "").strip()]
        if entry not in domain.contacts:
            raise RefusedError(2306, "Not a contact of it", (DOMAIN, "contact", entry[1]))
        domain.contacts.remove(entry)


def _add(engine: Engine, domain: Domain, part: Element) -> None:
    for status in _statuses(part):
        if status in domain.statuses:
            raise RefusedError(2306, "Status is already set", (DOMAIN, "status", status))
        domain.statuses.append(status)
    for name in nameservers(engine, part):
        if name in domain.nameservers:
            raise RefusedError(2306, "Already a name server of it", (DOMAIN, "hostObj", name))
        domain.nameservers.append(name)
    if len(domain.nameservers) > 13:
        raise RefusedError(2308, "At most 13 name servers")
    for entry in contacts(engine, part):
        if entry in domain.contacts:
            raise RefusedError(2306, "Already a contact of it", (DOMAIN, "contact", entry[1]))
        domain.contacts.append(entry)


def _change(engine: Engine, domain: Domain, part: Element) -> None:
    registrant = wire.text_of(part, "registrant")
    if registrant is not None:
        if not registrant:
            raise RefusedError(2306, "A registrant is required")
        domain.registrant = engine.contact_exists(registrant)
    if wire.find(part, "authInfo/null") is not None:
        domain.auth = ""
    code = wire.text_of(part, "authInfo/pw")
    if code is not None:
        domain.auth = code


def _sign(domain: Domain, part: Element) -> None:
    if part.get("urgent") in ("1", "true"):
        raise RefusedError(2102, "urgent is not offered")
    if wire.find(part, "chg") is not None and len(wire.find_all(part, "chg/*")):
        raise RefusedError(2102, "maxSigLife is not offered")
    removed, added = wire.find(part, "rem"), wire.find(part, "add")
    if removed is not None:
        if wire.text_of(removed, "all") in ("1", "true"):
            domain.ds = []
        for record in ds_records(removed):
            if record not in domain.ds:
                raise RefusedError(2306, "No such DS record", (SECDNS, "keyTag", record[0]))
            domain.ds.remove(record)
    if added is not None:
        for record in ds_records(added):
            if record in domain.ds:
                raise RefusedError(2306, "DS record is already there", (SECDNS, "keyTag", record[0]))
            domain.ds.append(record)


def _restore(engine: Engine, context: Context, domain: Domain, extension: Element) -> Answer:
    """request -> pendingRestore; report -> as before the delete."""
    element = wire.find(extension, "restore")
    operation = None if element is None else element.get("op")
    if element is None or operation not in ("request", "report"):
        raise RefusedError(2003, "restore op is missing")
    if domain.pending:
        raise RefusedError(2304, "An action is pending", (DOMAIN, "name", domain.name))
    before = deepcopy(domain)
    if operation == "request":
        if domain.rgp(engine.now) != "redemptionPeriod":
            raise RefusedError(2304, "Not in its redemption period", (DOMAIN, "name", domain.name))
        domain.restoring = True
    else:
        if not (domain.deleted and domain.restoring):
            raise RefusedError(2304, "No restore was requested", (DOMAIN, "name", domain.name))
        for tag in ("preData", "postData", "delTime", "resTime", "resReason", "statement"):
            if wire.find(element, f"report/{tag}") is None:
                raise RefusedError(2003, f"{tag} is missing from the report")
        domain.deleted, domain.restoring = "", False
    answer = engine.keep(context, "update", before, domain, Answer())
    grace = domain.rgp(engine.now)
    if grace and answer.code != 1001:
        shown = wire.node(RGP, "upData")
        wire.add(shown, "rgpStatus", s=grace)
        answer.extensions = [shown]
    return answer


def _statuses(part: Element) -> list[str]:
    """Raises 2306 for a status that only the registry sets."""
    found = []
    for element in wire.find_all(part, "status"):
        status = element.get("s", "")
        if status not in CLIENT_STATUSES:
            raise RefusedError(2306, "Not a status that a client sets", (DOMAIN, "status", status))
        found.append(status)
    return found
