"""domain:transfer (RFC 5731 sections 3.1.3 and 3.2.4): request, query, cancel, approve, reject."""

from datetime import timedelta

from deploy.sandbox.registry import wire
from deploy.sandbox.registry.domains import GRACE, same_code
from deploy.sandbox.registry.engine import Context, Engine, handles
from deploy.sandbox.registry.names import TRANSFER_ADDS, later, longest, period, zone_of
from deploy.sandbox.registry.store import Domain, at, iso
from deploy.sandbox.registry.wire import DOMAIN, Answer, Element, RefusedError

ENDS = {"approve": "clientApproved", "reject": "clientRejected", "cancel": "clientCancelled"}


@handles(DOMAIN, "transfer")
def transfer(engine: Engine, context: Context, body: Element) -> Answer:
    """The operation stands on <transfer>, one level above the domain's element."""
    parent = body.getparent()
    operation = None if parent is None else parent.get("op")
    domain = engine.existing(wire.require(body, "name"))
    if operation == "request":
        return _request(engine, context, body, domain)
    if operation == "query":
        return _query(context, body, domain)
    if operation not in ENDS:
        raise RefusedError(2005, "Unknown transfer operation")
    if domain.transfer is None or domain.transfer["status"] != "pending":
        raise RefusedError(2301, "No transfer is pending", (DOMAIN, "name", domain.name))
    entitled = domain.transfer["requester"] if operation == "cancel" else domain.sponsor
    if entitled != context.registrar:
        raise RefusedError(2201, "Not yours to decide", (DOMAIN, "name", domain.name))
    settle(engine, domain, ENDS[operation])
    return Answer(data=transfer_data(domain))


def _request(engine: Engine, context: Context, body: Element, domain: Domain) -> Answer:
    given = wire.text_of(body, "authInfo/pw")
    if domain.sponsor == context.registrar:
        raise RefusedError(2106, "Already yours", (DOMAIN, "name", domain.name))
    if given is None:
        raise RefusedError(2003, "authInfo is missing")
    if not same_code(domain, given):
        raise RefusedError(2202, "Wrong auth code", (DOMAIN, "name", domain.name))
    if domain.transfer and domain.transfer["status"] == "pending":
        raise RefusedError(2300, "A transfer is pending", (DOMAIN, "name", domain.name))
    engine.permitted(domain, "Transfer")
    years = period(body, domain.name, default=TRANSFER_ADDS.get(zone_of(domain.name), 1))
    now = engine.now
    # A transfer adds its years but never past what the zone allows to hold.
    until = min(later(at(domain.expires), years), max(later(now, longest(domain.name)), at(domain.expires)))
    domain.transfer = {
        "status": "pending",
        "requester": context.registrar,
        "requested": iso(now),
        "sponsor": domain.sponsor,
        "due": iso(now + timedelta(seconds=engine.transfer_seconds)),
        "until": iso(until),
    }
    engine.store.put_domain(domain)
    engine.tell(domain.sponsor, "Transfer requested.", transfer_data(domain))
    return Answer(1001, data=transfer_data(domain))


def _query(context: Context, body: Element, domain: Domain) -> Answer:
    given = wire.text_of(body, "authInfo/pw")
    if domain.transfer is None:
        raise RefusedError(2301, "Never transferred", (DOMAIN, "name", domain.name))
    parties = {domain.sponsor, domain.transfer["requester"], domain.transfer["sponsor"]}
    if given is not None and not same_code(domain, given):
        raise RefusedError(2202, "Wrong auth code", (DOMAIN, "name", domain.name))
    if given is None and context.registrar not in parties:
        raise RefusedError(2201, "Not a party of the transfer", (DOMAIN, "name", domain.name))
    return Answer(data=transfer_data(domain))


def settle(engine: Engine, domain: Domain, status: str) -> None:
    """End a pending transfer and tell whoever did not end it."""
    transfer = domain.transfer
    if transfer is None:
        raise ValueError("no transfer")
    loser, gainer = transfer["sponsor"], transfer["requester"]
    now = engine.now
    transfer["status"], transfer["due"] = status, iso(now)
    if status in ("clientApproved", "serverApproved"):
        domain.sponsor = gainer
        domain.expires = transfer["until"]
        domain.transferred = iso(now)
        domain.grace = {"transferPeriod": iso(now + GRACE)}
        # The losing registrar's own locks do not bind the new one.
        domain.statuses = [s for s in domain.statuses if not s.startswith("client")]
    engine.store.put_domain(domain)
    told = {"clientApproved": [gainer], "clientRejected": [gainer], "clientCancelled": [loser]}.get(
        status, [gainer, loser]
    )
    for registrar in told:
        engine.tell(registrar, f"Transfer {status}.", transfer_data(domain))


def transfer_data(domain: Domain) -> Element:
    """trnData of the latest transfer."""
    transfer = domain.transfer or {}
    data = wire.node(DOMAIN, "trnData")
    wire.add(data, "name", domain.name)
    wire.add(data, "trStatus", transfer["status"])
    wire.add(data, "reID", transfer["requester"])
    wire.add(data, "reDate", transfer["requested"])
    wire.add(data, "acID", transfer["sponsor"])
    wire.add(data, "acDate", transfer["due"])
    if transfer["status"] in ("pending", "clientApproved", "serverApproved"):
        wire.add(data, "exDate", transfer["until"])
    return data
