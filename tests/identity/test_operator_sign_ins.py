"""An operator looks at the portal through a contact's eyes: once, for a short time, and changes nothing."""

import asyncio
import json
import pkgutil
from datetime import UTC, datetime, timedelta
from importlib import import_module
from uuid import UUID, uuid4

import grpc
from google.protobuf.message import Message

from portico.identity.v1 import accounts_pb2, factors_pb2, identity_pb2, notifications_pb2, passwords_pb2
from portico.identity.v1 import operator_pb2 as pb
from services.chassis.actor import Actor, Grant
from services.identity import operator_sign_ins, operator_store
from tests.identity.conftest import Member, Town
from tests.identity.test_access import NEEDS
from tests.identity.test_credentials import authenticated, read, reason
from tests.identity.test_oauth_tokens import held_up
from tests.identity.test_operator_acts import told
from tests.identity.test_operators import ACTS, staff
from tests.identity.test_own_credentials import asked, session_of, sessions, tokens
from tests.serving import Serving


async def link(identity: Serving, operator: Actor, member: Member) -> str:
    """The code of a new link."""
    request = pb.SignInAsContactRequest(account=str(member.account_id), user=member.email, reason="T-000123")
    answer = await identity.call(operator, "SignInAsContact", request)
    assert answer.expires_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC) + timedelta(seconds=60)
    address, _, code = str(answer.url).partition("?code=")
    assert address == "https://portal.example/operator"
    return code


def redeem(code: str) -> pb.RedeemSignInLinkRequest:
    return pb.RedeemSignInLinkRequest(code=code, ip="192.0.2.50", user_agent="pytest")


async def looking(identity: Serving, operator: Actor, member: Member) -> str:
    """The secret of an operator's session."""
    code = await link(identity, operator, member)
    return str((await identity.call(None, "RedeemSignInLink", redeem(code))).secret)


async def test_of_twenty_who_follow_a_link_at_once_one_gets_in(identity: Serving, town: Town) -> None:
    operator, member = await staff(identity, town), await town.member()
    code = await link(identity, operator, member)
    answers = await asyncio.gather(
        *(identity.call(None, "RedeemSignInLink", redeem(code)) for _ in range(20)), return_exceptions=True
    )
    assert len([a for a in answers if isinstance(a, pb.RedeemSignInLinkResponse)]) == 1
    refused = await identity.refused(None, "RedeemSignInLink", redeem(code))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "SIGN_IN_LINK_INVALID")
    assert await identity.db.fetchval("SELECT count(*) FROM sessions WHERE contact_id = $1", member.contact_id) == 1
    assert len(await told(identity, member.account_id, "operator.signed_in_as_contact")) == 1


async def test_a_link_followed_while_its_operator_is_being_disabled_lets_nobody_in(
    identity: Serving, town: Town
) -> None:
    operator, member = await staff(identity, town), await town.member()
    code = await link(identity, operator, member)
    async with identity.db.transaction() as tx:
        await operator_store.disable(tx, UUID(operator.id), datetime.now(UTC))
        await operator_store.end_sessions(tx, operator.label, datetime.now(UTC))
        following = asyncio.create_task(identity.refused(None, "RedeemSignInLink", redeem(code)))
        await held_up(identity, following)
    assert (await following).reason == "SIGN_IN_LINK_INVALID"


async def test_a_link_is_over_after_a_minute_and_with_its_operator(identity: Serving, town: Town) -> None:
    operator, colleague, member = await staff(identity, town), await staff(identity, town), await town.member()
    late = await link(identity, operator, member)
    await identity.db.execute(
        "UPDATE operator_sign_ins SET expires_at = now() WHERE contact_id = $1", member.contact_id
    )
    fired, session = await link(identity, colleague, member), await looking(identity, colleague, member)
    await identity.call(operator, "DisableOperator", pb.DisableOperatorRequest(name=colleague.label))
    for code in (late, fired, "pl_unknown", "x"):
        assert (await identity.refused(None, "RedeemSignInLink", redeem(code))).reason == "SIGN_IN_LINK_INVALID"
    assert await reason(identity, session) == "CREDENTIAL_INVALID"


async def test_an_operators_session_reads_what_the_contact_reads_for_half_an_hour(
    identity: Serving, town: Town
) -> None:
    operator, owner = await staff(identity, town), await town.member()
    one = uuid4()
    narrow = await town.member("custom", owner.account_id, grants=[Grant("domains.read", frozenset({one}))])
    elsewhere = await town.account("Másik Bt.")
    await town.join(owner, elsewhere, "owner")
    answer = await authenticated(identity, await looking(identity, operator, owner))
    assert (answer.operator, answer.user.email) == (operator.label, owner.email)
    [membership] = answer.memberships
    assert membership.contact.account_id == str(owner.account_id)
    actor = read(identity, membership.actor_token)
    assert [g.permission for g in actor.grants] == list(operator_sign_ins.READS)
    assert (actor.kind, actor.session_id, actor.confirmed_until) == ("operator", None, None)
    answer = await authenticated(identity, await looking(identity, operator, narrow))
    assert read(identity, answer.memberships[0].actor_token).grants == (Grant("domains.read", frozenset({one})),)
    row = await identity.db.fetchrow("SELECT * FROM sessions WHERE contact_id = $1", owner.contact_id)
    assert row is not None
    assert row["expires_at"] == row["created_at"] + timedelta(minutes=30)


async def test_the_customer_sees_that_an_operator_came_why_and_when_it_left(identity: Serving, town: Town) -> None:
    operator, member = await staff(identity, town), await town.member()
    secret = await looking(identity, operator, member)
    seen = {s.operator: s.ip for s in await sessions(identity, await session_of(identity, member))}
    assert seen == {operator.label: "192.0.2.50", "": seen[""]}
    await identity.call(None, "EndSession", identity_pb2.EndSessionRequest(secret=secret))
    assert await reason(identity, secret) == "CREDENTIAL_INVALID"
    [came] = await told(identity, member.account_id, "operator.signed_in_as_contact")
    assert (came.actor.kind, came.actor.label, came.actor.ip) == ("operator", operator.label, "192.0.2.50")
    assert (came.subject_type, came.subject_label) == ("Contact", member.email)
    assert json.loads(came.after_json)["reason"] == "T-000123"
    [left] = await told(identity, member.account_id, "operator.signed_out")
    assert (left.actor.kind, left.actor.label) == ("operator", operator.label)
    assert await told(identity, member.account_id, "user.signed_out") == []
    for event in (came, left):
        await identity.hear(event, member.account_id)
    log = await identity.call(member.actor(), "ListEvents", identity_pb2.ListEventsRequest(action="operator."))
    assert {e.actor.kind for e in log.events} == {"operator"}
    assert len(log.events) == 2


#: What is a person's own to do, without a grant, with a request that is well formed.
OWN: dict[str, Message] = {
    "CreateApiToken": asked(),
    "RevokeApiToken": identity_pb2.RevokeApiTokenRequest(id=str(uuid4())),
    "RevokeSession": identity_pb2.RevokeSessionRequest(id=str(uuid4())),
    "RevokeAllSessions": identity_pb2.RevokeAllSessionsRequest(),
    "SetDefaultAccount": accounts_pb2.SetDefaultAccountRequest(),
    "ChangePassword": passwords_pb2.ChangePasswordRequest(
        current_password="helyes jelszó", new_password="új jelszó 12345"
    ),
    "SetNotificationPreference": notifications_pb2.SetNotificationPreferenceRequest(category="support"),
    "SetVpnPassword": passwords_pb2.SetVpnPasswordRequest(),
    "RemoveVpnPassword": passwords_pb2.RemoveVpnPasswordRequest(),
    "BeginTotp": factors_pb2.BeginTotpRequest(),
    "ConfirmTotp": factors_pb2.ConfirmTotpRequest(id=str(uuid4()), name="x", code="123456"),
    "BeginSecurityKey": factors_pb2.BeginSecurityKeyRequest(),
    "ConfirmSecurityKey": factors_pb2.ConfirmSecurityKeyRequest(id=str(uuid4()), name="x", credential="{}"),
    "RemoveFactor": factors_pb2.RemoveFactorRequest(id=str(uuid4()), current_password="x"),
    "RegenerateRecoveryCodes": factors_pb2.RegenerateRecoveryCodesRequest(),
    "BeginSecurityKeyAssertion": factors_pb2.BeginSecurityKeyAssertionRequest(),
    "ConfirmIdentity": factors_pb2.ConfirmIdentityRequest(password="x"),
}


def reached(service: str) -> set[str]:
    """The RPCs of a service that such a session's grants do not stop, and whose name is none of reading."""
    package = import_module(f"services.{service}.rpc")
    inside = pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}.")
    modules = [package, *(import_module(one.name) for one in inside)]
    servicers = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    found = {name: rpc.access for one in servicers for name, rpc in vars(one).items() if hasattr(rpc, "access")}
    assert found
    held = {*operator_sign_ins.READS, "signed-in"}
    reads = ("Get", "BatchGet", "List", "Check", "Compare", "Export")
    return {name for name, needed in found.items() if needed in held and not name.startswith(reads)}


def test_whatever_writes_needs_a_grant_that_such_a_session_has_not_or_is_refused_here() -> None:
    assert reached("identity") == set(OWN)
    for service in ("domains", "hosting", "billing", "tickets"):
        assert reached(service) == set()


async def test_an_operators_session_changes_nothing_and_sees_nothing_of_the_users_own(
    identity: Serving, town: Town
) -> None:
    operator, member = await staff(identity, town), await town.member()
    own = await session_of(identity, member)
    made = await identity.call(own, "CreateApiToken", asked())
    answer = await authenticated(identity, await looking(identity, operator, member))
    there = read(identity, answer.memberships[0].actor_token)
    for method, request in (
        *OWN.items(),
        *ACTS.items(),
        ("RevokeApiToken", identity_pb2.RevokeApiTokenRequest(id=made.token.id)),
        ("RevokeSession", identity_pb2.RevokeSessionRequest(id=str(own.session_id))),
    ):
        refused = await identity.refused(there, method, request)
        assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert await sessions(identity, there) == []
    assert await tokens(identity, there) == []
    vpn = await identity.call(there, "GetVpnAccess", passwords_pb2.GetVpnAccessRequest())
    assert not vpn.HasField("access")
    for method in ("ListEvents", "ListEmails"):
        assert (await identity.refused(there, method, NEEDS[method][0])).reason == "FORBIDDEN"
    assert len(await tokens(identity, own)) == 1


async def test_only_a_contact_who_may_sign_in_can_be_looked_through(identity: Serving, town: Town) -> None:
    operator, member, stranger = await staff(identity, town), await town.member(), await town.member()

    async def refused(who: Member, account_id: UUID) -> tuple[str, list[str]]:
        request = pb.SignInAsContactRequest(account=str(account_id), user=who.email, reason="x")
        answer = await identity.refused(operator, "SignInAsContact", request)
        return answer.reason, answer.fields

    assert await refused(stranger, member.account_id) == ("CONTACT_NOT_FOUND", ["user"])
    await identity.db.execute("UPDATE contacts SET expires_at = now() WHERE id = $1", stranger.contact_id)
    assert await refused(stranger, stranger.account_id) == ("CONTACT_NOT_FOUND", ["user"])
    await identity.call(operator, "LockUser", pb.LockUserRequest(user=member.email, reason="x"))
    assert await refused(member, member.account_id) == ("USER_LOCKED", [])
