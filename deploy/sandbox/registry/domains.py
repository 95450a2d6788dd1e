"""domain:check, info, create, renew, delete (RFC 5731), with grace periods (RFC 3915) and DS records (RFC 5910)."""

import hmac
from copy import deepcopy
from datetime import date, timedelta

from deploy.sandbox.registry import wire
from deploy.sandbox.registry.engine import Context, Engine, handles
from deploy.sandbox.registry.names import domain_name, host_name, later, longest, period
from deploy.sandbox.registry.store import Domain, at, iso
from deploy.sandbox.registry.wire import DOMAIN, RGP, SECDNS, Answer, Element, RefusedError

GRACE = timedelta(days=5)
ROLES = ("admin", "billing", "tech")


@handles(DOMAIN, "check")
def check(engine: Engine, _context: Context, body: Element) -> Answer:
    """Every name is answered, also those that could never be registered."""
    names = wire.find_all(body, "name")
    if not names:
        raise RefusedError(2003, "name is missing")
    data = wire.node(DOMAIN, "chkData")
    for element in names:
        asked = (element.text or "").strip()
        reason = ""
        try:
            if engine.store.domain(domain_name(asked, engine.tlds)) is not None:
                reason = "In use"
        except RefusedError as refusal:
            reason = "Invalid name" if refusal.code == 2005 else "Unknown zone"
        one = wire.add(data, "cd")
        wire.add(one, "name", asked, avail="0" if reason else "1")
        if reason:
            wire.add(one, "reason", reason)
    return Answer(data=data)


@handles(DOMAIN, "info")
def info(engine: Engine, context: Context, body: Element) -> Answer:
    """The auth code is shown to the sponsor, and to whoever already knows it."""
    domain = engine.existing(wire.require(body, "name"))
    name = wire.find(body, "name")
    hosts = "all" if name is None else name.get("hosts", "all")
    given = wire.text_of(body, "authInfo/pw")
    if given is not None and not same_code(domain, given):
        raise RefusedError(2202, "Wrong auth code", (DOMAIN, "name", domain.name))
    known = context.registrar == domain.sponsor or given is not None
    data = described(engine, domain, hosts, known=known)
    extensions = []
    grace = domain.rgp(engine.now)
    if grace:
        shown = wire.node(RGP, "infData")
        wire.add(shown, "rgpStatus", s=grace)
        extensions.append(shown)
    if domain.ds:
        signed = wire.node(SECDNS, "infData")
        for record in domain.ds:
            element = wire.add(signed, "dsData")
            for tag, value in zip(("keyTag", "alg", "digestType", "digest"), record, strict=True):
                wire.add(element, tag, value)
        extensions.append(signed)
    return Answer(data=data, extensions=extensions)


def described(engine: Engine, domain: Domain, hosts: str = "all", *, known: bool) -> Element:
    """infData; with the auth code when the reader is one who knows it."""
    data = wire.node(DOMAIN, "infData")
    wire.add(data, "name", domain.name)
    wire.add(data, "roid", domain.roid)
    for status in domain.shown():
        wire.add(data, "status", s=status)
    if domain.registrant:
        wire.add(data, "registrant", domain.registrant)
    for role, contact in domain.contacts:
        wire.add(data, "contact", contact, type=role)
    if domain.nameservers and hosts in ("all", "del"):
        delegation = wire.add(data, "ns")
        for server in domain.nameservers:
            wire.add(delegation, "hostObj", server)
    if hosts in ("all", "sub"):
        for host in engine.store.hosts_under(domain.name):
            wire.add(data, "host", host)
    wire.add(data, "clID", domain.sponsor)
    wire.add(data, "crID", domain.creator)
    wire.add(data, "crDate", domain.created)
    if domain.updated:
        wire.add(data, "upID", domain.updater)
        wire.add(data, "upDate", domain.updated)
    wire.add(data, "exDate", domain.expires)
    if domain.transferred:
        wire.add(data, "trDate", domain.transferred)
    if domain.auth and known:
        wire.add(wire.add(data, "authInfo"), "pw", domain.auth)
    return data


@handles(DOMAIN, "create")
def create(engine: Engine, context: Context, body: Element) -> Answer:
    """2302 when the name is taken, also while it waits for deletion."""
    name = domain_name(wire.require(body, "name"), engine.tlds)
    years = period(body, name)
    if wire.find(body, "authInfo") is None:
        raise RefusedError(2003, "authInfo is missing")
    if engine.store.domain(name) is not None:
        raise RefusedError(2302, "In use", (DOMAIN, "name", name))
    now = engine.now
    domain = Domain(
        name=name,
        roid=engine.store.roid("D"),
        sponsor=context.registrar,
        creator=context.registrar,
        created=iso(now),
        expires=iso(later(now, years)),
        registrant=engine.contact_exists(wire.require(body, "registrant")),
        contacts=contacts(engine, body),
        nameservers=nameservers(engine, body),
        auth=wire.text_of(body, "authInfo/pw") or "",
        grace={"addPeriod": iso(now + GRACE)},
    )
    signed = context.extensions.get(f"{{{SECDNS}}}create")
    if signed is not None:
        domain.ds = ds_records(signed)
    data = wire.node(DOMAIN, "creData")
    wire.add(data, "name", name)
    wire.add(data, "crDate", domain.created)
    wire.add(data, "exDate", domain.expires)
    return engine.keep(context, "create", None, domain, Answer(data=data))


@handles(DOMAIN, "renew")
def renew(engine: Engine, context: Context, body: Element) -> Answer:
    """The current expiry date must be right: that is what keeps a repeat from renewing twice."""
    domain = engine.sponsored(context, wire.require(body, "name"))
    engine.permitted(domain, "Renew")
    if domain.transfer and domain.transfer["status"] == "pending":
        raise RefusedError(2304, "pendingTransfer", (DOMAIN, "name", domain.name))
    current = wire.require(body, "curExpDate")
    try:
        said = date.fromisoformat(current[:10])
    except ValueError:
        raise RefusedError(2005, "Not a date", (DOMAIN, "curExpDate", current)) from None
    years = period(body, domain.name)
    expires = at(domain.expires)
    if said != expires.date():
        raise RefusedError(2306, "Not the current expiry date", (DOMAIN, "curExpDate", current))
    until = later(expires, years)
    if until > later(engine.now, longest(domain.name)) + timedelta(days=1):
        raise RefusedError(2105, f"At most {longest(domain.name)} years ahead", (DOMAIN, "name", domain.name))
    before = deepcopy(domain)
    domain.expires = iso(until)
    domain.grace["renewPeriod"] = iso(engine.now + GRACE)
    data = wire.node(DOMAIN, "renData")
    wire.add(data, "name", domain.name)
    wire.add(data, "exDate", domain.expires)
    return engine.keep(context, "renew", before, domain, Answer(data=data))


@handles(DOMAIN, "delete")
def delete(engine: Engine, context: Context, body: Element) -> Answer:
    """At once in the add grace period; after that it can be redeemed for 30 days (RFC 3915 section 3.1)."""
    domain = engine.sponsored(context, wire.require(body, "name"))
    engine.permitted(domain, "Delete")
    if domain.transfer and domain.transfer["status"] == "pending":
        raise RefusedError(2304, "pendingTransfer", (DOMAIN, "name", domain.name))
    for host in engine.store.hosts_under(domain.name):
        raise RefusedError(2305, "It has subordinate hosts", (DOMAIN, "name", host))
    if context.hold:
        before = deepcopy(domain)
        domain.deleted = iso(engine.now)
        return engine.keep(context, "delete", before, domain, Answer())
    if engine.now < at(domain.grace.get("addPeriod")):
        engine.store.remove("domain", domain.name)
        return Answer()
    domain.deleted = iso(engine.now)
    domain.restoring = False
    engine.store.put_domain(domain)
    return Answer(1001)


def same_code(domain: Domain, given: str) -> bool:
    """An empty code never matches."""
    return bool(domain.auth) and hmac.compare_digest(domain.auth.encode(), given.encode())


def contacts(engine: Engine, body: Element) -> list[list[str]]:
    """[role, id] of every <contact>. Raises 2003, 2004, 2303."""
    found = []
    for element in wire.find_all(body, "contact"):
        role = element.get("type")
        if role not in ROLES:
            raise RefusedError(2004 if role else 2003, "contact type", (DOMAIN, "contact", element.text or ""))
        found.append([role, engine.contact_exists((element.text or "").strip())])
    return found


def nameservers(engine: Engine, body: Element) -> list[str]:
    """The host objects of <ns>. Raises 2005, 2102 for hosts given as attributes, 2303, 2308 past 13."""
    if wire.find(body, "ns/hostAttr") is not None:
        raise RefusedError(2102, "Name servers are host objects here")
    names = [host_name((element.text or "").strip()) for element in wire.find_all(body, "ns/hostObj")]
    if len(names) > 13 or len(set(names)) != len(names):
        raise RefusedError(2308, "At most 13 name servers, each once")
    return [engine.host_exists(name) for name in names]


def ds_records(parent: Element) -> list[list[str]]:
    """[keyTag, alg, digestType, digest]. Raises 2306 for the key data interface, 2102 for maxSigLife, 2005."""
    if wire.find(parent, "maxSigLife") is not None:
        raise RefusedError(2102, "maxSigLife is not offered")
    if wire.find(parent, "keyData") is not None:
        raise RefusedError(2306, "DS records only")
    records = []
    for element in wire.find_all(parent, "dsData"):
        record = [wire.require(element, tag) for tag in ("keyTag", "alg", "digestType", "digest")]
        try:
            ok = int(record[0]) <= 65535 and int(record[1]) <= 255 and int(record[2]) <= 255
            bytes.fromhex(record[3])
        except ValueError:
            ok = False
        if not ok:
            raise RefusedError(2005, "Not a DS record", (SECDNS, "keyTag", record[0]))
        record[3] = record[3].upper()
        records.append(record)
    return records
