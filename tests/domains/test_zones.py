"""Editing zones: checked as a whole, applied at the real nameserver in order, kept, taken back, imported and exported."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dns.asyncquery
import dns.message
import httpx
import pytest

from deploy.parts import Parts
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, domains_pb2_grpc, zones_pb2_grpc
from portico.domains.v1 import zones_pb2 as pb
from services.chassis.jobs import Worker
from services.chassis.sealing import Sealer
from services.domains import records
from services.domains.app import App
from services.domains.jobs import JOBS
from services.domains.powerdns import PowerDns
from services.domains.records import Key, RecordSet
from services.domains.registries import Registries
from services.domains.rpc import register
from tests.serving import Database, Serving, Stubs, holding_all_but, person, serving

Sets = dict[tuple[str, str], tuple[int, tuple[str, ...]]]


class Nameserver(PowerDns):
    """The real one, which can be away."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self._there, self._nowhere = self._http, httpx.AsyncClient(base_url="http://127.0.0.1:1")
        self._slow: dict[str, asyncio.Event] = {}

    def go_away(self, away: bool) -> None:
        self._http = self._nowhere if away else self._there

    def hold(self, zone: str) -> asyncio.Event:
        """The next change of the zone is on its way until this is set."""
        self._slow[zone] = gate = asyncio.Event()
        return gate

    async def patch_zone(self, name: str, put: Sequence[RecordSet], delete: Iterable[Key]) -> bool:
        if (gate := self._slow.pop(name, None)) is not None:
            await gate.wait()
        return await super().patch_zone(name, put, delete)


@dataclass(frozen=True)
class Desk:
    """The service, its nameserver, and a zone's owner."""

    service: Serving
    nameserver: Nameserver
    url: str
    key: str

    async def zone(self, name: str | None = None) -> "Zone":
        """A domain's zone with its nameservers, applied."""
        name, account, domain = name or f"z-{uuid4().hex[:12]}.hu", uuid4(), uuid4()
        now = datetime.now(UTC)
        async with self.service.db.transaction() as tx:
            await tx.execute(
                """INSERT INTO domains (id, account_id, name, unicode_name, tld, state, state_since, registered_at,
                                        expires_at, auto_renew, nameservers, created_at)
                   VALUES ($1, $2, $3, $3, 'hu', 'ACTIVE', $4, $4, $4, true, '{ns1.portico.example}', $4)""",
                domain,
                account,
                name,
                now,
            )
            zone_id = await tx.fetchval(
                "INSERT INTO zones (account_id, domain_id, name) VALUES ($1, $2, $3) RETURNING id",
                account,
                domain,
                name,
            )
            await tx.execute(
                """INSERT INTO record_sets (zone_id, name, type, ttl, records)
                   VALUES ($1, $2, 'NS', 3600, '{ns1.portico.example.}')""",
                zone_id,
                f"{name}.",
            )
        return Zone(self, account, domain, zone_id, name)


@dataclass(frozen=True)
class Zone:
    desk: Desk
    account: UUID
    domain: UUID
    id: UUID
    name: str

    async def call(self, method: str, request: Any) -> Any:
        return await self.desk.service.call(person(self.account, "dns.read", "dns.write"), method, request)

    async def version(self) -> int:
        found: int = await self.desk.service.db.fetchval("SELECT version FROM zones WHERE id = $1", self.id)
        return found

    async def change(self, *edits: pb.RecordSetEdit, **more: Any) -> pb.ChangeZoneResponse:
        more.setdefault("if_version", await self.version())
        request = pb.ChangeZoneRequest(domain_id=str(self.domain), changes=edits, **more)
        answer: pb.ChangeZoneResponse = await self.call("ChangeZone", request)
        return answer

    async def wrong(self, *edits: pb.RecordSetEdit) -> list[tuple[str, str]]:
        """(reason, path) of what is wrong with a change that is not made."""
        before = await self.version()
        answer = await self.change(*edits)
        assert await self.version() == before
        assert not answer.HasField("operation")
        return [(r.reason, r.field) for r in answer.refusals]

    async def load(self, text: str, **more: Any) -> pb.ChangeZoneResponse:
        more.setdefault("if_version", await self.version())
        answer: pb.ChangeZoneResponse = await self.call(
            "ImportZone", pb.ImportZoneRequest(domain_id=str(self.domain), zone_file=text, **more)
        )
        return answer

    async def export(self) -> str:
        answer = await self.call("ExportZones", pb.ExportZonesRequest(zone_ids=[str(self.id)]))
        return str(answer.files[0].text)

    async def sets(self) -> Sets:
        """What our database holds."""
        rows = await self.desk.service.db.fetch(
            "SELECT name, type, ttl, records FROM record_sets WHERE zone_id = $1", self.id
        )
        return {(r["name"], r["type"]): (r["ttl"], tuple(sorted(r["records"]))) for r in rows}

    async def served(self) -> Sets:
        """What the nameserver holds."""
        async with httpx.AsyncClient(base_url=self.desk.url, headers={"X-API-Key": self.desk.key}) as http:
            answer = await http.get(f"/api/v1/servers/localhost/zones/{self.name}.")
        return {
            (s["name"], s["type"]): (s["ttl"], tuple(sorted(r["content"] for r in s["records"])))
            for s in answer.json()["rrsets"]
            if s["type"] != "SOA"
        }

    async def applied(self) -> None:
        async def done() -> bool:
            await self.desk.service.db.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready'")
            query = "SELECT applied_version = version FROM zones WHERE id = $1"
            return bool(await self.desk.service.db.fetchval(query, self.id))

        await until(done)

    async def operations(self) -> list[str]:
        rows = await self.desk.service.db.fetch(
            "SELECT state FROM operations WHERE account_id = $1 ORDER BY id", self.account
        )
        return [row["state"] for row in rows]


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.05)


def put(name: str, type_: str, *records: str, **more: Any) -> pb.RecordSetEdit:
    return pb.RecordSetEdit(name=name, type=type_, records=records, **more)


def gone(name: str, type_: str) -> pb.RecordSetEdit:
    return pb.RecordSetEdit(name=name, type=type_, delete=True)


@pytest.fixture(scope="session")
async def desk(database: Database, parts: Parts, run_dir: Path) -> AsyncIterator[Desk]:
    nameserver = Nameserver(parts.powerdns.url, parts.powerdns.api_key)
    async with serving(
        "domains",
        await database("zones"),
        run_dir,
        make_app=lambda db: App(db, Registries([]), nameserver, ("ns1.portico.example",), Sealer([bytes(32)])),
        register=register,
        make_stub=Stubs.of(domains_pb2_grpc.DomainsServiceStub, zones_pb2_grpc.ZonesServiceStub),
        consumes={},
    ) as running:
        worker = asyncio.create_task(Worker(running.db, running.app, JOBS).run())
        yield Desk(running, nameserver, parts.powerdns.url, parts.powerdns.api_key)
        worker.cancel()
        await asyncio.wait([worker])


async def test_a_change_is_compared_written_served_and_told(desk: Desk) -> None:
    zone = await desk.zone()
    answer = await zone.change(
        put("@", "A", "192.0.2.1", "192.0.2.1", ttl=300, comment=" web "),
        put("www", "CNAME", "@"),
        put("@", "MX", "10 mail.elsewhere.example"),
        put(f"_dmarc.{zone.name}", "txt", "v=DMARC1; p=none"),
        note="first",
    )
    assert not answer.refusals
    assert (answer.zone.version, answer.zone.applied, answer.diff_size) == (2, False, 4)
    assert (answer.operation.kind, answer.operation.subject_id) == ("ZONE_CHANGE", str(zone.domain))
    await zone.applied()
    assert await zone.served() == await zone.sets()
    assert (await zone.sets())[(f"_dmarc.{zone.name}.", "TXT")] == (3600, ('"v=DMARC1; p=none"',))
    assert await zone.operations() == ["SUCCEEDED"]
    [told] = await desk.service.told(common_pb2.AuditRecorded, zone.account)
    assert (told.action, told.subject_type) == ("zone.changed", "Zone")
    again = await zone.change(put("www", "CNAME", f"{zone.name}."))
    assert (again.zone.version, again.diff_size, again.HasField("operation")) == (2, 0, False)


async def test_ttl_and_comment_that_are_not_given_stay_as_they_were(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(put("a", "A", "192.0.2.1", ttl=120, comment="printer"))
    answer = await zone.change(put("a", "A", "192.0.2.2"))
    [diff] = answer.diff
    assert [list(diff.before.records), list(diff.after.records)] == [["192.0.2.1"], ["192.0.2.2"]]
    assert (diff.after.ttl, diff.after.comment) == (120, "printer")


async def test_a_change_for_an_older_version_is_refused_with_the_newer_one_and_loses_nothing(desk: Desk) -> None:
    zone = await desk.zone()
    edits = [
        pb.ChangeZoneRequest(domain_id=str(zone.domain), if_version=1, changes=[put(f"a{i}", "A", "192.0.2.1")])
        for i in range(8)
    ]
    owner = person(zone.account, "dns.write")

    async def tried(request: pb.ChangeZoneRequest) -> str:
        try:
            await desk.service.call(owner, "ChangeZone", request)
        except Exception:  # noqa: BLE001 - told apart below
            return "refused"
        return "made"

    results = await asyncio.gather(*map(tried, edits))
    assert sorted(results) == ["made"] + ["refused"] * 7
    refused = await desk.service.refused(owner, "ChangeZone", edits[0])
    assert (refused.reason, refused.fields, refused.metadata["version"]) == ("ZONE_CONFLICT", ["if_version"], "2")
    assert len(await zone.sets()) == 2


async def test_a_dry_run_answers_the_difference_and_writes_nothing(desk: Desk) -> None:
    zone = await desk.zone()
    answer = await zone.change(put("a", "A", "192.0.2.1"), dry_run=True)
    assert (answer.diff_size, answer.zone.version, answer.HasField("operation")) == (1, 1, False)
    assert len(await zone.sets()) == 1
    assert not await desk.service.told(common_pb2.AuditRecorded, zone.account)


@pytest.mark.parametrize(
    ("edits", "wrong"),
    [
        ([put("a b", "A", "192.0.2.1")], [("RECORD_NAME_INVALID", "changes[0].name")]),
        ([put("x.example.com.", "A", "192.0.2.1")], [("RECORD_OUTSIDE_ZONE", "changes[0].name")]),
        ([put("a", "HINFO", "x y")], [("RECORD_TYPE_UNKNOWN", "changes[0].type")]),
        ([put("a", "SOA", "x")], [("RECORD_TYPE_UNKNOWN", "changes[0].type")]),
        ([put("a", "A")], [("RECORD_INVALID", "changes[0].records")]),
        (
            [put("a", "A", "192.0.2.1", "192.0.2", "::1", ttl=5)],
            [
                ("RECORD_INVALID", "changes[0].records[1]"),
                ("RECORD_INVALID", "changes[0].records[2]"),
                ("TTL_OUT_OF_RANGE", "changes[0].ttl"),
            ],
        ),
        ([put("a", "A", "192.0.2.1\n192.0.2.2")], [("RECORD_INVALID", "changes[0].records[0]")]),
        ([put("a", "MX", "10 192.0.2.1")], [("RECORD_INVALID", "changes[0].records[0]")]),
        ([put("a", "TXT", '"open')], [("RECORD_INVALID", "changes[0].records[0]")]),
        ([put("a", "TXT", *["x" * 1000] * 20)], [("RECORD_SET_TOO_LARGE", "changes[0].records")]),
        ([put("a", "TXT", *["x"] * 1001)], [("RECORD_SET_TOO_LARGE", "changes[0].records")]),
        ([put("@", "CNAME", "x.example.")], [("CNAME_AT_APEX", "changes[0]")]),
        ([put("a", "CNAME", "x.example.", "y.example.")], [("RECORD_SINGLE", "changes[0]")]),
        ([put("a", "A", "192.0.2.1"), put("a", "CNAME", "x.example.")], [("CNAME_NOT_ALONE", "changes[1]")]),
        ([put("a", "A", "192.0.2.1"), put("A", "A", "192.0.2.2")], [("RECORD_SET_REPEATED", "changes[1]")]),
        ([put("@", "ALIAS", "x.example."), put("@", "A", "192.0.2.1")], [("ALIAS_WITH_ADDRESS", "changes[0]")]),
        ([gone("@", "NS")], [("NAMESERVERS_REQUIRED", "changes[0]")]),
        ([gone("nix", "A")], [("RECORD_SET_NOT_FOUND", "changes[0]")]),
        ([put("sub", "DS", "12345 13 2 " + "ab" * 32)], [("DS_WITHOUT_DELEGATION", "changes[0]")]),
        ([put("@", "MX", "10 mail")], [("TARGET_WITHOUT_ADDRESS", "changes[0]")]),
        (
            [put("@", "MX", "10 mail"), put("mail", "CNAME", "x.example.")],
            [("TARGET_IS_ALIAS", "changes[0]")],
        ),
    ],
)
async def test_what_is_wrong_is_named_by_its_place_and_nothing_is_written(
    desk: Desk, edits: list[pb.RecordSetEdit], wrong: list[tuple[str, str]]
) -> None:
    assert await (await desk.zone()).wrong(*edits) == wrong


async def test_what_other_records_lead_to_cannot_be_taken_away(desk: Desk) -> None:
    zone = await desk.zone()
    made = await zone.change(
        put("mail", "A", "192.0.2.25"), put("@", "MX", "10 mail"), put("sub", "NS", f"ns.sub.{zone.name}")
    )
    assert [(r.reason, r.field) for r in made.refusals] == [("TARGET_WITHOUT_ADDRESS", "changes[2]")]
    made = await zone.change(
        put("mail", "A", "192.0.2.25"),
        put("@", "MX", "10 mail"),
        put("sub", "NS", f"ns.sub.{zone.name}"),
        put("ns.sub", "A", "192.0.2.53"),
        put("sub", "DS", "12345 13 2 " + "ab" * 32),
    )
    assert not made.refusals
    assert await zone.wrong(gone("mail", "A")) == [("TARGET_WITHOUT_ADDRESS", "changes[0]")]
    assert await zone.wrong(gone("ns.sub", "A")) == [("TARGET_WITHOUT_ADDRESS", "changes[0]")]
    assert await zone.wrong(gone("sub", "NS")) == [("DS_WITHOUT_DELEGATION", "changes[0]")]
    # A wildcard answers for a host that has nothing of its own.
    assert not (await zone.change(gone("mail", "A"), put("*", "A", "192.0.2.26"))).refusals


async def test_changes_made_while_the_nameserver_is_away_are_applied_in_order_when_it_is_back(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(put("a", "A", "192.0.2.1"))
    await zone.applied()
    desk.nameserver.go_away(True)
    try:
        await zone.change(put("a", "A", "192.0.2.2"), put("b", "A", "192.0.2.9"))
        await zone.change(gone("b", "A"), put("c", "CNAME", "a"))

        async def waiting() -> bool:
            await desk.service.db.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready'")
            return await zone.operations() == ["SUCCEEDED", "WAITING", "WAITING"]

        await until(waiting)
        assert (await zone.served())[(f"a.{zone.name}.", "A")] == (3600, ("192.0.2.1",))
    finally:
        desk.nameserver.go_away(False)
    await zone.applied()
    assert await zone.served() == await zone.sets()
    assert await zone.operations() == ["SUCCEEDED"] * 3


async def test_a_write_that_is_slow_on_its_way_does_not_land_on_a_newer_one(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(put("x", "A", "192.0.2.1"))
    await zone.applied()
    gate = desk.nameserver.hold(zone.name)
    await zone.change(put("a", "A", "192.0.2.1"))
    await zone.change(gone("a", "A"), put("b", "A", "192.0.2.2"))

    async def one_job_is_left() -> bool:
        query = (
            "SELECT count(*) = 1 FROM jobs WHERE kind = 'apply_zone' AND state = 'ready' AND payload->>'zone_id' = $1"
        )
        return bool(await desk.service.db.fetchval(query, str(zone.id)))

    await until(one_job_is_left)
    assert await desk.service.db.fetchval("SELECT applied_version FROM zones WHERE id = $1", zone.id) == 2
    gate.set()
    await zone.applied()
    assert await zone.served() == await zone.sets()
    assert await zone.operations() == ["SUCCEEDED"] * 3


async def test_a_zone_whose_writer_died_is_written_by_another_once_its_claim_has_run_out(desk: Desk) -> None:
    zone = await desk.zone()
    claimed = "UPDATE zones SET writer = gen_random_uuid(), writer_until = now() + interval '1 hour' WHERE id = $1"
    await desk.service.db.execute(claimed, zone.id)
    await zone.change(put("a", "A", "192.0.2.1"))
    await desk.service.db.execute("UPDATE zones SET writer_until = now() - interval '1 second' WHERE id = $1", zone.id)
    await zone.change(put("b", "A", "192.0.2.1"))
    await zone.applied()
    assert await zone.served() == await zone.sets()


async def test_an_alias_at_the_apex_answers_with_the_addresses_it_leads_to(desk: Desk, parts: Parts) -> None:
    zone, elsewhere = await desk.zone(), await desk.zone()
    await elsewhere.change(put("web", "A", "192.0.2.80"))
    await elsewhere.applied()
    await zone.change(put("@", "ALIAS", f"web.{elsewhere.name}"))
    await zone.applied()
    assert parts.powerdns.dns_port is not None
    query = dns.message.make_query(zone.name, "A")
    answer = await dns.asyncquery.udp(query, "127.0.0.1", port=parts.powerdns.dns_port, timeout=5)
    assert [str(record) for rrset in answer.answer for record in rrset] == ["192.0.2.80"]


async def test_a_zone_that_the_nameserver_lost_is_written_whole(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(put("a", "A", "192.0.2.1"))
    await zone.applied()
    async with httpx.AsyncClient(base_url=desk.url, headers={"X-API-Key": desk.key}) as http:
        assert (await http.delete(f"/api/v1/servers/localhost/zones/{zone.name}.")).status_code == 204
    await zone.change(put("b", "A", "192.0.2.2"))
    await zone.applied()
    assert await zone.served() == await zone.sets()


async def test_history_tells_who_did_what_and_any_version_can_be_had_back(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(put("a", "A", "192.0.2.1"), note="one")
    first = await zone.sets()
    await zone.change(put("a", "A", "192.0.2.2"), put("b", "TXT", "x"))
    await zone.change(gone("a", "A"))
    back = await zone.call(
        "RollbackZone", pb.RollbackZoneRequest(domain_id=str(zone.domain), if_version=4, to_version=2)
    )
    assert back.zone.version == 5
    assert await zone.sets() == first
    await zone.call("RollbackZone", pb.RollbackZoneRequest(domain_id=str(zone.domain), if_version=5, to_version=1))
    assert set(await zone.sets()) == {(f"{zone.name}.", "NS")}
    request = pb.ListZoneChangesRequest(zone_ids=[str(zone.id)], page=common_pb2.PageRequest(first=3))
    [page] = (await zone.call("ListZoneChanges", request)).pages
    assert [(c.version, pb.ZoneChangeKind.Name(c.kind)[17:]) for c in page.changes] == [
        (6, "ROLLBACK"),
        (5, "ROLLBACK"),
        (4, "EDIT"),
    ]
    assert page.page.has_next
    request.page.after = page.page.cursors[-1]
    [page] = (await zone.call("ListZoneChanges", request)).pages
    assert [(c.version, c.note, c.author.label) for c in page.changes] == [
        (3, "", "somebody@minta.example"),
        (2, "one", "somebody@minta.example"),
    ]
    assert [d.after.records for d in page.changes[1].diff] == [["192.0.2.1"]]
    await zone.applied()
    assert await zone.served() == await zone.sets()


@pytest.mark.parametrize("to", [7, 99])
async def test_a_version_that_never_was_cannot_be_had_back(desk: Desk, to: int) -> None:
    zone = await desk.zone()
    answer = await zone.call(
        "RollbackZone", pb.RollbackZoneRequest(domain_id=str(zone.domain), if_version=1, to_version=to)
    )
    assert [(r.reason, r.field) for r in answer.refusals] == [("ZONE_VERSION_UNKNOWN", "to_version")]


AWKWARD = """$TTL 1h ; the default
@ IN SOA ns1.old.example. hostmaster.old.example. ( ; many lines
    2026112401 ; serial
    3h 1h 1w 1h )
  IN NS ns1.old.example.
  NS ns2.old.example.
www 300 IN A 192.0.2.1
    IN 5m A 192.0.2.2
@ MX 10 mail
mail A 192.0.2.25
     AAAA 2001:DB8::25
semi TXT "v=DKIM1; k=rsa" "p=\\"x\\"; y"
long TXT ( "{long}"
           "tail" )
* IN A 192.0.2.9
árvíz A 192.0.2.10
$ORIGIN SUB
a CNAME www.{zone}.
_sip._tcp SRV 0 5 5060 sip.example.
"""


async def test_an_awkward_zone_file_is_imported_right(desk: Desk) -> None:
    zone = await desk.zone()
    answer = await zone.load(AWKWARD.replace("{long}", "x" * 300).replace("{zone}", zone.name))
    assert not answer.refusals
    z = f"{zone.name}."
    assert await zone.sets() == {
        (z, "NS"): (3600, ("ns1.portico.example.",)),
        (f"www.{z}", "A"): (300, ("192.0.2.1", "192.0.2.2")),
        (z, "MX"): (3600, (f"10 mail.{z}",)),
        (f"mail.{z}", "A"): (3600, ("192.0.2.25",)),
        (f"mail.{z}", "AAAA"): (3600, ("2001:db8::25",)),
        (f"semi.{z}", "TXT"): (3600, ('"v=DKIM1; k=rsa" "p=\\"x\\"; y"',)),
        (f"long.{z}", "TXT"): (3600, (f'"{"x" * 255}" "{"x" * 45}" "tail"',)),
        (f"*.{z}", "A"): (3600, ("192.0.2.9",)),
        (f"xn--rvz-dla6d.{z}", "A"): (3600, ("192.0.2.10",)),
        (f"a.sub.{z}", "CNAME"): (3600, (f"www.{z}",)),
        (f"_sip._tcp.sub.{z}", "SRV"): (3600, ("0 5 5060 sip.example.",)),
    }
    await zone.applied()
    assert await zone.served() == await zone.sets()
    taken = await zone.load("@ NS ns1.old.example.\n", take_nameservers=True)
    assert taken.diff_size == 11
    assert await zone.sets() == {(z, "NS"): (3600, ("ns1.old.example.",))}


async def test_every_line_that_cannot_be_taken_is_named_and_nothing_is_written(desk: Desk) -> None:
    zone = await desk.zone()
    text = "\n".join(
        [
            "  A 192.0.2.1",
            "$INCLUDE other.zone",
            "$GENERATE 1-9 a$ A 192.0.2.$",
            "a HINFO x y",
            "b A 1.2.3",
            "outside.example.com. A 192.0.2.1",
            'c TXT "open',
            "d 5 A 192.0.2.1",
            "e CH A 192.0.2.1",
            "f",
            "\\195\\161 A 192.0.2.1",
            "good A 192.0.2.1",
            "h ( A 192.0.2.1",
        ]
    )
    answer = await zone.load(text)
    assert [(r.field, r.reason) for r in answer.refusals] == [
        ("zone_file[1]", "ZONE_LINE_INVALID"),
        ("zone_file[2]", "ZONE_LINE_INVALID"),
        ("zone_file[3]", "ZONE_LINE_INVALID"),
        ("zone_file[4]", "RECORD_TYPE_UNKNOWN"),
        ("zone_file[5]", "RECORD_INVALID"),
        ("zone_file[6]", "RECORD_OUTSIDE_ZONE"),
        ("zone_file[7]", "ZONE_LINE_INVALID"),
        ("zone_file[8]", "TTL_OUT_OF_RANGE"),
        ("zone_file[9]", "ZONE_LINE_INVALID"),
        ("zone_file[10]", "ZONE_LINE_INVALID"),
        ("zone_file[11]", "RECORD_NAME_INVALID"),
        ("zone_file[13]", "ZONE_LINE_INVALID"),
    ]
    unread = [r.metadata for r in answer.refusals if r.reason == "ZONE_LINE_INVALID"]
    assert [(about["line"], about["problem"], about["word"]) for about in unread] == [
        ("1", "OWNER_MISSING", ""),
        ("2", "DIRECTIVE", "$INCLUDE"),
        ("3", "DIRECTIVE", "$GENERATE"),
        ("7", "QUOTE_OPEN", ""),
        ("9", "CLASS", "CH"),
        ("10", "TYPE_MISSING", ""),
        ("13", "PARENTHESIS_OPEN", ""),
    ]
    assert await zone.version() == 1


async def test_a_zone_of_ten_thousand_records_is_imported_served_and_exported(desk: Desk) -> None:
    zone = await desk.zone()
    text = "\n".join(f"h{i} A 192.0.{i // 250}.{i % 250}" for i in range(10_000))
    answer = await zone.load(text)
    assert (answer.diff_size, len(answer.diff), list(answer.refusals)) == (10_000, 1000, [])
    again = await zone.load(await zone.export())
    assert (again.diff_size, again.zone.version) == (0, 2)
    await zone.applied()
    assert len(await zone.served()) == 10_001
    # One more record in it costs the nameserver one record.
    await zone.change(put("one-more", "A", "192.0.2.1"))
    await zone.applied()
    assert len(await zone.served()) == 10_002


async def test_random_changes_leave_the_same_zone_in_the_database_at_the_nameserver_and_in_the_file(desk: Desk) -> None:
    zone, dice = await desk.zone(), random.Random(20261124)
    names = ["@", "a", "b", "*.c", "_x._tcp.d", "őz"]
    data = {
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
        "CNAME": ["x.example."],
        "TXT": ['"q;\\"x\\\\"', "v=spf1 -all", "é" * 200],
        "MX": ["10 mx.example.", "0 ."],
        "SRV": ["1 2 3 t.example."],
        "CAA": ['0 issue "ca.example"'],
        "SSHFP": ["4 2 " + "ab" * 32],
        "TLSA": ["3 1 1 " + "cd" * 32],
        "PTR": ["host.example."],
    }
    made = refused = 0
    for _ in range(60):
        edits: list[pb.RecordSetEdit] = []
        for _ in range(dice.randint(1, 4)):
            type_, name = dice.choice(list(data)), dice.choice(names)
            some = dice.sample(data[type_], dice.randint(1, len(data[type_])))
            edits.append(
                gone(name, type_) if dice.random() < 0.3 else put(name, type_, *some, ttl=dice.choice([60, 3600]))
            )
        before = await zone.sets()
        answer = await zone.change(*edits)
        if answer.refusals:
            refused += 1
            assert await zone.sets() == before
        else:
            made += answer.HasField("operation")
    assert made > 5
    assert refused > 5
    await zone.applied()
    assert await zone.served() == await zone.sets()
    copy = await desk.zone()
    text = (await zone.export()).replace(zone.name, copy.name)
    assert not (await copy.load(text)).refusals
    assert {(n.replace(copy.name, zone.name), t): v for (n, t), v in (await copy.sets()).items()} == await zone.sets()


async def test_record_sets_are_searched_and_filtered_by_type(desk: Desk) -> None:
    zone = await desk.zone()
    await zone.change(
        put("www", "A", "192.0.2.1"),
        put("ftp", "A", "192.0.2.77", comment="Old_printer"),
        put("www", "TXT", "100% sure"),
    )

    async def found(**more: Any) -> list[str]:
        request = domains_pb2.ListRecordSetsRequest(zone_ids=[str(zone.id)], **more)
        [page] = (await zone.call("ListRecordSets", request)).pages
        return [f"{s.name.split('.')[0]} {s.type}" for s in page.record_sets]

    assert await found(search="WWW") == ["www A", "www TXT"]
    assert await found(search="2.77") == ["ftp A"]
    assert await found(search="old_p") == ["ftp A"]
    assert await found(search="0% s") == ["www TXT"]
    assert await found(search="nothing") == []
    assert await found(type="a") == ["ftp A", "www A"]
    assert await found(type="A", search="www") == ["www A"]


async def test_every_template_fits_a_new_zone(desk: Desk) -> None:
    zone = await desk.zone()
    templates = (await zone.call("ListZoneTemplates", pb.ListZoneTemplatesRequest())).templates
    assert [t.code for t in templates] == ["web_and_mail", "no_mail"]
    for template in templates:
        assert template.title_hu
        assert template.title_en
        assert not (await (await desk.zone()).change(*template.changes)).refusals


@pytest.mark.parametrize(
    ("method", "permission"),
    [
        ("ChangeZone", "dns.write"),
        ("ImportZone", "dns.write"),
        ("RollbackZone", "dns.write"),
        ("ListZoneChanges", "dns.read"),
        ("ExportZones", "dns.read"),
    ],
)
async def test_another_accounts_zone_is_not_there_and_the_right_is_needed(
    desk: Desk, method: str, permission: str
) -> None:
    zone = await desk.zone()
    domain, id_ = str(zone.domain), str(zone.id)
    requests: dict[str, Any] = {
        "ChangeZone": pb.ChangeZoneRequest(domain_id=domain, if_version=1, changes=[put("a", "A", "192.0.2.1")]),
        "ImportZone": pb.ImportZoneRequest(domain_id=domain, if_version=1, zone_file="a A 192.0.2.1"),
        "RollbackZone": pb.RollbackZoneRequest(domain_id=domain, if_version=1, to_version=1),
        "ListZoneChanges": pb.ListZoneChangesRequest(zone_ids=[id_]),
        "ExportZones": pb.ExportZonesRequest(zone_ids=[id_]),
    }
    request = requests[method]
    lacking = holding_all_but(person(zone.account), permission)
    assert (await desk.service.refused(lacking, method, request)).metadata == {"permission": permission}
    for stranger in (
        person(uuid4(), "dns.read", "dns.write"),
        person(zone.account, "dns.read", "dns.write", resources=frozenset({uuid4()})),
    ):
        if permission == "dns.write":
            assert (await desk.service.refused(stranger, method, request)).reason == "ZONE_NOT_FOUND"
        else:
            answer = await desk.service.call(stranger, method, request)
            assert not answer.ListFields()


async def test_statements_do_not_grow_with_the_change(desk: Desk) -> None:
    costs = []
    for size in (2, 200):
        zone = await desk.zone()
        request = pb.ChangeZoneRequest(
            domain_id=str(zone.domain), if_version=1, changes=[put(f"h{i}", "A", "192.0.2.1") for i in range(size)]
        )
        costs.append(await desk.service.statements(person(zone.account, "dns.write"), "ChangeZone", request))
    assert costs[0] == costs[1]


async def test_a_zone_cannot_grow_without_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_SETS", 3)
    zone = await desk.zone()
    assert not (await zone.change(put("a", "A", "192.0.2.1"), put("b", "A", "192.0.2.1"))).refusals
    assert await zone.wrong(put("c", "A", "192.0.2.1")) == [("ZONE_TOO_LARGE", "changes")]
    assert not (await zone.change(put("c", "A", "192.0.2.1"), gone("a", "A"))).refusals
