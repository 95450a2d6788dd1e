"""The main job, end to end: ordering, paying and registering a name over HTTP, gRPC, RabbitMQ, EPP and DNS."""

import asyncio
import uuid
from typing import Any

import dns.asyncquery
import dns.message
import dns.rdatatype
import httpx
import pytest

from tests.flows.portal import Person, Portal, eventually, key

REGISTER = """
mutation Register($input: RegisterDomainsInput!) {
  registerDomains(input: $input) {
    order { id items { name operation { id state steps { name state } } domain { id name state } } }
    userErrors { code field message }
  }
}"""
PAY = """
mutation Pay($input: PayInvoicesInput!) {
  payInvoices(input: $input) {
    invoices { id kind number state gross { amount } }
    balance { credit { amount } }
    userErrors { code field message }
  }
}"""
PROFORMAS = """
{ account { balance { credit { amount currency } }
    invoices(filter: {kinds: [PROFORMA], states: [OPEN]}, first: 100) {
      nodes { id number state gross { amount currency } lines { description } } } } }"""
FINALS = """
{ account { invoices(filter: {kinds: [INVOICE]}, first: 100) {
      nodes { id number state replaces { id } gross { amount } lines { description } } } } }"""
DOMAIN = """
query Domain($name: DomainName!) {
  account { domain(name: $name) {
      id name state expiresAt statuses zone { version applied recordSets { nodes { name type } } } } } }"""


def fresh(label: str = "uj") -> str:
    return f"{label}-{uuid.uuid4().hex[:12]}.hu"


async def order(person: Person, *names: str) -> dict[str, Any]:
    answer = await person.ask(REGISTER, input={"names": list(names), "idempotencyKey": key()})
    payload: dict[str, Any] = answer.data["registerDomains"]
    return payload


async def proforma_for(person: Person, name: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        for invoice in (await person.ask(PROFORMAS)).data["account"]["invoices"]["nodes"]:
            if any(name in line["description"] for line in invoice["lines"]):
                return dict(invoice)
        return None

    return await eventually(f"a proforma for {name}", look)


async def pay(person: Person, invoice_id: str, request: str | None = None) -> dict[str, Any]:
    answer = await person.ask(PAY, input={"invoiceIds": [invoice_id], "idempotencyKey": request or key()})
    payload: dict[str, Any] = answer.data["payInvoices"]
    return payload


async def credit_of(person: Person) -> int:
    answer = await person.ask("{ account { balance { credit { amount } } } }")
    return int(answer.data["account"]["balance"]["credit"]["amount"])


async def domain_in(person: Person, name: str, *states: str, seconds: float = 40) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        domain = (await person.ask(DOMAIN, name=name)).data["account"]["domain"]
        return dict(domain) if domain and domain["state"] in states else None

    return await eventually(f"{name} {states}", look, seconds)


async def registry_log(portal: Portal, command: str, name: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{portal.stack.registry_control(name)}/log")
    return [
        entry for entry in answer.json() if entry["command"].split(":")[-1] == command and entry.get("name") == name
    ]


async def fault(portal: Portal, name: str, **wish: object) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{portal.stack.registry_control(name)}/faults", json={"name": name, **wish})
    assert answer.is_success, answer.text


async def finals_of(person: Person, name: str) -> list[dict[str, Any]]:
    nodes = (await person.ask(FINALS)).data["account"]["invoices"]["nodes"]
    return [n for n in nodes if any(name in line["description"] for line in n["lines"])]


async def test_ordering_two_names_registers_the_free_one_and_tells_everybody(
    portal: Portal, anna: Person, bela: Person, david: Person
) -> None:
    front = await anna.ask(
        "{ account { dashboard { domains { name } hosting { label } invoices { number } tickets { subject } } } }"
    )
    assert all(front.data["account"]["dashboard"][part] for part in ("domains", "hosting", "invoices", "tickets"))

    name, before = fresh(), await credit_of(anna)
    payload = await order(anna, name, "minta.hu")
    assert [item["name"] for item in payload["order"]["items"]] == [name]
    [refused] = payload["userErrors"]
    assert (refused["code"], refused["field"]) == ("DOMAIN_ALREADY_HERE", ["input", "names", "1"])
    assert "minta.hu" in refused["message"]

    proforma = await proforma_for(anna, name)
    paid = await pay(bela, proforma["id"])
    assert paid["userErrors"] == []
    assert {(i["kind"], i["state"]) for i in paid["invoices"]} >= {("INVOICE", "PAID")}
    assert await credit_of(anna) == before - int(proforma["gross"]["amount"])

    domain = await domain_in(anna, name, "ACTIVE")
    assert domain["expiresAt"]
    assert len(await registry_log(portal, "create", name)) == 1

    port = portal.stack.parts.powerdns.dns_port
    assert port is not None

    async def served() -> bool:
        question = dns.message.make_query(name, dns.rdatatype.NS)
        answer = await dns.asyncquery.udp(question, "127.0.0.1", port=port, timeout=2)
        return bool(answer.answer)

    assert await eventually("the zone is served", served)

    operation = payload["order"]["items"][0]["operation"]["id"]

    async def finished() -> dict[str, Any] | None:
        document = "query O($id: ID!) { node(id: $id) { ... on Operation { state progress steps { name state } } } }"
        node = (await anna.ask(document, id=operation)).data["node"]
        return dict(node) if node["state"] == "SUCCEEDED" else None

    done = await eventually("the operation succeeds", finished)
    assert done["progress"] == 1
    assert [s["state"] for s in done["steps"]] == ["SUCCEEDED"] * 3

    [final] = await finals_of(bela, name)
    assert final["number"].startswith("SZ-")
    assert (final["state"], final["replaces"]["id"]) == ("PAID", proforma["id"])

    async def told(document: str, path: str) -> list[dict[str, Any]]:
        nodes = (await anna.ask(document)).data["account"][path]["nodes"]
        return [n for n in nodes if name in n["subject"]]

    tickets = "{ account { tickets(first: 100) { nodes { subject state messages { nodes { body } } } } } }"
    emails = "{ account { emails(first: 100) { nodes { subject body recipient state } } } }"
    [ticket] = await eventually("a ticket tells of it", lambda: told(tickets, "tickets"))
    assert name in ticket["messages"]["nodes"][0]["body"]
    [email] = await eventually("an e-mail tells of it", lambda: told(emails, "emails"))
    assert email["recipient"] == "anna@minta.example"

    log_document = "{ account { eventLog(first: 100) { nodes { action subjectLabel actor { label kind } } } } }"

    async def logged() -> set[str] | None:
        nodes = (await anna.ask(log_document)).data["account"]["eventLog"]["nodes"]
        seen = {(n["action"], n["actor"]["label"]) for n in nodes}
        actions = {action for action, _ in seen}
        return actions if {"domain.registration_ordered", "domain.registered"} <= actions else None

    await eventually("the event log tells who did what", logged)
    nodes = (await anna.ask(log_document)).data["account"]["eventLog"]["nodes"]
    ordered = next(n for n in nodes if n["action"] == "domain.registration_ordered" and name in n["subjectLabel"])
    assert "anna@minta.example" in ordered["actor"]["label"]

    seen_by_bela = await bela.ask(DOMAIN, name=name)
    assert seen_by_bela.partial["account"]["domain"] is None
    assert seen_by_bela.errors[0]["extensions"]["code"] == "FORBIDDEN"
    seen_by_david = await david.ask(DOMAIN, name=name)
    assert seen_by_david.partial["account"]["domain"] is None
    for document in (FINALS, PROFORMAS, tickets, emails):
        assert name not in str((await david.ask(document)).body)


async def test_nameservers_of_ones_own_are_checked_by_their_place_in_the_list_and_by_name(anna: Person) -> None:
    good, inside = fresh(), fresh()

    async def refused(names: list[str], *nameservers: str) -> list[tuple[str, str]]:
        given = {"names": names, "nameservers": list(nameservers), "idempotencyKey": key()}
        payload = (await anna.ask(REGISTER, input=given)).data["registerDomains"]
        if payload["order"] is not None:
            assert [item["name"] for item in payload["order"]["items"]] == [good]
        return [(error["code"], ".".join(error["field"])) for error in payload["userErrors"]]

    assert await refused([good], "ns1.minta.example", "nem jo") == [("NAMESERVER_INVALID", "input.nameservers.1")]
    assert await refused([good], "ns1.minta.example") == [("NAMESERVERS_TOO_FEW", "input.names.0")]
    glue = await refused([good, inside], "ns1.minta.example", f"ns1.{inside}")
    assert glue == [("GLUE_REQUIRED", "input.names.1")]


async def test_repeating_an_order_and_a_payment_answers_the_first_again(portal: Portal, anna: Person) -> None:
    name, request = fresh(), key()
    first = await anna.ask(REGISTER, input={"names": [name, "rossz_név.hu"], "idempotencyKey": request})
    again = await anna.ask(REGISTER, input={"names": [name, "rossz_név.hu"], "idempotencyKey": request})
    assert first.data["registerDomains"]["order"]["id"] == again.data["registerDomains"]["order"]["id"]
    assert first.data["registerDomains"]["userErrors"] == again.data["registerDomains"]["userErrors"] != []
    other = await anna.ask(REGISTER, input={"names": [fresh()], "idempotencyKey": request})
    assert [e["code"] for e in other.data["registerDomains"]["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]

    proforma = await proforma_for(anna, name)
    before, request = await credit_of(anna), key()
    payments = await asyncio.gather(*(pay(anna, proforma["id"], request) for _ in range(5)))
    assert all(payment["userErrors"] == [] for payment in payments)
    assert await credit_of(anna) == before - int(proforma["gross"]["amount"])
    late = await pay(anna, proforma["id"])
    assert [e["code"] for e in late["userErrors"]] == ["INVOICE_NOT_OPEN"]
    assert await credit_of(anna) == before - int(proforma["gross"]["amount"])
    await domain_in(anna, name, "ACTIVE")
    assert len(await finals_of(anna, name)) == 1


@pytest.mark.parametrize("action", ["cut_before", "cut_after", "result", "wrong_trid"])
async def test_a_lost_or_failed_answer_of_the_registry_registers_once(
    portal: Portal, anna: Person, action: str
) -> None:
    name = fresh(action.replace("_", ""))
    await fault(portal, command="create", name=name, times=1, action=action, code=2400)
    await order(anna, name)
    proforma = await proforma_for(anna, name)
    before = await credit_of(anna)
    assert (await pay(anna, proforma["id"]))["userErrors"] == []
    await domain_in(anna, name, "ACTIVE")
    creates = await registry_log(portal, "create", name)
    assert [c["code"] for c in creates].count(1000) == 1
    assert await credit_of(anna) == before - int(proforma["gross"]["amount"])


async def test_a_name_that_somebody_else_takes_after_payment_is_credited(portal: Portal, anna: Person) -> None:
    name = fresh("elkelt")
    await order(anna, name)
    proforma = await proforma_for(anna, name)
    before = await credit_of(anna)
    async with httpx.AsyncClient() as http:
        control = f"{portal.stack.registry_control(name)}/domains/{name}"
        answer = await http.put(control, json={"registrar": "other"})
        assert answer.status_code < 300, answer.text
    assert (await pay(anna, proforma["id"]))["userErrors"] == []
    await domain_in(anna, name, "FAILED")

    async def credited() -> bool:
        return await credit_of(anna) == before

    assert await eventually("the price is back as credit", credited)
    kinds = "{ account { invoices(filter: {kinds: [STORNO]}, first: 100) { nodes { number lines { description } } } } }"
    nodes = (await anna.ask(kinds)).data["account"]["invoices"]["nodes"]
    assert [n for n in nodes if any(name in line["description"] for line in n["lines"])]


async def test_killing_the_domains_service_between_payment_and_registration_registers_once_and_loses_no_money(
    portal: Portal, anna: Person
) -> None:
    name = fresh("tulelo")
    operation = (await order(anna, name))["order"]["items"][0]["operation"]["id"]
    proforma = await proforma_for(anna, name)
    before = await credit_of(anna)
    # The registry takes its time, so that the kill comes while the command is under way.
    await fault(portal, command="create", name=name, times=1, action="delay", seconds=2)
    assert (await pay(anna, proforma["id"]))["userErrors"] == []

    async def under_way() -> bool:
        document = "query O($id: ID!) { node(id: $id) { ... on Operation { steps { name state } } } }"
        steps = (await anna.ask(document, id=operation)).data["node"]["steps"]
        return {"name": "registry_create", "state": "RUNNING"} in steps

    assert await eventually("the command is on its way", under_way, 10)
    await portal.stack.kill("domains")
    await portal.stack.start("domains")
    await domain_in(anna, name, "ACTIVE", seconds=60)
    creates = await registry_log(portal, "create", name)
    assert [c["code"] for c in creates].count(1000) == 1
    assert await credit_of(anna) == before - int(proforma["gross"]["amount"])
    assert len(await finals_of(anna, name)) == 1
