"""The operator's command against the real stack, and what the customer sees of it."""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
from typer.testing import CliRunner

from deploy.cli.__main__ import app
from deploy.stack import ROOT
from tests.flows.portal import Portal, eventually
from tests.flows.test_house import connected

NUMBER, EMAIL = "P-10003", "eszter@nagy.example"
LOG = """{ account { eventLog(filter: {action: "operator."}) { nodes { action actor { kind label } after } } } }"""
ORDER = """mutation { registerDomains(input: {names: ["operator-proba.hu"], idempotencyKey: "operator-1"}) {
  order { id } userErrors { code } } }"""


async def run(portal: Portal, *argv: str) -> Any:
    """What the command prints, as a process of its own: the JSON."""
    process = await asyncio.create_subprocess_exec(
        ROOT / "deploy" / "portico",
        *argv,
        "--json",
        env={**os.environ, "PORTICO_CONFIG": str(portal.stack.operator_file)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


async def typed(portal: Portal, *argv: str) -> tuple[int, str]:
    """(exit code, output) of the command in this process, which is quicker."""
    config = str(portal.stack.operator_file)
    result = await asyncio.to_thread(CliRunner().invoke, app, ["--config", config, *argv])
    return result.exit_code, result.output


async def code_of(ask: Callable[[], Awaitable[Any]]) -> str:
    errors = (await ask()).errors
    return str(errors[0]["extensions"]["code"]) if errors else ""


async def test_locking_an_account_takes_its_rights_within_a_second_until_it_is_unlocked(portal: Portal) -> None:
    assert oct(portal.stack.operator_file.stat().st_mode & 0o777) == "0o600"
    eszter = portal.person("eszter")
    query = "{ account { domainCounts { count } } }"

    async def after(expected: str) -> float:
        """Seconds until a question is answered so."""
        began = time.monotonic()
        while await code_of(lambda: eszter.ask(query)) != expected:
            assert time.monotonic() - began < 5
        return time.monotonic() - began

    async with connected(portal, eszter) as socket:
        try:
            answer = await run(portal, "account", "lock", NUMBER, "--reason", "Csalás gyanúja", "--yes")
            assert answer["account"]["lock"]["reason"] == "Csalás gyanúja"
            assert await after("ACCOUNT_LOCKED") < 1
            subscribe = {"id": "1", "type": "subscribe", "payload": {"query": query}}
            await socket.send(json.dumps(subscribe))
            frame = json.loads(await asyncio.wait_for(socket.recv(), 5))
            assert "Csalás gyanúja" in frame["payload"]["errors"][0]["message"]
            assert frame["payload"]["errors"][0]["extensions"]["code"] == "ACCOUNT_LOCKED"
        finally:
            code, _ = await typed(portal, "account", "unlock", NUMBER)
        assert code == 0
        assert await after("") < 1


async def test_an_operator_looks_through_a_contacts_eyes_once_changes_nothing_and_is_in_the_log(
    portal: Portal,
) -> None:
    link = await run(portal, "sign-in", NUMBER, EMAIL, "--reason", "T-000123")
    path, _, code = str(link["url"]).removeprefix(portal.stack.url).partition("?code=")
    async with httpx.AsyncClient(base_url=portal.stack.url) as browser:
        assert code in (await browser.get(path, params={"code": code})).text
        answers = await asyncio.gather(*(browser.post(path, data={"code": code}) for _ in range(20)))
        assert sorted({a.status_code for a in answers}) == [303, 410]
        [cookie] = [a.headers["set-cookie"].split(";")[0] for a in answers if a.status_code == 303]

        async def ask(document: str) -> dict[str, Any]:
            answer = await browser.post("/graphql", json={"query": document}, headers={"Cookie": cookie})
            return dict(answer.json())

        seen = await ask(
            "{ viewer { operator user { email } sessions { id } } account { number domainCounts { count } } }"
        )
        assert "errors" not in seen
        viewer = seen["data"]["viewer"]
        assert (viewer["operator"], viewer["user"]["email"], viewer["sessions"]) == ("Local Operator", EMAIL, [])
        assert seen["data"]["account"]["number"] == NUMBER
        refused = await ask(ORDER)
        assert refused["data"]["registerDomains"]["userErrors"] == [{"code": "READ_ONLY_SESSION"}]
        log = await ask(LOG)
        assert [e["extensions"]["code"] for e in log["errors"]] == ["FORBIDDEN"]
        page = await browser.get("/graphql", headers={"Cookie": cookie, "Accept": "text/html"})
        assert "Local Operator" in page.text

    async def told() -> Any:
        return (await portal.person("eszter").ask(LOG)).data["account"]["eventLog"]["nodes"]

    [event] = await eventually("the customer's log tells of the operator", told)
    assert event["action"] == "operator.signed_in_as_contact"
    assert event["actor"] == {"kind": "operator", "label": "Local Operator"}
    assert event["after"]["reason"] == "T-000123"


async def test_a_broken_chain_is_named_and_ends_the_command_with_1(portal: Portal) -> None:
    given = ["--name", "Lánc Kft.", "--owner-email", "lanc@lanc.example", "--owner-name", "Lánc Éva"]
    code, output = await typed(portal, "account", "create", *given, "--json")
    assert code == 0, output
    account = json.loads(output)["account"]
    code, output = await typed(portal, "account", "show", account["number"])
    assert code == 0, output
    assert re.search(r"lanc@lanc\.example +Lánc Éva +owner +active ", output)

    async def whole() -> bool:
        return (await typed(portal, "chain", "verify", account["number"]))[1].strip().endswith("2 rows, all fit")

    await eventually("the account's first events are in its chain", whole)
    db = await asyncpg.connect(portal.stack.database_url("identity"))
    try:
        async with db.transaction():
            await db.execute("ALTER TABLE event_log DISABLE TRIGGER append_only")
            await db.execute("UPDATE event_log SET actor_label = 'x' WHERE account_id = $1 AND seq = 2", account["id"])
            await db.execute("ALTER TABLE event_log ENABLE TRIGGER append_only")
        code, output = await typed(portal, "chain", "verify", "--all")
        assert code == 1
        assert f"{account['number']}: BROKEN at row 2: the row does not fit" in output
        assert "1 chains are broken." in output
    finally:
        async with db.transaction():
            await db.execute("ALTER TABLE event_log DISABLE TRIGGER append_only")
            await db.execute("DELETE FROM event_log WHERE account_id = $1", account["id"])
            await db.execute("DELETE FROM event_log_heads WHERE account_id = $1", account["id"])
            await db.execute("ALTER TABLE event_log ENABLE TRIGGER append_only")
        await db.close()


async def test_every_service_shows_operators_what_it_has_given_up(portal: Portal) -> None:
    for service in ("identity", "domains", "hosting", "billing", "tickets"):
        code, output = await typed(portal, "dead", "list", service, "--json")
        assert code == 0, output
        assert json.loads(output)["broker_away"] is False


async def test_renewing_ones_own_credential_keeps_the_command_working(portal: Portal) -> None:
    file = portal.stack.operator_file
    before = json.loads(file.read_text())
    code, output = await typed(portal, "operator", "renew")
    assert code == 0, output
    after = json.loads(file.read_text())
    assert after["credential"] != before["credential"]
    assert after["expires_at"] > before["expires_at"]
    assert after["services"] == before["services"]
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert (await typed(portal, "whoami"))[0] == 0
    file.write_text(json.dumps(before))
    try:
        assert (await typed(portal, "whoami"))[0] == 4
    finally:
        file.write_text(json.dumps(after))
