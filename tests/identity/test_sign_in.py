"""Passwords, sessions and the throttling of guesses."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import count

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.identity import throttle
from services.identity.passwords import Hasher
from tests.identity.conftest import Member, Town
from tests.serving import Serving

_addresses = (f"198.51.{n // 250}.{n % 250 + 1}" for n in count())


def sign_in(member: Member, password: str = "", ip: str = "") -> pb.CreateSessionRequest:
    return pb.CreateSessionRequest(
        email=member.email, password=password or member.password, ip=ip or next(_addresses), user_agent="pytest"
    )


async def signed_in(identity: Serving, member: Member) -> str:
    answer = await identity.call(None, "CreateSession", sign_in(member))
    return str(answer.secret)


async def audited(identity: Serving, member: Member) -> list[tuple[str, str, str]]:
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    return [(e.action, e.actor.kind, e.actor.ip) for e in told if e.action.startswith("user.")]


async def test_the_right_password_opens_a_session_and_ending_it_closes_it_for_good(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    request = sign_in(member, ip="203.0.113.7")
    request.email = f"  {member.email.upper()} "
    session = await identity.call(None, "CreateSession", request)
    assert session.expires_at.ToDatetime(tzinfo=UTC) > datetime.now(UTC) + timedelta(days=29)
    found = await identity.call(None, "Authenticate", pb.AuthenticateRequest(credential=session.secret))
    assert (found.user.email, found.credential_kind) == (member.email, "session")
    for _ in range(2):
        await identity.call(None, "EndSession", pb.EndSessionRequest(secret=session.secret))
    refused = await identity.refused(None, "Authenticate", pb.AuthenticateRequest(credential=session.secret))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
    assert await audited(identity, member) == [
        ("user.signed_in", "user", "203.0.113.7"),
        ("user.signed_out", "user", "203.0.113.7"),
    ]


async def test_the_secret_and_the_password_are_stored_as_hashes_alone(identity: Serving, town: Town) -> None:
    member = await town.member()
    secret = await signed_in(identity, member)
    token = await town.token(member)
    for table in ("users", "sessions", "api_tokens", "outbox"):
        for row in await identity.db.fetch(f"SELECT * FROM {table}"):
            assert not any(s in str(v) for v in row.values() for s in (secret, token, member.password))


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(identity: Serving, town: Town) -> None:
    member = await town.member()
    wrong = await identity.refused(None, "CreateSession", sign_in(member, "rossz jelszó", ip="203.0.113.8"))
    nobody = pb.CreateSessionRequest(email="nobody@minta.example", password="rossz jelszó", ip="203.0.113.8")
    assert wrong == await identity.refused(None, "CreateSession", nobody)
    assert (wrong.code, wrong.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SIGN_IN_FAILED")
    assert await audited(identity, member) == [("user.sign_in_failed", "system", "203.0.113.8")]


async def test_an_unknown_address_costs_the_same_work_as_a_known_one() -> None:
    hasher = Hasher()
    encoded = await hasher.hash("helyes jelszó")
    assert encoded.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    took = {"known": 9.0, "unknown": 9.0}
    for _ in range(5):
        for name, stored in (("known", encoded), ("unknown", None)):
            started = time.process_time()
            assert not await hasher.matches(stored, "rossz jelszó")
            took[name] = min(took[name], time.process_time() - started)
    assert 0.5 < took["known"] / took["unknown"] < 2


async def test_a_password_is_right_however_its_accents_are_typed(identity: Serving, town: Town) -> None:
    member = await town.member()
    await identity.call(None, "CreateSession", sign_in(member, "helyes jelszo\N{COMBINING ACUTE ACCENT}"))


async def test_signing_in_renews_a_hash_of_older_parameters(identity: Serving, town: Town) -> None:
    member = await town.member()
    old = await Hasher(memory_kib=32).hash(member.password)
    await identity.db.execute("UPDATE users SET password_hash = $2 WHERE id = $1", member.user_id, old)
    await signed_in(identity, member)
    new = await identity.db.fetchval("SELECT password_hash FROM users WHERE id = $1", member.user_id)
    assert "m=64," in new
    await signed_in(identity, member)


async def test_of_fifty_parallel_guesses_only_the_allowance_is_looked_at(identity: Serving, town: Town) -> None:
    member = await town.member()
    guesses = (identity.refused(None, "CreateSession", sign_in(member, f"tipp {n}")) for n in range(50))
    reasons = [refused.reason for refused in await asyncio.gather(*guesses)]
    assert reasons.count("SIGN_IN_FAILED") == throttle.PER_ADDRESS.burst
    assert reasons.count("SIGN_IN_THROTTLED") == 50 - throttle.PER_ADDRESS.burst
    right = await identity.refused(None, "CreateSession", sign_in(member))
    assert (right.code, right.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGN_IN_THROTTLED")
    assert 0 < int(right.metadata["retry_after"]) <= 60
    assert len(await audited(identity, member)) == throttle.PER_ADDRESS.burst


async def test_guesses_at_an_unknown_address_are_throttled_alike_however_it_is_spelled(identity: Serving) -> None:
    def guess(email: str) -> pb.CreateSessionRequest:
        return pb.CreateSessionRequest(email=email, password="tipp", ip=next(_addresses))

    spellings = ["ghost@minta.example", "GHOST@m\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}nta.example"] * 6
    reasons = [(await identity.refused(None, "CreateSession", guess(email))).reason for email in spellings]
    assert reasons == ["SIGN_IN_FAILED"] * 10 + ["SIGN_IN_THROTTLED"] * 2


async def test_one_ip_may_not_try_many_addresses(identity: Serving) -> None:
    async def guess(n: int) -> str:
        request = pb.CreateSessionRequest(email=f"n{n}@minta.example", password="tipp", ip="203.0.113.99")
        return (await identity.refused(None, "CreateSession", request)).reason

    reasons = [await guess(n) for n in range(throttle.PER_IP.burst + 5)]
    assert reasons.count("SIGN_IN_THROTTLED") == 5


async def test_the_allowance_refills_and_a_right_password_makes_it_whole(identity: Serving, town: Town) -> None:
    member, now = await town.member(), datetime.now(UTC)
    for n in range(10):
        await throttle.spend(identity.db, member.email, f"n{n}", now)
    await identity.db.execute(
        "UPDATE guesses SET whole_at = whole_at - interval '3 min' WHERE key LIKE '%' || $1", member.email
    )
    wrong = [(await identity.refused(None, "CreateSession", sign_in(member, "tipp"))).reason for _ in range(2)]
    assert wrong == ["SIGN_IN_FAILED"] * 2
    await signed_in(identity, member)
    wrong = [(await identity.refused(None, "CreateSession", sign_in(member, "tipp"))).reason for _ in range(11)]
    assert wrong == ["SIGN_IN_FAILED"] * 10 + ["SIGN_IN_THROTTLED"]


async def test_a_sign_in_shows_in_the_log_of_each_account_of_the_user(identity: Serving, town: Town) -> None:
    member = await town.member()
    other = await town.account("Másik Bt.")
    await town.join(member, other, "read_only")
    await signed_in(identity, member)
    for account in (member.account_id, other):
        told = await identity.told(common_pb2.AuditRecorded, account)
        assert [e.subject_label for e in told if e.action == "user.signed_in"] == [member.email]


async def test_malformed_requests_name_the_field(identity: Serving) -> None:
    refused = await identity.refused(None, "CreateSession", pb.CreateSessionRequest(email="a@b.example"))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["password"])
    long = pb.AuthenticateRequest(credential="x" * 5000)
    assert (await identity.refused(None, "Authenticate", long)).fields == ["credential"]


async def test_one_user_has_one_allowance_however_the_address_is_spelled(identity: Serving, town: Town) -> None:
    member, looked_at = await town.member(), 0
    dotted = member.email.replace("minta", "m\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}nta")
    for email in (member.email, dotted, dotted.upper(), f" {member.email}"):
        for _ in range(5):
            request = sign_in(member, "tipp")
            request.email = email
            looked_at += (await identity.refused(None, "CreateSession", request)).reason == "SIGN_IN_FAILED"
    assert looked_at == throttle.PER_ADDRESS.burst


@pytest.mark.parametrize("pattern", ["2001:db8:7:8::{:x}", "::ffff:198.51.100.77"])
async def test_a_whole_network_that_one_customer_gets_counts_as_one_ip(identity: Serving, pattern: str) -> None:
    now = datetime.now(UTC)
    for n in range(throttle.PER_IP.burst):
        await throttle.spend(identity.db, f"{n}{pattern}", pattern.format(n + 1), now)
    other = "198.51.100.77" if "ffff" in pattern else pattern.format(0xFFFF)
    with pytest.raises(throttle.SignInThrottled):
        await throttle.spend(identity.db, f"other{pattern}", other, now)
    await throttle.spend(identity.db, f"other{pattern}", "2001:db8:7:9::1" + str(len(pattern)), now)


async def test_the_time_of_a_refusal_does_not_tell_whether_the_address_is_known(identity: Serving, town: Town) -> None:
    member = await town.member()
    for n in range(40):  # much to write down
        await town.join(member, await town.account(f"{n}. Kft."), "read_only")
    took: dict[str, float] = {"known": 9.0, "unknown": 9.0}
    for n in range(5):
        for name, email in (("known", member.email), ("unknown", f"nobody-{n}@minta.example")):
            request = sign_in(member, "tipp")
            request.email = email
            started = time.perf_counter()
            await identity.refused(None, "CreateSession", request)
            took[name] = min(took[name], time.perf_counter() - started)
    assert 0.7 < took["known"] / took["unknown"] < 1.4


async def test_an_account_that_the_user_has_left_is_told_nothing_more(identity: Serving, town: Town) -> None:
    member = await town.member()
    await identity.db.execute(
        "UPDATE contacts SET expires_at = now() - interval '1 s' WHERE id = $1", member.contact_id
    )
    await signed_in(identity, member)
    await identity.refused(None, "CreateSession", sign_in(member, "tipp"))
    assert not await audited(identity, member)
