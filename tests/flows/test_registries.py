"""Two registries on the running stack: one that is away holds up nothing of the other."""

import uuid
from typing import Any

import httpx

from tests.flows.portal import Person, Portal, eventually
from tests.flows.test_operator import run
from tests.flows.test_registration import domain_in, fresh, order, pay, proforma_for, registry_log

STEPS = "query ($i: ID!) { node(id: $i) { ... on Operation { steps { name state detail } } } }"
LISTED = "query ($s: String!) { account { domains(first: 10, filter: {search: $s}) { nodes { name state } } } }"


async def test_while_one_registry_is_away_the_other_goes_on_and_what_was_paid_at_the_first_is_done_later(
    portal: Portal, anna: Person
) -> None:
    label = uuid.uuid4().hex[:12]
    before, hu, com = f"elotte-{label}.hu", f"kozben-{label}.hu", f"kozben-{label}.com"
    ordered = await order(anna, before)
    operation, proforma = ordered["order"]["items"][0]["operation"]["id"], await proforma_for(anna, before)
    await portal.stack.kill("registry_hu")
    try:
        # What is paid for is kept; what would be ordered is refused, name by name.
        await pay(anna, proforma["id"])
        payload = await order(anna, hu, com)
        assert [item["name"] for item in payload["order"]["items"]] == [com]
        assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [
            ("REGISTRY_UNAVAILABLE", ["input", "names", "0"])
        ]
        await pay(anna, (await proforma_for(anna, com))["id"])
        await domain_in(anna, com, "ACTIVE")

        # The other's messages are read on, and what they tell is seen.
        async with httpx.AsyncClient(trust_env=False) as http:
            control = portal.stack.registry_control(com)
            (await http.post(f"{control}/happenings/{com}", json={"what": "redeem"})).raise_for_status()
        await domain_in(anna, com, "REDEMPTION")
        nodes = (await anna.ask(LISTED, s=label)).data["account"]["domains"]["nodes"]
        assert {node["name"]: node["state"] for node in nodes} == {before: "PENDING_REGISTRATION", com: "REDEMPTION"}

        async def states() -> dict[str, Any]:
            told = await run(portal, "registry", "list")
            return {one["name"]: one["state"].removeprefix("REGISTRY_STATE_") for one in told["registries"]}

        async def away() -> bool:
            return await states() == {"sandbox": "UP", "sandbox-hu": "AWAY"}

        await eventually("the operator sees which one is away", away)

        async def waits() -> bool:
            steps = (await anna.ask(STEPS, i=operation)).data["node"]["steps"]
            step = {"name": "registry_create", "state": "WAITING", "detail": "a nyilvántartó nem érhető el"}
            return step in steps

        await eventually("the operation says what it waits for", waits)
    finally:
        await portal.stack.start("registry_hu")
    await domain_in(anna, before, "ACTIVE", seconds=60)
    assert [entry["code"] for entry in await registry_log(portal, "create", before)] == [1000]

    async def back() -> bool:
        return (await states()).get("sandbox-hu") == "UP"

    await eventually("it is back for the operator too", back)
    again = await order(anna, fresh("utana"))
    assert again["userErrors"] == []
