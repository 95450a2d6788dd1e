"""A zone change in a zone of few record sets and in one of 10,000, through GraphQL, until the nameservers serve it."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from deploy.bench.http import Client

LARGE_ZONE = 10_000
_CHANGES = 15
_ZONE = """query ($n: DomainName!) { account { domain(name: $n) { zone { id version applied } } } }"""
_CHANGE = """mutation ($i: ChangeZoneInput!) { changeZone(input: $i) { zone { version } userErrors { message } } }"""
_IMPORT = """mutation ($i: ImportZoneInput!) { importZone(input: $i) { zone { version } userErrors { message } } }"""
_ROLLBACK = (
    """mutation ($i: RollbackZoneInput!) { rollbackZone(input: $i) { zone { version } userErrors { message } } }"""
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Medians, in milliseconds, of a change of one record: until it is answered, and until it is served."""

    answered: float
    served: float


async def measure(client: Client, token: str, name: str) -> tuple[Outcome, Outcome, float]:
    """(few record sets, many, seconds for importing the many); the zone is as it was afterwards."""
    desk = _Desk(client, token, name)
    begun = (await desk.zone())["version"]
    try:
        few = await desk.changes()
        text = "\n".join(f"bench-{i} A 192.0.{i // 250}.{i % 250}" for i in range(LARGE_ZONE))
        started = time.perf_counter()
        await desk.write(_IMPORT, "importZone", zoneFile=text, keepOthers=True)
        await desk.until_served()
        imported = time.perf_counter() - started
        return few, await desk.changes(), imported
    finally:
        await desk.write(_ROLLBACK, "rollbackZone", toVersion=begun)
        await desk.until_served()


class _Desk:
    def __init__(self, client: Client, token: str, name: str) -> None:
        self._client, self._token, self._name = client, token, name

    async def ask(self, document: str, **variables: object) -> dict[str, Any]:
        return (await self._client.measured(self._client.request(document, self._token, variables)))[0]

    async def zone(self) -> dict[str, Any]:
        zone: dict[str, Any] = (await self.ask(_ZONE, n=self._name))["account"]["domain"]["zone"]
        return zone

    async def write(self, document: str, mutation: str, **more: object) -> None:
        zone = await self.zone()
        wanted = {"zoneId": zone["id"], "ifVersion": zone["version"], "note": "bench", **more}
        answer = (await self.ask(document, i=wanted))[mutation]
        if answer["userErrors"]:
            raise RuntimeError(f"{mutation} was refused: {answer['userErrors'][0]['message']}")

    async def until_served(self) -> None:
        while not (await self.zone())["applied"]:
            await asyncio.sleep(0.002)

    async def changes(self) -> Outcome:
        answered, served = [], []
        for n in range(_CHANGES):
            zone = await self.zone()
            change = {"name": "bench-one", "type": "A", "records": [f"192.0.2.{n}"]}
            wanted = {"zoneId": zone["id"], "ifVersion": zone["version"], "changes": [change], "note": "bench"}
            started = time.perf_counter()
            await self.ask(_CHANGE, i=wanted)
            answered.append(time.perf_counter() - started)
            await self.until_served()
            served.append(time.perf_counter() - started)
        return Outcome(median(answered) * 1000, median(served) * 1000)
