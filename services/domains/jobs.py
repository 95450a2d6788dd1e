"""The domains service's calls to the outside world, and what runs on a clock."""

import logging
from datetime import UTC, datetime, timedelta

from services.chassis import throttle
from services.chassis.jobs import Handler, LeasedJob, Periodic
from services.domains import (
    auth_codes,
    contact_fetch,
    contacts,
    dnssec,
    locks,
    nameservers,
    registration,
    renewals,
    restores,
    store,
    sync,
    transfer_ends,
    transfers,
    transforms,
    zones,
)
from services.domains.app import App

log = logging.getLogger(__name__)
_STUCK_AFTER = timedelta(minutes=30)


async def register_domain(job: LeasedJob, app: App) -> None:
    await registration.run(job, app, datetime.now(UTC))


async def apply_zone(job: LeasedJob, app: App) -> None:
    await zones.apply(job, app)


async def transform(job: LeasedJob, app: App) -> None:
    await transforms.run(job, app, COMMANDS, datetime.now(UTC))


async def fetch_contacts(job: LeasedJob, app: App) -> None:
    await contact_fetch.run(job, app, datetime.now(UTC))


async def sign_zone(job: LeasedJob, app: App) -> None:
    await dnssec.sign(job, app)


async def unsign_zone(job: LeasedJob, app: App) -> None:
    await dnssec.unsign(job, app, datetime.now(UTC))


async def sync_domain(job: LeasedJob, app: App) -> None:
    await sync.run(job, app, datetime.now(UTC))


async def walk_domains(app: App) -> None:
    await sync.walk(app, datetime.now(UTC))


async def see_dates(app: App) -> None:
    await sync.see_dates(app, datetime.now(UTC))


async def look_at_waiting_contacts(app: App) -> None:
    await contact_fetch.look_at_waiting(app, datetime.now(UTC))


async def order_due_renewals(app: App) -> None:
    await renewals.order_due(app, datetime.now(UTC))


async def give_up_waiting_transfers(app: App) -> None:
    await transfers.give_up_waiting(app, datetime.now(UTC))


async def purge(app: App) -> None:
    await throttle.purge(app.db, datetime.now(UTC))


async def report_stuck(app: App) -> None:
    """Names that hang between payment and registration are somebody's money: an operator must hear of them, and what
    was given up is tried again."""
    await registration.retry_given_up(app.db)
    await zones.retry_given_up(app.db)
    await transforms.retry_given_up(app.db)
    await contact_fetch.retry_given_up(app.db)
    await dnssec.retry_given_up(app.db)
    for row in await store.stuck(app.db, datetime.now(UTC) - _STUCK_AFTER):
        log.error(
            "a domain is stuck at its registry",
            extra={"domain": row["name"], "domain_id": str(row["id"]), "since": row["state_since"].isoformat()},
        )


#: Every kind of command that `transforms` runs, by the name that the intents keep.
COMMANDS: dict[str, transforms.Command] = {
    **nameservers.COMMANDS,
    **locks.COMMANDS,
    **contacts.COMMANDS,
    **auth_codes.COMMANDS,
    **dnssec.COMMANDS,
    **transfers.COMMANDS,
    **transfer_ends.COMMANDS,
    **renewals.COMMANDS,
    **restores.COMMANDS,
}
JOBS: dict[str, Handler] = {
    registration.KIND: register_domain,
    zones.KIND: apply_zone,
    transforms.KIND: transform,
    contact_fetch.KIND: fetch_contacts,
    dnssec.SIGN: sign_zone,
    dnssec.UNSIGN: unsign_zone,
    sync.KIND: sync_domain,
}
PERIODIC: dict[str, Periodic] = {
    "report stuck domains": (300.0, report_stuck),
    "look at waiting contacts": (300.0, look_at_waiting_contacts),
    "sync domains": (60.0, walk_domains),
    "see the dates of domains": (60.0, see_dates),
    "order due renewals": (900.0, order_due_renewals),
    "give up waiting transfers": (3600.0, give_up_waiting_transfers),
    "purge guesses": (3600.0, purge),
}
