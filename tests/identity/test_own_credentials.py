"""A user's own sessions and API tokens: listed, made and revoked by nobody else."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis import times
from services.chassis.actor import Actor, Grant
from services.identity import access, api_tokens
from tests.identity.conftest import Member, Town
from tests.identity.test_credentials import authenticated, read, reason
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving, confirmed


async def session_of(identity: Serving, member: Member) -> Actor:
    """The member, signed in, as identity tells the other services."""
    answer = await authenticated(identity, await signed_in(identity, member))
    return read(identity, answer.memberships[0].actor_token)


def asked(
    permissions: Iterable[str] = ("billing.read",), ips: Iterable[str] = (), **fields: str
) -> pb.CreateApiTokenRequest:
    expires_at = times.to_pb(datetime.now(UTC) + timedelta(days=30))
    given = {"name": "könyvelő", "request_id": uuid4().hex} | fields
    return pb.CreateApiTokenRequest(permissions=permissions, ips=ips, expires_at=expires_at, **given)


async def sessions(identity: Serving, who: Actor) -> list[pb.Session]:
    return list((await identity.call(who, "ListSessions", pb.ListSessionsRequest())).sessions)


async def tokens(identity: Serving, who: Actor) -> list[pb.ApiToken]:
    return list((await identity.call(who, "ListApiTokens", pb.ListApiTokensRequest())).tokens)


async def audited(identity: Serving, account_id: UUID, prefix: str) -> list[common_pb2.AuditRecorded]:
    told = await identity.told(common_pb2.AuditRecorded, account_id)
    return [event for event in told if event.action.startswith(prefix)]


async def test_a_user_sees_its_open_sessions_and_which_one_it_is_in(identity: Serving, town: Town) -> None:
    member = await town.member()
    await session_of(identity, await town.member())  # somebody else's
    first, second = await session_of(identity, member), await session_of(identity, member)
    found = await sessions(identity, first)
    assert {s.id: s.current for s in found} == {str(first.session_id): True, str(second.session_id): False}
    assert {s.user_agent for s in found} == {"pytest"}
    await identity.db.execute("UPDATE sessions SET expires_at = now() WHERE id = $1", second.session_id)
    assert [s.current for s in await sessions(identity, first)] == [True]


async def test_revoking_a_session_ends_it_for_good_and_is_in_the_log(identity: Serving, town: Town) -> None:
    member = await town.member()
    credential = await signed_in(identity, member)
    there = read(identity, (await authenticated(identity, credential)).memberships[0].actor_token)
    here = await session_of(identity, member)
    for _ in range(2):
        await identity.call(here, "RevokeSession", pb.RevokeSessionRequest(id=str(there.session_id)))
    assert await reason(identity, credential) == "CREDENTIAL_INVALID"
    assert [s.id for s in await sessions(identity, here)] == [str(here.session_id)]
    [event] = await audited(identity, member.account_id, "user.sessions_revoked")
    assert (event.actor.kind, event.actor.label, event.actor.ip) == ("user", member.email, "192.0.2.9")
    assert [s["id"] for s in json.loads(event.before_json)["sessions"]] == [str(there.session_id)]


@pytest.mark.parametrize("keep_current", [True, False])
async def test_all_sessions_are_revoked_or_all_but_this_one(identity: Serving, town: Town, keep_current: bool) -> None:
    member = await town.member()
    here, _, stranger = [await session_of(identity, m) for m in (member, member, await town.member())]
    await identity.call(here, "RevokeAllSessions", pb.RevokeAllSessionsRequest(keep_current=keep_current))
    assert [s.id for s in await sessions(identity, here)] == ([str(here.session_id)] if keep_current else [])
    assert len(await sessions(identity, stranger)) == 1


async def test_anothers_session_or_token_is_not_found_and_stays(identity: Serving, town: Town) -> None:
    owner = await town.member()
    colleague = await town.member("owner", owner.account_id)  # of the same account: it is the user's own all the same
    theirs, mine = await session_of(identity, owner), await session_of(identity, colleague)
    made = await identity.call(theirs, "CreateApiToken", asked())
    for method, request, expected in (
        ("RevokeSession", pb.RevokeSessionRequest(id=str(theirs.session_id)), "SESSION_NOT_FOUND"),
        ("RevokeApiToken", pb.RevokeApiTokenRequest(id=made.token.id), "API_TOKEN_NOT_FOUND"),
    ):
        refused = await identity.refused(mine, method, request)
        assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.NOT_FOUND, expected, ["id"])
    assert len(await sessions(identity, theirs)) == 1
    assert await tokens(identity, mine) == []
    await authenticated(identity, made.secret)


async def test_a_token_holds_what_was_asked_is_hashed_and_in_the_log(identity: Serving, town: Town) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    made = await identity.call(who, "CreateApiToken", asked(["domains.read", "billing.read", "billing.read"]))
    [membership] = (await authenticated(identity, made.secret)).memberships
    assert [g.permission for g in membership.contact.grants] == ["billing.read", "domains.read"]
    [listed] = await tokens(identity, who)
    assert listed.HasField("last_used_at")
    listed.ClearField("last_used_at")
    assert listed == made.token
    assert (made.token.name, made.token.account_id) == ("könyvelő", str(member.account_id))
    kept = await identity.db.fetchrow("SELECT * FROM api_tokens WHERE id = $1", UUID(made.token.id))
    answers = await identity.db.fetch("SELECT answer::text FROM first_answers")
    assert made.secret not in f"{kept}{answers}"
    for _ in range(2):
        await identity.call(who, "RevokeApiToken", pb.RevokeApiTokenRequest(id=made.token.id))
    assert await reason(identity, made.secret) == "CREDENTIAL_INVALID"
    assert await tokens(identity, who) == []
    events = await audited(identity, member.account_id, "api_token.")
    assert [(e.action, e.subject_label) for e in events] == [
        ("api_token.created", "könyvelő"),
        ("api_token.revoked", "könyvelő"),
    ]
    assert made.secret not in str(events)


async def test_a_token_of_another_account_is_revoked_into_that_accounts_log(identity: Serving, town: Town) -> None:
    member, other = await town.member(), await town.account("Másik Bt.")
    await town.join(member, other, "read_only")
    home, guest = (await authenticated(identity, await signed_in(identity, member))).memberships
    made = await identity.call(read(identity, guest.actor_token), "CreateApiToken", asked())
    who = read(identity, home.actor_token)
    assert [t.account_id for t in await tokens(identity, who)] == [str(other)]
    await identity.call(who, "RevokeApiToken", pb.RevokeApiTokenRequest(id=made.token.id))
    assert [e.action for e in await audited(identity, other, "api_token.")] == [
        "api_token.created",
        "api_token.revoked",
    ]
    assert not await audited(identity, member.account_id, "api_token.")


async def test_a_token_never_holds_more_than_its_maker(identity: Serving, town: Town) -> None:
    who = await session_of(identity, await town.member("accountant"))
    for wider in ("domains.read", "domains.steal"):
        refused = await identity.refused(who, "CreateApiToken", asked(["billing.read", wider]))
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_TOO_WIDE")
        assert (refused.metadata, refused.fields) == ({"permission": wider}, ["permissions[1]"])
    assert await tokens(identity, who) == []


async def test_rights_lost_since_the_actor_token_was_signed_count_and_a_token_shrinks(
    identity: Serving, town: Town
) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    made = await identity.call(who, "CreateApiToken", asked(["billing.pay", "billing.read"]))
    await identity.db.execute("UPDATE contacts SET role = 'read_only' WHERE id = $1", member.contact_id)
    assert (await identity.refused(who, "CreateApiToken", asked(["billing.pay"]))).reason == "TOKEN_TOO_WIDE"
    [listed] = await tokens(identity, who)
    assert [g.permission for g in listed.grants] == ["billing.read"]
    [membership] = (await authenticated(identity, made.secret)).memberships
    assert [g.permission for g in membership.contact.grants] == ["billing.read"]
    narrow = replace(who, grants=(Grant("domains.read"),))
    assert (await identity.refused(narrow, "CreateApiToken", asked())).reason == "TOKEN_TOO_WIDE"


@pytest.mark.parametrize("days", [-1, 0, 367, 10**6])
async def test_a_token_must_expire_within_a_year(identity: Serving, town: Town, days: int) -> None:
    who, request = await session_of(identity, await town.member()), asked()
    request.expires_at.seconds = int(datetime.now(UTC).timestamp()) + days * 86_400
    refused = await identity.refused(who, "CreateApiToken", request)
    assert (refused.reason, refused.fields) == ("TOKEN_EXPIRY_INVALID", ["expires_at"])
    request.expires_at.seconds = 10**18
    assert (await identity.refused(who, "CreateApiToken", request)).reason == "TOKEN_EXPIRY_INVALID"
    request.ClearField("expires_at")
    assert (await identity.refused(who, "CreateApiToken", request)).fields == ["expires_at"]


async def test_an_expired_token_is_refused_and_still_listed(identity: Serving, town: Town) -> None:
    who = await session_of(identity, await town.member())
    made = await identity.call(who, "CreateApiToken", asked())
    await identity.db.execute("UPDATE api_tokens SET expires_at = now() WHERE id = $1", UUID(made.token.id))
    assert await reason(identity, made.secret) == "CREDENTIAL_EXPIRED"
    assert [t.id for t in await tokens(identity, who)] == [made.token.id]


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("203.0.113.7", ["203.0.113.7", "::ffff:203.0.113.7"], ["203.0.113.8", "::1"]),
        ("203.0.113.0/24", ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0", "", "nonsense"]),
        ("2001:db8::/32", ["2001:db8::1"], ["2001:db9::1", "203.0.113.7"]),
    ],
)
async def test_a_token_bound_to_a_network_is_good_there_alone(
    identity: Serving, town: Town, network: str, inside: list[str], outside: list[str]
) -> None:
    who = await session_of(identity, await town.member())
    made = await identity.call(who, "CreateApiToken", asked(ips=[network, "198.51.100.1/32"]))
    assert len(made.token.ips) == 2
    for ip in inside:
        await identity.call(None, "Authenticate", pb.AuthenticateRequest(credential=made.secret, ip=ip))
    for ip in outside:
        request = pb.AuthenticateRequest(credential=made.secret, ip=ip)
        refused = await identity.refused(None, "Authenticate", request)
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_IP_REFUSED")


@pytest.mark.parametrize("wrong", ["", "10.0.0.5/8", "10.0.0.0/33", "300.1.1.1", "fe80::1%eth0", "example.com", "1"])
async def test_what_is_no_network_is_refused_by_its_place(identity: Serving, town: Town, wrong: str) -> None:
    who = await session_of(identity, await town.member())
    refused = await identity.refused(who, "CreateApiToken", asked(ips=["10.0.0.0/8", wrong]))
    assert (refused.reason, refused.fields) == ("NETWORK_INVALID", ["ips[1]"])
    assert refused.metadata == {"value": wrong}


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "  "), ("name", "x" * 101), ("request_id", "short")]
)
async def test_a_field_out_of_its_rule_is_refused_by_name(
    identity: Serving, town: Town, field: str, value: str
) -> None:
    who = await session_of(identity, await town.member())
    assert (await identity.refused(who, "CreateApiToken", asked(**{field: value}))).fields == [field]
    assert (await identity.refused(who, "CreateApiToken", asked([]))).fields == ["permissions"]


async def test_twenty_parallel_creates_with_one_key_make_one_token_and_show_one_secret(
    identity: Serving, town: Town
) -> None:
    who, request = await session_of(identity, await town.member()), asked()
    answers = await asyncio.gather(*(identity.call(who, "CreateApiToken", request) for _ in range(20)))
    assert len({a.token.id for a in answers}) == 1
    assert sorted(bool(a.secret) for a in answers) == [False] * 19 + [True]
    assert len(await tokens(identity, who)) == 1
    other = pb.CreateApiTokenRequest()
    other.CopyFrom(request)
    other.name = "másik"
    refused = await identity.refused(who, "CreateApiToken", other)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_CONFLICT")


async def test_anothers_key_leads_to_no_token_of_theirs(identity: Serving, town: Town) -> None:
    owner = await town.member()
    one, two = (
        await session_of(identity, owner),
        await session_of(identity, await town.member("owner", owner.account_id)),
    )
    request = asked()
    first, second = [await identity.call(who, "CreateApiToken", request) for who in (one, two)]
    assert first.token.id != second.token.id
    assert second.secret


async def test_a_token_sees_itself_alone_and_makes_and_revokes_nothing(identity: Serving, town: Town) -> None:
    member = await town.member()
    person = await session_of(identity, member)
    await identity.call(person, "CreateApiToken", asked(name="másik"))
    made = await identity.call(person, "CreateApiToken", asked(sorted(access.PERMISSIONS)))
    [membership] = (await authenticated(identity, made.secret)).memberships
    token = read(identity, membership.actor_token)
    assert [t.id for t in await tokens(identity, token)] == [made.token.id]
    assert await sessions(identity, token) == []
    for method, request in (
        ("CreateApiToken", asked()),
        ("RevokeApiToken", pb.RevokeApiTokenRequest(id=made.token.id)),
        ("RevokeSession", pb.RevokeSessionRequest(id=str(person.session_id))),
        ("RevokeAllSessions", pb.RevokeAllSessionsRequest()),
    ):
        for who in (token, confirmed(replace(token, kind="user")), confirmed(replace(token, kind="operator"))):
            refused = await identity.refused(who, method, request)
            sensitive = method == "CreateApiToken" and who.confirmed_until is None
            expected = "STEP_UP_REQUIRED" if sensitive else "TOKEN_MAY_NOT"
            assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, expected)
    assert len(await tokens(identity, person)) == 2


async def test_a_token_is_made_only_by_who_has_just_confirmed_and_sessions_end_without(
    identity: Serving, town: Town
) -> None:
    who = replace(await session_of(identity, await town.member()), confirmed_until=None)
    refused = await identity.refused(who, "CreateApiToken", asked())
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "STEP_UP_REQUIRED")
    assert await tokens(identity, who) == []
    await identity.call(who, "RevokeAllSessions", pb.RevokeAllSessionsRequest())


async def test_there_is_an_end_to_how_many_tokens_one_may_have(identity: Serving, town: Town) -> None:
    member = await town.member()
    who = await session_of(identity, member)
    await identity.db.execute(
        """INSERT INTO api_tokens (secret_hash, contact_id, name)
           SELECT decode(md5($1::uuid::text || n), 'hex'), $1::uuid, 'x' FROM generate_series(1, $2::int) n""",
        member.contact_id,
        api_tokens.MOST,
    )
    refused = await identity.refused(who, "CreateApiToken", asked())
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_TOKENS")
