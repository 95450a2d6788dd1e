"""Managing a domain through the portal, to the registry and back."""

from typing import Any

from tests.flows.portal import Person, eventually

DOMAIN = """query ($n: DomainName!) { account { domain(name: $n) {
  id name locked autoRenew nameservers { host addresses } zone { id dnssec { state ds { digest } } }
  contacts { registrant { id name verification } tech { name } } } } }"""
ERRORS = "userErrors { code field message blockers { code resolvedBy } }"
OPERATION = "operation { id kind state }"
AUTH_CODE = (
    f"mutation ($i: RequestAuthCodeInput!) {{ requestAuthCode(input: $i) {{ delivery code {OPERATION} {ERRORS} }} }}"
)
LOCK = f"mutation ($i: SetDomainLockInput!) {{ setDomainLock(input: $i) {{ domain {{ name }} {OPERATION} {ERRORS} }} }}"
NAMESERVERS = f"mutation ($i: SetNameserversInput!) {{ setNameservers(input: $i) {{ {OPERATION} {ERRORS} }} }}"
CONTACTS = f"mutation ($i: UpdateDomainContactsInput!) {{ updateDomainContacts(input: $i) {{ {OPERATION} {ERRORS} }} }}"
DNSSEC = f"mutation ($i: SetDnssecInput!) {{ setDnssec(input: $i) {{ zone {{ version }} {OPERATION} {ERRORS} }} }}"
RENEW = f"mutation ($i: SetAutoRenewInput!) {{ setAutoRenew(input: $i) {{ found domains {{ name }} {ERRORS} }} }}"
LOGGED = "{ account { eventLog(first: 20) { nodes { action subjectLabel } } } }"


async def test_a_domain_is_managed_from_the_portal(anna: Person, bela: Person) -> None:
    name = "minta.hu"

    async def domain() -> Any:
        return (await anna.ask(DOMAIN, n=name)).data["account"]["domain"]

    async def done(answer: Any) -> None:
        """The operation of a mutation's payload has succeeded."""
        assert answer["userErrors"] == []
        if answer["operation"] is None:
            return
        query = "query ($i: ID!) { node(id: $i) { ... on Operation { state error { message } } } }"

        async def ended() -> bool:
            operation = (await anna.ask(query, i=answer["operation"]["id"])).data["node"]
            assert operation["state"] not in {"FAILED", "CANCELLED"}, operation
            return bool(operation["state"] == "SUCCEEDED")

        await eventually(f"{answer['operation']['kind']} has succeeded", ended)

    async def change(document: str, **values: object) -> Any:
        answer = (await anna.ask(document, i=values)).data
        return answer[next(iter(answer))]

    id_ = (await domain())["id"]
    forbidden = (await bela.ask(LOCK, i={"domainId": id_, "locked": False})).data["setDomainLock"]
    assert [e["code"] for e in forbidden["userErrors"]] == ["FORBIDDEN"]

    await done(await change(LOCK, domainId=id_, locked=True))
    assert (await domain())["locked"]

    inside = f"ns9.{name}"
    wrong = await change(NAMESERVERS, domainId=id_, nameservers=[{"host": "ns1.portico.example"}, {"host": inside}])
    assert [(e["code"], e["field"]) for e in wrong["userErrors"]] == [
        ("GLUE_REQUIRED", ["input", "nameservers", "1", "addresses"])
    ]
    own = [{"host": host} for host in ("ns1.portico.example", "ns2.portico.example")]
    glued = [*own, {"host": inside, "addresses": ["192.0.2.53"]}]
    await done(await change(NAMESERVERS, domainId=id_, nameservers=glued))
    assert {"host": inside, "addresses": ["192.0.2.53"]} in (await domain())["nameservers"]
    await done(await change(NAMESERVERS, domainId=id_, nameservers=own))

    async def contacts() -> Any:
        return (await domain())["contacts"]

    await eventually("the contacts are read", contacts)
    person = {"name": "Teszt Elek", "street": ["Fő utca 1."], "city": "Győr", "postalCode": "9021", "country": "HU"}
    person |= {"phone": "+36.96123456", "email": "elek@minta.example"}
    await done(await change(CONTACTS, domainId=id_, tech={"data": person}))
    assert (await contacts())["tech"] == {"name": "Teszt Elek"}

    zone_id = (await domain())["zone"]["id"]
    await done(await change(DNSSEC, zoneId=zone_id, enabled=True))
    signed = (await domain())["zone"]["dnssec"]
    assert (signed["state"], len(signed["ds"])) == ("ON", 1)
    off = await change(DNSSEC, zoneId=zone_id, enabled=False)
    assert (off["userErrors"], off["operation"]["kind"]) == ([], "ZONE_DNSSEC")
    await done(await change(DNSSEC, zoneId=zone_id, enabled=True))
    assert (await domain())["zone"]["dnssec"]["state"] == "ON"

    wish = not (await domain())["autoRenew"]
    renewed = await change(RENEW, domainIds=[id_], autoRenew=wish)
    assert renewed == {"found": 1, "domains": [{"name": name}], "userErrors": []}
    assert (await domain())["autoRenew"] == wish

    refused = await change(AUTH_CODE, domainId=id_)
    assert refused["code"] is None
    assert refused["userErrors"][0]["code"] in {"DOMAIN_LOCKED", "STEP_UP_REQUIRED"}
    await done(await change(LOCK, domainId=id_, locked=False))
    assert not (await domain())["locked"]

    async def logged() -> bool:
        entries = (await anna.ask(LOGGED)).data["account"]["eventLog"]["nodes"]
        ours = {e["action"] for e in entries if e["subjectLabel"] == name}
        return {
            f"domain.{what}_changed" for what in ("lock", "nameservers", "contacts", "auto_renew", "dnssec")
        } <= ours

    await eventually("the event log tells of all of it", logged)
