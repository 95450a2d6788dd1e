"""Whether domains are renewed by themselves. Renewing is ours to do, so no registry is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.actor import Actor, Scope
from services.chassis.db import Row
from services.chassis.errors import DomainError, Invalid
from services.domains import changes, store
from services.domains.app import App
from services.domains.changes import DomainNotActive, DomainNotFound

MOST = 10_000
"""Domains that a filter may find."""
SHOWN = 1_000


class TooManyDomains(Invalid):
    reason = "TOO_MANY_DOMAINS"


@dataclass(frozen=True, slots=True)
class Filter:
    """As the list of domains finds them; no state means every one that is live."""

    states: Sequence[str]
    search: str


@dataclass(frozen=True, slots=True)
class Wished:
    """`domains` as they are now, by name; `found` have the wish, `changed` of them had another before."""

    domains: list[Row]
    found: int
    changed: int
    problems: list[tuple[int, DomainError]]


async def set_auto_renew(
    app: App, actor: Actor, scope: Scope, wanted: Sequence[UUID] | Filter, auto_renew: bool
) -> Wished:
    """Keeps the wish for the live ones; each of the others is a problem with its place in the list. TooManyDomains."""
    problems: list[tuple[int, DomainError]] = []
    async with app.db.transaction() as tx:
        if isinstance(wanted, Filter):
            rows = await store.lock_filtered(
                tx, actor.account_id, scope.resources, wanted.states, wanted.search, MOST + 1
            )
            if len(rows) > MOST:
                raise TooManyDomains(f"the filter finds over {MOST}", field="filter", most=str(MOST))
        else:
            found = {row["id"]: row for row in await store.lock_many(tx, actor.account_id, scope.resources, wanted)}
            rows = [row for row in found.values() if row["state"] not in store.ENDED]
            for index, domain_id in enumerate(wanted):
                if domain_id not in found:
                    problems.append((index, DomainNotFound("no such domain")))
                elif found[domain_id]["state"] in store.ENDED:
                    problems.append((index, DomainNotActive("it has ended", name=found[domain_id]["unicode_name"])))
        changed = [row for row in rows if row["auto_renew"] != auto_renew]
        await store.keep_auto_renew(tx, [row["id"] for row in changed], auto_renew)
        before, after = {"auto_renew": not auto_renew}, {"auto_renew": auto_renew}
        await changes.tell_many(tx, actor, "domain.auto_renew_changed", [(row, before, after) for row in changed])
        shown = sorted(rows, key=lambda row: str(row["name"]))[:SHOWN]
        domains = await store.by_ids(tx, actor.account_id, scope.resources, [row["id"] for row in shown])
    return Wished(sorted(domains, key=lambda row: str(row["name"])), len(rows), len(changed), problems)
