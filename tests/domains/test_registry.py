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
from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import domains_pb2_grpc, events_pb2, lifecycle_pb2, lifecycle_pb2_grpc, operator_pb2_grpc
from portico.domains.v1 import operator_pb2 as op
from portico.identity.v1 import events_pb2 as identity_events
from portico.identity.v1 import identity_pb2
from services.chassis import times
from services.chassis.actor import Scope
from services.chassis.db import Row
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains import locks, messages, sync
from services.domains.app import App
from services.domains.epp import PollMessage, Transfer
from services.domains.events import CONSUMES
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.serving import Database, Serving, Stubs, holding_all_but, person, serving

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
        await messages.poll(self.service.app, "sandbox")

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
        client = registry.client(timeout=2.0)
        powerdns = PowerDns(parts.powerdns.url, parts.powerdns.api_key)
        async with serving(
            "domains",
            await database("registry_life"),
            run_dir,
            make_app=lambda db: App(db, Registries([client]), powerdns, tuple(NS), Sealer([bytes(32)])),
            register=register,
            make_stub=Stubs.of(
                domains_pb2_grpc.DomainsServiceStub,
                lifecycle_pb2_grpc.LifecycleServiceStub,
                operator_pb2_grpc.DomainsOperatorServiceStub,
            ),
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
    # Else the first message's look at the registry may be faster than the second message.
    desk.registry.fault("delay", command="domain:info", name="elmegy.com", seconds=1.0)
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
    assert await desk.service.app.registries.named("sandbox").poll_request() is None


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
    name = "sandbox"
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
    await asyncio.gather(
        *(
            messages.take(desk.service.app, desk.service.app.registries.named("sandbox"), told, datetime.now(UTC))
            for _ in range(4)
        )
    )
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


async def test_pending_registrations_are_settled_when_the_registry_decides(desk: Desk) -> None:
    account = uuid4()
    saved = identity_pb2.Account(
        id=str(account), name="Minta Kft.", email="a@minta.example", country="HU", city="Győr", street="Fő 1."
    )
    event = identity_events.AccountSaved(account=saved, occurred_at=times.to_pb(datetime.now(UTC)))
    await desk.service.hear(event, account)
    desk.registry.fault("pending", command="domain:create", name="dont-*.com", times=2)
    names = ("dont-igen.com", "dont-nem.com")
    domains = [await _order_and_pay(desk, account, name) for name in names]

    async def pending() -> bool:
        query = "SELECT count(*) FROM registry_intents WHERE domain_id = ANY($1) AND detail = 'pending'"
        return bool(await desk.service.db.fetchval(query, domains) == 2)

    async with asyncio.timeout(15):
        while not await pending():
            await asyncio.sleep(0.05)
    for name, approve in zip(names, (True, False), strict=True):
        desk.registry.control("POST", f"/pending/{name}/complete", {"approve": approve})
    await desk.poll()
    async with asyncio.timeout(10):  # the next look by the clock would come after 30 seconds
        while {(await desk.row(domain))["state"] for domain in domains} != {"ACTIVE", "FAILED"}:
            await asyncio.sleep(0.05)
    assert [(await desk.row(domain))["state"] for domain in domains] == ["ACTIVE", "FAILED"]


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
    assert await desk.logged(domain) == ["domain.registry_changed"]
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


# -- permits


async def _permits(desk: Desk, *domains: UUID) -> dict[str, lifecycle_pb2.DomainLifecycle]:
    request = lifecycle_pb2.BatchGetLifecyclesRequest(domain_ids=map(str, domains))
    answer = await desk.service.call(person(desk.account, "domains.read"), "BatchGetLifecycles", request)
    return {one.domain_id: one for one in answer.lifecycles}


def _blockers(of: lifecycle_pb2.DomainLifecycle, action: str) -> list[str]:
    [permit] = [permit for permit in of.permits if permit.action == action]
    return [blocker.code for blocker in permit.blockers]


async def test_permits_say_what_blocks_until_when_and_what_clears_it(desk: Desk) -> None:
    now = datetime.now(UTC)
    domain = await desk.hold(
        "uj-es-zart.com",
        created=now - timedelta(days=10),
        statuses=["clientTransferProhibited", "serverRenewProhibited"],
    )
    found = (await _permits(desk, domain))[str(domain)]
    assert _blockers(found, "transferOut") == ["DOMAIN_LOCKED", "TRANSFER_LOCK_PERIOD"]
    assert _blockers(found, "renew") == ["REGISTRY_PROHIBITS"]
    assert _blockers(found, "setNameservers") == []
    until = found.transfer_locked_until.ToDatetime(UTC)
    assert abs(until - (now + timedelta(days=50))) < timedelta(seconds=5)
    hu = await desk.hold("uj-magyar.hu", created=now - timedelta(days=10))
    assert not (await _permits(desk, hu))[str(hu)].HasField("transfer_locked_until")


async def test_permits_cost_the_same_for_one_domain_and_for_many_and_only_for_ones_own(desk: Desk) -> None:
    domains = [await desk.hold(f"sok-{n}.com") for n in range(5)]
    who = person(desk.account, "domains.read")

    def asking(ids: list[UUID]) -> lifecycle_pb2.BatchGetLifecyclesRequest:
        return lifecycle_pb2.BatchGetLifecyclesRequest(domain_ids=map(str, ids))

    one = await desk.service.statements(who, "BatchGetLifecycles", asking(domains[:1]))
    assert await desk.service.statements(who, "BatchGetLifecycles", asking(domains)) == one
    stranger = person(uuid4(), "domains.read")
    assert not (await desk.service.call(stranger, "BatchGetLifecycles", asking(domains))).lifecycles
    narrow = person(desk.account, "domains.read", resources=frozenset(domains[:2]))
    assert len((await desk.service.call(narrow, "BatchGetLifecycles", asking(domains))).lifecycles) == 2


# -- names


async def test_names_that_a_top_level_domain_does_not_take_are_refused_with_the_letter(desk: Desk) -> None:
    names = ["árvíztűrő.hu", "straße.hu", "пример.hu", "пример.eu", "аpple.com", "中文.eu", "中文かな.com", "żółw.com"]
    request = pb.CheckAvailabilityRequest(names=names)
    answer = await desk.service.call(person(desk.account, "domains.read"), "CheckAvailability", request)
    assert {item.input: item.reason for item in answer.items} == {
        "árvíztűrő.hu": "",
        "straße.hu": "DOMAIN_CHARACTER_REFUSED",
        "пример.hu": "DOMAIN_CHARACTER_REFUSED",
        "пример.eu": "",
        "аpple.com": "DOMAIN_MIXED_SCRIPT",
        "中文.eu": "DOMAIN_CHARACTER_REFUSED",
        "中文かな.com": "",
        "żółw.com": "",
    }
    order = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=["аpple.com", "xn--strae-oqa.hu"])
    refusals = (await desk.service.call(person(desk.account, "domains.order"), "RegisterDomains", order)).refusals
    assert [(one.index, one.reason, one.field) for one in refusals] == [
        (0, "DOMAIN_MIXED_SCRIPT", "names"),
        (1, "DOMAIN_CHARACTER_REFUSED", "names"),
    ]
    assert refusals[0].metadata["characters"] == "а (U+0430), p (U+0070)"
    assert dict(refusals[1].metadata) == {"name": "straße.hu", "character": "ß (U+00DF)", "tld": "hu"}


# -- the operator


OPERATOR = person(UUID(int=0), "operator")


async def test_no_customer_reaches_the_operators_desk(desk: Desk) -> None:
    every = holding_all_but(person(desk.account), "")
    calls = {
        "ListRegistries": op.ListRegistriesRequest(),
        "ListTlds": op.ListTldsRequest(),
        "SetTldRules": op.SetTldRulesRequest(tld="hu", rules=op.TldRules(sold=False)),
        "SyncDomain": op.SyncDomainRequest(name="x.com"),
        "RetryOrderItem": op.RetryOrderItemRequest(name="x.com"),
        "FailOrderItem": op.FailOrderItemRequest(name="x.com", reason="so"),
        "ShowDomain": op.ShowDomainRequest(name="x.com"),
    }
    assert {(await desk.service.refused(every, method, request)).reason for method, request in calls.items()} == {
        "FORBIDDEN"
    }


async def test_the_operator_sees_the_registry_and_its_queue(desk: Desk) -> None:
    await desk.poll()
    [one] = (await desk.service.call(OPERATOR, "ListRegistries", op.ListRegistriesRequest())).registries
    assert (one.state, one.queue_length) == (op.REGISTRY_STATE_UP, 0)
    assert one.sessions >= 1
    assert one.HasField("polled_at")
    assert "hu" in one.tlds
    desk.registry.fault("result", command="poll", code=2400)
    await desk.poll()
    [one] = (await desk.service.call(OPERATOR, "ListRegistries", op.ListRegistriesRequest())).registries
    assert one.state == op.REGISTRY_STATE_AWAY
    assert "2400" in one.failure
    await desk.poll()


async def test_rules_that_an_operator_changes_count_at_once_and_the_others_stay(desk: Desk) -> None:
    now = datetime.now(UTC)
    domain = await desk.hold("szabaly.info", created=now - timedelta(days=10))
    tlds = (await desk.service.call(OPERATOR, "ListTlds", op.ListTldsRequest())).tlds
    [before] = [one.rules for one in tlds if one.tld == "info"]
    assert {one.registry for one in tlds if one.tld == "info"} == {"sandbox"}
    rules = op.TldRules(
        renew_grace_days=7,
        idn_scripts=op.StringList(values=["Latin", "Greek"]),
        locks=op.LockPeriodList(periods=[op.LockPeriod(kind="REGISTRATION", from_date="2020-01-01", days=5)]),
    )
    changed = await desk.service.call(OPERATOR, "SetTldRules", op.SetTldRulesRequest(tld="info", rules=rules))
    assert (changed.tld.rules.renew_grace_days, changed.tld.rules.max_years) == (7, before.max_years)
    assert [one.days for one in changed.tld.rules.locks.periods] == [5]
    found = (await _permits(desk, domain))[str(domain)]
    assert _blockers(found, "transferOut") == []
    told = await desk.service.told(common_pb2.AuditRecorded, UUID(int=0))
    assert [(event.action, event.subject_label) for event in told] == [("tld.rules_changed", ".info")]
    again = await desk.service.call(OPERATOR, "SetTldRules", op.SetTldRulesRequest(tld="info", rules=rules))
    assert again == changed
    assert len(await desk.service.told(common_pb2.AuditRecorded, UUID(int=0))) == 1


async def test_days_that_a_registry_does_not_say_are_none(desk: Desk) -> None:
    async def days(rules: op.TldRules) -> tuple[int, int]:
        request = op.SetTldRulesRequest(tld="net", rules=rules)
        after = (await desk.service.call(OPERATOR, "SetTldRules", request)).tld.rules
        return after.confirmation_days, after.contact_verified_days

    assert await days(op.TldRules(confirmation_days=14, contact_verified_days=365)) == (14, 365)
    assert await days(op.TldRules(confirmation_days=0)) == (0, 365)
    assert await days(op.TldRules(contact_verified_days=0)) == (0, 0)
    kept = await desk.service.db.fetchrow("SELECT confirmation_days, contact_verified_days FROM tlds WHERE tld = 'net'")
    assert kept is not None
    assert tuple(kept.values()) == (None, None)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (op.TldRules(max_years=11), "rules.max_years"),
        (op.TldRules(min_years=6), "rules.max_years"),
        (op.TldRules(required_contacts=op.StringList(values=["admin"])), "rules.required_contacts"),
        (op.TldRules(local_presence=op.StringList(values=["hu"])), "rules.local_presence"),
        (op.TldRules(idn_scripts=op.StringList(values=["Klingon"])), "rules.idn_scripts"),
        (op.TldRules(confirmed_changes=op.StringList(values=["all"])), "rules.confirmed_changes"),
        (op.TldRules(lock_statuses=op.StringList(values=["clientUpdateProhibited"])), "rules.lock_statuses"),
        (op.TldRules(lock_statuses=op.StringList(values=["serverHold"])), "rules.lock_statuses"),
        (op.TldRules(auth_code_min=70), "rules.auth_code_max"),
        (op.TldRules(renew_pay_days=61), "rules.renew_ahead_days"),
        (
            op.TldRules(locks=op.LockPeriodList(periods=[op.LockPeriod(kind="TRANSFER", from_date="2026-02-30")])),
            "rules.locks.periods[0].from_date",
        ),
    ],
)
async def test_a_wrong_rule_is_named_and_nothing_is_written(desk: Desk, rules: op.TldRules, field: str) -> None:
    before = await desk.service.call(OPERATOR, "ListTlds", op.ListTldsRequest())
    refused = await desk.service.refused(OPERATOR, "SetTldRules", op.SetTldRulesRequest(tld="hu", rules=rules))
    assert refused.fields == [field]
    assert await desk.service.call(OPERATOR, "ListTlds", op.ListTldsRequest()) == before


async def test_an_operator_adds_a_top_level_domain_which_is_not_sold_until_its_rules_say_so(desk: Desk) -> None:
    request = op.SetTldRulesRequest(tld=".XN--p1ai", rules=op.TldRules(max_years=2), create=True)
    added = (await desk.service.call(OPERATOR, "SetTldRules", request)).tld
    assert (added.tld, added.rules.sold, added.rules.max_years) == ("xn--p1ai", False, 2)
    assert added.registry == ""
    again = await desk.service.refused(OPERATOR, "SetTldRules", request)
    assert (again.reason, again.fields) == ("TLD_EXISTS", ["tld"])
    request = op.SetTldRulesRequest(tld="xn--p1ai", rules=op.TldRules(sold=True))
    assert (await desk.service.call(OPERATOR, "SetTldRules", request)).tld.rules.sold
    for tld in ("co.uk", "a b", "-", "123"):
        wrong = op.SetTldRulesRequest(tld=tld, rules=op.TldRules(sold=True), create=True)
        refused = await desk.service.refused(OPERATOR, "SetTldRules", wrong)
        assert (refused.reason, refused.fields) == ("TLD_RULE_INVALID", ["tld"])
    unknown = op.SetTldRulesRequest(tld="nincs", rules=op.TldRules(sold=True))
    assert (await desk.service.refused(OPERATOR, "SetTldRules", unknown)).reason == "TLD_NOT_FOUND"


async def test_an_operator_syncs_a_domain_and_sees_its_whole_history(desk: Desk) -> None:
    domain = await desk.hold("tortenet.com")
    desk.happen("tortenet.com", "status", add=["serverHold"])
    await desk.poll()
    await desk.jobs_done()
    desk.registry.seed("tortenet.com", expires="2031-05-06T07:08:09Z", nameservers=NS)
    synced = await desk.service.call(OPERATOR, "SyncDomain", op.SyncDomainRequest(name="TORTENET.com"))
    assert {one.field for one in synced.differences} == {"statuses", "expires_at"}
    shown = await desk.service.call(OPERATOR, "ShowDomain", op.ShowDomainRequest(name="tortenet.com"))
    [history] = shown.histories
    assert (history.domain.id, history.account_id) == (str(domain), str(desk.account))
    assert history.lifecycle.HasField("renewable_until")
    assert [one.kind for one in history.messages] == ["CHANGE"]
    assert {(one.difference.field, one.cause) for one in history.drift} == {
        ("statuses", "MESSAGE"),
        ("statuses", "OPERATOR"),
        ("expires_at", "OPERATOR"),
    }
    refused = await desk.service.refused(OPERATOR, "ShowDomain", op.ShowDomainRequest(name="sosem-volt.com"))
    assert (refused.reason, refused.fields) == ("DOMAIN_NOT_FOUND", ["name"])


async def _order_and_pay(desk: Desk, account: UUID, name: str) -> UUID:
    request = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    order = (await desk.service.call(person(account, "domains.order"), "RegisterDomains", request)).order
    domain_id = UUID(order.items[0].domain_id)
    item = await desk.service.db.fetchval("SELECT id FROM order_items WHERE domain_id = $1", domain_id)
    line = billing_pb2.InvoiceLine(subject_type="Domain", subject_id=str(domain_id), order_item_id=str(item))
    invoice = billing_pb2.Invoice(id=str(uuid4()), lines=[line])
    event = billing_events.InvoicePaid(invoice=invoice, account_id=str(account), order_id=order.id)
    await desk.service.hear(event, account)
    return domain_id


async def _hanging(desk: Desk, name: str) -> UUID:
    """A paid registration that the registry leaves without an answer; no worker looks at it again by itself."""
    domain_id = await _order_and_pay(desk, desk.account, name)

    async def postponed() -> bool:
        # Identity has told nothing of this account, so the job waits.
        return bool(
            await desk.service.db.fetchval(
                "SELECT last_error <> '' AND leased_until IS NULL FROM jobs WHERE kind = 'register_domain' AND key = $1",
                str(domain_id),
            )
        )

    async with asyncio.timeout(10):
        while not await postponed():
            await asyncio.sleep(0.05)
    await desk.service.db.execute("UPDATE jobs SET run_at = now() + interval '1 day' WHERE key = $1", str(domain_id))
    return domain_id


async def test_a_registration_that_hangs_is_ended_by_the_operator_and_told_to_billing_once(desk: Desk) -> None:
    domain = await _hanging(desk, "beragadt.com")
    request = op.FailOrderItemRequest(name="beragadt.com", reason="the holder's data never came")
    await desk.service.call(OPERATOR, "FailOrderItem", request)
    row = await desk.row(domain)
    assert (row["state"], row["failure"]) == ("FAILED", "REGISTRATION_GIVEN_UP")
    told = await desk.service.told(events_pb2.OrderItemFailed, desk.account)
    assert [event.reason for event in told if event.domain_id == str(domain)] == ["REGISTRATION_GIVEN_UP"]
    assert (await desk.service.refused(OPERATOR, "FailOrderItem", request)).reason == "DOMAIN_NOT_FOUND"
    events = await desk.service.told(common_pb2.AuditRecorded, desk.account)
    [event] = [event for event in events if event.action == "domain.registration_failed"]
    assert event.actor.id == OPERATOR.id
    assert "never came" in event.after_json


async def test_a_registration_is_not_ended_while_the_registry_has_it_for_us(desk: Desk) -> None:
    domain = await _hanging(desk, "megis-megvan.com")
    desk.registry.seed("megis-megvan.com")
    request = op.FailOrderItemRequest(name="megis-megvan.com", reason="so")
    assert (await desk.service.refused(OPERATOR, "FailOrderItem", request)).reason == "ORDER_ITEM_AT_REGISTRY"
    desk.registry.fault("result", command="domain:info", name="megis-megvan.com", code=2400)
    assert (await desk.service.refused(OPERATOR, "FailOrderItem", request)).reason == "REGISTRY_UNAVAILABLE"
    assert (await desk.row(domain))["state"] == "PENDING_REGISTRATION"
    await desk.service.db.execute("UPDATE domains SET state = 'DELETED' WHERE id = $1", domain)


async def test_a_registration_that_was_given_up_is_tried_again_for_the_operator(desk: Desk) -> None:
    domain = await _hanging(desk, "ujra-probalt.com")
    await desk.service.db.execute("UPDATE jobs SET state = 'dead', attempts = 50 WHERE key = $1", str(domain))
    await desk.service.call(OPERATOR, "RetryOrderItem", op.RetryOrderItemRequest(name="ujra-probalt.com"))
    attempts = await desk.service.db.fetchval("SELECT attempts FROM jobs WHERE key = $1", str(domain))
    assert attempts <= 1
    held = await desk.hold("nem-beragadt.com")
    refused = await desk.service.refused(OPERATOR, "RetryOrderItem", op.RetryOrderItemRequest(name="nem-beragadt.com"))
    assert refused.reason == "ORDER_ITEM_NOT_OPEN"
    assert await desk.logged(held) == []
