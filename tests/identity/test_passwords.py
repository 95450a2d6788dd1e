"""What a password must be, and changing it."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import passwords_pb2 as pb
from services.chassis.actor import Actor
from services.chassis.db import Row
from services.chassis.errors import DomainError
from services.identity import password_rules, throttle
from tests.identity.conftest import Member, Town
from tests.identity.test_credentials import authenticated, read, reason
from tests.identity.test_own_credentials import session_of, sessions
from tests.identity.test_sign_in import sign_in, signed_in
from tests.serving import Serving

GOOD = "helyes ló elem kapocs"


def verdict(password: str, *, has_second_factor: bool = False) -> str:
    """The reason of the refusal; "" when it is taken."""
    try:
        password_rules.check(
            password, email="anna.kovacs@minta.example", name="Kovács Anna", has_second_factor=has_second_factor
        )
    except DomainError as error:
        return error.reason if error.field == "password" else f"{error.reason} of {error.field}"
    return ""


@pytest.mark.parametrize(
    "password",
    [GOOD, "tavolu-mekiro-besapi-4821", "correct horse battery staple", "ő" * 7 + "xkqzwvtr", "!?%/=(+§~ˇ^˘°˛`1"],
)
def test_any_long_password_that_is_not_tried_first_is_taken(password: str) -> None:
    assert verdict(password) == ""


def test_how_long_it_must_be_depends_on_a_second_factor_and_counts_the_normal_form() -> None:
    assert verdict("xkqzwvtrmbñdçé") == "PASSWORD_TOO_SHORT"
    assert verdict("xkqzwvt", has_second_factor=True) == "PASSWORD_TOO_SHORT"
    assert verdict("xkqzwvtr", has_second_factor=True) == ""
    # Fourteen letters, one of them typed as a letter and its accent.
    assert verdict("xkqzwvtrmbndc" + "e\N{COMBINING ACUTE ACCENT}") == "PASSWORD_TOO_SHORT"
    longest = "".join(chr(0x4E00 + n * 7 % 5000) for n in range(1024))
    assert verdict(longest) == ""
    assert verdict(longest + "x") == "PASSWORD_TOO_LONG"
    assert verdict("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60) == "PASSWORD_TOO_LONG"


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "jelszó12",
        "Jelszavam",
        "JELSZÓ JELSZÓ",
        "jel-szó-123",
        "12345678",
        "87654321",
        "abcdefghij",
        "aaaaaaaa",
        "        ",
        "abcabcabca",
        "password1234567",
        "qwertzuiopasdfghjkl",
        "budapest2024",
        "Magyarország 1",
        "szeretlekanyukam",
        "ｐａｓｓｗｏｒｄ",
    ],
)
def test_what_is_tried_first_is_refused_in_any_case_and_dress(password: str) -> None:
    assert verdict(password, has_second_factor=True) == "PASSWORD_COMMON"


@pytest.mark.parametrize(
    "password",
    [
        "anna.kovacs@minta.example",
        "Anna.Kovacs@Minta.Example",
        "KovácsAnna",
        "anna kovacs",
        "kovacsanna12345",
        "minta.example",
    ],
)
def test_the_own_name_and_address_are_refused(password: str) -> None:
    assert verdict(password, has_second_factor=True) == "PASSWORD_PERSONAL"


def changing(current: str, new: str = GOOD, *, end_others: bool = True) -> pb.ChangePasswordRequest:
    return pb.ChangePasswordRequest(current_password=current, new_password=new, end_other_sessions=end_others)


async def letters(identity: Serving, member: Member, name: str) -> list[Row]:
    """What was written to the user itself, the oldest first."""
    return await identity.db.fetch(
        """SELECT * FROM emails WHERE user_id = $1 AND account_id IS NULL AND occasion LIKE $2 || ':%'
           ORDER BY created_at, id""",
        member.user_id,
        name,
    )


async def logged(identity: Serving, member: Member, action: str) -> list[common_pb2.AuditRecorded]:
    told = await identity.told(common_pb2.AuditRecorded, member.account_id)
    return [event for event in told if event.action == action]


async def unchanged(identity: Serving, member: Member) -> bool:
    """Whether the old password still opens a session, and nobody was told otherwise."""
    await identity.db.execute("DELETE FROM guesses WHERE key LIKE '%' || $1", member.email)
    await signed_in(identity, member)
    return not await letters(identity, member, "password_changed")


async def test_a_change_ends_the_other_sessions_and_tells_log_and_user(identity: Serving, town: Town) -> None:
    member = await town.member()
    other = await town.account("Másik Bt.")
    await town.join(member, other, "read_only")
    elsewhere, here = await signed_in(identity, member), await session_of(identity, member)
    answer = await identity.call(here, "ChangePassword", changing(member.password))
    assert answer.ended_sessions == 1
    assert await reason(identity, elsewhere) == "CREDENTIAL_INVALID"
    assert [s.current for s in await sessions(identity, here)] == [True]
    assert (await identity.refused(None, "CreateSession", sign_in(member))).reason == "SIGN_IN_FAILED"
    await identity.call(None, "CreateSession", sign_in(member, GOOD))
    for account_id in (member.account_id, other):
        [event] = await logged(identity, replace(member, account_id=account_id), "user.password_changed")
        assert (event.actor.kind, event.actor.label, event.actor.ip) == ("user", member.email, "192.0.2.9")
    assert len(await logged(identity, member, "user.sessions_revoked")) == 1
    [mail] = await letters(identity, member, "password_changed")
    assert (mail["category"], mail["recipient"], mail["subject"]) == (
        "security",
        member.email,
        "Megváltozott a jelszava",
    )
    for part in (mail["created_at"].strftime("%Y. %m. %d. %H:%M (UTC)"), "192.0.2.9", "A másik munkamenetéből"):
        assert part in mail["body"]
    assert "https://portal.example/forgot" in mail["body"]
    for table in ("users", "outbox", "emails"):
        for row in await identity.db.fetch(f"SELECT * FROM {table}"):
            assert not any(GOOD in str(value) for value in row.values())


async def test_the_other_sessions_stay_when_asked(identity: Serving, town: Town) -> None:
    member = await town.member()
    elsewhere, here = await signed_in(identity, member), await session_of(identity, member)
    assert (
        await identity.call(here, "ChangePassword", changing(member.password, end_others=False))
    ).ended_sessions == 0
    await authenticated(identity, elsewhere)


async def test_a_wrong_current_password_changes_nothing_and_is_in_the_log(identity: Serving, town: Town) -> None:
    member = await town.member()
    elsewhere, here = await signed_in(identity, member), await session_of(identity, member)
    refused = await identity.refused(here, "ChangePassword", changing("rossz jelszó"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PASSWORD_WRONG")
    assert refused.fields == ["current_password"]
    await authenticated(identity, elsewhere)
    assert len(await logged(identity, member, "user.password_change_failed")) == 1
    assert await unchanged(identity, member)


async def test_fifty_parallel_guesses_of_the_current_password_share_the_allowance_with_signing_in(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    here = replace(await session_of(identity, member), ip=f"guess-{uuid4()}")
    guesses = (identity.refused(here, "ChangePassword", changing(f"tipp {n}")) for n in range(50))
    reasons = [refused.reason for refused in await asyncio.gather(*guesses)]
    allowed = throttle.PER_ADDRESS.burst
    assert set(reasons) == {"PASSWORD_WRONG", "SIGN_IN_THROTTLED"}
    # One less when the calls are paid for in another order than they arrived in.
    assert allowed - 1 <= reasons.count("PASSWORD_WRONG") <= allowed
    await identity.refused(here, "ChangePassword", changing("tipp"))
    assert (await identity.refused(here, "ChangePassword", changing(member.password))).reason == "SIGN_IN_THROTTLED"
    assert (await identity.refused(None, "CreateSession", sign_in(member))).reason == "SIGN_IN_THROTTLED"
    assert await unchanged(identity, member)


async def test_who_knows_the_current_password_may_try_as_many_new_ones_as_it_takes(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    here = await session_of(identity, member)
    for _ in range(throttle.PER_ADDRESS.burst + 2):
        refused = await identity.refused(here, "ChangePassword", changing(member.password, "rövid"))
        assert refused.reason == "PASSWORD_TOO_SHORT"
    await identity.call(here, "ChangePassword", changing(member.password))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("rövid", "PASSWORD_TOO_SHORT"),
        ("x" * 1025, "PASSWORD_TOO_LONG"),
        ("jelszó123456789", "PASSWORD_COMMON"),
        ("Anna Anna Anna Anna", "PASSWORD_COMMON"),
        ("helyes jelszó", "PASSWORD_UNCHANGED"),
        ("helyes jelszo\N{COMBINING ACUTE ACCENT}", "PASSWORD_UNCHANGED"),
    ],
)
async def test_a_bad_new_password_changes_nothing(identity: Serving, town: Town, new: str, expected: str) -> None:
    member = await town.member()
    refused = await identity.refused(
        await session_of(identity, member), "ChangePassword", changing(member.password, new)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert refused.fields == ["new_password"]
    assert await unchanged(identity, member)


async def test_the_own_address_is_no_new_password(identity: Serving, town: Town) -> None:
    member = await town.member()
    request = changing(member.password, member.email.upper())
    refused = await identity.refused(await session_of(identity, member), "ChangePassword", request)
    assert refused.reason == "PASSWORD_PERSONAL"


async def test_with_a_second_factor_eight_characters_do_but_it_takes_a_confirmation(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    here = await session_of(identity, member)
    short = changing(member.password, "xkqzwvtr")
    refused = await identity.refused(here, "ChangePassword", short)
    assert (refused.reason, refused.metadata) == ("PASSWORD_TOO_SHORT", {"least": "15"})
    await town.factor(member)
    refused = await identity.refused(replace(here, confirmed_until=None), "ChangePassword", short)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "STEP_UP_REQUIRED")
    assert await unchanged(identity, member)
    await identity.call(here, "ChangePassword", short)


async def test_without_a_second_factor_the_current_password_is_confirmation_enough(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    here = replace(await session_of(identity, member), confirmed_until=None)
    await identity.call(here, "ChangePassword", changing(member.password))


async def token_of(identity: Serving, town: Town, member: Member) -> Actor:
    [membership] = (await authenticated(identity, await town.token(member))).memberships
    return read(identity, membership.actor_token)


async def test_neither_a_token_nor_an_operator_changes_a_password(identity: Serving, town: Town) -> None:
    member = await town.member()
    token = await token_of(identity, town, member)
    for who in (token, replace(token, kind="operator"), replace(await session_of(identity, member), kind="operator")):
        refused = await identity.refused(who, "ChangePassword", changing(member.password))
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_MAY_NOT")
    assert (await identity.refused(None, "ChangePassword", changing("x"))).reason == "ACTOR_TOKEN_MISSING"
    assert await unchanged(identity, member)


async def test_of_parallel_changes_one_wins(identity: Serving, town: Town) -> None:
    member = await town.member()
    here = await session_of(identity, member)

    async def one(n: int) -> str:
        try:
            await identity.call(here, "ChangePassword", changing(member.password, f"{GOOD} {n}"))
        except grpc.aio.AioRpcError:
            return ""
        return f"{GOOD} {n}"

    [won] = filter(None, await asyncio.gather(*map(one, range(8))))
    await identity.call(None, "CreateSession", sign_in(member, won))
    assert len(await letters(identity, member, "password_changed")) == 1


async def test_signing_in_counts_as_a_confirmation_for_five_minutes_and_a_token_never_does(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    secret = await signed_in(identity, member)
    actor = read(identity, (await authenticated(identity, secret)).memberships[0].actor_token)
    assert actor.confirmed_until is not None
    await identity.call(actor, "SetVpnPassword", pb.SetVpnPasswordRequest())
    await identity.db.execute(
        "UPDATE sessions SET confirmed_at = confirmed_at - interval '5 min' WHERE id = $1", actor.session_id
    )
    actor = read(identity, (await authenticated(identity, secret)).memberships[0].actor_token)
    assert actor.confirmed_until is None
    assert (await identity.refused(actor, "SetVpnPassword", pb.SetVpnPasswordRequest())).reason == "STEP_UP_REQUIRED"
    assert (await token_of(identity, town, member)).confirmed_until is None
