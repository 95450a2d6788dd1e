"""What the holder of a .hu name has to confirm at its registry, as its customer sees it; over HTTP, gRPC, EPP and SMTP."""

import asyncio
from typing import Any

import httpx

from tests.flows.portal import Person, Portal, eventually
from tests.flows.test_registration import credit_of, domain_in, fault, fresh, order, pay, proforma_for

OPERATION = """query ($i: ID!) { node(id: $i) { ... on Operation {
  state steps { name state detail } error { code message } } } }"""
PERMITS = "query ($n: DomainName!) { account { domain(name: $n) { permits { action confirmedByHolder } } } }"


async def registry(portal: Portal, method: str, name: str, path: str, body: object = None) -> Any:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.request(method, f"{portal.stack.registry_control(name)}{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def waiting(portal: Portal, anna: Person, name: str) -> str:
    """A name is ordered and paid, and its registration waits for the holder; the operation's id."""
    await fault(portal, name, action="pending", command="create")
    operation = str((await order(anna, name))["order"]["items"][0]["operation"]["id"])
    assert (await pay(anna, (await proforma_for(anna, name))["id"]))["userErrors"] == []
    wanted = "a birtokosnak meg kell erősítenie a nyilvántartónál"

    async def seen() -> bool:
        node = (await anna.ask(OPERATION, i=operation)).data["node"]
        step = {"name": "registry_create", "state": "WAITING", "detail": wanted}
        return node["state"] == "WAITING" and step in node["steps"]

    await eventually("the registration waits for the holder", seen)
    return operation


async def test_a_registration_waits_for_its_holder_who_is_written_to_and_confirms(portal: Portal, anna: Person) -> None:
    name = fresh("megerositett")
    operation = await waiting(portal, anna, name)
    assert (await domain_in(anna, name, "PENDING_REGISTRATION"))["expiresAt"] is None
    mail = await portal.mail("anna@minta.example", f"Megerősítésre vár: {name}")
    assert f"A(z) {name} domain bejegyzését a birtokosnak meg kell erősítenie a nyilvántartónál." in mail.text
    [letter] = await registry(portal, "GET", name, f"/emails/{name}")
    first, host = letter["recipient"][0], letter["recipient"].partition("@")[2]
    assert f"{first}…@{host}" in mail.text
    assert letter["recipient"] not in mail.text
    await registry(portal, "POST", name, f"/pending/{name}/confirm")
    await domain_in(anna, name, "ACTIVE")
    assert (await anna.ask(OPERATION, i=operation)).data["node"]["error"] is None
    permits = (await anna.ask(PERMITS, n=name)).data["account"]["domain"]["permits"]
    confirmed = {permit["action"] for permit in permits if permit["confirmedByHolder"]}
    assert confirmed == {"changeRegistrant", "setNameservers", "setDnssec"}
    subjects = [mail.subject for mail in portal.mails("anna@minta.example")]
    assert subjects.count(f"Megerősítésre vár: {name}") == 1


async def test_a_registration_that_its_holder_refuses_is_credited(portal: Portal, anna: Person) -> None:
    name, before = fresh("elutasitott"), await credit_of(anna)
    operation = await waiting(portal, anna, name)
    assert await credit_of(anna) < before
    await registry(portal, "POST", name, f"/pending/{name}/confirm", {"approve": False})
    await domain_in(anna, name, "FAILED")
    node = (await anna.ask(OPERATION, i=operation)).data["node"]
    assert (node["state"], node["error"]["code"]) == ("FAILED", "HOLDER_DID_NOT_CONFIRM")
    assert "A birtokos elutasította a nyilvántartónál" in node["error"]["message"]

    async def credited() -> bool:
        return await credit_of(anna) == before

    await eventually("the price is back as credit", credited)
    await asyncio.gather(
        portal.mail("anna@minta.example", name, "a birtokos nem erősítette meg a nyilvántartónál"),
        portal.mail("anna@minta.example", f"Megerősítésre vár: {name}"),
    )
