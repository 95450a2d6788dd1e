"""Operations as customers follow them, and the event log's entries."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from portico.common.v1 import common_pb2
from services.chassis import audit, operations, pages
from services.chassis.actor import Actor
from services.chassis.db import Database
from services.chassis.operations import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, WAITING, Operations

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
STEPS = ["payment", "registry_create", "zone"]
OPS = Operations("echo")


async def start(db: Database, account: UUID, *subjects: UUID, state: str = QUEUED) -> list[UUID]:
    async with db.transaction() as tx:
        rows = await OPS.start(
            tx, "REGISTRATION", account, subject_type="Domain", subject_ids=subjects, steps=STEPS, now=NOW, state=state
        )
    return [row["id"] for row in rows]


async def read(db: Database, account: UUID, operation: UUID) -> common_pb2.Operation:
    (row,) = await operations.by_ids(db, account, [operation])
    return operations.to_pb(row)


def states(operation: common_pb2.Operation) -> list[str]:
    return operations.state_names([operation.state, *(step.state for step in operation.steps)])


async def step(db: Database, operation: UUID, name: str, state: str) -> None:
    async with db.transaction() as tx:
        await OPS.step(tx, operation, name, state, detail=f"{name} {state}")


async def test_operations_start_in_the_order_of_their_subjects(db: Database) -> None:
    account, subjects = uuid4(), [uuid4() for _ in range(5)]
    ids = await start(db, account, *subjects, state=WAITING)
    found = [await read(db, account, one) for one in ids]
    assert [one.subject_id for one in found] == [str(s) for s in subjects]
    assert states(found[0]) == [WAITING, QUEUED, QUEUED, QUEUED]
    assert found[0].started_at.ToDatetime(tzinfo=UTC) == NOW
    assert not found[0].HasField("finished_at")
    assert found[0].progress == 0


async def test_operation_follows_its_steps_to_success(db: Database) -> None:
    account = uuid4()
    (one,) = await start(db, account, uuid4())
    await step(db, one, "payment", WAITING)
    assert states(await read(db, account, one)) == [WAITING, WAITING, QUEUED, QUEUED]
    await step(db, one, "payment", SUCCEEDED)
    found = await read(db, account, one)
    assert states(found) == [RUNNING, SUCCEEDED, QUEUED, QUEUED]
    assert found.progress == pytest.approx(1 / 3)
    assert found.steps[0].detail == "payment SUCCEEDED"
    async with db.transaction() as tx:
        await OPS.finish(tx, one, SUCCEEDED)
    found = await read(db, account, one)
    assert states(found) == [SUCCEEDED] * 4
    assert found.progress == 1
    assert found.HasField("finished_at")


async def test_failure_marks_the_step_it_happened_in_and_keeps_the_reason(db: Database) -> None:
    account = uuid4()
    (one,) = await start(db, account, uuid4())
    await step(db, one, "payment", SUCCEEDED)
    async with db.transaction() as tx:
        await OPS.finish(tx, one, FAILED, reason="DOMAIN_TAKEN", metadata={"name": "minta.hu"})
    found = await read(db, account, one)
    assert states(found) == [FAILED, SUCCEEDED, FAILED, CANCELLED]
    assert (found.error_reason, dict(found.error_metadata)) == ("DOMAIN_TAKEN", {"name": "minta.hu"})


async def test_ended_operation_stays_as_it_is(db: Database) -> None:
    account = uuid4()
    (one,) = await start(db, account, uuid4())
    async with db.transaction() as tx:
        await OPS.finish(tx, one, FAILED, reason="FIRST")
        await OPS.finish(tx, one, SUCCEEDED)
        await OPS.step(tx, one, "payment", RUNNING)
    found = await read(db, account, one)
    assert (states(found)[0], found.error_reason) == (FAILED, "FIRST")


async def test_every_change_is_an_event_in_the_outbox(db: Database) -> None:
    account = uuid4()
    (one,) = await start(db, account, uuid4())
    await step(db, one, "payment", RUNNING)
    async with db.transaction() as tx:
        await OPS.finish(tx, one, CANCELLED)
    rows = await db.fetch("SELECT * FROM outbox WHERE aggregate = $1 ORDER BY seq", str(one))
    events = [common_pb2.OperationUpdated.FromString(row["body"]) for row in rows]
    assert {row["routing_key"] for row in rows} == {"common.operation_updated"}
    assert [operations.state_names([e.operation.state]) for e in events] == [[RUNNING], [CANCELLED]]
    assert {(e.service, e.account_id) for e in events} == {("echo", str(account))}


async def test_lists_hold_only_the_accounts_own_and_only_what_is_in_scope(db: Database) -> None:
    account, subjects = uuid4(), [uuid4() for _ in range(3)]
    ids = await start(db, account, *subjects)
    (foreign,) = await start(db, uuid4(), uuid4())
    await step(db, ids[1], "payment", RUNNING)
    page = pages.read(common_pb2.PageRequest(first=10))

    async def listed(states: list[str], scope: list[UUID] | None) -> list[UUID]:
        rows, _ = await operations.list_page(db, account, states, page, scope)
        return [row["id"] for row in rows]

    assert await listed([], None) == ids[::-1]
    assert await listed([QUEUED], None) == [ids[2], ids[0]]
    assert await listed([], [subjects[0]]) == [ids[0]]
    assert await listed([], []) == []
    assert [r["id"] for r in await operations.by_ids(db, account, [ids[0], foreign])] == [ids[0]]
    assert await operations.by_ids(db, account, ids, []) == []


async def test_audit_entry_leaves_with_the_change_and_in_the_accounts_order(db: Database) -> None:
    actor = Actor("user", "u1", "anna@minta.example", uuid4(), contact_id=uuid4(), ip="192.0.2.1")
    async with db.transaction() as tx:
        subject = ("Domain", uuid4(), "minta.hu")
        await audit.record(tx, actor, "domain.renamed", subject=subject, before={"b": 1, "a": "ő"}, after={"at": NOW})
        await audit.record(tx, actor, "domain.seen", subject=subject)
    rows = await db.fetch("SELECT * FROM outbox WHERE account_id = $1 ORDER BY seq", str(actor.account_id))
    first, second = (common_pb2.AuditRecorded.FromString(row["body"]) for row in rows)
    assert {row["aggregate"] for row in rows} == {f"audit:{actor.account_id}"}
    assert first.before_json == '{"a": "ő", "b": 1}'
    assert json.loads(first.after_json) == {"at": NOW.isoformat()}
    assert (first.actor.label, first.actor.ip, first.actor.contact_id) == (actor.label, actor.ip, str(actor.contact_id))
    assert (second.before_json, second.after_json, second.subject_label) == ("", "", "minta.hu")
