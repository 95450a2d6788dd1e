"""Changing domains through the graph: paths and blockers of refusals, rights per object, fields that can be denied."""

from typing import Any

import grpc
import pytest

from services.chassis.errors import DomainError
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import contact, uid

DOMAIN, ZONE = gid("Domain", uid(10_001)), gid("Zone", uid(10_001))
CONTACT = gid("RegistryContact", uid(60_001))
ERRORS = "userErrors { code field message blockers { code message resolvedBy } }"


class Locked(DomainError):
    reason = "DOMAIN_LOCKED"


async def mutate(stand: Stand, name: str, input_: dict[str, Any], select: str = "", token: str = "owner-token") -> Any:
    type_ = f"{name[0].upper()}{name[1:]}Input"
    query = f"mutation ($i: {type_}!) {{ {name}(input: $i) {{ {select} {ERRORS} }} }}"
    return (await stand.data(query, token, variables={"i": input_}))[name]


async def test_every_nameserver_that_is_refused_is_named_and_what_clears_it_told(stand: Stand) -> None:
    wished = [{"host": "ns1.a.example"}, {"host": "ns1.d1.hu"}]
    given = {"domainId": DOMAIN, "nameservers": wished}
    answer = await mutate(stand, "setNameservers", given, "domain { name } operation { id }")
    assert (answer["domain"], answer["operation"]) == ({"name": "d1.hu"}, None)
    [glue, dnssec] = answer["userErrors"]
    assert (glue["code"], glue["field"]) == ("GLUE_REQUIRED", ["input", "nameservers", "1", "addresses"])
    assert "ns1.d1.hu" in glue["message"]
    assert glue["blockers"] == []
    assert [(b["code"], b["resolvedBy"]) for b in dnssec["blockers"]] == [("DNSSEC_IN_THE_WAY", "setDnssec")]


@pytest.mark.parametrize(
    ("mutation", "rpc", "given", "field"),
    [
        ("requestAuthCode", "RequestAuthCode", {"domainId": DOMAIN}, "domainId"),
        ("setDomainLock", "SetDomainLock", {"domainId": DOMAIN, "locked": True}, "domainId"),
        ("setDnssec", "SetDnssec", {"zoneId": ZONE, "enabled": True}, "zoneId"),
    ],
)
async def test_a_lock_in_the_way_says_that_it_has_to_be_taken_off(
    stand: Stand, mutation: str, rpc: str, given: dict[str, Any], field: str
) -> None:
    stand.world.broken[f"domains.{rpc}"] = Locked("locked", field="domain_id", name="d1.hu")
    [error] = (await mutate(stand, mutation, given))["userErrors"]
    assert error["code"] == "DOMAIN_LOCKED"
    assert "d1.hu" in error["message"]
    assert [(b["code"], b["resolvedBy"]) for b in error["blockers"]] == [("DOMAIN_LOCKED", "setDomainLock")]
    assert error["field"] == ["input", field]


async def test_contacts_are_sent_as_given_and_ids_of_other_things_refused(stand: Stand) -> None:
    data = {"name": "A", "street": ["B"], "city": "C", "country": "HU", "phone": "+36.96123456", "email": "a@b.hu"}
    given = {"domainId": DOMAIN, "registrant": {"contactId": CONTACT}, "tech": {"contactId": CONTACT, "data": data}}
    assert (await mutate(stand, "updateDomainContacts", given))["userErrors"] == []
    [request] = [r for r in stand.world.requests if hasattr(r, "registrant")]
    assert (request.registrant.contact_id, request.registrant.HasField("data")) == (uid(60_001), False)
    assert (request.tech.contact_id, request.tech.data.city, request.HasField("admin")) == (uid(60_001), "C", False)
    wrong = {"domainId": DOMAIN, "admin": {"contactId": DOMAIN}}
    [error] = (await mutate(stand, "updateDomainContacts", wrong))["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID", ["input", "admin", "contactId"])


async def test_automatic_renewal_goes_on_past_the_refused_and_wants_ids_or_a_filter(stand: Stand) -> None:
    given = {"domainIds": [DOMAIN, gid("Domain", uid(1))], "autoRenew": True}
    answer = await mutate(stand, "setAutoRenew", given, "found changed domains { name }")
    assert (answer["found"], answer["changed"], answer["domains"]) == (1, 1, [{"name": "d1.hu"}])
    assert [(e["code"], e["field"]) for e in answer["userErrors"]] == [
        ("DOMAIN_NOT_FOUND", ["input", "domainIds", "1"])
    ]
    wrongs: list[dict[str, Any]] = [{}, {"domainIds": []}, {"domainIds": [DOMAIN], "filter": {}}]
    for wrong in (*wrongs, {"domainIds": [DOMAIN] * 1001}):
        [error] = (await mutate(stand, "setAutoRenew", {"autoRenew": True, **wrong}))["userErrors"]
        assert (error["code"], error["field"]) == ("INVALID", ["input", "domainIds"])


async def test_a_right_to_one_domain_changes_no_other(stand: Stand) -> None:
    rights = contact(
        1, ["domains.manage", "dns.write"], resources={p: [uid(10_002)] for p in ("domains.manage", "dns.write")}
    )
    stand.world.person("limited-token", rights)
    for mutation, given in (
        ("setDomainLock", {"domainId": DOMAIN, "locked": True}),
        ("setNameservers", {"domainId": DOMAIN, "nameservers": []}),
        ("updateDomainContacts", {"domainId": DOMAIN}),
        ("setDnssec", {"zoneId": ZONE, "enabled": True}),
    ):
        [error] = (await mutate(stand, mutation, given, token="limited-token"))["userErrors"]
        assert error["code"] == "FORBIDDEN"
    assert not [c for c in stand.world.calls if c.startswith("domains.")]


async def test_contacts_of_many_domains_are_one_call_and_a_denied_field_is_null_alone(stand: Stand) -> None:
    query = """{ account { domains { nodes { contacts { registrant { name email verification } admin { name } } } }
                 registryContacts(search: "p") { nodes { id domains } pageInfo { hasNextPage } } } }"""
    account = (await stand.data(query))["account"]
    person = {"name": "Person 1", "email": "p1@x.example", "verification": "VERIFIED"}
    assert [n["contacts"] for n in account["domains"]["nodes"]] == [{"registrant": person, "admin": None}] * 3
    assert account["registryContacts"]["nodes"] == [{"id": CONTACT, "domains": 2}]
    assert stand.world.calls["domains.BatchGetDomainContacts"] == 1
    stand.world.person("discreet-token", contact(1, ["domains.read"], denied=["RegistryContact.email"]))
    answer = (await stand.post(query, "discreet-token")).json()
    assert answer["data"]["account"]["domains"]["nodes"][0]["contacts"]["registrant"] == {**person, "email": None}
    assert {e["extensions"]["code"] for e in answer["errors"]} == {"FORBIDDEN"}


async def test_a_registry_that_is_away_is_told_as_such(stand: Stand) -> None:
    class Away(DomainError):
        reason = "REGISTRY_UNAVAILABLE"
        status = grpc.StatusCode.UNAVAILABLE

    stand.world.broken["domains.RequestAuthCode"] = Away("away")
    [error] = (await mutate(stand, "requestAuthCode", {"domainId": DOMAIN}))["userErrors"]
    assert error["code"] == "REGISTRY_UNAVAILABLE"
