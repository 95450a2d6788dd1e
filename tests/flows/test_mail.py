"""Mail on the real stack: what is paid is told, by real SMTP, to whoever may see it; a category is switched off and on."""

from typing import Any

from tests.flows.portal import Answer, Person, Portal, eventually
from tests.flows.test_registration import fresh, order, pay, proforma_for

EMAILS = """query ($s: String!) { account { emails(filter: {search: $s, categories: [BILLING]}, first: 10) {
  nodes { subject state category sentAt error } } } }"""
PREFERENCES = "{ account { notifications { category enabled acknowledgement } } }"
SWITCH = """mutation ($i: SetNotificationPreferenceInput!) { setNotificationPreference(input: $i) {
  preference { enabled } userErrors { code message } } }"""
LOG = '{ account { eventLog(first: 1, filter: {action: "notifications."}) { nodes { text } } } }'


async def test_paying_a_proforma_sends_mail_to_those_who_may_see_invoices(
    portal: Portal, anna: Person, bela: Person
) -> None:
    name = fresh("level")
    await order(anna, name)
    proforma = await proforma_for(anna, name)
    asked = await portal.mail("bela@minta.example", proforma["number"])
    assert name in asked.text
    assert "Fizetési határidő" in asked.html
    assert portal.stack.url in asked.links
    await pay(bela, proforma["id"])
    for address in ("anna@minta.example", "bela@minta.example"):
        told = await portal.mail(address, "Befizetés megérkezett: SZ-", name)
        assert told.message["List-Unsubscribe"] == f"<{portal.stack.url}/notifications>"
    assert not any(name in mail.text for mail in portal.mails("csaba@minta.example"))

    async def listed() -> bool:
        nodes = (await anna.ask(EMAILS, s=proforma["number"])).data["account"]["emails"]["nodes"]
        return bool(nodes) and all(n["state"] == "SENT" and n["sentAt"] and not n["error"] for n in nodes)

    assert await eventually("the list says that it was sent", listed)


async def test_a_category_is_switched_off_with_its_acknowledgement_and_on_again(portal: Portal) -> None:
    [known] = [p for p in portal.stack.demo["people"] if p["email"].startswith("david@")]
    form = {"email": known["email"], "password": known["password"]}
    cookie = (await portal.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]

    async def ask(document: str, **variables: object) -> Any:
        body = {"query": document, "variables": variables}
        answer = await portal.http.post("/graphql", json=body, headers={"Cookie": cookie})
        return Answer(answer.status_code, answer.json(), answer.headers).data

    async def switch(**more: object) -> Any:
        return (await ask(SWITCH, i={"category": "DOMAIN", **more}))["setNotificationPreference"]

    [error] = (await switch(enabled=False))["userErrors"]
    assert error["code"] == "ACKNOWLEDGEMENT_REQUIRED"
    assert "a domain lejárhat" in error["message"]
    kept = {p["category"]: p for p in (await ask(PREFERENCES))["account"]["notifications"]}
    acknowledgement = kept["DOMAIN"]["acknowledgement"]
    assert (await switch(enabled=False, acknowledgement=acknowledgement))["preference"] == {"enabled": False}

    async def logged() -> bool:
        nodes = (await ask(LOG))["account"]["eventLog"]["nodes"]
        return bool(nodes) and "kikapcsolta az e-mail-értesítéseket ebben a kategóriában: domain" in nodes[0]["text"]

    assert await eventually("the log tells of it", logged)
    assert (await switch(enabled=True))["preference"] == {"enabled": True}
