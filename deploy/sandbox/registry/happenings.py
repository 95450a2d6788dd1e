"""What a registry does to domains of its own accord, each with the message that it sends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from deploy.sandbox.registry import transfers, wire
from deploy.sandbox.registry.domains import GRACE, described
from deploy.sandbox.registry.engine import Engine
from deploy.sandbox.registry.names import later
from deploy.sandbox.registry.store import REDEMPTION, Domain, at, iso
from deploy.sandbox.registry.wire import DOMAIN


def happen(engine: Engine, name: str, what: str, wish: dict[str, Any]) -> None:
    """Raises LookupError for a name that is not there, ValueError for what nobody knows. `silent`: without a message."""
    act = HAPPENINGS.get(what)
    if act is None:
        raise ValueError(f"what must be one of {', '.join(HAPPENINGS)}")
    domain = engine.store.domain(name)
    if domain is None:
        raise LookupError(f"no such domain: {name}")
    with engine.store.transaction():
        act(engine, domain, wish)


def _tell(engine: Engine, domain: Domain, text: str, wish: dict[str, Any]) -> None:
    engine.store.put_domain(domain)
    if not wish.get("silent"):
        engine.tell(domain.sponsor, text, described(engine, domain, known=True))


def _auto_renew(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    domain.expires = iso(later(at(domain.expires), 1))
    domain.grace["autoRenewPeriod"] = iso(engine.now + GRACE * 9)
    engine.store.put_domain(domain)
    data = wire.node(DOMAIN, "renData")
    wire.add(data, "name", domain.name)
    wire.add(data, "exDate", domain.expires)
    if not wish.get("silent"):
        engine.tell(domain.sponsor, "Domain auto-renewed.", data)


def _expire(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    domain.expires = iso(engine.now - timedelta(minutes=1))
    _tell(engine, domain, "Domain expired.", wish)


def _redeem(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    domain.deleted, domain.restoring = iso(engine.now), False
    _tell(engine, domain, "Domain deleted: it can be restored for 30 days.", wish)


def _pending_delete(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    domain.deleted, domain.restoring = iso(engine.now - REDEMPTION), False
    _tell(engine, domain, "The redemption period has ended.", wish)


def _purge(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    _tell(engine, domain, "Domain purged.", wish)
    engine.store.remove("domain", domain.name)


def _status(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    domain.statuses = [s for s in domain.statuses if s not in wish.get("remove", [])]
    domain.statuses += [str(s) for s in wish.get("add", []) if s not in domain.statuses]
    _tell(engine, domain, "Statuses changed.", wish)


def _transfer_away(engine: Engine, domain: Domain, wish: dict[str, Any]) -> None:
    """Asked for by another registrar, whatever the locks say; ended at once with `status`, unless that is pending."""
    status, now = str(wish.get("status", "serverApproved")), engine.now
    domain.transfer = {
        "status": "pending",
        "requester": str(wish.get("to", "other")),
        "requested": iso(now),
        "sponsor": domain.sponsor,
        "due": iso(now + timedelta(seconds=engine.transfer_seconds)),
        "until": iso(later(at(domain.expires), 1)),
    }
    engine.store.put_domain(domain)
    engine.tell(domain.sponsor, "Transfer requested.", transfers.transfer_data(domain))
    if status != "pending":
        transfers.settle(engine, domain, status)


HAPPENINGS: dict[str, Callable[[Engine, Domain, dict[str, Any]], None]] = {
    "auto_renew": _auto_renew,
    "expire": _expire,
    "redeem": _redeem,
    "pending_delete": _pending_delete,
    "purge": _purge,
    "status": _status,
    "transfer_away": _transfer_away,
}
