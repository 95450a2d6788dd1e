"""Several registries: what each is told, what it keeps, and that everything said to one was committed before."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import (
    domains_pb2,
    domains_pb2_grpc,
    lifecycle_pb2,
    lifecycle_pb2_grpc,
    management_pb2_grpc,
    operator_pb2_grpc,
)
from portico.domains.v1 import management_pb2 as pb
from portico.identity.v1 import events_pb2 as identity_events
from portico.identity.v1 import identity_pb2
from services.chassis import times
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains import registries, sync
from services.domains.app import App
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.domains.conftest import until
from tests.domains.test_sealed_codes import dump
from tests.sandbox import Sandbox
from tests.serving import Database, Serving, Stubs, confirmed, person, serving

EVERY = ("domains.read", "domains.manage", "domains.order", "dns.read")
NS = ("ns1.portico.example", "ns2.portico.example")


@dataclass(frozen=True)
class Two:
    """The domains service with two registries: .hu, and the others."""

    service: Serving
    hungarian: Sandbox
    generic: Sandbox

    async def account(self, *, country: str = "HU", name: str = "Minta Kft.") -> "Owner":
        owner = Owner(self, uuid4())
        saved = identity_pb2.Account(
            id=str(owner.id),
            name=name,
            kind=identity_pb2.ACCOUNT_KIND_COMPANY,
            email="anna@minta.example",
            phone="+36.96123456",
            country=country,
            postal_code="9021" if country == "HU" else "10001",
            city="Győr",
            street="Fő utca 1.",
        )
        await self.service.hear(
            identity_events.AccountSaved(account=saved, occurred_at=times.to_pb(datetime.now(UTC))), owner.id
        )
        return owner

    async def hurry(self) -> None:
        await self.service.db.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready' AND run_at > now()")
        await self.service.db.execute("SELECT pg_notify('jobs', '')")

    async def intents(self, about: str) -> list[tuple[str, str]]:
        """(command, outcome) of what was said of a contact or a host."""
        rows = await self.service.db.fetch(
            "SELECT command, outcome FROM registry_object_intents WHERE object = $1 ORDER BY id", about
        )
        return [(row["command"], row["outcome"]) for row in rows]


@dataclass(frozen=True)
class Owner:
    """An account."""

    two: Two
    id: UUID

    async def call(self, method: str, request: Any) -> Any:
        return await self.two.service.call(confirmed(person(self.id, *EVERY)), method, request)

    async def order(self, *names: str, nameservers: tuple[str, ...] = ()) -> domains_pb2.RegisterDomainsResponse:
        request = domains_pb2.RegisterDomainsRequest(request_id=uuid4().hex, names=names, nameservers=nameservers)
        answer: domains_pb2.RegisterDomainsResponse = await self.call("RegisterDomains", request)
        return answer

    async def pay(self, order: domains_pb2.Order) -> None:
        query = "SELECT domain_id, id FROM order_items WHERE order_id = $1"
        items = await self.two.service.db.fetch(query, UUID(order.id))
        lines = [
            billing_pb2.InvoiceLine(
                subject_type="Domain", subject_id=str(item["domain_id"]), order_item_id=str(item["id"])
            )
            for item in items
        ]
        invoice = billing_pb2.Invoice(id=str(uuid4()), lines=lines)
        event = billing_events.InvoicePaid(invoice=invoice, account_id=str(self.id), order_id=order.id)
        await self.two.service.hear(event, self.id)

    async def register(self, *names: str, nameservers: tuple[str, ...] = ()) -> list[domains_pb2.Domain]:
        """The names, once they are ours."""
        await self.pay((await self.order(*names, nameservers=nameservers)).order)
        return [await self.active(name) for name in names]

    async def get(self, name: str) -> domains_pb2.Domain:
        answer: domains_pb2.Domain = await self.call("GetDomainByName", domains_pb2.GetDomainByNameRequest(name=name))
        return answer

    async def active(self, name: str) -> domains_pb2.Domain:
        async def ended() -> bool:
            await self.two.hurry()
            return (await self.get(name)).state != domains_pb2.DOMAIN_STATE_PENDING_REGISTRATION

        await until(ended)
        domain = await self.get(name)
        assert domain.state == domains_pb2.DOMAIN_STATE_ACTIVE
        return domain

    async def contacts(self, domain: domains_pb2.Domain) -> pb.DomainContacts:
        request = pb.BatchGetDomainContactsRequest(domain_ids=[domain.id])

        async def known() -> bool:
            await self.two.hurry()
            return bool((await self.call("BatchGetDomainContacts", request)).contacts)

        await until(known)
        found: pb.DomainContacts = (await self.call("BatchGetDomainContacts", request)).contacts[0]
        return found

    async def update(self, domain: domains_pb2.Domain, **roles: pb.ContactChoice) -> pb.ChangeDomainResponse:
        request = pb.UpdateDomainContactsRequest(domain_id=domain.id, **roles)
        answer: pb.ChangeDomainResponse = await self.call("UpdateDomainContacts", request)
        return answer

    async def succeeds(self, operation: common_pb2.Operation) -> None:
        request = domains_pb2.BatchGetOperationsRequest(ids=[operation.id])

        async def ended() -> bool:
            await self.two.hurry()
            return bool((await self.call("BatchGetOperations", request)).operations[0].HasField("finished_at"))

        await until(ended)
        [found] = (await self.call("BatchGetOperations", request)).operations
        assert found.state == common_pb2.OPERATION_STATE_SUCCEEDED, found.error_reason

    async def locked_until(self, domain: domains_pb2.Domain) -> bool:
        """Whether a transfer lock runs."""
        request = lifecycle_pb2.BatchGetLifecyclesRequest(domain_ids=[domain.id])
        [found] = (await self.call("BatchGetLifecycles", request)).lifecycles
        return bool(found.HasField("transfer_locked_until"))


@pytest.fixture(scope="module")
async def two(database: Database, run_dir: Path) -> AsyncIterator[Two]:
    with (
        sandbox.registry(run_dir / "hungarian-registry", "--tlds=hu") as hungarian,
        sandbox.registry(run_dir / "generic-registry", "--tlds=com,eu,net") as generic,
    ):
        clients = Registries(
            [
                hungarian.client(1.0, tlds=["hu"], name="hungarian"),
                generic.client(1.0, tlds=["com", "eu", "net"], name="generic"),
            ]
        )
        async with serving(
            "domains",
            await database("two_registries"),
            run_dir,
            make_app=lambda db: App(db, clients, PowerDns("http://127.0.0.1:1", ""), NS, Sealer([bytes(32)])),
            register=register,
            make_stub=Stubs.of(
                domains_pb2_grpc.DomainsServiceStub,
                management_pb2_grpc.ManagementServiceStub,
                lifecycle_pb2_grpc.LifecycleServiceStub,
                operator_pb2_grpc.DomainsOperatorServiceStub,
            ),
            consumes=CONSUMES,
        ) as running:
            worker = asyncio.create_task(Worker(running.db, running.app, JOBS).run())
            yield Two(running, hungarian, generic)
            worker.cancel()
            await asyncio.wait([worker])
        await clients.close()


def fresh(tld: str) -> str:
    return f"ket-{uuid4().hex[:10]}.{tld}"


async def test_an_account_has_one_contact_at_each_registry_however_many_names_it_registers(two: Two) -> None:
    owner = await two.account()
    here, there = fresh("hu"), fresh("com")
    domains = await owner.register(here, fresh("hu"), there, fresh("net"))
    found = [await owner.contacts(domain) for domain in domains]
    assert len({one.registrant.id for one in found}) == 2
    assert [one.registrant.registry for one in found] == ["hungarian", "hungarian", "generic", "generic"]
    assert {one.registrant.data.name for one in found} == {"Minta Kft."}
    for registry, one in ((two.hungarian, found[0]), (two.generic, found[2])):
        handle = one.registrant.handle
        # Two at the same instant may both ask for it; the second is told that it is there.
        assert [entry["code"] for entry in registry.log("create", handle.lower())] in ([1000], [1000, 2302])
        assert set(await two.intents(handle)) == {("create_contact", "DONE")}


async def test_a_registration_names_the_contacts_that_the_top_level_domain_wants_and_no_others(two: Two) -> None:
    owner = await two.account()
    for tld, roles in (("hu", {"admin"}), ("com", {"admin", "tech"}), ("eu", {"tech"})):
        [domain] = await owner.register(fresh(tld))
        at = two.hungarian if tld == "hu" else two.generic
        assert {role for role, _ in at.control("GET", f"/domains/{domain.name}")["contacts"]} == roles


async def test_a_contact_of_one_registry_chosen_for_a_domain_of_another_is_made_there(two: Two) -> None:
    owner = await two.account()
    domain, other = await owner.register(fresh("hu"), fresh("com"))
    at_generic = (await owner.contacts(other)).registrant
    answer = await owner.update(domain, admin=pb.ContactChoice(contact_id=at_generic.id))
    assert not answer.refusals
    # The account has the same person at the other registry already, as the holder of the domain itself.
    assert not answer.operation.id
    new = pb.ContactChoice(data=at_generic.data)
    new.data.name = "Árvíztűrő Ágnes"
    await owner.succeeds((await owner.update(other, tech=new)).operation)
    agnes = (await owner.contacts(other)).tech
    await owner.succeeds((await owner.update(domain, admin=pb.ContactChoice(contact_id=agnes.id))).operation)
    admin = (await owner.contacts(domain)).admin
    assert (admin.data, admin.registry) == (agnes.data, "hungarian")
    assert admin.handle != agnes.handle
    assert two.hungarian.control("GET", f"/domains/{domain.name}")["contacts"] == [["admin", admin.handle]]


@pytest.mark.parametrize("what", ["cut_after", "cut_before", "wrong_trid", "never_end", "result"])
async def test_a_contact_whose_creation_got_no_answer_is_made_once(two: Two, what: str) -> None:
    owner = await two.account(name=f"Minta {what}")
    two.generic.fault(what, command="contact:create")
    [domain] = await owner.register(fresh("com"))
    handle = (await owner.contacts(domain)).registrant.handle
    carried_out = what not in {"cut_before", "result"}
    said = [entry["code"] for entry in two.generic.log("create", handle.lower())]
    assert said.count(1000) == 1
    assert len(said) == (1 if carried_out else 2)
    lost = ("create_contact", "NOT_CARRIED_OUT")
    assert await two.intents(handle) == [*([] if carried_out else [lost]), ("create_contact", "DONE")]


async def test_a_host_whose_creation_got_no_answer_is_made_once(two: Two) -> None:
    owner, host = await two.account(), f"ns.{uuid4().hex[:8]}.example"
    two.generic.fault("cut_after", command="host:create", name=host)
    await owner.register(fresh("com"), nameservers=(host, NS[1]))
    assert [entry["code"] for entry in two.generic.log("create", host)] == [1000]
    assert await two.intents(host) == [("create_host", "DONE")]


async def test_while_another_command_about_an_object_is_out_ours_waits_and_a_forsaken_one_is_left_behind(
    two: Two,
) -> None:
    owner, host = await two.account(), f"ns.{uuid4().hex[:8]}.example"
    [other] = await owner.register(fresh("com"))
    await two.service.db.execute(
        """INSERT INTO registry_object_intents (registry, domain_id, command, object)
           VALUES ('generic', $1, 'create_host', $2)""",
        UUID(other.id),
        host,
    )
    name = fresh("com")
    await owner.pay((await owner.order(name, nameservers=(host, NS[1]))).order)

    async def waits() -> bool:
        await two.hurry()
        query = "SELECT last_error LIKE '%another command about%' FROM jobs WHERE kind = 'register_domain' AND key = $1"
        return bool(await two.service.db.fetchval(query, (await owner.get(name)).id))

    await until(waits)
    assert two.generic.log("create", host) == []
    await two.service.db.execute(
        "UPDATE registry_object_intents SET said_at = said_at - interval '3 minutes' WHERE object = $1", host
    )
    await owner.active(name)
    assert await two.intents(host) == [("create_host", "UNSEEN"), ("create_host", "DONE")]


async def test_a_holder_must_be_of_a_country_that_the_top_level_domain_takes(two: Two) -> None:
    abroad = await two.account(country="US")
    answer = await abroad.order(fresh("eu"), fresh("com"))
    [refusal] = answer.refusals
    assert (refusal.index, refusal.reason, refusal.field) == (0, "LOCAL_PRESENCE_REQUIRED", "names")
    assert (refusal.metadata["tld"], refusal.metadata["country"]) == ("eu", "US")
    assert len(answer.order.items) == 1
    owner = await two.account()
    [domain] = await owner.register(fresh("eu"))
    found = await owner.contacts(domain)
    moved = pb.ContactData()
    moved.CopyFrom(found.registrant.data)
    moved.country, moved.postal_code = "US", "10001"
    for choice in (pb.ContactChoice(contact_id=found.registrant.id, data=moved), pb.ContactChoice(data=moved)):
        refusals = (await owner.update(domain, registrant=choice)).refusals
        assert [one.reason for one in refusals] == ["LOCAL_PRESENCE_REQUIRED"]
        assert refusals[0].field.startswith("registrant")
    assert not (await owner.update(domain, tech=pb.ContactChoice(data=moved))).refusals


async def test_another_name_of_the_holder_starts_the_transfer_lock_of_all_it_holds_and_another_address_does_not(
    two: Two,
) -> None:
    owner = await two.account()
    first, second = await owner.register(fresh("net"), fresh("net"))
    await two.service.db.execute("DELETE FROM tld_locks WHERE tld = 'net' AND kind = 'REGISTRATION'")
    holder = (await owner.contacts(first)).registrant
    assert (await owner.contacts(second)).registrant.id == holder.id
    moved = pb.ContactData()
    moved.CopyFrom(holder.data)
    moved.city = "Sopron"
    edit = pb.ContactChoice(contact_id=holder.id, data=moved)
    await owner.succeeds((await owner.update(first, registrant=edit)).operation)
    assert not await owner.locked_until(first)
    moved.name = "Új Gazda"
    edit = pb.ContactChoice(contact_id=holder.id, data=moved)
    await owner.succeeds((await owner.update(first, registrant=edit)).operation)
    assert await owner.locked_until(first)
    assert await owner.locked_until(second)


async def test_names_of_a_registry_that_is_silent_are_refused_by_name_and_the_others_go_on(two: Two) -> None:
    owner, name, other = await two.account(), fresh("hu"), fresh("com")
    two.hungarian.fault("result", command="domain:check", code=2400, times=2)
    answer = await owner.order(name, other)
    assert [(one.index, one.reason) for one in answer.refusals] == [(0, "REGISTRY_UNAVAILABLE")]
    assert len(answer.order.items) == 1
    request = domains_pb2.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    refused = await two.service.refused(person(owner.id, *EVERY), "RegisterDomains", request)
    assert refused.reason == "REGISTRY_UNAVAILABLE"


async def test_a_registry_that_is_away_does_not_hold_up_the_daily_walk_of_the_other(two: Two) -> None:
    owner = await two.account()
    here, there = await owner.register(fresh("hu"), fresh("com"))
    aged = "UPDATE domains SET synced_at = now() - interval '2 days' WHERE id = $1"
    for domain in (here, there):
        await two.service.db.execute(aged, UUID(domain.id))
    two.hungarian.fault("result", command="domain:info", code=2400, times=1)
    await sync.walk(two.service.app, datetime.now(UTC))
    query = "SELECT tld FROM domains WHERE id = ANY($1) AND synced_at < now() - interval '1 day'"
    rows = await two.service.db.fetch(query, [UUID(here.id), UUID(there.id)])
    assert [row["tld"] for row in rows] == ["hu"]


async def test_everything_that_changes_something_at_a_registry_carries_the_id_of_an_intent(two: Two) -> None:
    owner = await two.account()
    await owner.register(fresh("hu"), fresh("com"), nameservers=(f"ns.{uuid4().hex[:8]}.example", NS[0]))
    rows = await two.service.db.fetch(
        "SELECT id::text FROM registry_intents UNION ALL SELECT id::text FROM registry_object_intents"
    )
    known = {row["id"] for row in rows}
    said = [
        entry
        for registry in (two.hungarian, two.generic)
        for verb in ("create", "update")
        for entry in registry.control("GET", f"/log?command={verb}")
    ]
    assert {entry["object"] for entry in said} == {"domain", "contact", "host"}
    assert [entry for entry in said if entry["cl_trid"] not in known] == []


async def test_the_code_of_a_new_registration_stands_nowhere_in_the_database(two: Two) -> None:
    owner = await two.account()
    [domain] = await owner.register(fresh("com"))
    text, code = await dump(two.service.db), two.generic.control("GET", f"/domains/{domain.name}")["auth"]
    assert domain.name in text
    assert code
    assert code not in text


async def test_a_registration_that_was_begun_with_a_code_in_the_clear_goes_on_with_it(two: Two) -> None:
    owner, name = await two.account(), fresh("com")
    order = (await owner.order(name)).order
    await two.service.db.execute(
        """INSERT INTO registry_intents (domain_id, command, auth_info, said_at, outcome, settled_at)
           VALUES ($1, 'create', 'Earlier-code-1', now(), 'NOT_CARRIED_OUT', now())""",
        UUID(order.items[0].domain_id),
    )
    await owner.pay(order)
    await owner.active(name)
    assert two.generic.control("GET", f"/domains/{name}")["auth"] == "Earlier-code-1"


GOOD = {"name": "hu", "tlds": ["hu"], "host": "epp.example", "registrar": "portico", "password": "secret-1"}


def test_the_list_of_registries_is_read_with_its_defaults(tmp_path: Path) -> None:
    file = tmp_path / "registries.json"
    file.write_text(json.dumps([GOOD | {"ca_file": "ca.pem"}, GOOD | {"name": "gtld", "tlds": ["COM", ".net"]}]))
    first, second = registries.read(file)
    assert (first.port, first.sessions, first.ca_file, second.tlds) == (700, 4, tmp_path / "ca.pem", ("com", "net"))
    assert "secret" not in repr(first)
    both = Registries(account.open() for account in (first, second))
    assert both.of("minta.hu").name == "hu"
    assert both.of("net").name == "gtld"
    assert not both.runs("org")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "must be a list of registries"),
        ([], "must be a list of registries"),
        (["hu"], r"\[0\] must be an object"),
        ([{**GOOD, "colour": "red"}], r"\[0\] has the unknown field colour"),
        ([{**GOOD, "tlds": []}], r"\[0\]\.tlds must be a list"),
        ([{**GOOD, "port": "700"}], r"\[0\]\.port must be a whole number"),
        ([{**GOOD, "sessions": True}], r"\[0\]\.sessions must be a whole number"),
        ([{**GOOD, "password": ""}], r"\[0\]\.password must be a text"),
        ([{**GOOD, "cert_file": "our.pem"}], r"\[0\] needs both cert_file and key_file"),
        ([{k: v for k, v in GOOD.items() if k != "host"}], r"\[0\]: missing .*'host'"),
        ([GOOD, {**GOOD, "tlds": ["com"]}], "two registries are called hu"),
        ([GOOD, {**GOOD, "name": "other"}], r"\.hu cannot be both hu's and other's"),
    ],
)
def test_a_list_of_registries_that_cannot_be_is_refused_by_what_is_wrong(
    tmp_path: Path, given: object, problem: str
) -> None:
    file = tmp_path / "registries.json"
    file.write_text(json.dumps(given))
    with pytest.raises(ValueError, match=problem):
        registries.read(file)


async def test_a_registry_that_takes_commands_and_never_answers_holds_up_nothing_of_the_others(two: Two) -> None:
    owner, here = await two.account(), fresh("com")
    # The contact at the other registry is there already.
    await owner.register(fresh("com"))
    waiting = """WITH d AS (
        INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at, auto_renew,
                             nameservers, created_at)
        SELECT $1, name, name, 'hu', 'ACTIVE', now(), now(), now() + interval '1 y', false, '{}', now()
        FROM unnest($2::text[]) AS name RETURNING id)
        INSERT INTO jobs (kind, key, payload)
        SELECT 'fetch_contacts', id::text, jsonb_build_object('domain_id', id) FROM d"""
    two.hungarian.fault("delay", command="info", seconds=5, times=None)
    try:
        await two.service.db.execute(waiting, owner.id, [fresh("hu") for _ in range(160)])
        order = (await owner.order(here)).order
        began = time.monotonic()
        await owner.pay(order)

        async def active() -> bool:
            return (await owner.get(here)).state == domains_pb2.DOMAIN_STATE_ACTIVE

        await until(active)
        # The client waits a second for an answer: a hundred and sixty jobs at four sessions would be most of a minute.
        assert time.monotonic() - began < 5
    finally:
        two.hungarian.control("DELETE", "/faults")
        await two.service.db.execute(
            "DELETE FROM jobs WHERE payload->>'domain_id' IN (SELECT id::text FROM domains "
            "WHERE account_id = $1 AND tld = 'hu')",
            owner.id,
        )
