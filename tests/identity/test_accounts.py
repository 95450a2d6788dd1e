"""The subscriber's data: changed by its people, locked and unlocked by the operator."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.identity.v1 import accounts_pb2, events_pb2
from portico.identity.v1 import identity_pb2 as pb
from services.chassis.actor import Actor, Grant
from services.identity import credentials
from tests.identity.conftest import Member, Town
from tests.identity.test_credentials import authenticated, read
from tests.identity.test_sign_in import signed_in
from tests.serving import Serving


def change(if_version: int = 1, **fields: Any) -> accounts_pb2.UpdateAccountProfileRequest:
    return accounts_pb2.UpdateAccountProfileRequest(if_version=if_version, **fields)


async def account_of(identity: Serving, member: Member) -> pb.Account:
    found: pb.Account = await identity.call(member.actor(), "GetAccount", pb.GetAccountRequest())
    return found


def operator(member: Member) -> Actor:
    """As the operator's tool acts: on an account that its own token does not name."""
    return Actor("operator", "kata", "kata@portico.example", uuid4(), grants=(Grant("operator"),))


def locks(account: pb.Account) -> dict[str, str]:
    return {lock.field: lock.reason for lock in account.locks}


async def test_a_change_is_saved_told_and_in_the_log_with_before_and_after(identity: Serving, town: Town) -> None:
    owner = await town.member()
    saved = await identity.call(
        owner.actor(), "UpdateAccountProfile", change(city=" Debrecen ", postal_code="4024", phone="06 52 555 0101")
    )
    assert (saved.city, saved.postal_code, saved.phone, saved.version) == ("Debrecen", "4024", "+36.525550101", 2)
    assert saved == await account_of(identity, owner)
    assert (await identity.told(events_pb2.AccountSaved, owner.account_id))[-1].account == saved
    event = (await identity.told(common_pb2.AuditRecorded, owner.account_id))[-1]
    assert (event.action, event.actor.label) == ("account.profile_changed", owner.email)
    assert json.loads(event.before_json) == {"city": "", "postal_code": "", "phone": ""}
    assert json.loads(event.after_json) == {"city": "Debrecen", "postal_code": "4024", "phone": "+36.525550101"}


async def test_an_optional_field_is_emptied_and_one_that_is_needed_is_not(identity: Serving, town: Town) -> None:
    owner = await town.member()
    await identity.call(owner.actor(), "UpdateAccountProfile", change(phone="+36.525550101", city="Pécs"))
    assert (await identity.call(owner.actor(), "UpdateAccountProfile", change(2, phone=""))).phone == ""
    refused = await identity.refused(owner.actor(), "UpdateAccountProfile", change(3, city=" "))
    assert (refused.reason, refused.fields) == ("FIELD_REQUIRED", ["city"])
    assert (await account_of(identity, owner)).city == "Pécs"


async def test_saying_what_is_so_already_changes_nothing_even_of_a_locked_field(identity: Serving, town: Town) -> None:
    owner = await town.member()
    told = len(await identity.told(common_pb2.AuditRecorded, owner.account_id))
    same = change(name="Minta Kft.", kind=pb.ACCOUNT_KIND_COMPANY, email="iroda@minta.example")
    assert (await identity.call(owner.actor(), "UpdateAccountProfile", same)).version == 1
    assert len(await identity.told(common_pb2.AuditRecorded, owner.account_id)) == told


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Más Kft."), ("kind", pb.ACCOUNT_KIND_PERSON), ("country", "AT"), ("currency", "EUR")],
)
async def test_a_locked_field_refuses_the_whole_change(identity: Serving, town: Town, field: str, value: Any) -> None:
    owner = await town.member()
    refused = await identity.refused(owner.actor(), "UpdateAccountProfile", change(city="Pécs", **{field: value}))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "FIELD_LOCKED")
    assert refused.fields == [field]
    assert (await account_of(identity, owner)).city == ""


async def test_a_number_locks_once_it_is_given_and_again_after_the_operator_unlocked_it(
    identity: Serving, town: Town
) -> None:
    owner = await town.member()
    assert "tax_number" not in locks(await account_of(identity, owner))
    saved = await identity.call(owner.actor(), "UpdateAccountProfile", change(tax_number="99000013-2-09"))
    assert locks(saved)["tax_number"] == "invoicing"
    other = change(2, tax_number="99000020-2-09")
    assert (await identity.refused(owner.actor(), "UpdateAccountProfile", other)).reason == "FIELD_LOCKED"
    unlock = accounts_pb2.UnlockFieldRequest(account_id=str(owner.account_id), field="tax_number")
    for _ in range(2):
        freed = await identity.call(operator(owner), "UnlockField", unlock)
        assert "tax_number" not in locks(freed)
    saved = await identity.call(owner.actor(), "UpdateAccountProfile", other)
    assert (saved.tax_number, locks(saved)["tax_number"]) == ("99000020-2-09", "invoicing")
    events = await identity.told(common_pb2.AuditRecorded, owner.account_id)
    [unlocked] = [event for event in events if event.action == "account.field_unlocked"]
    assert (unlocked.actor.kind, json.loads(unlocked.after_json)) == ("operator", {"field": "tax_number"})


async def test_the_operator_locks_any_field_and_only_fields_that_exist(identity: Serving, town: Town) -> None:
    owner = await town.member()
    lock = accounts_pb2.LockFieldRequest(account_id=str(owner.account_id), field="email")
    for _ in range(2):
        assert locks(await identity.call(operator(owner), "LockField", lock))["email"] == "operator"
    wanted = change(email="uj@minta.example")
    assert (await identity.refused(owner.actor(), "UpdateAccountProfile", wanted)).fields == ["email"]
    for field, account, reason in (
        ("shoe_size", str(owner.account_id), "FIELD_UNKNOWN"),
        ("email", str(uuid4()), "ACCOUNT_NOT_FOUND"),
    ):
        request = accounts_pb2.LockFieldRequest(account_id=account, field=field)
        assert (await identity.refused(operator(owner), "LockField", request)).reason == reason


async def test_two_editors_do_not_overwrite_each_other(identity: Serving, town: Town) -> None:
    owner = await town.member()
    cities = [f"Város {n}" for n in range(8)]
    calls = (identity.call(owner.actor(), "UpdateAccountProfile", change(city=city)) for city in cities)
    results = await asyncio.gather(*calls, return_exceptions=True)
    [won] = [result for result in results if isinstance(result, pb.Account)]
    assert (await account_of(identity, owner)) == won
    refused = await identity.refused(owner.actor(), "UpdateAccountProfile", change(city="Késő"))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.ABORTED, "CONFLICT", ["if_version"])


async def test_a_change_costs_the_same_however_much_it_changes(identity: Serving, town: Town) -> None:
    owner = await town.member()
    one = await identity.statements(owner.actor(), "UpdateAccountProfile", change(1, city="Pécs"))
    many = change(2, city="Győr", street="Példa köz 3.", postal_code="9021", email="x@y.example", phone="+36.965550102")
    assert await identity.statements(owner.actor(), "UpdateAccountProfile", many) == one


async def test_the_default_account_comes_first_and_is_a_persons_to_choose(identity: Serving, town: Town) -> None:
    member = await town.member()
    other = await town.account("Másik Bt.")
    await town.join(member, other, "read_only")
    credential = await signed_in(identity, member)
    before = (await authenticated(identity, credential)).memberships
    there = read(identity, before[1].actor_token)
    assert there.account_id == other
    await identity.call(there, "SetDefaultAccount", accounts_pb2.SetDefaultAccountRequest())
    after = (await authenticated(identity, credential)).memberships
    assert [m.contact.account_id for m in after] == [m.contact.account_id for m in reversed(before)]
    program = replace(there, kind="token", session_id=None)
    refused = await identity.refused(program, "SetDefaultAccount", accounts_pb2.SetDefaultAccountRequest())
    assert refused.reason == "TOKEN_MAY_NOT"


async def test_rights_tell_the_contact_and_what_the_credential_may_of_it(identity: Serving, town: Town) -> None:
    member = await town.member("accountant")
    narrow = member.confirmed(Grant("billing.read"))
    rights = await identity.call(narrow, "GetRights", accounts_pb2.GetRightsRequest())
    assert "billing.pay" in {grant.permission for grant in rights.contact.grants}
    assert [grant.permission for grant in rights.credential_grants] == ["billing.read"]
    assert (rights.credential_kind, rights.HasField("confirmed_until")) == ("user", True)
    assert credentials.CONFIRMED_FOR.total_seconds() == 300
    nobody = replace(member.actor(), contact_id=None)
    assert (await identity.refused(nobody, "GetRights", accounts_pb2.GetRightsRequest())).reason == "CONTACT_NOT_FOUND"
