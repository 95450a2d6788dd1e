"""Everything that is kept of a name, for an operator who looks into it."""

from dataclasses import dataclass
from datetime import datetime

from services.chassis import operations
from services.chassis.db import Database, Row
from services.chassis.pages import Page
from services.domains import lifecycle, registry_store

_MOST = 100
_HOLDINGS = 10


@dataclass(frozen=True, slots=True)
class History:
    """One holding of a name. Of each list the latest, the newest first."""

    domain: Row
    derived: lifecycle.State
    intents: list[Row]
    messages: list[Row]
    drift: list[Row]
    operations: list[Row]
    zone_changes: int
    zone_version: int


async def of_name(db: Database, name: str, now: datetime) -> list[History]:
    """The present holding first, then those that ended; none for a name that the house has never had."""
    found = []
    async with db.transaction(isolation="repeatable_read") as tx:
        holdings = await registry_store.holdings(tx, name, _HOLDINGS)
        facts = await registry_store.facts(tx, [domain["id"] for domain in holdings])
        rules = await registry_store.rules(tx)
        for domain in holdings:
            tld, known = facts[domain["id"]]
            running, _ = await operations.list_page(
                tx, domain["account_id"], [], Page(_MOST, None, False), [domain["id"]]
            )
            zone = await registry_store.zone_history(tx, domain["id"])
            found.append(
                History(
                    domain,
                    lifecycle.derive(known, rules[tld], now),
                    await registry_store.latest_intents(tx, domain["id"], _MOST),
                    await registry_store.latest_messages(tx, domain["id"], _MOST),
                    await registry_store.latest_drift(tx, domain["id"], _MOST),
                    running,
                    zone["changes"] if zone is not None else 0,
                    zone["version"] if zone is not None else 0,
                )
            )
    return found
