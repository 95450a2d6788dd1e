"""The subscriber's data through GraphQL: what can be changed, why not, and what a change sends."""

from typing import Any

from portico.identity.v1 import identity_pb2
from services.chassis.errors import Conflict
from tests.gateway.conftest import Stand
from tests.gateway.fakes import ALL, contact

FIELDS = "{ account { profile { version taxNumber fields { name editable reason message resolvedBy } } } }"
UPDATE = """mutation ($i: UpdateAccountProfileInput!) { updateAccountProfile(input: $i) {
  account { name profile { version } } userErrors { code field message } } }"""


async def fields(stand: Stand, token: str = "owner-token") -> dict[str, Any]:
    profile = (await stand.data(FIELDS, token))["account"]["profile"]
    assert profile["version"] == 3
    return {field["name"]: field for field in profile["fields"]}


async def test_each_field_says_whether_it_can_be_changed_and_what_to_do(stand: Stand) -> None:
    stand.world.locks = [
        identity_pb2.FieldLock(field="name", reason="contract"),
        identity_pb2.FieldLock(field="tax_number", reason="invoicing"),
        identity_pb2.FieldLock(field="email", reason="operator"),
        identity_pb2.FieldLock(field="phone", reason="something new"),
    ]
    found = await fields(stand)
    assert {name for name, field in found.items() if not field["editable"]} == {"name", "taxNumber", "email", "phone"}
    assert found["city"] == {"name": "city", "editable": True, "reason": None, "message": None, "resolvedBy": None}
    assert [found[n]["reason"] for n in ("name", "taxNumber", "email", "phone")] == [
        "CONTRACT",
        "INVOICING",
        "OPERATOR",
        "OPERATOR",
    ]
    assert (found["name"]["resolvedBy"], "ticket" in found["name"]["message"]) == ("openTicket", True)
    stand.world.person("hu-token", contact(1, ALL), locale="hu")
    assert "hibajegyet" in (await fields(stand, "hu-token"))["taxNumber"]["message"]


async def test_without_the_right_to_change_no_field_is_editable(stand: Stand) -> None:
    found = await fields(stand, "accountant-token")
    assert {field["reason"] for field in found.values()} == {"NO_PERMISSION"}
    assert "account.write" in found["city"]["message"]
    answer = await stand.data(UPDATE, "accountant-token", variables={"i": {"ifVersion": 3, "city": "Pécs"}})
    assert [e["code"] for e in answer["updateAccountProfile"]["userErrors"]] == ["FORBIDDEN"]
    assert not stand.world.calls["identity.UpdateAccountProfile"]


async def test_a_change_sends_what_is_given_and_null_is_not_absent(stand: Stand) -> None:
    given = {"ifVersion": 3, "city": "Pécs", "phone": None, "kind": "PERSON"}
    answer = (await stand.data(UPDATE, variables={"i": given}))["updateAccountProfile"]
    sent = stand.world.requests[-1]
    assert {field.name: value for field, value in sent.ListFields()} == {
        "if_version": 3,
        "city": "Pécs",
        "phone": "",
        "kind": identity_pb2.ACCOUNT_KIND_PERSON,
    }
    # The answer shows what was saved, without asking again.
    assert answer["account"] == {"name": "Saved", "profile": {"version": 4}}
    assert not stand.world.calls["identity.GetAccount"]


async def test_a_field_that_must_not_be_empty_refuses_null_by_name(stand: Stand) -> None:
    for name in ("name", "email", "country", "postalCode", "city", "street", "kind", "currency", "locale"):
        answer = (await stand.data(UPDATE, variables={"i": {"ifVersion": 3, name: None}}))["updateAccountProfile"]
        assert [(e["code"], e["field"]) for e in answer["userErrors"]] == [("FIELD_REQUIRED", ["input", name])]
    assert not stand.world.calls["identity.UpdateAccountProfile"]


async def test_a_stale_version_is_a_conflict_at_its_field(stand: Stand) -> None:
    stand.world.broken["identity.UpdateAccountProfile"] = Conflict("stale", field="if_version")
    answer = (await stand.data(UPDATE, variables={"i": {"ifVersion": 2, "city": "Pécs"}}))["updateAccountProfile"]
    assert [(e["code"], e["field"]) for e in answer["userErrors"]] == [("CONFLICT", ["input", "ifVersion"])]
    assert answer["account"] is None
