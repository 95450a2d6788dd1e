"""RPCs and SQL statements that a document costs, as the gateway and the services count them themselves."""

import asyncio
from dataclasses import dataclass

from deploy.bench.http import Client, Cost

#: The gateway believes a credential for a second; after this it asks identity anew.
_FORGOTTEN = 1.2


@dataclass(frozen=True, slots=True)
class Costs:
    """`kept`: while the gateway knows the credential; `anew`: with asking identity for it."""

    domains: int
    kept: Cost
    anew: Cost


async def of(client: Client, document: str, token: str) -> Costs:
    """What the document costs for this token's account; it asks for the dashboard's domainCounts."""
    request = client.request(document, token)
    anew = await _anew(client, request)
    data, kept = await client.measured(request)
    return Costs(sum(count["count"] for count in data["account"]["dashboard"]["domainCounts"]), kept, anew)


async def _anew(client: Client, request: bytes) -> Cost:
    """The least of three: identity writes now and then when a token was last used."""
    costs = []
    for _ in range(3):
        await asyncio.sleep(_FORGOTTEN)
        costs.append((await client.measured(request))[1])
    return min(costs, key=lambda cost: (cost.rpcs, cost.sql))
