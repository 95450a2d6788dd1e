"""What the domains service is made of, wired once in __main__ and handed to RPCs, consumers and jobs."""

from dataclasses import dataclass

from services.chassis.db import Database
from services.chassis.operations import Operations
from services.chassis.sealing import Sealer
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries

operations = Operations("domains")


@dataclass(frozen=True)
class App:
    db: Database
    registries: Registries
    powerdns: PowerDns
    #: The house's own nameservers, for names ordered without any.
    nameservers: tuple[str, ...]
    sealer: Sealer

    async def close(self) -> None:
        await self.registries.close()
        await self.powerdns.close()
