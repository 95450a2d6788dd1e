"""Where and as whom to sign in at a service's panel. Passwords are the panel's own and never kept here."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import system
from services.chassis.db import Queryable, Tx
from services.hosting import store


@dataclass(frozen=True, slots=True)
class PanelLogin:
    service_id: UUID
    url: str
    username: str
    host: str


async def save(tx: Tx, login: PanelLogin) -> None:
    """Keeps the login of a service, replacing the one before."""
    service = await store.save_login(tx, login.service_id, login.url, login.username, login.host)
    await audit.record(
        tx,
        system("hosting", service["account_id"]),
        "hosting.login_saved",
        subject=("HostingService", login.service_id, service["label"]),
        after={"url": login.url, "username": login.username, "host": login.host},
    )


async def by_services(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, service_ids: Sequence[UUID]
) -> list[PanelLogin]:
    """The logins of the account's services in their order, unknown, foreign and out-of-reach ones left out."""
    rows = {row["service_id"]: row for row in await store.logins(q, account_id, resources, service_ids)}
    return [PanelLogin(**dict(rows[wanted])) for wanted in dict.fromkeys(service_ids) if wanted in rows]
