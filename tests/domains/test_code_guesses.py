"""Guessing at the auth codes of names, through us: a few mistakes are nothing, a search for the right code is stopped."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest

from portico.domains.v1 import orders_pb2 as pb
from services.chassis.throttle import Allowance
from services.domains import code_guesses
from tests.domains.order_desk import CODE, EVERY, TRANSFER, Desk, gross, until, wrong_code
from tests.serving import person


async def tried(desk: Desk, account: UUID, *pairs: tuple[str, str]) -> list[str]:
    """The reasons of a dry run."""
    return [check.reason for check in (await desk.transfer(account, *pairs, dry_run=True)).checks]


def asked(desk: Desk, name: str) -> int:
    """How often the registry was asked about it."""
    return len(desk.registry.log("info", name))


async def time_passes(desk: Desk, account: UUID, by: timedelta) -> None:
    await desk.domains.db.execute(
        "UPDATE guesses SET whole_at = whole_at - $2::interval WHERE key LIKE '%' || $1 || '%'", str(account), by
    )


async def test_after_five_wrong_codes_of_a_name_the_registry_is_not_asked_for_a_while(desk: Desk) -> None:
    account, name, now = await desk.account(), desk.foreign(), datetime.now(UTC)
    for number in range(5):
        assert await tried(desk, account, (name, f"Rossz-kod-{number}")) == ["AUTH_CODE_WRONG"]
    other = desk.foreign()
    [check, fine] = (await desk.transfer(account, (name, CODE), (other, CODE), dry_run=True)).checks
    assert (check.reason, check.field, check.asked, fine.reason) == ("AUTH_CODE_THROTTLED", "auth_code", False, "")
    [blocker] = check.blockers
    until_ = blocker.until.ToDatetime(tzinfo=UTC)
    assert (blocker.reason, check.metadata["name"]) == ("AUTH_CODE_THROTTLED", name)
    assert now + timedelta(minutes=11) < until_ < now + timedelta(minutes=13)
    assert check.metadata["until"] == f"{until_:%Y-%m-%dT%H:%M:%SZ}"
    assert asked(desk, name) == 5
    ordered = await desk.transfer(account, (name, CODE), (other, CODE))
    assert [item.name for item in ordered.order.items] == [other]
    assert ordered.checks[0].reason == "AUTH_CODE_THROTTLED"
    assert await tried(desk, await desk.account(), (name, CODE)) == [""]
    await time_passes(desk, account, timedelta(minutes=13))
    assert await tried(desk, account, (name, "Rossz-kod-9")) == ["AUTH_CODE_WRONG"]
    assert await tried(desk, account, (name, CODE)) == ["AUTH_CODE_THROTTLED"]


async def test_a_right_code_gives_the_name_its_whole_allowance_back(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    for _ in range(2):
        for number in range(4):
            assert await tried(desk, account, (name, f"Rossz-kod-{number}")) == ["AUTH_CODE_WRONG"]
        assert await tried(desk, account, (name, CODE)) == [""]
    left = "SELECT count(*) FROM guesses WHERE key LIKE '%' || $1"
    assert await desk.domains.db.fetchval(left, name) == 0


async def test_guessing_in_parallel_gains_nothing(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    answers = await asyncio.gather(*(tried(desk, account, (name, f"Rossz-kod-{n}")) for n in range(20)))
    assert sorted(reason for [reason] in answers) == ["AUTH_CODE_THROTTLED"] * 15 + ["AUTH_CODE_WRONG"] * 5
    assert asked(desk, name) == 5


async def test_over_all_names_an_account_has_so_many_guesses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_guesses, "PER_ACCOUNT", Allowance(burst=10, every=timedelta(minutes=6)))
    account, names = await desk.account(), [desk.foreign() for _ in range(24)]
    lists = [[(name, "Rossz-kod-1") for name in part] for part in (names[:12], names[12:])]
    reasons = [
        reason for one in await asyncio.gather(*(tried(desk, account, *pairs) for pairs in lists)) for reason in one
    ]
    assert sorted(reasons) == ["AUTH_CODE_THROTTLED"] * 14 + ["AUTH_CODE_WRONG"] * 10
    assert sum(asked(desk, name) for name in names) == 10
    unasked = next(name for name in names if not asked(desk, name))
    assert await tried(desk, account, (unasked, CODE)) == ["AUTH_CODE_THROTTLED"]
    await time_passes(desk, account, timedelta(minutes=13))
    assert await tried(desk, account, (unasked, CODE)) == [""]


async def test_a_thousand_names_with_some_mistakes_pass(desk: Desk) -> None:
    account, run = await desk.account(), uuid4().hex[:8]
    names = [f"tomeges-{run}-{n}.hu" for n in range(1000)]
    desk.registry.control("POST", "/seed", [{"name": name, "registrar": "other", "auth": CODE} for name in names])
    pairs = [(name, "Eliras-12" if n < 12 else CODE) for n, name in enumerate(names)]
    reasons = await tried(desk, account, *pairs)
    assert reasons == ["AUTH_CODE_WRONG"] * 12 + [""] * 988
    whole_at = await desk.domains.db.fetchval("SELECT whole_at FROM guesses WHERE key = $1", f"auth_code:{account}")
    assert whole_at < datetime.now(UTC) + 13 * code_guesses.PER_ACCOUNT.every
    kept = "SELECT count(*) FROM guesses WHERE key LIKE '%tomeges-' || $1 || '-%'"
    assert await desk.domains.db.fetchval(kept, run) == 12


async def test_what_the_registry_does_not_answer_is_no_guess(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    desk.registry.fault("result", command="info", name=name, code=2400, times=7)
    for _ in range(7):
        assert await tried(desk, account, (name, CODE)) == [""]
    assert await tried(desk, account, (name, CODE)) == [""]
    assert await desk.domains.db.fetchval("SELECT count(*) FROM guesses WHERE key LIKE '%' || $1", name) == 0


async def test_who_hangs_up_before_the_answer_has_guessed_all_the_same(desk: Desk) -> None:
    account, name = await desk.account(), desk.foreign()
    who = desk.domains.token(person(account, *EVERY))
    desk.registry.fault("delay", command="info", name=name, seconds=0.4, times=5)
    for number in range(5):
        item = pb.TransferItem(name=name, auth_code=f"Rossz-kod-{number}")
        call = desk.domains.stub.TransferDomains(
            pb.TransferDomainsRequest(dry_run=True, items=[item]),
            timeout=20,
            metadata=[("authorization", f"Bearer {who}")],
        )

        async def is_asked(before: int = number) -> bool:
            return asked(desk, name) > before

        await until(is_asked)
        call.cancel()
        with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
            await call

    async def throttled() -> bool:
        return await tried(desk, account, (name, CODE)) == ["AUTH_CODE_THROTTLED"]

    await until(throttled)
    assert asked(desk, name) == 5


async def test_codes_for_a_transfer_that_waits_for_one_are_counted_too(desk: Desk) -> None:
    account, name, domain_id = await wrong_code(desk)
    who = person(account, *EVERY)
    for number in range(4):
        wish = pb.RetryTransferRequest(domain_id=domain_id, auth_code=f"Rossz-kod-{number}")
        await desk.domains.call(who, "RetryTransfer", wish)

        async def wanted() -> bool:
            return bool((await desk.item(name))["code_wanted"])

        await until(wanted)
    right = pb.RetryTransferRequest(domain_id=domain_id, auth_code="Uj-kod-9876")
    refused = await desk.domains.refused(who, "RetryTransfer", right)
    assert (refused.reason, refused.fields) == ("AUTH_CODE_THROTTLED", ["auth_code"])
    assert refused.metadata["until"].endswith("Z")
    item = await desk.item(name)
    assert (item["auth_code"], bool(item["code_wanted"])) == (None, True)
    await time_passes(desk, account, timedelta(minutes=13))
    await desk.domains.call(who, "RetryTransfer", right)
    await desk.hurry()
    await desk.waits(name, "pending at the registry")
    desk.decide(name)
    assert (await desk.ended(name))["state"] == "DONE"
    assert await desk.spent(account) == gross(TRANSFER)
    assert await desk.domains.db.fetchval("SELECT count(*) FROM guesses WHERE key LIKE '%' || $1", name) == 0
