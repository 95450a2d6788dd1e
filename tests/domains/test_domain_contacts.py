"""Contacts of domains: read once, shared, changed in place or replaced, verified by the registry."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import Message

from portico.common.v1 import common_pb2
from portico.domains.v1 import management_pb2 as pb
from services.domains import contact_fetch
from services.domains.jobs import report_stuck
from tests.domains.conftest import PERMISSIONS, Held, Registrar, until
from tests.serving import person

GOOD: dict[str, Any] = {
    "name": "Árvíztűrő Ágnes",
    "org": "Minta Kft.",
    "street": ["Fő utca 1."],
    "city": "Győr",
    "postal_code": "9021",
    "country": "HU",
    "phone": "+36.96123456",
    "email": "agnes@minta.example",
}


def data(**changes: Any) -> pb.ContactData:
    return pb.ContactData(**{**GOOD, **changes})


def new(**changes: Any) -> pb.ContactChoice:
    return pb.ContactChoice(data=data(**changes))


def old(contact: pb.RegistryContact, **changes: Any) -> pb.ContactChoice:
    return pb.ContactChoice(contact_id=contact.id, data=data(**changes) if changes else None)


async def contacts_of(domain: Held, **more: Any) -> pb.DomainContacts | None:
    request = pb.BatchGetDomainContactsRequest(domain_ids=[str(domain.id)])
    answer = await domain.call("BatchGetDomainContacts", request, **more)
    return next(iter(answer.contacts), None)


async def read(domain: Held) -> pb.DomainContacts:
    """Once they have been fetched."""

    async def known() -> bool:
        await domain.registrar.hurry()
        return await contacts_of(domain) is not None

    await until(known)
    found = await contacts_of(domain)
    assert found is not None
    return found


async def update(domain: Held, **roles: pb.ContactChoice) -> pb.ChangeDomainResponse:
    request = pb.UpdateDomainContactsRequest(domain_id=str(domain.id), **roles)
    answer: pb.ChangeDomainResponse = await domain.call("UpdateDomainContacts", request)
    return answer


async def updated(domain: Held, **roles: pb.ContactChoice) -> pb.DomainContacts:
    answer = await update(domain, **roles)
    assert not answer.refusals
    assert answer.operation.kind == "DOMAIN_CONTACTS"
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    return await read(domain)


async def listed(domain: Held, search: str = "", **more: Any) -> list[str]:
    request = pb.ListRegistryContactsRequest(search=search)
    answer = await domain.call("ListRegistryContacts", request, **more)
    return [one.data.name for one in answer.contacts]


def at_registry(registrar: Registrar, handle: str) -> str:
    """What the registry's object says, as XML."""
    return str(registrar.registry.control("GET", f"/contacts/{handle}")["fields"])


def said(registrar: Registrar, command: str, handle: str) -> list[int | None]:
    """The registry's answers to what was said of a contact."""
    return [entry["code"] for entry in registrar.registry.log(command, handle.lower())]


async def test_contacts_are_asked_of_the_registry_once_and_then_known(registrar: Registrar) -> None:
    domain = await registrar.domain("com", admin="SEED-admin")
    assert await contacts_of(domain) is None
    found = await read(domain)
    assert (found.registrant.data.name, found.registrant.data.email) == ("Seeded contact", "contact@example.com")
    assert (found.registrant.handle, found.admin.handle) == ("SEED-portico", "SEED-admin")
    assert (found.HasField("tech"), found.registrant.domains) == (False, 1)
    assert found.registrant.verification == pb.CONTACT_VERIFICATION_UNVERIFIED
    before = len(registrar.registry.log("info", domain.name))
    await read(domain)
    assert len(registrar.registry.log("info", domain.name)) == before


async def test_of_a_contact_that_the_registry_keeps_to_itself_the_handle_is_known_and_it_can_be_replaced(
    registrar: Registrar,
) -> None:
    domain = await registrar.domain("com", admin=f"SEED-{uuid4().hex[:8]}")
    registrar.registry.fault("result", command="contact:info", code=2201, name="SEED-portico")
    found = await read(domain)
    assert (found.registrant.handle, found.registrant.data.name) == ("SEED-portico", "")
    assert found.admin.data.name == "Seeded contact"
    assert (await updated(domain, registrant=new())).registrant.data.name == GOOD["name"]


async def test_a_fetch_that_the_registry_does_not_answer_is_made_later(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    domain.fault("result", command="domain:info", code=2400, times=2)
    domain.fault("cut_after", command="contact:info", name="SEED-portico")
    assert (await read(domain)).registrant.handle == "SEED-portico"


async def test_new_contacts_are_made_shared_and_reused(registrar: Registrar) -> None:
    domain = await registrar.domain("com", admin="SEED-admin")
    await read(domain)
    found = await updated(domain, registrant=new(), admin=new(), tech=new(name="Műszaki Misi", org=""))
    assert found.registrant.id == found.admin.id != found.tech.id
    assert found.registrant.data == data()
    now = domain.at_registry()
    assert now["registrant"] == found.registrant.handle
    assert sorted(now["contacts"]) == [["admin", found.registrant.handle], ["tech", found.tech.handle]]
    assert "Árvíztűrő" in at_registry(registrar, found.registrant.handle)
    assert len(said(registrar, "create", found.registrant.handle)) == 1
    # Another domain of the account takes the same object: by id, and because it says the same.
    second = await registrar.domain("com", account=domain.account)
    await read(second)
    shared = await updated(second, registrant=old(found.tech), billing=new())
    assert (shared.registrant.id, shared.billing.id) == (found.tech.id, found.registrant.id)
    assert shared.registrant.domains == 2
    assert await listed(domain) == ["Műszaki Misi", "Seeded contact", "Seeded contact", "Árvíztűrő Ágnes"]
    assert await listed(domain, "misi") == ["Műszaki Misi"]
    assert await listed(domain, "%") == []
    assert await listed(domain, only=[second.id]) == ["Műszaki Misi", "Árvíztűrő Ágnes"]
    again = await update(second, registrant=old(found.tech), billing=new())
    assert (again.HasField("operation"), len(again.refusals)) == (False, 0)
    entries = await registrar.service.told(common_pb2.AuditRecorded, domain.account)
    assert [entry.action for entry in entries] == ["domain.contacts_changed"] * 2


async def test_what_a_contact_says_is_changed_everywhere_at_once(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    await read(domain)
    found = await updated(domain, registrant=new(), tech=new())
    changed = {"street": ["Új utca 2.", "fszt. 1."], "phone": "06 96 765 432", "country": "hu", "org": ""}
    found = await updated(domain, tech=old(found.tech, **changed))
    assert found.registrant == found.tech
    assert list(found.tech.data.street) == changed["street"]
    assert (found.tech.data.phone, found.tech.data.country, found.tech.data.org) == ("+36.96765432", "HU", "")
    xml = at_registry(registrar, found.tech.handle)
    assert "Új utca 2." in xml
    assert "Minta Kft." not in xml
    kept = await registrar.service.db.fetch(
        "SELECT parameters FROM registry_intents WHERE domain_id = $1 AND parameters ? 'edits'", domain.id
    )
    assert kept == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("contact:create", {"action": "cut_after"}),
        ("contact:create", {"action": "cut_before"}),
        ("contact:create", {"action": "result", "code": 2400}),
        ("contact:create", {"action": "wrong_trid"}),
        ("domain:update", {"action": "cut_after"}),
        ("domain:update", {"action": "cut_before"}),
        ("domain:update", {"action": "result", "code": 2400}),
    ],
)
async def test_lost_answers_make_no_second_contact(registrar: Registrar, command: str, fault: dict[str, Any]) -> None:
    domain = await registrar.domain("com")
    await read(domain)
    if command == "domain:update":
        domain.fault(command=command, **fault)
    else:
        registrar.registry.fault(**fault, command=command)
    found = await updated(domain, registrant=new(city=f"Győr {uuid4().hex[:6]}"))
    assert domain.at_registry()["registrant"] == found.registrant.handle
    assert said(registrar, "create", found.registrant.handle).count(1000) == 1
    assert [code for code in domain.updates() if code == 1000] == [1000]


async def test_an_edit_whose_answer_was_lost_is_settled_by_what_the_registry_shows(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    await read(domain)
    found = await updated(domain, registrant=new())
    domain.fault("cut_after", command="contact:update", name=found.registrant.handle)
    edited = await updated(domain, registrant=old(found.registrant, city="Sopron", postal_code="9400"))
    assert edited.registrant.data.city == "Sopron"
    assert len(said(registrar, "update", found.registrant.handle)) == 1


async def test_a_refused_contact_ends_the_change_and_is_told(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    before = await read(domain)
    registrar.registry.fault("result", command="contact:create", code=2306)
    answer = await update(domain, registrant=new(name="Nem Kell"))
    assert await domain.ends(answer.operation) == ("FAILED", "REGISTRY_REFUSED")
    assert await contacts_of(domain) == before
    assert "Nem Kell" not in await listed(domain)
    assert await domain.logged() == ["domain.contacts_refused"]
    # Once the registry takes it, the same wish comes true.
    found = await updated(domain, registrant=new(name="Nem Kell"))
    assert found.registrant.data.name == "Nem Kell"


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": " "}, "FIELD_REQUIRED", "name"),
    ({"name": "x" * 256}, "TEXT_TOO_LONG", "name"),
    ({"city": "Győr\nCity"}, "TEXT_INVALID", "city"),
    ({"street": []}, "FIELD_REQUIRED", "street"),
    ({"street": ["a", "b", "c", "d"]}, "TEXT_TOO_LONG", "street"),
    ({"country": "XX"}, "COUNTRY_UNKNOWN", "country"),
    ({"country": "Magyarország"}, "COUNTRY_UNKNOWN", "country"),
    ({"postal_code": "902"}, "POSTAL_CODE_INVALID", "postal_code"),
    ({"postal_code": ""}, "POSTAL_CODE_INVALID", "postal_code"),
    ({"phone": "12345"}, "PHONE_INVALID", "phone"),
    ({"phone": ""}, "FIELD_REQUIRED", "phone"),
    ({"email": "agnes@minta"}, "EMAIL_INVALID", "email"),
]


async def test_wrong_data_is_named_field_by_field_and_nothing_is_written(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    before = await read(domain)
    for changes, reason, field in BAD:
        answer = await update(domain, admin=new(**changes), tech=new())
        assert [(r.reason, r.field) for r in answer.refusals] == [(reason, f"admin.data.{field}")], changes
    answer = await update(domain, admin=new(phone="1", email="x", country="ZZ"), registrant=pb.ContactChoice())
    assert sorted((r.reason, r.field) for r in answer.refusals) == [
        ("COUNTRY_UNKNOWN", "admin.data.country"),
        ("EMAIL_INVALID", "admin.data.email"),
        ("FIELD_REQUIRED", "registrant"),
        ("PHONE_INVALID", "admin.data.phone"),
    ]
    assert await contacts_of(domain) == before
    assert (await listed(domain), domain.updates(), await domain.logged()) == (["Seeded contact"], [], [])
    elsewhere = await updated(domain, tech=new(country="AE", postal_code="", city="Dubai", phone="+971.41234567"))
    assert elsewhere.tech.data.country == "AE"


async def test_a_contact_that_is_not_the_account_s_to_use_or_to_change_is_refused(registrar: Registrar) -> None:
    domain, foreign = await registrar.domain("com"), await registrar.domain("com")
    mine, theirs = await read(domain), await read(foreign)
    for contact_id in (theirs.registrant.id, str(uuid4())):
        answer = await update(domain, tech=pb.ContactChoice(contact_id=contact_id))
        assert [(r.reason, r.field) for r in answer.refusals] == [("REGISTRY_CONTACT_NOT_FOUND", "tech.contact_id")]
    # Both accounts' domains came with this object: neither may change it for the other.
    assert mine.registrant.handle == theirs.registrant.handle
    answer = await update(domain, registrant=old(mine.registrant, city="Pécs", postal_code="7621"))
    assert [(r.reason, r.field) for r in answer.refusals] == [("CONTACT_NOT_EDITABLE", "registrant.data")]


async def test_a_right_to_one_domain_does_not_change_a_contact_of_others(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    second = await registrar.domain("com", account=domain.account)
    await read(domain)
    await read(second)
    found = await updated(domain, registrant=new())
    await updated(second, registrant=old(found.registrant))
    request = pb.UpdateDomainContactsRequest(domain_id=str(domain.id), registrant=old(found.registrant, city="Vác"))
    answer = await domain.call("UpdateDomainContacts", request, only=[domain.id])
    assert [(r.reason, r.field) for r in answer.refusals] == [("CONTACT_ON_OTHER_DOMAINS", "registrant.data")]
    answer = await domain.call("UpdateDomainContacts", request, only=[domain.id, second.id])
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")


@pytest.mark.parametrize(
    ("rule", "reason"), [("TRADE", "REGISTRANT_CHANGE_BY_TRADE"), ("REFUSED", "REGISTRANT_CHANGE_REFUSED")]
)
async def test_whether_the_holder_can_change_is_the_tld_s_rule_but_its_address_always_can(
    registrar: Registrar, rule: str, reason: str
) -> None:
    domain = await registrar.domain("net")
    await read(domain)
    await registrar.service.db.execute("UPDATE tlds SET registrant_change = 'UPDATE' WHERE tld = 'net'")
    found = await updated(domain, registrant=new())
    await registrar.service.db.execute("UPDATE tlds SET registrant_change = $1 WHERE tld = 'net'", rule)
    answer = await update(domain, registrant=new(name="Más Valaki"))
    assert [(r.reason, r.field) for r in answer.refusals] == [(reason, "registrant")]
    # Nor does it change by way of another domain, which the same contact holds under another TLD.
    elsewhere = await registrar.domain("com", account=domain.account)
    await read(elsewhere)
    for one in (domain, elsewhere):
        answer = await update(one, registrant=old(found.registrant, org="Más Kft."))
        assert [(r.reason, r.field) for r in answer.refusals] == [(reason, "registrant.data")]
    moved = await updated(domain, registrant=old(found.registrant, city="Sopron", postal_code="9400"))
    assert moved.registrant.data.city == "Sopron"
    assert (await updated(domain, tech=new(name="Más Valaki"))).tech.data.name == "Más Valaki"


async def test_a_change_before_the_contacts_are_known_is_put_off_a_moment(registrar: Registrar) -> None:
    domain = await registrar.domain("com")
    request = pb.UpdateDomainContactsRequest(domain_id=str(domain.id), tech=new())
    refused = await domain.refused("UpdateDomainContacts", request)
    assert (refused.reason, refused.fields) == ("CONTACTS_NOT_READ", ["domain_id"])
    await read(domain)
    assert (await updated(domain, tech=new())).tech.data.name == GOOD["name"]


async def test_a_holder_is_verified_by_the_registry_for_a_year(registrar: Registrar) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    registrar.registry.fault("pending", command="contact:create")
    found = await updated(domain, registrant=new(name="Várakozó Vera"))
    handle = found.registrant.handle

    async def shows(state: int) -> bool:
        await registrar.hurry()
        now = await contacts_of(domain)
        return now is not None and now.registrant.verification == state

    await until(lambda: shows(pb.CONTACT_VERIFICATION_PENDING))
    registrar.registry.control("POST", f"/pending-contacts/{handle}/complete", {"approve": True})
    await contact_fetch.look_at_waiting(registrar.service.app, datetime.now(UTC))
    await until(lambda: shows(pb.CONTACT_VERIFICATION_VERIFIED))
    now = await read(domain)
    lasts = now.registrant.verified_until.ToDatetime() - now.registrant.verified_at.ToDatetime()
    assert lasts == timedelta(days=365)
    assert (await domain.logged())[-1] == "domain.holder_verification"
    await registrar.service.db.execute(
        """UPDATE registry_contacts SET verified_at = verified_at - interval '366 d',
                  verified_until = verified_until - interval '366 d' WHERE handle = $1""",
        handle,
    )
    assert (await read(domain)).registrant.verification == pb.CONTACT_VERIFICATION_EXPIRED


async def test_a_change_that_the_holder_has_to_confirm_waits_for_it(registrar: Registrar) -> None:
    domain = await registrar.domain("hu")
    await read(domain)
    found = await updated(domain, registrant=new(name="Megerősítő Mór"))
    handle = found.registrant.handle
    domain.fault("pending", command="contact:update", name=handle)
    answer = await update(domain, registrant=old(found.registrant, name="Megerősítő Mór", phone="+36.301234567"))
    await domain.waits(answer.operation, "registry_update", "pending at the registry")
    assert (await read(domain)).registrant.data.phone == GOOD["phone"]
    registrar.registry.control("POST", f"/pending-contacts/{handle}/complete", {"approve": True})
    assert await domain.ends(answer.operation) == ("SUCCEEDED", "")
    assert (await read(domain)).registrant.data.phone == "+36.301234567"
    assert len(said(registrar, "update", handle)) == 1


async def test_reading_costs_the_same_for_many_domains(registrar: Registrar) -> None:
    first = await registrar.domain("com")
    rest = [await registrar.domain("com", account=first.account) for _ in range(3)]
    for one in (first, *rest):
        await read(one)
    who = person(first.account, *PERMISSIONS)

    async def cost(request: Message) -> int:
        return await registrar.service.statements(who, "BatchGetDomainContacts", request)

    ids = [str(one.id) for one in (first, *rest)]
    assert await cost(pb.BatchGetDomainContactsRequest(domain_ids=ids[:1])) == await cost(
        pb.BatchGetDomainContactsRequest(domain_ids=ids)
    )
    foreign = await registrar.domain("com")
    answer = await first.call(
        "BatchGetDomainContacts", pb.BatchGetDomainContactsRequest(domain_ids=[*ids, str(foreign.id)])
    )
    assert sorted(UUID(one.domain_id) for one in answer.contacts) == sorted(one.id for one in (first, *rest))
    assert await contacts_of(first, only=[rest[0].id]) is None
    await report_stuck(registrar.service.app)
