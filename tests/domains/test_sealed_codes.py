"""A fresh auth code is read by nobody who reads the database."""

import base64
from uuid import uuid4

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2
from services.chassis.actor import system
from services.chassis.db import Database
from services.domains import auth_codes, transforms
from services.domains.app import operations
from tests.domains.conftest import Held, Registrar, until


async def asked(registrar: Registrar) -> tuple[Held, domains_pb2.RequestAuthCodeResponse]:
    """A fresh code whose command the registry has taken and not decided."""
    domain = await registrar.domain("com", auth="")
    domain.fault("pending")
    request = domains_pb2.RequestAuthCodeRequest(domain_id=str(domain.id))
    answer: domains_pb2.RequestAuthCodeResponse = await domain.call("RequestAuthCode", request)
    await domain.waits(answer.operation, "registry_update", "pending at the registry")
    return domain, answer


async def dump(db: Database) -> str:
    """Every row of every table, as text."""
    found: list[str] = []
    for table in await db.fetch("SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"):
        found += [row["line"] for row in await db.fetch(f"SELECT t::text AS line FROM {table['name']} t")]
    return "\n".join(found)


async def test_a_code_that_waits_for_the_registry_stands_nowhere_in_the_database(registrar: Registrar) -> None:
    domain, answer = await asked(registrar)
    text = await dump(registrar.service.db)
    assert domain.name in text
    assert answer.code
    for spelling in (answer.code, answer.code.encode().hex(), base64.b64encode(answer.code.encode()).decode()):
        assert spelling not in text
    parameters = await registrar.service.db.fetchval(
        "SELECT parameters FROM registry_intents WHERE domain_id = $1", domain.id
    )
    assert set(parameters) == {"sealed_code"}
    registrar.registry.control("POST", f"/pending/{domain.name}/complete")
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert domain.at_registry()["auth"] == answer.code
    kept = "SELECT parameters FROM registry_intents WHERE domain_id = $1"
    assert await registrar.service.db.fetchval(kept, domain.id) == {}


async def test_a_sealed_code_does_not_open_for_another_command(registrar: Registrar) -> None:
    (first, answer), (second, other) = await asked(registrar), await asked(registrar)
    await registrar.service.db.execute(
        """UPDATE registry_intents SET parameters = (SELECT parameters FROM registry_intents WHERE domain_id = $1)
           WHERE domain_id = $2""",
        first.id,
        second.id,
    )

    async def seal_broken() -> bool:
        query = """SELECT count(*) FROM jobs j JOIN registry_intents r ON r.id::text = j.key
                   WHERE r.domain_id = $1 AND j.last_error LIKE '%SealBroken%'"""
        await registrar.hurry()
        return bool(await registrar.service.db.fetchval(query, second.id))

    await until(seal_broken)
    assert domain_code(second) == ""
    registrar.registry.control("POST", f"/pending/{first.name}/complete")
    assert await first.ends(answer.operation) == ("SUCCEEDED", "")
    assert (await second.operation(other.operation.id)).state == common_pb2.OPERATION_STATE_WAITING
    await registrar.service.db.execute(
        "UPDATE registry_intents SET outcome = 'REFUSED', settled_at = now() WHERE domain_id = $1", second.id
    )


def domain_code(domain: Held) -> str:
    return str(domain.at_registry()["auth"])


async def test_a_code_that_was_queued_in_plain_text_is_still_set_and_forgotten(registrar: Registrar) -> None:
    domain, code = await registrar.domain("com", auth=""), f"Regi-{uuid4().hex[:8]}-Aa1"
    db = registrar.service.db
    row = await db.fetchrow("SELECT * FROM domains WHERE id = $1", domain.id)
    assert row is not None
    async with db.transaction() as tx:
        [operation] = await operations.start(
            tx,
            auth_codes.OPERATION,
            domain.account,
            subject_type="Domain",
            subject_ids=[domain.id],
            steps=["registry_update"],
            now=row["created_at"],
        )
        actor = system("domains", domain.account)
        await transforms.start(tx, row, auth_codes.COMMAND, {"code": code}, operation_id=operation["id"], actor=actor)
    assert await domain.ends(common_pb2.Operation(id=str(operation["id"]))) == ("SUCCEEDED", "")
    assert domain_code(domain) == code
    assert await db.fetchval("SELECT parameters FROM registry_intents WHERE domain_id = $1", domain.id) == {}
