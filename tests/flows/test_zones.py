"""Editing a zone through the portal, until the nameserver answers with it."""

import dns.asyncquery
import dns.message

from tests.flows.portal import Person, Portal, eventually

ZONE = "query ($n: DomainName!) { account { domain(name: $n) { zone { id version applied export } } } }"
CHANGE = """mutation ($i: ChangeZoneInput!) { changeZone(input: $i) {
  zone { version } diffSize diff { name type before { records } after { records } } operation { state }
  userErrors { code field message } } }"""
ROLLBACK = """mutation ($i: RollbackZoneInput!) { rollbackZone(input: $i) { zone { version } userErrors { code } } }"""
IMPORT = """mutation ($i: ImportZoneInput!) { importZone(input: $i) { diffSize userErrors { code field } } }"""


async def test_a_zone_is_edited_served_taken_back_and_moved_by_file(portal: Portal, anna: Person, bela: Person) -> None:
    name = "minta.hu"

    async def zone() -> dict[str, object]:
        found: dict[str, object] = (await anna.ask(ZONE, n=name)).data["account"]["domain"]["zone"]
        return found

    async def answered() -> list[str]:
        query = dns.message.make_query(f"portico-flow.{name}", "TXT")
        port = portal.stack.parts.powerdns.dns_port
        assert port is not None
        answer = await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=3)
        return [str(record) for rrset in answer.answer for record in rrset]

    before = await zone()
    change = {"zoneId": before["id"], "ifVersion": before["version"]}
    edit = {"name": "portico-flow", "type": "TXT", "records": ["hello; world"]}

    refused = (await bela.ask(CHANGE, i=change | {"changes": [edit]})).data["changeZone"]
    assert [e["code"] for e in refused["userErrors"]] == ["FORBIDDEN"]
    wrong = (await anna.ask(CHANGE, i=change | {"changes": [edit | {"type": "A"}]})).data["changeZone"]
    assert [(e["code"], e["field"]) for e in wrong["userErrors"]] == [
        ("RECORD_INVALID", ["input", "changes", "0", "records", "0"])
    ]
    made = (await anna.ask(CHANGE, i=change | {"changes": [edit]})).data["changeZone"]
    assert not made["userErrors"]
    assert [d["after"]["records"] for d in made["diff"]] == [['"hello; world"']]
    late = (await anna.ask(CHANGE, i=change | {"changes": [edit]})).data["changeZone"]
    assert [e["code"] for e in late["userErrors"]] == ["ZONE_CONFLICT"]

    async def served() -> bool:
        return await answered() == ['"hello; world"']

    await eventually("the nameserver has the record", served)
    now = await zone()
    again = {"zoneId": now["id"], "ifVersion": now["version"], "zoneFile": now["export"]}
    assert (await anna.ask(IMPORT, i=again)).data["importZone"] == {"diffSize": 0, "userErrors": []}
    back = {"zoneId": now["id"], "ifVersion": now["version"], "toVersion": before["version"]}
    assert not (await anna.ask(ROLLBACK, i=back)).data["rollbackZone"]["userErrors"]

    async def gone() -> bool:
        return not await answered()

    await eventually("the nameserver has it no more", gone)
