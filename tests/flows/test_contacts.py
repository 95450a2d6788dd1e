"""An account's data and people on the real stack: changed, invited, narrowed, withdrawn, and all of it in the log."""

from typing import Any

from tests.flows.portal import Answer, Portal, eventually, key

PROFILE = "{ account { profile { version city fields { name editable reason } } } }"
CHANGE = """mutation ($i: UpdateAccountProfileInput!) { updateAccountProfile(input: $i) {
  account { profile { version city } } userErrors { code field } } }"""
INVITE = """mutation ($i: InviteContactInput!) { inviteContact(input: $i) {
  contact { id state ownGrants { permission resources } deniedFields } userErrors { code field } } }"""
UPDATE = "mutation ($i: UpdateContactInput!) { updateContact(input: $i) { contact { role } userErrors { code } } }"
REVOKE = "mutation ($i: ID!) { revokeContact(input: {id: $i}) { contact { state } userErrors { code } } }"
LOG = "{ account { eventLog(first: 20) { nodes { action subjectLabel before after } } } }"


async def test_an_owner_keeps_its_data_and_people(portal: Portal) -> None:
    [known] = [p for p in portal.stack.demo["people"] if p["email"].startswith("eszter@")]
    form = {"email": known["email"], "password": known["password"]}
    cookie = (await portal.http.post("/sign-in", data=form)).headers["set-cookie"].split(";")[0]

    async def ask(document: str, **variables: object) -> dict[str, Any]:
        body = {"query": document, "variables": variables}
        answer = await portal.http.post("/graphql", json=body, headers={"Cookie": cookie})
        return Answer(answer.status_code, answer.json(), answer.headers).data

    profile = (await ask(PROFILE))["account"]["profile"]
    locked = {field["name"] for field in profile["fields"] if not field["editable"]}
    assert locked == {"kind", "name", "taxNumber", "country", "currency"}
    version = profile["version"]
    changed = (await ask(CHANGE, i={"ifVersion": version, "city": "Pécs"}))["updateAccountProfile"]
    assert changed["account"]["profile"] == {"version": version + 1, "city": "Pécs"}
    for wrong, code in (({"ifVersion": version, "city": "Győr"}, "CONFLICT"), ({"name": "Más Kft."}, "FIELD_LOCKED")):
        refused = (await ask(CHANGE, i={"ifVersion": version + 1} | wrong))["updateAccountProfile"]
        assert [error["code"] for error in refused["userErrors"]] == [code]

    domains = await ask("{ account { domains(first: 1) { nodes { id } } me { id } roles { name } } }")
    [domain] = domains["account"]["domains"]["nodes"]
    given: dict[str, Any] = {"email": f"{key()}@guest.example", "role": "custom", "idempotencyKey": key()}
    given |= {
        "grants": [{"permission": "DNS_WRITE", "resources": [domain["id"]]}, {"permission": "DOMAINS_READ"}],
        "deniedFields": ["Domain.renewalPrice"],
    }
    first, again = [(await ask(INVITE, i=given))["inviteContact"] for _ in range(2)]
    assert first == again
    contact = first["contact"]
    assert (contact["state"], contact["deniedFields"]) == ("INVITED", ["Domain.renewalPrice"])
    assert contact["ownGrants"][0] == {"permission": "DNS_WRITE", "resources": [domain["id"]]}
    foreign = {"idempotencyKey": key(), "grants": [{"permission": "DNS_WRITE", "resources": [await minta(portal)]}]}
    refused = (await ask(INVITE, i=given | foreign))["inviteContact"]
    assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]

    may = await ask(
        """query ($d: ID!) { account { contacts { id can(action: "changeZone", subject: $d) {
             allowed blockers { code } } } } }""",
        d=domain["id"],
    )
    told = {one["id"]: one["can"] for one in may["account"]["contacts"]}
    assert told[contact["id"]] == {"allowed": False, "blockers": [{"code": "CONTACT_INVITED"}]}
    own = domains["account"]["me"]["id"]
    assert told[own]["allowed"]

    last = (await ask(REVOKE, i=own))["revokeContact"]
    assert [error["code"] for error in last["userErrors"]] == ["LAST_OWNER"]
    assert (await ask(UPDATE, i={"id": contact["id"], "role": "technical"}))["updateContact"]["contact"] == {
        "role": "technical"
    }
    assert (await ask(REVOKE, i=contact["id"]))["revokeContact"]["contact"] == {"state": "REVOKED"}

    async def logged() -> bool:
        nodes = (await ask(LOG))["account"]["eventLog"]["nodes"]
        return {
            "account.profile_changed",
            "contact.invited",
            "contact.changed",
            "contact.invitation_withdrawn",
        } <= {node["action"] for node in nodes}

    await eventually("the log tells of the changes", logged)


async def minta(portal: Portal) -> str:
    """A domain of another account."""
    answer = await portal.person("anna").ask("{ account { domains(first: 1) { nodes { id } } } }")
    id_: str = answer.data["account"]["domains"]["nodes"][0]["id"]
    return id_
