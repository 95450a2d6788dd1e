"""A domain's stored state, which follows from what its registry told and from the clock (see lifecycle)."""

from datetime import datetime
from uuid import UUID

from portico.domains.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import system
from services.chassis.db import Row, Tx
from services.domains import lifecycle, registry_store
from services.domains.epp import DomainInfo


async def take(tx: Tx, domain: Row, info: DomainInfo, now: datetime) -> None:
    """Keeps what the registry tells of a domain that it holds for us. The domain's row is locked."""
    await registry_store.keep_told(tx, domain["id"], info, now)
    await follow(tx, domain, now)


async def follow(tx: Tx, domain: Row, now: datetime) -> None:
    """Brings the stored state to what statuses, dates and the clock amount to. The domain's row is locked."""
    tld, facts = (await registry_store.facts(tx, [domain["id"]]))[domain["id"]]
    rules = (await registry_store.rules(tx, [tld]))[tld]
    derived = lifecycle.derive(facts, rules, now)
    await _change(tx, domain, facts.state, derived.state, derived.due_at, now)


async def end(tx: Tx, domain: Row, state: str, now: datetime) -> None:
    """The registry does not hold it for us any more: DELETED or TRANSFERRED_AWAY. The domain's row is locked."""
    await _change(tx, domain, domain["state"], state, None, now)


async def _change(tx: Tx, domain: Row, before: str, after: str, due_at: datetime | None, now: datetime) -> None:
    domain_id: UUID = domain["id"]
    await registry_store.keep_state(tx, domain_id, after, due_at, now)
    if before == after:
        return
    actor = system("domains", domain["account_id"])
    subject = ("Domain", domain_id, domain["unicode_name"])
    await audit.record(
        tx, actor, "domain.state_changed", subject=subject, before={"state": before}, after={"state": after}
    )
    event = events_pb2.DomainChanged(
        domain_id=str(domain_id),
        account_id=str(domain["account_id"]),
        name=domain["name"],
        unicode_name=domain["unicode_name"],
        what="state",
        actor=actor.ref(),
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain_id)
