"""The registry's life: messages, the daily sync, dates; the service's jobs against the sandbox registry over EPP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.parts import Parts
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2_grpc, events_pb2
from services.chassis.actor import Scope
from services.chassis.db import Row
from services.chassis.jobs import Worker
from services.domains import locks, messages, sync
from services.domains.app import App
from services.domains.epp import PollMessage, Registry, Transfer
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.rpc import register
from tests import sandbox
from tests.serving import Database, Serving, person, serving

NS = ["ns1.portico.example", "ns2.portico.example"]


@dataclass(frozen=True)
class Desk:
    """The running service, its registry and an account."""

    service: Serving
    registry: sandbox.Sandbox
    account: UUID

    async def hold(self, name: str, **seed: Any) -> UUID:
        """A domain that is ours at the registry and here, both alike."""
        now = datetime.now(UTC)
        expires = seed.pop("expires", now + timedelta(days=200))
        created = seed.pop("created", expires - timedelta(days=365))
        statuses = seed.pop("statuses", [])
        self.registry.seed(
            name,
            expires=expires.isoformat(),
            created=created.isoformat(),
            nameservers=NS,
            statuses=statuses,
            auth="secret-of-ours",
            **seed,
        )
        domain_id: UUID = await self.service.db.fetchval(
            """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, statuses, registered_at,
                                    expires_at, auto_renew, nameservers, created_at)
               VALUES ($1, $2, $2, split_part($2, '.', 2), 'ACTIVE', $3, $4, $3, $5, false, $6, $3) RETURNING id""",
            self.account,
            name,
            created,
            statuses or ["ok"],
            expires,
            NS,
        )
        return domain_id

    def happen(self, name: str, what: str, **wish: Any) -> None:
        self.registry.control("POST", f"/happenings/{name}", {"what": what, **wish})

    async def row(self, domain_id: UUID) -> Row:
        row = await self.service.db.fetchrow("SELECT * FROM domains WHERE id = $1", domain_id)
        assert row is not None
        return row

    async def poll(self) -> None:
        await messages.poll(self.service.app)

    async def until_state(self, domain_id: UUID, state: str) -> Row:
        await self.until(lambda: self._is(domain_id, state))
        return await self.row(domain_id)

    async def _is(self, domain_id: UUID, state: str) -> bool:
        return bool((await self.row(domain_id))["state"] == state)

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await self.service.db.execute("UPDATE jobs SET run_at = least(run_at, now() + interval '0.1 s')")
                await asyncio.sleep(0.05)

    async def jobs_done(self) -> None:
        async def done() -> bool:
            return not await self.service.db.fetchval(
                "SELECT EXISTS (SELECT FROM jobs WHERE kind = 'sync_domain' AND state = 'ready')"
            )

        await self.until(done)

    async def drift(self, domain_id: UUID) -> list[tuple[str, str, str, str, str]]:
        rows = await self.service.db.fetch(
            "SELECT field, ours, theirs, cause, settled FROM registry_drift WHERE domain_id = $1 ORDER BY id", domain_id
        )
        return [tuple(row.values()) for row in rows]

    async def kept(self, domain_id: UUID) -> list[tuple[str, str]]:
        rows = await self.service.db.fetch(
            "SELECT kind, text FROM registry_messages WHERE domain_id = $1 ORDER BY received_at", domain_id
        )
        return [(row["kind"], row["text"]) for row in rows]

    async def logged(self, domain_id: UUID) -> list[str]:
        told = await self.service.told(common_pb2.AuditRecorded, self.account)
        return [event.action for event in told if event.subject_id == str(domain_id)]


@pytest.fixture(scope="session")
async def desk(database: Database, parts: Parts, run_dir: Path) -> AsyncIterator[Desk]:
    with sandbox.registry(run_dir / "life-registry") as registry:
        client = Registry(
            "127.0.0.1",
            registry.port,
            registrar="portico",
            password="portico-epp",
            ca_file=registry.ca_file,
            timeout=2.0,
        )
        powerdns = PowerDns(parts.powerdns.url, parts.powerdns.api_key)
        async with serving(
            "domains",
            await database("registry_life"),
            run_dir,
            make_app=lambda db: App(db, client, powerdns, tuple(NS)),
            register=register,
            make_stub=domains_pb2_grpc.DomainsServiceStub,
            consumes=CONSUMES,
        ) as running:
            worker = asyncio.create_task(Worker(running.db, running.app, JOBS).run())
            yield Desk(running, registry, uuid4())
            worker.cancel()
            await running.app.close()


# -- messages


async def test_an_auto_renewed_domain_gets_its_new_expiry_and_stays_active(desk: Desk) -> None:
    domain = await desk.hold("magatol.com", expires=datetime.now(UTC) + timedelta(days=1))
    before = (await desk.row(domain))["expires_at"]
    desk.happen("magatol.com", "auto_renew")
    await desk.poll()
    await desk.jobs_done()
    row = await desk.row(domain)
    assert (row["state"], row["expires_at"].year) == ("ACTIVE", before.year + 1)
    assert "autoRenewPeriod" in row["statuses"]
    assert await desk.kept(domain) == [("RENEWAL", "Domain auto-renewed.")]
    assert [(one[0], *one[3:]) for one in await desk.drift(domain)] == [("expires_at", "MESSAGE", "TAKEN")]


async def test_a_transfer_away_ends_the_domain_and_is_in_the_event_log(desk: Desk) -> None:
    domain = await desk.hold("elmegy.com")
    desk.happen("elmegy.com", "transfer_away")
    await desk.poll()
    assert (await desk.row(domain))["state"] == "TRANSFERRED_AWAY"
    assert [kind for kind, _ in await desk.kept(domain)] == ["TRANSFER", "TRANSFER"]
    assert await desk.logged(domain) == ["domain.transfer_away"] * 2 + ["domain.state_changed"]
    changed = await desk.service.told(events_pb2.DomainChanged, desk.account)
    assert [event.what for event in changed if event.domain_id == str(domain)] == ["state"]


async def test_a_rejected_transfer_leaves_the_domain_ours(desk: Desk) -> None:
    domain = await desk.hold("marad.com")
    desk.happen("marad.com", "transfer_away", status="pending")
    await desk.poll()
    await desk.jobs_done()
    assert "pendingTransfer" in (await desk.row(domain))["statuses"]
    desk.registry.control("POST", "/transfers/marad.com", {"approve": False})
    await desk.poll()
    await desk.jobs_done()
    row = await desk.row(domain)
    assert (row["state"], row["statuses"]) == ("ACTIVE", ["ok"])


async def test_redemption_pending_delete_and_the_purge_are_followed(desk: Desk) -> None:
    domain = await desk.hold("lejart.com")
    for what, state in (("redeem", "REDEMPTION"), ("pending_delete", "PENDING_DELETE"), ("purge", "DELETED")):
        desk.happen("lejart.com", what)
        await desk.poll()
        await desk.until_state(domain, state)
    assert (await desk.drift(domain))[-1] == ("existence", "ours", "none", "MESSAGE", "ENDED")


async def test_a_message_that_comes_again_changes_nothing(desk: Desk) -> None:
    domain = await desk.hold("ismetelt.com")
    # The effect and the row were committed, the acknowledgement was lost with the connection.
    desk.registry.fault("cut_before", command="poll", name="*")
    desk.happen("ismetelt.com", "status", add=["serverHold"])
    await desk.poll()
    await desk.jobs_done()
    before = (await desk.kept(domain), await desk.drift(domain))
    await desk.poll()
    await desk.jobs_done()
    assert (await desk.kept(domain), await desk.drift(domain)) == before
    assert [field for field, *_ in before[1]] == ["statuses"]
    assert await desk.service.app.registry.poll_request() is None


async def test_a_message_nobody_understands_is_kept_and_does_not_hold_up_the_next(desk: Desk) -> None:
    domain = await desk.hold("kovetkezo.com")
    desk.registry.control("POST", "/messages", {"text": "Maintenance on Sunday."})
    desk.happen("kovetkezo.com", "status", add=["serverTransferProhibited"])
    await desk.poll()
    await desk.jobs_done()
    assert "serverTransferProhibited" in (await desk.row(domain))["statuses"]
    found = await desk.service.db.fetchval(
        "SELECT kind FROM registry_messages WHERE text = 'Maintenance on Sunday.' AND domain_id IS NULL"
    )
    assert found == "UNKNOWN"


async def test_messages_are_kept_without_auth_codes(desk: Desk) -> None:
    domain = await desk.hold("titkos.com")
    desk.happen("titkos.com", "status", add=["serverHold"])
    await desk.poll()
    xml = await desk.service.db.fetchval("SELECT xml FROM registry_messages WHERE domain_id = $1", domain)
    assert "serverHold" in xml
    assert "secret-of-ours" not in xml


async def test_a_cut_poll_session_is_opened_again(desk: Desk) -> None:
    await desk.poll()
    domain = await desk.hold("ujra.com")
    desk.registry.control("POST", "/disconnect")
    desk.happen("ujra.com", "redeem")
    await desk.poll()
    await desk.until_state(domain, "REDEMPTION")


async def test_a_registry_that_is_away_is_noted_and_the_next_round_reads_on(desk: Desk) -> None:
    desk.registry.fault("result", command="poll", code=2400)
    await desk.poll()
    name = desk.service.app.registry.name
    row = await desk.service.db.fetchrow("SELECT * FROM registries WHERE name = $1", name)
    assert row is not None
    assert row["failed_at"] is not None
    assert "2400" in row["failure"]
    await desk.poll()
    row = await desk.service.db.fetchrow("SELECT * FROM registries WHERE name = $1", name)
    assert row is not None
    assert (row["failed_at"], row["queue_length"]) == (None, 0)


async def test_two_polls_of_one_message_at_once_have_one_effect(desk: Desk) -> None:
    domain = await desk.hold("egyszerre.com")
    gone = Transfer("egyszerre.com", "serverApproved", "other", None, "portico", None)
    told = PollMessage("twice-1", 1, "Transfer.", None, xml="<epp/>", transfer=gone)
    await asyncio.gather(*(messages.take(desk.service.app, told, datetime.now(UTC)) for _ in range(4)))
    assert await desk.kept(domain) == [("TRANSFER", "Transfer.")]
    assert await desk.logged(domain) == ["domain.transfer_away", "domain.state_changed"]


async def test_a_pending_lock_is_settled_when_the_registry_decides(desk: Desk) -> None:
    domain = await desk.hold("varakozo.com")
    desk.registry.fault("pending", command="domain:update", name="varakozo.com")
    who = person(desk.account, "domains.manage")
    asked = await locks.set_lock(desk.service.app, who, Scope(None), domain, True, datetime.now(UTC))

    async def operation() -> str:
        state: str = await desk.service.db.fetchval("SELECT state FROM operations WHERE id = $1", asked.operation_id)
        return state

    async def waits() -> bool:
        return await operation() == "WAITING"

    async with asyncio.timeout(10):
        while not await waits():
            await asyncio.sleep(0.05)
    desk.registry.control("POST", "/pending/varakozo.com/complete", {})
    await desk.poll()
    async with asyncio.timeout(5):  # the next look by the clock would come after 30 seconds
        while await operation() != "SUCCEEDED":
            await asyncio.sleep(0.05)
    assert "clientTransferProhibited" in (await desk.row(domain))["statuses"]
    assert await desk.drift(domain) == []


# -- the daily sync, and dates


async def _walk(desk: Desk, *domains: UUID) -> None:
    await desk.service.db.execute(
        "UPDATE domains SET synced_at = now() - interval '25 h' WHERE id = ANY($1)", list(domains)
    )
    await sync.walk(desk.service.app, datetime.now(UTC))


async def test_the_walk_finds_what_no_message_told_and_reports_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    domain = await desk.hold("elterult.com")
    desk.registry.seed(
        "elterult.com", expires="2031-05-06T07:08:09Z", nameservers=["ns9.masik.example"], statuses=["serverHold"]
    )
    await _walk(desk, domain)
    row = await desk.row(domain)
    assert (row["nameservers"], row["statuses"]) == (["ns9.masik.example"], ["serverHold"])
    assert row["expires_at"] == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert [(one[0], *one[3:]) for one in await desk.drift(domain)] == [
        (field, "WALK", "TAKEN") for field in ("statuses", "expires_at", "nameservers")
    ]
    assert await desk.logged(domain) == ["domain.registry_differed"]
    assert any("differed at its registry" in record.message for record in caplog.records)


async def test_a_second_walk_on_the_same_day_asks_nothing(desk: Desk) -> None:
    domain = await desk.hold("egynap.com")
    await _walk(desk, domain)
    asked = len(desk.registry.log("info", "egynap.com"))
    await sync.walk(desk.service.app, datetime.now(UTC))
    assert (asked, len(desk.registry.log("info", "egynap.com"))) == (1, 1)
    assert await desk.drift(domain) == []


async def test_a_domain_another_registrar_holds_is_transferred_away(desk: Desk) -> None:
    domain = await desk.hold("masnal.com")
    desk.registry.seed("masnal.com", registrar="other", nameservers=NS)
    await _walk(desk, domain)
    assert (await desk.row(domain))["state"] == "TRANSFERRED_AWAY"
    assert await desk.drift(domain) == [("sponsor", "ours", "other", "WALK", "ENDED")]


async def test_a_name_that_is_absent_for_a_moment_is_not_given_up(desk: Desk) -> None:
    domain = await desk.hold("pillanat.com")
    desk.registry.fault("result", command="domain:info", name="pillanat.com", code=2303, times=2)
    await _walk(desk, domain)
    await desk.jobs_done()
    assert ((await desk.row(domain))["state"], await desk.drift(domain)) == ("ACTIVE", [])


async def test_a_name_that_stays_absent_is_deleted(desk: Desk) -> None:
    domain = await desk.hold("eltunt.com")
    desk.registry.control("DELETE", "/domains/eltunt.com")
    await _walk(desk, domain)
    assert (await desk.row(domain))["state"] == "ACTIVE"
    await desk.until_state(domain, "DELETED")


async def test_a_domain_past_its_date_is_expired_and_one_the_registry_renewed_is_not(desk: Desk) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    late, renewed = await desk.hold("keson.com", expires=yesterday), await desk.hold("idoben.com", expires=yesterday)
    desk.happen("idoben.com", "auto_renew", silent=True)
    await sync.see_dates(desk.service.app, datetime.now(UTC))
    row = await desk.until_state(late, "EXPIRED")
    assert row["due_at"] == row["expires_at"] + timedelta(days=30)
    await desk.jobs_done()
    assert (await desk.row(renewed))["state"] == "ACTIVE"


async def test_the_clock_counts_while_the_registry_is_away(desk: Desk) -> None:
    domain = await desk.hold("tavol.com", expires=datetime.now(UTC) - timedelta(days=1))
    desk.registry.fault("result", command="domain:info", name="tavol.com", code=2400, times=1)
    await sync.see_dates(desk.service.app, datetime.now(UTC))
    await desk.until_state(domain, "EXPIRED")
    await desk.jobs_done()


async def test_a_domain_is_asked_about_once_for_one_date(desk: Desk) -> None:
    domain = await desk.hold("egyszer.com", expires=datetime.now(UTC) - timedelta(days=1))
    for _ in range(3):
        await sync.see_dates(desk.service.app, datetime.now(UTC))
    await desk.until_state(domain, "EXPIRED")
    await desk.jobs_done()
    await sync.see_dates(desk.service.app, datetime.now(UTC))
    assert len(desk.registry.log("info", "egyszer.com")) == 1
