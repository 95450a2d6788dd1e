"""The example domains: at the sandbox registries, in the domains service, and on the nameservers."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import httpx

from deploy.demo.customers import CUSTOMERS, MINTA, Customer, demo_id
from deploy.demo.names import Holding, holdings
from deploy.demo.settings import Settings
from services.chassis.db import Database, Tx
from services.domains import zones

_LOCK = "clientTransferProhibited"
_NS_TTL = 3600
#: Seconds for the nameservers to have the zones; the jobs go on by themselves.
_ZONES_WITHIN = 20.0


async def plant(db: Database, settings: Settings, now: datetime) -> None:
    """All example domains, unless they are there."""
    if await db.fetchval("SELECT EXISTS (SELECT FROM domains WHERE account_id = $1)", MINTA.id):
        return
    held = holdings(now, settings.nameservers)
    # The registries first: when we fail after them, a repeat puts the same names once more.
    await _tell_registries(settings, held)
    async with db.transaction() as tx:
        await _keep(tx, held, now)
        zone_ids = await _keep_zones(tx, held)
    await _published(db, zone_ids)


async def _tell_registries(settings: Settings, held: Sequence[Holding]) -> None:
    wishes: dict[str, list[dict[str, object]]] = {control: [] for control in settings.registry_controls.values()}
    for one in held:
        wishes[settings.registry_controls[one.name.tld]].append(_wish(settings, one))
    # The address is this machine's own: no proxy of the environment.
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        for control, names in wishes.items():
            for customer in CUSTOMERS:
                url = f"{control}/contacts/{_handle(customer)}"
                (await http.put(url, json=_holder(settings, customer))).raise_for_status()
            answer = await http.post(f"{control}/seed", json=names)
            if answer.status_code != 200:
                raise RuntimeError(
                    f"a sandbox registry refused the example domains: {answer.status_code} {answer.text[:300]}"
                )


def _wish(settings: Settings, one: Holding) -> dict[str, object]:
    return {
        "name": one.name.ascii,
        "registrar": settings.registrar,
        "created": one.registered_at.isoformat(),
        "expires": one.expires_at.isoformat(),
        "nameservers": list(one.nameservers),
        "statuses": [_LOCK] if one.locked else [],
        "auth": secrets.token_urlsafe(12),
        **{role: _handle(one.customer) for role in ("registrant", "admin", "tech")},
    }


def _handle(customer: Customer) -> str:
    """As the house makes its contacts' ids at the registry."""
    return "PT" + base64.b32encode(hashlib.sha256(customer.id.bytes).digest()).decode()[:14]


def _holder(settings: Settings, customer: Customer) -> dict[str, object]:
    return {
        "registrar": settings.registrar,
        "name": customer.people[0].name,
        "org": customer.name,
        "street": [customer.street],
        "city": customer.city,
        "postal_code": customer.postal_code,
        "country": customer.country,
        "phone": customer.phone,
        "email": customer.email,
    }


async def _keep(tx: Tx, held: Sequence[Holding], now: datetime) -> None:
    columns = (
        "id", "account_id", "name", "unicode_name", "tld", "state", "state_since", "years", "statuses", "registered_at",
        "expires_at", "auto_renew", "nameservers", "created_at",
    )  # fmt: skip
    await tx.copy_records_to_table(
        "domains",
        columns=columns,
        records=[
            (
                one.id,
                one.customer.id,
                one.name.ascii,
                one.name.unicode,
                one.name.tld,
                "ACTIVE",
                one.registered_at,
                1,
                [_LOCK] if one.locked else ["ok"],
                one.registered_at,
                one.expires_at,
                one.auto_renew,
                list(one.nameservers),
                min(one.registered_at, now),
            )
            for one in held
        ],
    )


async def _keep_zones(tx: Tx, held: Sequence[Holding]) -> list[UUID]:
    zoned = [(demo_id("zone", one.name.ascii), one) for one in held if one.zone is not None]
    await tx.copy_records_to_table(
        "zones",
        columns=("id", "account_id", "domain_id", "name"),
        records=[(zone_id, one.customer.id, one.id, one.name.ascii) for zone_id, one in zoned],
    )
    rows: list[tuple[UUID, str, str, int, list[str]]] = []
    for zone_id, one in zoned:
        rows.append((zone_id, f"{one.name.ascii}.", "NS", _NS_TTL, [f"{host}." for host in one.nameservers]))
        rows += [(zone_id, r.name, r.type, r.ttl, list(r.records)) for r in one.zone or ()]
    await tx.copy_records_to_table("record_sets", columns=("zone_id", "name", "type", "ttl", "records"), records=rows)
    for zone_id, _ in zoned:
        await zones.schedule(tx, zone_id, 1)
    return [zone_id for zone_id, _ in zoned]


async def _published(db: Database, zone_ids: Sequence[UUID]) -> None:
    """Waits until the domains service has brought the zones to the nameservers, so that `dig` answers at once."""
    waiting = 0
    for _ in range(int(_ZONES_WITHIN / 0.1)):
        waiting = await db.fetchval(
            "SELECT count(*) FROM zones WHERE id = ANY($1) AND applied_version < version", list(zone_ids)
        )
        if not waiting:
            return
        await asyncio.sleep(0.1)
    print(f"{waiting} example zones are not on the nameservers yet; the domains service keeps trying.")
