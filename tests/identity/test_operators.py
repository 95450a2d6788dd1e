"""Operators: who they are, what their credential is good for, and that no customer is ever one."""

import asyncio
import io
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from portico.common.v1 import common_pb2
from portico.identity.v1 import identity_pb2, operator_pb2_grpc
from portico.identity.v1 import operator_pb2 as pb
from services.chassis.actor import Actor, Grant
from services.chassis.config import Env
from services.identity import access, operator_command, operators
from services.identity.rpc.operator import OperatorRpc
from tests.identity.conftest import Town
from tests.identity.test_credentials import authenticated, read
from tests.identity.test_own_credentials import asked, session_of
from tests.serving import Serving, person

OPEN = {"AuthenticateOperator", "RedeemSignInLink"}
#: Every RPC that needs an operator, with a request that is well formed.
ACTS: dict[str, Message] = {
    "CreateAccount": pb.CreateAccountRequest(
        request_id="k" * 8,
        kind=identity_pb2.ACCOUNT_KIND_COMPANY,
        name="Új Kft.",
        country="HU",
        currency="HUF",
        locale="hu",
        owner_email="uj@minta.example",
        owner_name="Új Anna",
    ),
    "ListAccounts": pb.ListAccountsRequest(),
    "DescribeAccount": pb.DescribeAccountRequest(account="P-10001"),
    "InviteToAccount": pb.InviteToAccountRequest(
        request_id="k" * 8, account="P-10001", email="uj@minta.example", role="accountant", locale="hu"
    ),
    "LockAccount": pb.LockAccountRequest(account="P-10001", reason="x"),
    "UnlockAccount": pb.UnlockAccountRequest(account="P-10001"),
    "ListUsers": pb.ListUsersRequest(),
    "LockUser": pb.LockUserRequest(user="a@b.example", reason="x"),
    "UnlockUser": pb.UnlockUserRequest(user="a@b.example"),
    "EndUserSessions": pb.EndUserSessionsRequest(user="a@b.example"),
    "ResetFactors": pb.ResetFactorsRequest(user="a@b.example"),
    "SignInAsContact": pb.SignInAsContactRequest(account="P-10001", user="a@b.example", reason="x"),
    "ListChains": pb.ListChainsRequest(),
    "VerifyChain": pb.VerifyChainRequest(account="house"),
    "CreateOperator": pb.CreateOperatorRequest(name="Mallory", email="m@b.example"),
    "ListOperators": pb.ListOperatorsRequest(),
    "RenewCredential": pb.RenewCredentialRequest(),
    "DisableOperator": pb.DisableOperatorRequest(name="Anna"),
}


async def sign_in(identity: Serving, credential: str) -> pb.AuthenticateOperatorResponse:
    answer = await identity.call(None, "AuthenticateOperator", pb.AuthenticateOperatorRequest(credential=credential))
    assert isinstance(answer, pb.AuthenticateOperatorResponse)
    return answer


async def staff(identity: Serving, town: Town) -> Actor:
    """An operator, as identity tells the services."""
    _, credential = await town.operator()
    return read(identity, (await sign_in(identity, credential)).actor_token)


async def refusal(identity: Serving, credential: str) -> str:
    request = pb.AuthenticateOperatorRequest(credential=credential)
    refused = await identity.refused(None, "AuthenticateOperator", request)
    assert refused.code is grpc.StatusCode.UNAUTHENTICATED
    return refused.reason


def test_every_act_of_an_operator_is_listed_here() -> None:
    methods = {name for name in dir(operator_pb2_grpc.OperatorServiceServicer) if not name.startswith("_")}
    assert methods == {*ACTS, *OPEN}
    assert {getattr(OperatorRpc, name).access for name in ACTS} == {"operator"}


async def test_a_credential_becomes_an_operator_without_account_and_with_one_grant(
    identity: Serving, town: Town
) -> None:
    name, credential = await town.operator()
    assert credential.startswith("po_")
    answer = await sign_in(identity, credential)
    actor = read(identity, answer.actor_token)
    assert (actor.kind, actor.label, actor.ip) == ("operator", name, "127.0.0.1")
    assert (actor.account_id, actor.user_id, actor.session_id) == (operators.HOUSE, None, None)
    assert actor.grants == (Grant("operator"),)
    now = datetime.now(UTC)
    assert answer.actor_token_expires_at.ToDatetime(tzinfo=UTC) <= now + timedelta(seconds=10)
    left = answer.credential_expires_at.ToDatetime(tzinfo=UTC) - now
    assert timedelta(days=89, hours=23) < left < timedelta(days=90)
    kept = await identity.db.fetch("SELECT * FROM operator_credentials")
    assert credential not in str(kept)


@pytest.mark.parametrize("method", ACTS)
async def test_nobody_but_an_operator_may_do_what_operators_do(identity: Serving, town: Town, method: str) -> None:
    owner = await town.member()
    everything = [Grant(name) for name in sorted(access.PERMISSIONS)]
    session = await session_of(identity, owner)
    token = read(identity, (await authenticated(identity, await town.token(owner))).memberships[0].actor_token)
    pretender = replace(person(uuid4()), kind="operator", grants=tuple(everything))
    for who in (session, token, pretender):
        refused = await identity.refused(who, method, ACTS[method])
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
        assert refused.metadata == {"permission": "operator"}
    assert (await identity.refused(None, method, ACTS[method])).reason == "ACTOR_TOKEN_MISSING"


async def test_no_contact_role_or_token_can_hold_what_makes_an_operator(identity: Serving, town: Town) -> None:
    assert operators.PERMISSION not in access.PERMISSIONS
    assert not [role for role, held in access.ROLES.items() if operators.PERMISSION in held]
    with pytest.raises(access.PermissionUnknown):
        await town.member("custom", grants=[Grant("operator")])
    member = await town.member("owner")
    with pytest.raises(access.PermissionUnknown):
        await town.token(member, [Grant("operator")])
    request = asked(["operator"])
    refused = await identity.refused(await session_of(identity, member), "CreateApiToken", request)
    assert refused.reason == "TOKEN_TOO_WIDE"
    # Not even when it stands in the database.
    token, written = await town.token(member, [Grant("domains.read")]), access.dump([Grant("operator")])
    await identity.db.execute(
        "UPDATE contacts SET grants = $2, role = 'custom' WHERE id = $1", member.contact_id, written
    )
    await identity.db.execute("UPDATE api_tokens SET grants = $2 WHERE contact_id = $1", member.contact_id, written)
    for credential in (token, await town.token(member)):
        [membership] = (await authenticated(identity, credential)).memberships
        assert list(membership.contact.grants) == []
        assert read(identity, membership.actor_token).grants == ()


async def test_an_operators_credential_opens_no_customers_door_and_the_other_way_round(
    identity: Serving, town: Town
) -> None:
    _, credential = await town.operator()
    request = identity_pb2.AuthenticateRequest(credential=credential)
    assert (await identity.refused(None, "Authenticate", request)).reason == "CREDENTIAL_INVALID"
    for other in (await town.token(await town.member()), "po_unknown", "po_" + "x" * 4000, credential + "x"):
        assert await refusal(identity, other) == "CREDENTIAL_INVALID"


async def test_a_credential_is_refused_once_it_expired_or_from_another_network(identity: Serving, town: Town) -> None:
    name, credential = await town.operator("127.0.0.0/8", "::1")
    assert (await sign_in(identity, credential)).operator.ips == ["127.0.0.0/8", "::1/128"]
    _, elsewhere = await town.operator("203.0.113.7")
    assert await refusal(identity, elsewhere) == "TOKEN_IP_REFUSED"
    await identity.db.execute(
        """UPDATE operator_credentials SET created_at = created_at - interval '90 days',
                  expires_at = expires_at - interval '90 days'
           WHERE operator_id = (SELECT id FROM operators WHERE name = $1)""",
        name,
    )
    assert await refusal(identity, credential) == "CREDENTIAL_EXPIRED"


async def test_an_operator_makes_a_colleague_renews_and_disables_it(identity: Serving, town: Town) -> None:
    anna = await staff(identity, town)
    name = f"Béla {uuid4().hex[:6]}"
    request = pb.CreateOperatorRequest(name=name, email="bela@portico.example", ips=["127.0.0.1"])
    made = await identity.call(anna, "CreateOperator", request)
    assert (made.operator.name, made.operator.ips) == (name, ["127.0.0.1/32"])
    again = await identity.refused(anna, "CreateOperator", request)
    assert (again.code, again.reason, again.fields) == (grpc.StatusCode.ABORTED, "OPERATOR_EXISTS", ["name"])
    bela = read(identity, (await sign_in(identity, made.secret)).actor_token)
    renewed = await identity.call(bela, "RenewCredential", pb.RenewCredentialRequest())
    assert await refusal(identity, made.secret) == "CREDENTIAL_INVALID"
    assert (await sign_in(identity, renewed.secret)).operator.ips == ["127.0.0.1/32"]
    itself = await identity.refused(bela, "DisableOperator", pb.DisableOperatorRequest(name=name))
    assert (itself.reason, itself.fields) == ("OPERATOR_IS_YOU", ["name"])
    gone = await identity.call(anna, "DisableOperator", pb.DisableOperatorRequest(name=name))
    assert gone.HasField("disabled_at")
    assert await refusal(identity, renewed.secret) == "CREDENTIAL_INVALID"
    further = pb.DisableOperatorRequest(name=name)
    assert (await identity.refused(anna, "DisableOperator", further)).reason == "OPERATOR_NOT_FOUND"
    assert (await identity.refused(bela, "RenewCredential", pb.RenewCredentialRequest())).reason == "OPERATOR_NOT_FOUND"
    assert (await identity.refused(anna, "CreateOperator", request)).reason == "OPERATOR_EXISTS"
    listed = {o.name: o for o in (await identity.call(anna, "ListOperators", pb.ListOperatorsRequest())).operators}
    assert listed[name].HasField("disabled_at")
    assert not listed[name].HasField("credential_expires_at")
    assert listed[anna.label].HasField("last_used_at")
    told = await identity.told(common_pb2.AuditRecorded, operators.HOUSE)
    about = [(e.action, e.actor.label) for e in told if e.subject_label == name]
    assert about == [
        ("operator.created", anna.label),
        ("operator.credential_renewed", name),
        ("operator.disabled", anna.label),
    ]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, "name"),
        ({"name": "a → b"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"ips": ["10.0.0.5/8"]}, "ips[0]"),
    ],
)
async def test_an_operator_that_cannot_be_is_refused_by_field(
    identity: Serving, town: Town, fields: dict[str, Any], wrong: str
) -> None:
    given = {"name": "Csaba Cs", "email": "cs@portico.example"} | fields
    refused = await identity.refused(await staff(identity, town), "CreateOperator", pb.CreateOperatorRequest(**given))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [wrong])
    assert not await identity.db.fetch("SELECT FROM operators WHERE name = 'Csaba Cs'")


async def test_the_command_on_the_machine_makes_the_first_operator_and_renews_it(
    identity: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"Első {uuid4().hex[:6]}"

    def run(*argv: str) -> str:
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        operator_command.main(["operator", *argv], Env({"DATABASE_URL": identity.db.url}))
        return out.getvalue().strip()

    first = await asyncio.to_thread(run, "create", name, "elso@portico.example")
    assert (await sign_in(identity, first)).operator.name == name
    with pytest.raises(SystemExit, match="OPERATOR_EXISTS"):
        await asyncio.to_thread(run, "create", name, "elso@portico.example")
    for env, says in (({}, "DATABASE_URL is not set"), ({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "is away")):
        with pytest.raises(SystemExit, match=says):
            await asyncio.to_thread(operator_command.main, ["operator", "renew", name], Env(env))
    second = await asyncio.to_thread(run, "renew", name, "--ip", "127.0.0.1")
    assert await refusal(identity, first) == "CREDENTIAL_INVALID"
    assert (await sign_in(identity, second)).operator.ips == ["127.0.0.1/32"]
    [created, _] = [
        e for e in await identity.told(common_pb2.AuditRecorded, operators.HOUSE) if e.subject_label == name
    ]
    assert (created.action, created.actor.kind) == ("operator.created", "system")
    assert first not in json.dumps([str(e) for e in await identity.told(common_pb2.AuditRecorded, operators.HOUSE)])
