"""Moving names in, end to end: a file tried out, ordered, paid, and taken over from another registrar; then renewed."""

import base64
import uuid
from typing import Any

import httpx

from tests.flows.portal import Person, Portal, eventually, key
from tests.flows.test_registration import credit_of, domain_in, pay, proforma_for

TRANSFER = """
mutation Transfer($input: TransferDomainsInput!) {
  transferDomains(input: $input) {
    order { items { name action operation { id kind state } } }
    checks { line input ok code message asked price { amount currency } blockers { code until } }
    userErrors { code field message }
  }
}"""
RENEW = """
mutation Renew($input: RenewDomainsInput!) {
  renewDomains(input: $input) { order { items { name action } } userErrors { code field } }
}"""
OPERATION = "query O($id: ID!) { node(id: $id) { ... on Operation { state steps { name state detail } } } }"


async def control(portal: Portal, method: str, path: str, body: object = None) -> Any:
    """Of the registry that runs the name in the path."""
    async with httpx.AsyncClient() as http:
        url = f"{portal.stack.registry_control(path.split('/')[2])}{path}"
        answer = await http.request(method, url, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_file_of_names_is_tried_out_ordered_paid_and_moved_in(portal: Portal, anna: Person) -> None:
    name, code = f"koltozo-{uuid.uuid4().hex[:10]}.hu", "Kod-1234-abcd"
    locked = f"zart-{uuid.uuid4().hex[:10]}.hu"
    await control(portal, "PUT", f"/domains/{name}", {"registrar": "other", "auth": code})
    seed = {"registrar": "other", "auth": code, "statuses": ["clientTransferProhibited"]}
    await control(portal, "PUT", f"/domains/{locked}", seed)
    file = f"Domain név;Kód\r\n{name};{code}\r\n{locked};{code}\r\nőszi-rózsa.nincs;{code}\r\n{name};x\r\n"
    wish: dict[str, Any] = {"csvBase64": base64.b64encode(file.encode("iso-8859-2")).decode()}
    tried = (await anna.ask(TRANSFER, input={**wish, "dryRun": True})).data["transferDomains"]
    assert tried["order"] is None
    assert [(c["line"], c["ok"], c["code"]) for c in tried["checks"]] == [
        (2, True, None),
        (3, False, "DOMAIN_TRANSFER_LOCKED"),
        (4, False, "TLD_NOT_SOLD"),
        (5, False, "DOMAIN_REPEATED"),
    ]
    assert tried["checks"][0]["price"] == {"amount": "1900", "currency": "HUF"}
    assert tried["checks"][1]["blockers"] == [{"code": "DOMAIN_TRANSFER_LOCKED", "until": None}]
    assert [e["field"] for e in tried["userErrors"]] == [
        ["input", "csvBase64", line, "name"] for line in ("3", "4", "5")
    ]

    before = await credit_of(anna)
    ordered = (await anna.ask(TRANSFER, input={**wish, "idempotencyKey": key()})).data["transferDomains"]
    [item] = ordered["order"]["items"]
    assert (item["name"], item["action"], item["operation"]["kind"]) == (name, "TRANSFER", "DOMAIN_TRANSFER")
    await pay(anna, (await proforma_for(anna, name))["id"])
    await domain_in(anna, name, "PENDING_TRANSFER")

    async def asked() -> bool:
        return bool((await control(portal, "GET", f"/domains/{name}"))["transfer"])

    await eventually("the registry is asked", asked)

    async def waits() -> bool:
        node = (await anna.ask(OPERATION, id=item["operation"]["id"])).data["node"]
        return any(step["detail"] == "a jelenlegi regisztrátor jóváhagyására vár" for step in node["steps"])

    await eventually("the operation waits for the other registrar", waits)
    await control(portal, "POST", f"/transfers/{name}", {"approve": True})
    domain = await domain_in(anna, name, "ACTIVE", seconds=90)
    assert domain["expiresAt"]
    assert await credit_of(anna) == before - 2413

    renewed = (await anna.ask(RENEW, input={"domainIds": [domain["id"]], "idempotencyKey": key()})).data["renewDomains"]
    assert [(i["name"], i["action"]) for i in renewed["order"]["items"]] == [(name, "RENEW")]
    again = (await anna.ask(RENEW, input={"domainIds": [domain["id"]], "idempotencyKey": key()})).data["renewDomains"]
    assert again["userErrors"] == [{"code": "RENEWAL_ALREADY_ORDERED", "field": ["input", "domainIds", "0"]}]
    await pay(anna, (await proforma_for(anna, f"{name} domain megújítása"))["id"])

    async def extended() -> bool:
        found = await domain_in(anna, name, "ACTIVE")
        return bool(found["expiresAt"] > domain["expiresAt"])

    await eventually("the expiry moves", extended)


async def test_a_list_is_refused_before_any_call_where_it_cannot_be_one(anna: Person) -> None:
    async def refused(**wish: object) -> dict[str, Any]:
        [error] = (await anna.ask(TRANSFER, input=wish)).data["transferDomains"]["userErrors"]
        return dict(error)

    assert (await refused(dryRun=True))["field"] == ["input", "items"]
    assert (await refused(csv="a.hu;b"))["field"] == ["input", "idempotencyKey"]
    wrong = await refused(csvBase64="őő", dryRun=True)
    assert (wrong["code"], wrong["field"]) == ("CSV_INVALID", ["input", "csvBase64"])
    over = [{"name": f"a{n}.hu", "authCode": "abcdef"} for n in range(10_001)]
    assert (await refused(items=over, dryRun=True))["field"] == ["input", "items"]
    long = "\n".join(f"a{n}.hu;abcdef" for n in range(10_001))
    assert (await refused(csv=long, dryRun=True))["code"] == "TOO_MANY_LINES"


CANCEL = """
mutation Cancel($input: CancelTransferInput!) {
  cancelTransfer(input: $input) { domain { state } operation { id steps { name state } } userErrors { code message } }
}"""


async def test_a_transfer_that_waits_for_the_other_registrar_is_taken_back_for_its_price(
    portal: Portal, anna: Person
) -> None:
    name, code = f"megse-{uuid.uuid4().hex[:10]}.hu", "Kod-1234-abcd"
    await control(portal, "PUT", f"/domains/{name}", {"registrar": "other", "auth": code})
    before = await credit_of(anna)
    wish = {"items": [{"name": name, "authCode": code}], "idempotencyKey": key()}
    [item] = (await anna.ask(TRANSFER, input=wish)).data["transferDomains"]["order"]["items"]
    await pay(anna, (await proforma_for(anna, name))["id"])
    domain = await domain_in(anna, name, "PENDING_TRANSFER")

    async def asked() -> bool:
        return bool((await control(portal, "GET", f"/domains/{name}"))["transfer"])

    await eventually("the registry is asked", asked)
    cancelled = (await anna.ask(CANCEL, input={"domainId": domain["id"]})).data["cancelTransfer"]
    assert cancelled["userErrors"] == []
    assert cancelled["operation"]["id"] == item["operation"]["id"]
    assert [step["name"] for step in cancelled["operation"]["steps"]] == [
        "payment",
        "registry_transfer",
        "registry_cancel",
    ]

    async def ended() -> bool:
        return bool((await anna.ask(OPERATION, id=item["operation"]["id"])).data["node"]["state"] == "CANCELLED")

    await eventually("the registry has cancelled it", ended)
    assert (await control(portal, "GET", f"/domains/{name}"))["transfer"]["status"] == "clientCancelled"

    async def credited() -> bool:
        return bool(await credit_of(anna) == before)

    await eventually("its price is back", credited)
    [error] = (await anna.ask(CANCEL, input={"domainId": domain["id"]})).data["cancelTransfer"]["userErrors"]
    assert (error["code"], "nincs folyamatban" in error["message"]) == ("TRANSFER_NOT_WAITING", True)
