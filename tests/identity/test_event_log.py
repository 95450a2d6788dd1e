"""The event log: append-only, chained, filtered, the account's own alone."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.identity import event_log
from services.identity.event_log import Verdict
from tests.serving import Serving, person

_START = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def told(account: UUID, n: int = 0, **fields: str) -> common_pb2.AuditRecorded:
    given = {"action": "domain.changed", "subject_type": "Domain", "subject_label": f"árvíztűrő{n}.hu"} | fields
    return common_pb2.AuditRecorded(
        account_id=str(account),
        actor=common_pb2.ActorRef(
            kind=given.pop("kind", "user"),
            id="u",
            label=given.pop("label", "anna@minta.example"),
            ip="192.0.2.1",
            contact_id=given.pop("contact_id", ""),
        ),
        occurred_at=times.to_pb(_START + timedelta(seconds=n)),
        **given,
    )


async def filled(identity: Serving, rows: int) -> UUID:
    account = uuid4()
    for n in range(rows):
        await identity.hear(told(account, n, after_json='{"ttl": 300}'), account)
    return account


async def tamper(identity: Serving, sql: str, *args: object) -> None:
    """As somebody who owns the table and switches its guard off."""
    async with identity.db.transaction() as tx:
        await tx.execute("ALTER TABLE event_log DISABLE TRIGGER append_only")
        assert await tx.execute(sql, *args) != "UPDATE 0"
        await tx.execute("ALTER TABLE event_log ENABLE TRIGGER append_only")


async def events(identity: Serving, account: UUID, **wanted: object) -> list[pb.Event]:
    request = pb.ListEventsRequest(page=common_pb2.PageRequest(first=100), **wanted)  # type: ignore[arg-type]
    answer = await identity.call(person(account, "log.read"), "ListEvents", request)
    return list(answer.events)


async def test_the_log_cannot_be_changed_or_shortened(identity: Serving) -> None:
    account = await filled(identity, 1)
    for sql in (
        "UPDATE event_log SET action = 'x' WHERE account_id = $1",
        "DELETE FROM event_log WHERE account_id = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await identity.db.execute(sql, account)
    with pytest.raises(asyncpg.RestrictViolationError):
        await identity.db.execute("TRUNCATE event_log")
    assert await event_log.verify(identity.db, account) == Verdict(1)


@pytest.mark.parametrize(
    "change",
    [
        "actor_label = 'mallory@evil.example'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "after_json = '{\"ttl\":300}'",
        "subject_id = 'x'",
        "id = uuidv7()",
        "hash = sha256('x')",
    ],
)
async def test_verifying_names_the_first_row_that_was_changed(identity: Serving, change: str) -> None:
    account = await filled(identity, 5)
    assert await event_log.verify(identity.db, account) == Verdict(5)
    await tamper(identity, f"UPDATE event_log SET {change} WHERE account_id = $1 AND seq IN (3, 4)", account)
    verdict = await event_log.verify(identity.db, account)
    assert (verdict.rows, verdict.broken_seq) == (2, 3)
    assert "does not fit" in verdict.cause


async def test_verifying_notices_a_row_taken_out_and_an_end_cut_off(identity: Serving) -> None:
    account = await filled(identity, 4)
    await tamper(identity, "DELETE FROM event_log WHERE account_id = $1 AND seq = 4", account)
    assert (await event_log.verify(identity.db, account)).broken_seq == 4
    await tamper(identity, "DELETE FROM event_log WHERE account_id = $1 AND seq = 2", account)
    verdict = await event_log.verify(identity.db, account)
    assert (verdict.broken_seq, verdict.cause) == (2, "the row is missing")


async def test_verifying_notices_rows_exchanged_and_a_row_resealed(identity: Serving) -> None:
    account = await filled(identity, 4)
    [row] = await identity.db.fetch("SELECT * FROM event_log WHERE account_id = $1 AND seq = 2", account)
    [first] = await identity.db.fetch("SELECT hash FROM event_log WHERE account_id = $1 AND seq = 1", account)
    forged = {**row, "actor_label": "bela@minta.example"}
    forged.pop("hash")
    sealed = event_log.chained(first["hash"], tuple(forged.values()))
    await tamper(
        identity,
        "UPDATE event_log SET actor_label = 'bela@minta.example', hash = $2 WHERE account_id = $1 AND seq = 2",
        account,
        sealed,
    )
    assert (await event_log.verify(identity.db, account)).broken_seq == 3


async def test_an_account_without_events_is_whole(identity: Serving) -> None:
    assert await event_log.verify(identity.db, uuid4()) == Verdict(0)


async def test_the_same_event_heard_twice_is_one_row(identity: Serving) -> None:
    account, message = uuid4(), uuid4()
    for _ in range(2):
        await identity.hear(told(account), account, message_id=message)
    assert [e.id for e in await events(identity, account)] == [str(message)]


async def test_events_heard_side_by_side_make_one_chain(identity: Serving) -> None:
    account = uuid4()
    await asyncio.gather(*(identity.hear(told(account, n), account) for n in range(40)))
    assert await event_log.verify(identity.db, account) == Verdict(40)
    labels = [e.subject_label for e in await events(identity, account)]
    assert labels == [f"árvíztűrő{n}.hu" for n in reversed(range(40))]


async def test_secrets_that_a_service_forgot_to_mask_are_masked(identity: Serving) -> None:
    account = uuid4()
    before = {"password": "titok-1", "panel": {"authCode": "titok-2", "auth_code": "titok-3", "token": "titok-4"}}
    before |= dict.fromkeys(
        ("apiKey", "accessToken", "passphrase", "pwd", "totp", "recovery_codes", "epp_code"), "titok-7"
    )
    after = {"items": [{"EppKey": "titok-5"}], "password": "", "name": "minta.hu", "tokens_left": 3}
    event = told(account, before_json=json.dumps(before), after_json=json.dumps(after))
    await identity.hear(event, account)
    [event_row] = await events(identity, account)
    assert "titok" not in str(event_row)
    assert json.loads(event_row.after_json) == {
        "items": [{"EppKey": "***"}],
        "password": "",
        "name": "minta.hu",
        "tokens_left": 3,
    }
    await identity.hear(told(account, 1, after_json="password=titok-6"), account)
    assert "titok" not in str(await events(identity, account))


async def test_filters_limit_by_who_what_and_when_and_all_at_once(identity: Serving) -> None:
    account, contact, domain = uuid4(), str(uuid4()), str(uuid4())
    await identity.hear(told(account, 1, kind="system"), account)
    await identity.hear(told(account, 2, contact_id=contact, action="zone.created", subject_type="Zone"), account)
    await identity.hear(told(account, 3, contact_id=contact, subject_id=domain), account)
    await identity.hear(told(account, 4, kind="operator", subject_id=domain, subject_type="Zone"), account)

    async def seen(**wanted: object) -> list[int]:
        found = await events(identity, account, **wanted)
        return [int(e.occurred_at.ToDatetime(tzinfo=UTC).timestamp() - _START.timestamp()) for e in found]

    assert await seen() == [4, 3, 2, 1]
    assert await seen(actor_kinds=["system", "operator"]) == [4, 1]
    assert await seen(contact_id=contact) == [3, 2]
    assert await seen(subject_type="Zone") == [4, 2]
    assert await seen(subject_id=domain) == [4, 3]
    since, until = (times.to_pb(_START + timedelta(seconds=n)) for n in (2, 4))
    assert await seen(since=since) == [4, 3, 2]
    assert await seen(since=since, until=until) == [3, 2]
    everything = {"subject_type": "Domain", "subject_id": domain, "search": "árvíz", "action": "domain."}
    assert await seen(actor_kinds=["user"], contact_id=contact, since=since, until=until, **everything) == [3]
    assert await seen(action="omain") == []  # from its beginning
    impossible = pb.ListEventsRequest()
    impossible.since.seconds = 10**15
    refused = await identity.refused(person(account, "log.read"), "ListEvents", impossible)
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["since"])


async def test_filters_match_the_actions_beginning_and_part_of_both_labels(identity: Serving) -> None:
    account = uuid4()
    await identity.hear(told(account, 1, action="invoice.paid", subject_label="SZ-1_00%"), account)
    await identity.hear(told(account, 2, label="Béla@minta.example"), account)
    assert [e.action for e in await events(identity, account, action="INVOICE")] == ["invoice.paid"]
    assert [e.action for e in await events(identity, account, search="béla")] == ["domain.changed"]
    assert [e.action for e in await events(identity, account, search="1_00%")] == ["invoice.paid"]
    assert not await events(identity, account, search="1x00")
    assert len(await events(identity, account, search="  ")) == 2


async def test_pages_walk_both_ways_through_the_whole_log(identity: Serving) -> None:
    account = await filled(identity, 7)
    reader = person(account, "log.read")
    forwards: list[str] = []
    page = common_pb2.PageRequest(first=3)
    while True:
        answer = await identity.call(reader, "ListEvents", pb.ListEventsRequest(page=page))
        forwards += [e.id for e in answer.events]
        if not answer.page.has_next:
            break
        page = common_pb2.PageRequest(first=3, after=answer.page.cursors[-1])
    assert len(set(forwards)) == 7
    back = common_pb2.PageRequest(last=3, before=answer.page.cursors[0])
    answer = await identity.call(reader, "ListEvents", pb.ListEventsRequest(page=back))
    assert [e.id for e in answer.events] == forwards[3:6]
    foreign = common_pb2.PageRequest(first=3, after="bm9uc2Vuc2U")
    refused = await identity.refused(reader, "ListEvents", pb.ListEventsRequest(page=foreign))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_INVALID")


async def test_a_grant_limited_to_an_object_shows_only_its_events(identity: Serving) -> None:
    account, domain = uuid4(), uuid4()
    await identity.hear(told(account, 1, subject_id=str(domain)), account)
    await identity.hear(told(account, 2, subject_id=str(uuid4())), account)
    limited = person(account, "log.read", resources=frozenset({domain}))
    answer = await identity.call(limited, "ListEvents", pb.ListEventsRequest())
    assert [e.subject_id for e in answer.events] == [str(domain)]
