"""Host objects at a registry (RFC 5732): what nameservers have to be before a domain is delegated to them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.chassis.db import Database
from services.domains import object_intents
from services.domains.epp import EppRefused, EppServerFailure, Registry


class HostRefused(EppRefused):
    """The registry does not let us have this host: whoever holds the domain that it is in has to make it."""

    def __init__(self, host: str, refusal: EppRefused) -> None:
        super().__init__(refusal.code, refusal.message, refusal.reason)
        self.host = host


async def ensure(db: Database, registry: Registry, domain_id: UUID, hosts: Mapping[str, Sequence[str]]) -> None:
    """Makes the missing ones and gives those with addresses exactly these. Harmless to repeat. HostRefused, EppError."""
    if not hosts:
        return
    free = await registry.check_hosts(hosts)
    for host, addresses in hosts.items():
        try:
            if free[host].available:
                await _create(db, registry, domain_id, host, addresses)
            if addresses:
                await _address(db, registry, domain_id, host, addresses)
        except EppServerFailure:
            raise
        except EppRefused as refusal:
            raise HostRefused(host, refusal) from refusal


async def _create(db: Database, registry: Registry, domain_id: UUID, host: str, addresses: Sequence[str]) -> None:
    async def send(cl_trid: str) -> bool:
        await registry.create_host(host, addresses, cl_trid=cl_trid)
        return True

    async def look() -> bool | None:
        return True if await registry.host_info(host) is not None else None

    await object_intents.say(db, registry.name, domain_id, "create_host", host, send, look)


async def _address(db: Database, registry: Registry, domain_id: UUID, host: str, addresses: Sequence[str]) -> None:
    info = await registry.host_info(host)
    present = set() if info is None else set(info.addresses)
    added, removed = sorted(set(addresses) - present), sorted(present - set(addresses))
    if not added and not removed:
        return

    async def send(cl_trid: str) -> bool:
        await registry.update_host(host, add=added, remove=removed, cl_trid=cl_trid)
        return True

    async def look() -> bool | None:
        now = await registry.host_info(host)
        return True if now is not None and set(now.addresses) == set(addresses) else None

    await object_intents.say(db, registry.name, domain_id, "update_host", host, send, look)
