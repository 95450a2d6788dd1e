"""The example data is whole, and planting it again changes nothing."""

import asyncio
import json
import sys
from datetime import UTC, datetime

import asyncpg

from deploy.demo import names, people
from deploy.demo.customers import MINTA, NAGY
from deploy.stack import ROOT, Stack

#: What no other test on the same stack adds to.
_PLANTED = (
    ("identity", "SELECT count(*) FROM accounts"),
    ("identity", "SELECT count(*) FROM contacts"),
    ("domains", f"SELECT count(*) FROM domains WHERE account_id = '{NAGY.id}'"),
    ("domains", f"SELECT count(*) FROM zones WHERE account_id = '{NAGY.id}'"),
    ("hosting", "SELECT count(*) FROM services"),
    ("billing", "SELECT count(*) FROM invoices WHERE created_at < now() - interval '1 hour'"),
    ("tickets", "SELECT count(*) FROM tickets WHERE opened_at < now() - interval '1 hour'"),
)


async def _value(stack: Stack, service: str, sql: str, *args: object) -> int:
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        found: int = await connection.fetchval(sql, *args)
        return found
    finally:
        await connection.close()


async def _counts(stack: Stack) -> list[int]:
    return [await _value(stack, service, sql) for service, sql in _PLANTED]


def test_the_agency_has_two_thousand_different_names() -> None:
    assert len({name.ascii for name in names.nagy_names()}) == names.NAGY_TOTAL == 2_000


def test_every_domain_is_registered_in_the_past_and_ends_in_the_future() -> None:
    for now in (datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)):
        for one in names.holdings(now, ("ns1.portico.example",)):
            assert one.registered_at < now < one.expires_at, one


def test_passwords_are_long_and_never_the_same() -> None:
    made = {people.password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) >= 15 for one in made)


async def test_planting_again_changes_nothing(stack: Stack) -> None:
    before, file = await _counts(stack), stack.demo_file.read_bytes()
    again = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.demo", env=stack.env("demo"), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    assert await again.wait() == 0
    assert stack.demo_file.read_bytes() == file
    assert await _counts(stack) == before


async def test_an_older_demo_file_gets_the_client_when_it_is_resumed(stack: Stack) -> None:
    whole = stack.demo
    stack.demo_file.write_text(json.dumps({name: value for name, value in whole.items() if name != "oauth"}))
    await stack._plant()
    assert stack.demo == whole
    assert stack.demo_file.stat().st_mode & 0o077 == 0
    assert whole["oauth"]["redirect_uri"] == "http://127.0.0.1:8787/callback"
    clients = "SELECT count(*) FROM oauth_clients WHERE id = $1"
    assert await _value(stack, "identity", clients, whole["oauth"]["client_id"]) == 1


async def test_services_documents_and_tickets_are_there_and_the_books_balance(stack: Stack) -> None:
    assert (await _counts(stack))[-3:] == [12, 300, 80]
    assert await _value(stack, "billing", "SELECT sum(amount_minor)::bigint FROM ledger_entries") == 0
    gaps = """SELECT count(*) FROM (SELECT max(serial) - count(*) AS missing FROM invoices GROUP BY series, year) s
              WHERE missing <> 0"""
    assert await _value(stack, "billing", gaps) == 0


async def test_the_agency_has_its_domains_and_minta_its_zones(stack: Stack) -> None:
    assert await _value(stack, "domains", "SELECT count(*) FROM domains WHERE account_id = $1", NAGY.id) == 2_000
    zones = "SELECT count(*) FROM zones WHERE account_id = $1 AND applied_version = version AND name = ANY($2)"
    held = ["minta.hu", "minta-bolt.hu", "xn--rvztr-wqa0gx3bwi.hu"]
    assert await _value(stack, "domains", zones, MINTA.id, held) == 3


def test_the_demo_file_is_private_and_names_everybody(stack: Stack) -> None:
    assert stack.demo_file.stat().st_mode & 0o077 == 0
    told = {person["email"]: person["role"] for person in json.loads(stack.demo_file.read_text())["people"]}
    assert told == {
        "anna@minta.example": "owner",
        "bela@minta.example": "accountant",
        "csaba@minta.example": "technical",
        "david@masik.example": "owner",
        "eszter@nagy.example": "owner",
    }
