"""The VPN password: set, made up, removed, and as FreeRADIUS reads it."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import grpc
import pytest
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from deploy.parts import Parts
from portico.identity.v1 import passwords_pb2 as pb
from services.chassis.db import Row
from services.identity import vpn
from tests.identity.conftest import Town
from tests.identity.test_own_credentials import session_of
from tests.identity.test_passwords import letters, logged, token_of
from tests.serving import Serving

GOOD = "helyes lo elem kapocs"


async def radcheck(identity: Serving, username: str) -> Row | None:
    """What FreeRADIUS is told, by its own query."""
    return await identity.db.fetchrow(
        "SELECT id, username, attribute, value, op FROM radcheck WHERE username = $1 ORDER BY id", username
    )


def opens(value: str, password: str) -> bool:
    """As rlm_pap compares, by another implementation than the one that made the hash."""
    header, _, rest = value.partition("HMACSHA2+512:")
    assert header == "{x-pbkdf2}"
    rounds, salt, made = (base64.b64decode(part, validate=True) for part in rest.split(":"))
    assert (len(rounds), len(salt), len(made)) == (4, 16, 64)
    kdf = PBKDF2HMAC(hashes.SHA512(), 64, salt, int.from_bytes(rounds, "big"))
    try:
        kdf.verify(password.encode(), made)
    except InvalidKey:
        return False
    return True


async def test_a_given_password_is_what_freeradius_checks_and_nobody_reads_again(identity: Serving, town: Town) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    assert not (await identity.call(who, "GetVpnAccess", pb.GetVpnAccessRequest())).HasField("access")
    answer = await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest(password=GOOD))
    assert answer.generated_password == ""
    assert (await identity.call(who, "GetVpnAccess", pb.GetVpnAccessRequest())).access == answer.access
    row = await radcheck(identity, answer.access.username)
    assert row is not None
    assert (row["attribute"], row["op"]) == ("Password-With-Header", ":=")
    assert isinstance(row["id"], int)
    assert row["value"].startswith("{x-pbkdf2}HMACSHA2+512:AAM0UA==:")  # 210,000 rounds
    assert opens(row["value"], GOOD)
    assert not opens(row["value"], GOOD + "x")
    for table in ("vpn_access", "outbox", "emails"):
        for kept in await identity.db.fetch(f"SELECT * FROM {table}"):
            assert GOOD not in "".join(map(str, kept.values()))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As weak as nothing, so that tests spend their time elsewhere; the test above uses the real parameters."""
    monkeypatch.setattr(vpn, "ROUNDS", 1)


@pytest.mark.usefixtures("quick")
async def test_a_made_up_password_is_shown_once_and_another_replaces_it_under_the_same_name(
    identity: Serving, town: Town
) -> None:
    who = await session_of(identity, await town.member())
    first, second = [await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest()) for _ in range(2)]
    assert first.access.username == second.access.username
    assert len(first.generated_password) == 23
    assert first.generated_password != second.generated_password
    row = await radcheck(identity, second.access.username)
    assert row is not None
    assert opens(row["value"], second.generated_password)
    assert not opens(row["value"], first.generated_password)


@pytest.mark.usefixtures("quick")
async def test_setting_and_removing_are_in_the_log_and_mailed(identity: Serving, town: Town) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    for _ in range(2):
        access = (await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest())).access
    for _ in range(2):  # the second changes nothing
        await identity.call(who, "RemoveVpnPassword", pb.RemoveVpnPasswordRequest())
    assert await radcheck(identity, access.username) is None
    assert not (await identity.call(who, "GetVpnAccess", pb.GetVpnAccessRequest())).HasField("access")
    first, second = await logged(identity, member, "user.vpn_password_set")
    assert (bool(first.before_json), bool(second.before_json)) == (False, True)
    assert access.username in second.after_json
    [removed] = await logged(identity, member, "user.vpn_password_removed")
    assert (removed.actor.label, access.username in removed.before_json) == (member.email, True)
    subjects = [mail["subject"] for mail in await letters(identity, member, "vpn_password")]
    assert subjects == ["Beállították a VPN-jelszavát"] * 2 + ["Törölték a VPN-jelszavát"]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "PASSWORD_TOO_SHORT"),
        ("x4k7m-abcde-xy", "PASSWORD_TOO_SHORT"),
        ("jelszo123456789", "PASSWORD_COMMON"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
        ("helyes ló elem kapocs", "VPN_PASSWORD_CHARACTERS"),
        ("helyes lo\telem kapocs", "VPN_PASSWORD_CHARACTERS"),
        (" helyes lo elem kapocs", "VPN_PASSWORD_CHARACTERS"),
    ],
)
async def test_a_bad_password_is_refused_and_nothing_written(
    identity: Serving, town: Town, password: str, reason: str
) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    refused = await identity.refused(who, "SetVpnPassword", pb.SetVpnPasswordRequest(password=password))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, reason, ["password"])
    assert not (await identity.call(who, "GetVpnAccess", pb.GetVpnAccessRequest())).HasField("access")
    assert not await letters(identity, member, "vpn_password")


@pytest.mark.usefixtures("quick")
async def test_only_who_has_just_confirmed_sets_or_removes_it_and_a_token_sees_nothing(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest())
    token = await token_of(identity, town, member)
    calls: Mapping[str, pb.SetVpnPasswordRequest | pb.RemoveVpnPasswordRequest] = {
        "SetVpnPassword": pb.SetVpnPasswordRequest(),
        "RemoveVpnPassword": pb.RemoveVpnPasswordRequest(),
    }
    for caller, reason in (
        (replace(who, confirmed_until=None), "STEP_UP_REQUIRED"),
        (token, "STEP_UP_REQUIRED"),
        (replace(token, confirmed_until=who.confirmed_until), "TOKEN_MAY_NOT"),
        (replace(who, kind="operator"), "TOKEN_MAY_NOT"),
    ):
        for method, request in calls.items():
            refused = await identity.refused(caller, method, request)
            assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)
    assert not (await identity.call(token, "GetVpnAccess", pb.GetVpnAccessRequest())).HasField("access")
    assert len(await logged(identity, member, "user.vpn_password_set")) == 1


@pytest.mark.usefixtures("quick")
async def test_whoever_is_in_no_account_any_more_is_not_let_in(identity: Serving, town: Town) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    access = (await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest())).access
    assert await radcheck(identity, access.username)
    await identity.db.execute("UPDATE contacts SET expires_at = now() WHERE id = $1", member.contact_id)
    assert await radcheck(identity, access.username) is None


@pytest.mark.usefixtures("quick")
async def test_a_role_of_freeradius_reads_the_view_and_nothing_else(
    identity: Serving, town: Town, parts: Parts
) -> None:
    who = await session_of(identity, await town.member())
    access = (await identity.call(who, "SetVpnPassword", pb.SetVpnPasswordRequest())).access
    place = urlsplit(identity.db.url)
    role = f"radius_{uuid4().hex[:12]}"
    server = await asyncpg.connect(parts.postgres.url)
    await server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'titkos'")
    await server.execute(f"GRANT CONNECT ON DATABASE {place.path.lstrip('/')} TO {role}")
    await identity.db.execute(f"GRANT SELECT ON radcheck TO {role}")
    try:
        url = urlunsplit(place._replace(netloc=f"{role}:titkos@{place.hostname}:{place.port}"))
        reader = await asyncpg.connect(url)
        assert await reader.fetchval("SELECT count(*) FROM radcheck WHERE username = $1", access.username) == 1
        for forbidden in (
            "SELECT * FROM vpn_access",
            "SELECT * FROM users",
            "UPDATE radcheck SET value = ''",
            "DELETE FROM radcheck",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute(forbidden)
        await reader.close()
    finally:
        await identity.db.execute(f"REVOKE ALL ON radcheck FROM {role}")
        await server.execute(f"REVOKE ALL ON DATABASE {place.path.lstrip('/')} FROM {role}")
        await server.execute(f"DROP ROLE {role}")
        await server.close()
