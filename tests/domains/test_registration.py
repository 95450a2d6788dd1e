"""What becomes of paid names: the service's jobs against the sandbox registry over EPP, and PowerDNS."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import dns.asyncquery
import dns.message
import dns.rdatatype
import pytest

from deploy.parts import Parts
from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing_events
from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import domains_pb2_grpc, events_pb2
from portico.identity.v1 import events_pb2 as identity_events
from portico.identity.v1 import identity_pb2
from services.chassis import times
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains import intents, zones
from services.domains.app import App
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS, report_stuck
from services.domains.powerdns import PowerDns
from services.domains.records import RecordSet
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.serving import Database, Serving, person, serving

EVERY = ("domains.read", "domains.order", "dns.read")
ACTIVE, FAILED = pb.DOMAIN_STATE_ACTIVE, pb.DOMAIN_STATE_FAILED


class Gated(PowerDns):
    """Holds a zone's next writing back for as long as its gate is shut."""

    gates: dict[str, asyncio.Event]

    async def put_zone(self, name: str, nameservers: Sequence[str], record_sets: Sequence[RecordSet]) -> None:
        if gate := self.gates.pop(name, None):
            await gate.wait()
        await super().put_zone(name, nameservers, record_sets)


@dataclass(frozen=True)
class House:
    """The running service and what stands around it. `account` is known to it as a registrant."""

    service: Serving
    registry: sandbox.Sandbox
    nameserver: Gated
    dns_port: int
    account: UUID

    async def order(self, *names: str, nameservers: Sequence[str] = ()) -> pb.Order:
        request = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=names, nameservers=nameservers)
        answer = await self.service.call(person(self.account, *EVERY), "RegisterDomains", request)
        assert isinstance(answer, pb.RegisterDomainsResponse)
        assert not answer.refusals
        return answer.order

    async def item(self, domain_id: str) -> str:
        query = "SELECT id FROM order_items WHERE domain_id = $1 ORDER BY id DESC LIMIT 1"
        return str(await self.service.db.fetchval(query, UUID(domain_id)))

    async def pay(self, order: pb.Order) -> None:
        lines = [
            billing_pb2.InvoiceLine(
                subject_type="Domain", subject_id=item.domain_id, order_item_id=await self.item(item.domain_id)
            )
            for item in order.items
        ]
        invoice = billing_pb2.Invoice(id=str(uuid4()), lines=lines)
        event = billing_events.InvoicePaid(invoice=invoice, account_id=str(self.account), order_id=order.id)
        await self.service.hear(event, self.account)

    async def domain(self, name: str) -> pb.Domain:
        request = pb.GetDomainByNameRequest(name=name)
        answer = await self.service.call(person(self.account, *EVERY), "GetDomainByName", request)
        assert isinstance(answer, pb.Domain)
        return answer

    async def ends(self, name: str, state: pb.DomainState.ValueType, *, pause: float = 0.2) -> pb.Domain:
        """The domain once it has ended; fails when that is another end. `pause`: seconds, at most, between attempts."""

        async def ended() -> bool:
            await self.service.db.execute(
                "UPDATE jobs SET run_at = least(run_at, now() + make_interval(secs => $1))", pause
            )
            return (await self.domain(name)).state in {ACTIVE, FAILED}

        await until(ended)
        domain = await self.domain(name)
        assert pb.DomainState.Name(domain.state) == pb.DomainState.Name(state)
        return domain

    async def failures(self, name: str) -> list[str]:
        told = await self.service.told(events_pb2.OrderItemFailed, self.account)
        return [event.reason for event in told if event.name == name]

    def creates(self, name: str) -> list[int]:
        """The registry's answers to the create commands for this name."""
        return [entry["code"] for entry in self.registry.log("create", name)]


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
async def house(database: Database, parts: Parts, run_dir: Path) -> AsyncIterator[House]:
    with sandbox.registry(run_dir / "registrations-registry") as registry:
        client = registry.client(timeout=1.0)
        nameserver = Gated(parts.powerdns.url, parts.powerdns.api_key)
        nameserver.gates = {}
        async with serving(
            "domains",
            await database("registrations"),
            run_dir,
            make_app=lambda db: App(
                db,
                Registries([client]),
                nameserver,
                ("ns1.portico.example", "ns2.portico.example"),
                Sealer([bytes(32)]),
            ),
            register=register,
            make_stub=domains_pb2_grpc.DomainsServiceStub,
            consumes=CONSUMES,
        ) as running:
            account = uuid4()
            saved = identity_pb2.Account(
                id=str(account), name="Minta Kft.", email="a@minta.example", country="HU", city="Győr", street="Fő 1."
            )
            event = identity_events.AccountSaved(account=saved, occurred_at=times.to_pb(datetime.now(UTC)))
            await running.hear(event, account)
            worker = asyncio.create_task(Worker(running.db, running.app, JOBS).run())
            assert parts.powerdns.dns_port is not None
            yield House(running, registry, nameserver, parts.powerdns.dns_port, account)
            worker.cancel()
            await asyncio.wait([worker])
        await client.close()
        await nameserver.close()


def fresh(tld: str = "hu") -> str:
    return f"fizetett-{uuid4().hex[:12]}.{tld}"


async def test_a_create_that_is_carried_out_long_after_we_gave_it_up_is_ours(house: House) -> None:
    name = fresh()
    # The first comes to pass while the second, sent because the name did not exist yet, is on its way.
    house.registry.fault("delay", command="create", name=name, seconds=4.5)
    house.registry.fault("delay", command="create", name=name, seconds=3)
    await house.pay(await house.order(name))
    await house.ends(name, ACTIVE, pause=2)
    assert sorted(house.creates(name)) == [1000, 2302]
    assert await house.failures(name) == []


async def test_a_name_that_cannot_be_created_though_nobody_has_it_ends_refused(house: House) -> None:
    name = fresh()
    house.registry.fault("result", command="create", name=name, code=2302, times=None)
    await house.pay(await house.order(name))
    await house.ends(name, FAILED)
    assert await house.failures(name) == ["REGISTRY_REFUSED"]


@pytest.mark.parametrize(
    ("tld", "approve", "failures"),
    [
        ("com", True, []),
        ("com", False, ["REGISTRY_REFUSED"]),
        ("hu", True, []),
        ("hu", False, ["HOLDER_DID_NOT_CONFIRM"]),
    ],
)
async def test_a_registration_that_waits_at_the_registry_ends_as_the_registry_or_the_holder_decides(
    house: House, caplog: pytest.LogCaptureFixture, tld: str, approve: bool, failures: list[str]
) -> None:
    name = fresh(tld)
    house.registry.fault("pending", command="create", name=name)
    await house.pay(await house.order(name))
    domain_id = (await house.domain(name)).id

    async def waits() -> bool:
        query = "SELECT 1 FROM jobs WHERE payload->>'domain_id' = $1 AND last_error LIKE '%pending%'"
        return bool(await house.service.db.fetchval(query, domain_id))

    await until(waits)
    told = await house.service.told(events_pb2.HolderConfirmationWanted, house.account)
    asked = [(one.change, one.holder_email, one.HasField("until")) for one in told if one.name == name]
    assert asked == ([("registration", "a…@minta.example", False)] if tld == "hu" else [])
    await house.service.db.execute(
        "UPDATE domains SET state_since = now() - interval '1 h' WHERE id = $1", UUID(domain_id)
    )
    await report_stuck(house.service.app)
    reported = [
        one.__dict__["domain"] for one in caplog.records if one.getMessage() == "a domain is stuck at its registry"
    ]
    assert (name in reported) == (tld == "com")
    house.registry.control("POST", f"/pending/{name}/complete", {"approve": approve})
    await house.ends(name, ACTIVE if approve else FAILED)
    assert house.creates(name) == [1001]
    assert await house.failures(name) == failures


@pytest.mark.parametrize("command", ["contact:create", "host:create"])
async def test_what_a_name_needs_and_the_registry_refuses_ends_the_registration(house: House, command: str) -> None:
    name = fresh()
    if command == "contact:create":
        await house.service.db.execute("UPDATE registrants SET city = $1", uuid4().hex)
    house.registry.fault("result", command=command, code=2005)
    await house.pay(await house.order(name, nameservers=[f"ns{n}.{uuid4().hex}.example" for n in (1, 2)]))
    await house.ends(name, FAILED)
    assert await house.failures(name) == ["REGISTRY_REFUSED"]
    assert house.creates(name) == []


async def test_a_registrar_without_money_at_the_registry_keeps_its_customers_waiting(house: House) -> None:
    name = fresh()
    house.registry.fault("result", command="create", name=name, code=2104, times=2)
    await house.pay(await house.order(name))
    await house.ends(name, ACTIVE)
    assert house.creates(name) == [2104, 2104, 1000]


async def test_attempts_at_a_registry_that_was_away_do_not_count_against_a_name_that_info_does_not_know_yet(
    house: House,
) -> None:
    name = fresh()
    house.registry.fault("result", command="create", name=name, code=2104, times=8)
    house.registry.fault("result", command="create", name=name, code=2302)
    await house.pay(await house.order(name))
    await house.ends(name, ACTIVE)
    assert house.creates(name) == [*[2104] * 8, 2302, 1000]


async def wait_for_holders(house: House, count: int) -> list[UUID]:
    """So many registrations that have waited for their holders for days."""
    async with house.service.db.transaction() as tx:
        rows = await tx.fetch(
            """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, auto_renew, nameservers, created_at)
               SELECT $1, name, name, 'hu', 'PENDING_REGISTRATION', now() - interval '2 days', false, '{}', now()
               FROM unnest($2::text[]) AS name RETURNING id""",
            house.account,
            [fresh() for _ in range(count)],
        )
        ids = [row["id"] for row in rows]
        await tx.execute(
            """INSERT INTO registry_intents (domain_id, command, auth_info, said_at, detail)
               SELECT id, 'create', '', now(), $2 FROM unnest($1::uuid[]) AS id""",
            ids,
            intents.UNCONFIRMED,
        )
    return ids


async def test_a_registration_whose_job_was_given_up_is_taken_up_again_however_many_others_wait(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    others = await wait_for_holders(house, 100)
    name = fresh()
    house.registry.fault("result", command="info", name=name, code=2400, times=1)
    await house.service.db.execute("ALTER TABLE jobs DISABLE TRIGGER jobs_wake")
    await house.pay(await house.order(name))
    given_up = "UPDATE jobs SET state = 'dead', attempts = 50 WHERE key = $1 AND state = 'ready' RETURNING id"
    domain_id = (await house.domain(name)).id

    async def dead() -> bool:
        return bool(await house.service.db.fetchval(given_up, domain_id))

    await until(dead)
    await house.service.db.execute("ALTER TABLE jobs ENABLE TRIGGER jobs_wake")
    await house.service.db.execute(
        "UPDATE domains SET state_since = now() - interval '1 h' WHERE id = $1", UUID(domain_id)
    )
    await report_stuck(house.service.app)
    stuck = [one.__dict__["domain_id"] for one in caplog.records if "stuck at its registry" in one.getMessage()]
    assert domain_id in stuck
    assert not {str(one) for one in others} & set(stuck)
    await house.ends(name, ACTIVE)
    await house.service.db.execute("UPDATE domains SET state = 'DELETED' WHERE id = ANY($1)", others)


async def test_money_that_comes_for_a_name_that_has_failed_goes_back(house: House) -> None:
    name = fresh()
    order = await house.order(name)
    event = billing_events.OrderRejected(order_id=order.id, account_id=str(house.account), reason="PRICE_MISSING")
    await house.service.hear(event, house.account)
    assert await house.failures(name) == []
    await house.pay(order)
    assert await house.failures(name) == ["PRICE_MISSING"]


async def test_an_older_version_of_a_zone_that_is_written_late_does_not_stay(house: House) -> None:
    name = fresh()
    gate = house.nameserver.gates[name] = asyncio.Event()
    await house.pay(await house.order(name))
    await house.ends(name, ACTIVE)

    async def held() -> bool:
        return name not in house.nameserver.gates

    await until(held)
    async with house.service.db.transaction() as tx:
        zone_id = await tx.fetchval("UPDATE zones SET version = 2 WHERE name = $1 RETURNING id", name)
        await tx.execute(
            "INSERT INTO record_sets (zone_id, name, type, ttl, records) VALUES ($1, $2, 'A', 300, '{192.0.2.1}')",
            zone_id,
            f"{name}.",
        )
        await zones.schedule(tx, zone_id, 2)

    async def applied() -> bool:
        return bool(await house.service.db.fetchval("SELECT applied_version = 2 FROM zones WHERE id = $1", zone_id))

    async def one_job_is_left() -> bool:
        query = (
            "SELECT count(*) = 1 FROM jobs WHERE kind = 'apply_zone' AND payload->>'zone_id' = $1 AND state <> 'done'"
        )
        return bool(await house.service.db.fetchval(query, str(zone_id)))

    await until(one_job_is_left)
    gate.set()
    await until(applied)
    question = dns.message.make_query(name, dns.rdatatype.A)
    answer = await dns.asyncquery.udp(question, "127.0.0.1", port=house.dns_port, timeout=2)
    assert [rrset.to_text() for rrset in answer.answer] == [f"{name}. 300 IN A 192.0.2.1"]


async def test_a_name_that_the_house_once_had_can_be_registered_again(house: House) -> None:
    name = fresh()
    await house.pay(await house.order(name))
    first = await house.ends(name, ACTIVE)
    await house.service.db.execute("UPDATE domains SET state = 'DELETED' WHERE id = $1", UUID(first.id))
    house.registry.control("DELETE", f"/domains/{name}")
    await house.pay(await house.order(name))

    async def again() -> bool:
        domain = await house.domain(name)
        return domain.id != first.id and domain.state == ACTIVE

    await until(again)
    zone = await house.service.call(
        person(house.account, *EVERY), "BatchGetZones", pb.BatchGetZonesRequest(domain_ids=[first.id])
    )
    assert not zone.zones


async def test_a_long_list_is_checked_over_several_sessions_at_once(house: House) -> None:
    names = [fresh() for _ in range(600)]
    house.registry.fault("delay", command="check", times=12, seconds=0.5)
    start = time.monotonic()
    order = await house.order(*names)
    assert len(order.items) == 600
    assert time.monotonic() - start < 4.5  # twelve checks, one after the other, take six


async def test_a_name_that_the_registry_does_not_let_us_see_is_somebody_elses(house: House) -> None:
    name = fresh()
    house.registry.fault("cut_before", command="create", name=name)
    house.registry.fault("result", command="info", name=name, code=2201)
    await house.pay(await house.order(name))
    await house.ends(name, FAILED)
    assert await house.failures(name) == ["DOMAIN_TAKEN"]


@pytest.mark.parametrize(("days", "state"), [(0, ACTIVE), (30, FAILED)])
async def test_at_a_registry_that_tells_no_auth_info_a_name_of_ours_is_known_by_its_age(
    house: House, days: int, state: pb.DomainState.ValueType
) -> None:
    name = fresh()
    order = await house.order(name)
    house.registry.seed(name, registrar="portico", created=(datetime.now(UTC) - timedelta(days=days)).isoformat())
    await house.pay(order)
    await house.ends(name, state)
    assert await house.failures(name) == ([] if state == ACTIVE else ["DOMAIN_TAKEN"])
