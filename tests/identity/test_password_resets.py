"""A new password by e-mail: one link, once, for an hour."""

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest

from portico.identity.v1 import passwords_pb2 as pb
from services.identity import jobs, throttle
from tests.identity.conftest import SEALER, Member, Town
from tests.identity.test_credentials import authenticated, reason
from tests.identity.test_own_credentials import session_of
from tests.identity.test_passwords import GOOD, changing, letters, logged
from tests.identity.test_sign_in import _addresses, sign_in, signed_in
from tests.serving import Serving


def asking(email: str, ip: str = "") -> pb.RequestPasswordResetRequest:
    return pb.RequestPasswordResetRequest(email=email, ip=ip or next(_addresses))


def redeeming(link: str, new: str = GOOD) -> pb.ResetPasswordRequest:
    return pb.ResetPasswordRequest(secret=link, new_password=new, ip="203.0.113.44")


async def asked(identity: Serving, member: Member) -> str:
    """The secret of the link that is mailed."""
    await identity.call(None, "RequestPasswordReset", asking(member.email))
    mail = (await letters(identity, member, "password_reset"))[-1]
    assert "60 percig" in mail["body"]
    address = urlsplit(SEALER.open(mail["sealed_secret"], f"email:{mail['occasion']}").decode())
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://portal.example/reset"
    return parse_qs(address.query)["token"][0]


async def invalid(identity: Serving, link: str) -> bool:
    """Whether looking and setting are refused alike."""
    looked = await identity.refused(None, "GetPasswordReset", pb.GetPasswordResetRequest(secret=link))
    refused = await identity.refused(None, "ResetPassword", redeeming(link))
    return looked == refused and (refused.code, refused.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "RESET_LINK_INVALID",
    )


async def test_a_link_sets_the_password_ends_every_session_and_tells_log_and_user(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    open_session, token = await signed_in(identity, member), await town.token(member)
    link = await asked(identity, member)
    found = await identity.call(None, "GetPasswordReset", pb.GetPasswordResetRequest(secret=link))
    assert (found.email, found.min_length) == (member.email, 15)
    await authenticated(identity, open_session)  # asking and looking change nothing
    await identity.call(None, "ResetPassword", redeeming(link))
    assert await reason(identity, open_session) == "CREDENTIAL_INVALID"
    await authenticated(identity, token)
    await identity.call(None, "CreateSession", sign_in(member, GOOD))
    assert (await identity.refused(None, "CreateSession", sign_in(member))).reason == "SIGN_IN_FAILED"
    [requested] = await logged(identity, member, "user.password_reset_requested")
    assert requested.actor.kind == "system"
    [done] = await logged(identity, member, "user.password_reset")
    assert (done.actor.kind, done.actor.label, done.actor.ip) == ("user", member.email, "203.0.113.44")
    [mail] = await letters(identity, member, "password_changed")
    assert "hivatkozással" in mail["body"]
    assert "203.0.113.44" in mail["body"]
    assert await invalid(identity, link)


async def test_the_link_is_nowhere_readable_but_in_the_mail(identity: Serving, town: Town) -> None:
    member = await town.member()
    link = await asked(identity, member)
    for table in ("password_resets", "emails", "outbox", "jobs"):
        for row in await identity.db.fetch(f"SELECT * FROM {table}"):
            assert link not in "".join(map(str, row.values()))


async def test_of_fifty_parallel_redemptions_exactly_one_wins(identity: Serving, town: Town) -> None:
    member = await town.member()
    link = await asked(identity, member)

    async def one(n: int) -> str:
        try:
            await identity.call(None, "ResetPassword", redeeming(link, f"{GOOD} {n}"))
        except grpc.aio.AioRpcError:
            return ""
        return f"{GOOD} {n}"

    [won] = filter(None, await asyncio.gather(*map(one, range(50))))
    await identity.call(None, "CreateSession", sign_in(member, won))
    assert len(await letters(identity, member, "password_changed")) == 1
    assert len(await logged(identity, member, "user.password_reset")) == 1


async def test_only_the_newest_link_works(identity: Serving, town: Town) -> None:
    member = await town.member()
    older, newer = await asked(identity, member), await asked(identity, member)
    assert await invalid(identity, older)
    await identity.call(None, "ResetPassword", redeeming(newer))
    assert await invalid(identity, newer)


async def test_an_expired_an_unknown_and_a_malformed_link_are_refused_alike(identity: Serving, town: Town) -> None:
    member = await town.member()
    link = await asked(identity, member)
    left = await identity.db.fetchval(
        "SELECT expires_at - now() FROM password_resets WHERE user_id = $1", member.user_id
    )
    assert 59 * 60 < left.total_seconds() <= 60 * 60
    await identity.db.execute("UPDATE password_resets SET expires_at = now() WHERE user_id = $1", member.user_id)
    for bad in (link, "pr_" + "a" * 43, "x", member.email):
        assert await invalid(identity, bad)
    await signed_in(identity, member)
    await jobs.purge(identity.app)
    assert not await identity.db.fetch("SELECT FROM password_resets WHERE user_id = $1", member.user_id)


async def test_a_change_of_the_password_ends_the_link(identity: Serving, town: Town) -> None:
    member = await town.member()
    link = await asked(identity, member)
    await identity.call(await session_of(identity, member), "ChangePassword", changing(member.password))
    assert await invalid(identity, link)


@pytest.mark.parametrize("new", ["rövid", "jelszó jelszó jelszó", "x" * 1025])
async def test_a_bad_new_password_leaves_the_link_good(identity: Serving, town: Town, new: str) -> None:
    member = await town.member()
    link = await asked(identity, member)
    refused = await identity.refused(None, "ResetPassword", redeeming(link, new))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["new_password"])
    await signed_in(identity, member)
    await identity.call(None, "ResetPassword", redeeming(link))


async def test_second_factors_stay_and_shorten_what_is_needed(identity: Serving, town: Town) -> None:
    member = await town.member()
    await town.factor(member)
    link = await asked(identity, member)
    found = await identity.call(None, "GetPasswordReset", pb.GetPasswordResetRequest(secret=link))
    assert found.min_length == 8
    await identity.call(None, "ResetPassword", redeeming(link, "xkqzwvtr"))
    assert await identity.db.fetchval("SELECT count(*) FROM factors WHERE user_id = $1", member.user_id) == 1
    opened = await identity.db.fetchval(
        "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL", member.user_id
    )
    assert opened == 0


async def test_an_unknown_address_gets_the_same_answer_in_the_same_time_and_no_mail(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    for n in range(20):  # much to write down
        await town.join(member, await town.account(f"{n}. Kft."), "read_only")
    before = await identity.db.fetchval("SELECT count(*) FROM emails")
    took: dict[str, float] = {"known": 9.0, "unknown": 9.0}
    for n in range(3):
        for name, email in (("known", f"  {member.email.upper()} "), ("unknown", f"nobody-{n}@minta.example")):
            started = time.perf_counter()
            assert await identity.call(None, "RequestPasswordReset", asking(email)) == pb.RequestPasswordResetResponse()
            took[name] = min(took[name], time.perf_counter() - started)
    assert 0.7 < took["known"] / took["unknown"] < 1.4
    assert await identity.db.fetchval("SELECT count(*) FROM emails") - before == 3


async def test_fifty_parallel_requests_send_no_more_than_the_allowance_known_or_not(
    identity: Serving, town: Town
) -> None:
    member, burst = await town.member(), throttle.RESET.per_address.burst

    async def one(email: str) -> str:
        try:
            await identity.call(None, "RequestPasswordReset", asking(email))
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "taken"

    for email in (member.email, "nobody-at-all@minta.example"):
        answers = await asyncio.gather(*(one(email) for _ in range(50)))
        assert set(answers) == {"taken", "RESOURCE_EXHAUSTED"}
        # One less when the calls are paid for in another order than they arrived in.
        assert burst - 1 <= answers.count("taken") <= burst
    assert len(await letters(identity, member, "password_reset")) <= burst
    await signed_in(identity, member)  # it has an allowance of its own
    await one(member.email)
    refused = await identity.refused(None, "RequestPasswordReset", asking(member.email))
    assert refused.reason == "RESET_THROTTLED"
    assert 0 < int(refused.metadata["retry_after"]) <= 600


async def test_one_ip_may_not_ask_for_many_addresses(identity: Serving) -> None:
    burst = throttle.RESET.per_ip.burst

    async def one(n: int) -> bool:
        request = asking(f"many-{n}@minta.example", ip="203.0.113.200")
        try:
            await identity.call(None, "RequestPasswordReset", request)
        except grpc.aio.AioRpcError:
            return False
        return True

    # One less when the calls are paid for in another order than they arrived in.
    assert burst - 1 <= sum(await asyncio.gather(*map(one, range(50)))) <= burst


async def test_who_was_locked_out_by_guesses_gets_in_after_a_reset(identity: Serving, town: Town) -> None:
    member = await town.member()
    guesses = (sign_in(member, f"tipp {n}") for n in range(throttle.PER_ADDRESS.burst + 5))
    await asyncio.gather(*(identity.refused(None, "CreateSession", guess) for guess in guesses))
    assert (await identity.refused(None, "CreateSession", sign_in(member))).reason == "SIGN_IN_THROTTLED"
    await identity.call(None, "ResetPassword", redeeming(await asked(identity, member)))
    await identity.call(None, "CreateSession", sign_in(member, GOOD))
