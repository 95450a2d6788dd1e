"""A registry acts of its own accord, and the customer sees it: over HTTP, gRPC and EPP on the running stack."""

import uuid
from typing import Any

import httpx

from deploy.stack import Stack
from tests.flows.portal import Person, eventually
from tests.flows.test_registration import domain_in, order, pay, proforma_for

DOMAIN = """
query ($name: DomainName!) { account { domain(name: $name) {
  state statuses restorableUntil deletesAt permits { action allowed blockers { code message until resolvedBy } } } } }"""


async def test_a_domain_that_the_registry_deletes_can_be_restored_and_nothing_else(stack: Stack, anna: Person) -> None:
    name = f"torolt-{uuid.uuid4().hex[:12]}.com"
    await order(anna, name)
    await pay(anna, (await proforma_for(anna, name))["id"])
    await domain_in(anna, name, "ACTIVE")
    async with httpx.AsyncClient(trust_env=False) as http:
        happening = f"{stack.registry_control(name)}/happenings/{name}"
        (await http.post(happening, json={"what": "redeem"})).raise_for_status()

    async def redeemed() -> dict[str, Any] | None:
        domain = (await anna.ask(DOMAIN, name=name)).data["account"]["domain"]
        return dict(domain) if domain["state"] == "REDEMPTION" else None

    domain = await eventually("redemption", redeemed)
    assert "redemptionPeriod" in domain["statuses"]
    assert domain["restorableUntil"] < domain["deletesAt"]
    assert [permit["action"] for permit in domain["permits"] if permit["allowed"]] == ["restore"]
    [blocker] = next(permit["blockers"] for permit in domain["permits"] if permit["action"] == "setNameservers")
    assert (blocker["code"], blocker["resolvedBy"]) == ("DOMAIN_IN_REDEMPTION", "restoreDomain")
    assert blocker["until"] == domain["restorableUntil"]
