"""The domains service through gRPC, on its own real database, against the sandbox registry over EPP."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from portico.billing.v1 import billing_pb2
from portico.billing.v1 import events_pb2 as billing_events
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import domains_pb2_grpc, events_pb2
from services.chassis.sealing import Sealer
from services.domains.app import App
from services.domains.events import CONSUMES
from services.domains.powerdns import PowerDns
from services.domains.registries import Registries
from services.domains.rpc import register
from tests import sandbox
from tests.serving import Database, Serving, confirmed, holding_all_but, person, serving

EVERY = ("domains.read", "domains.order", "domains.authcode", "dns.read")


@pytest.fixture(scope="session")
def registry(run_dir: Path) -> Iterator[sandbox.Sandbox]:
    with sandbox.registry(run_dir / "orders-registry") as running:
        yield running


@pytest.fixture(scope="session")
async def domains(database: Database, run_dir: Path, registry: sandbox.Sandbox) -> AsyncIterator[Serving]:
    client = registry.client()
    async with serving(
        "domains",
        await database("domains"),
        run_dir,
        make_app=lambda db: App(
            db, Registries([client]), PowerDns("http://127.0.0.1:1", ""), ("ns1.portico.example",), Sealer([bytes(32)])
        ),
        register=register,
        make_stub=domains_pb2_grpc.DomainsServiceStub,
        consumes=CONSUMES,
    ) as running:
        yield running
    await client.close()


def fresh() -> str:
    return f"rendel-{uuid4().hex[:12]}.hu"


async def ordered(
    domains: Serving, account: UUID, *names: str, key: str | None = None, years: int = 1
) -> pb.RegisterDomainsResponse:
    request = pb.RegisterDomainsRequest(request_id=key or uuid4().hex, names=names, years=years)
    answer = await domains.call(person(account, *EVERY), "RegisterDomains", request)
    assert isinstance(answer, pb.RegisterDomainsResponse)
    return answer


async def test_each_wrong_name_of_an_order_is_refused_by_its_index_and_the_others_go_on(domains: Serving) -> None:
    good, account = fresh(), uuid4()
    names = ["", "nincs-pont", "a b.hu", good, "a.b.hu", "név.nincsilyen", good.upper(), "-x.hu", "xn--\u00e1.hu"]
    answer = await ordered(domains, account, *names)
    assert [item.name for item in answer.order.items] == [good]
    assert {refusal.index: refusal.reason for refusal in answer.refusals} == {
        0: "DOMAIN_INVALID",
        1: "DOMAIN_INVALID",
        2: "DOMAIN_INVALID",
        4: "DOMAIN_INVALID",
        5: "TLD_NOT_SOLD",
        6: "DOMAIN_REPEATED",
        7: "DOMAIN_INVALID",
        8: "DOMAIN_INVALID",
    }
    [told] = await domains.told(events_pb2.OrderRequested, account)
    assert [item.name for item in told.items] == [good]


async def test_orders_for_the_same_names_in_any_order_share_them_out(domains: Serving) -> None:
    names = [fresh() for _ in range(1000)]
    answers = await asyncio.gather(
        *(ordered(domains, uuid4(), *(names if n % 2 else reversed(names))) for n in range(8)),
    )
    assert sorted(item.name for answer in answers for item in answer.order.items) == sorted(names)
    assert {r.reason for answer in answers for r in answer.refusals} <= {"DOMAIN_ALREADY_ORDERED", "DOMAIN_TAKEN"}


@pytest.mark.parametrize("dot", [".", "\u3002", "\uff0e", "\uff61"])
async def test_a_full_stop_of_any_script_separates_and_ends_a_name(domains: Serving, dot: str) -> None:
    name = fresh()
    answer = await ordered(domains, uuid4(), name.replace(".", dot) + dot)
    assert [item.name for item in answer.order.items] == [name]


async def test_an_order_of_ten_thousand_names_is_taken_within_the_gateways_patience(domains: Serving) -> None:
    start = time.monotonic()
    answer = await ordered(domains, uuid4(), *(fresh() for _ in range(10_000)))
    assert len(answer.order.items) == 10_000
    assert time.monotonic() - start < 10


async def test_a_registry_that_is_silent_is_not_waited_for(domains: Serving, registry: sandbox.Sandbox) -> None:
    name = fresh()
    registry.fault("delay", command="check", name=name, seconds=15.0)
    start = time.monotonic()
    request = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=[name])
    refused = await domains.refused(person(uuid4(), *EVERY), "RegisterDomains", request)
    assert refused.reason == "REGISTRY_UNAVAILABLE"
    assert time.monotonic() - start < 8


async def test_an_order_of_wrong_names_only_writes_nothing(domains: Serving) -> None:
    account = uuid4()
    answer = await ordered(domains, account, "nincs-pont")
    assert not answer.HasField("order")
    assert await domains.told(events_pb2.OrderRequested, account) == []
    assert await domains.db.fetchval("SELECT count(*) FROM orders WHERE account_id = $1", account) == 0


async def test_a_name_in_somebodys_order_is_taken_for_everybody_else(domains: Serving) -> None:
    name = fresh()
    await ordered(domains, uuid4(), name)
    answer = await ordered(domains, uuid4(), name)
    assert [refusal.reason for refusal in answer.refusals] == ["DOMAIN_TAKEN"]


async def test_an_account_is_told_that_a_name_is_its_own_already_or_being_ordered(domains: Serving) -> None:
    name, account = fresh(), uuid4()
    await ordered(domains, account, name)
    [refusal] = (await ordered(domains, account, name)).refusals
    assert (refusal.reason, refusal.field, refusal.index) == ("DOMAIN_ALREADY_ORDERED", "names", 0)
    await domains.db.execute(
        "UPDATE domains SET state = 'ACTIVE', registered_at = now(), expires_at = now() WHERE name = $1", name
    )
    [refusal] = (await ordered(domains, account, name)).refusals
    assert refusal.reason == "DOMAIN_ALREADY_HERE"


async def test_idn_names_are_stored_in_a_labels_and_shown_in_unicode(domains: Serving) -> None:
    answer = await ordered(domains, account := uuid4(), f"Árvíztűrő-{uuid4().hex[:6]}.hu")
    [item] = answer.order.items
    assert item.name.startswith("xn--")
    reader = person(account, "domains.read")
    found = await domains.call(reader, "GetDomainByName", pb.GetDomainByNameRequest(name=item.name))
    assert found.unicode_name.startswith("árvíztűrő-")


async def test_a_period_that_the_tld_does_not_offer_is_refused(domains: Serving) -> None:
    answer = await ordered(domains, uuid4(), fresh(), years=6)
    assert [(r.reason, dict(r.metadata)["max"]) for r in answer.refusals] == [("PERIOD_NOT_OFFERED", "5")]


async def test_a_repeated_order_answers_the_first_and_another_under_the_same_key_is_refused(domains: Serving) -> None:
    account, name, key = uuid4(), fresh(), uuid4().hex
    first = await ordered(domains, account, name, "nincs-pont", key=key)
    again = await ordered(domains, account, name, "nincs-pont", key=key)
    assert first == again
    request = pb.RegisterDomainsRequest(request_id=key, names=[fresh()])
    refused = await domains.refused(person(account, *EVERY), "RegisterDomains", request)
    assert refused.reason == "IDEMPOTENCY_CONFLICT"
    assert len(await domains.told(events_pb2.OrderRequested, account)) == 1


async def paid(domains: Serving, account: UUID, order: pb.Order) -> billing_events.InvoicePaid:
    items = await domains.db.fetch("SELECT id, domain_id FROM order_items WHERE order_id = $1", UUID(order.id))
    lines = [
        billing_pb2.InvoiceLine(subject_type="Domain", subject_id=str(i["domain_id"]), order_item_id=str(i["id"]))
        for i in items
    ]
    invoice = billing_pb2.Invoice(id=str(uuid4()), lines=lines)
    return billing_events.InvoicePaid(invoice=invoice, account_id=str(account), order_id=order.id)


async def test_payment_of_an_order_starts_each_registration_once(domains: Serving) -> None:
    account = uuid4()
    answer = await ordered(domains, account, fresh(), fresh())
    await domains.hear(await paid(domains, account, answer.order), account)
    await domains.hear(await paid(domains, account, answer.order), account)
    ids = [item.domain_id for item in answer.order.items]
    jobs = "SELECT count(*) FROM jobs WHERE kind = 'register_domain' AND key = ANY($1)"
    assert await domains.db.fetchval(jobs, ids) == 2
    reader = person(account, "domains.read")
    found = await domains.call(reader, "BatchGetDomains", pb.BatchGetDomainsRequest(ids=ids))
    assert {d.state for d in found.domains} == {pb.DOMAIN_STATE_PENDING_REGISTRATION}


async def test_an_order_that_billing_rejects_ends_failed_and_frees_its_names(domains: Serving) -> None:
    account, name = uuid4(), fresh()
    answer = await ordered(domains, account, name)
    event = billing_events.OrderRejected(order_id=answer.order.id, account_id=str(account), reason="PRICE_MISSING")
    await domains.hear(event, account)
    [told] = await domains.told(events_pb2.OrderCompleted, account)
    assert [(o.registered, o.reason) for o in told.outcomes] == [(False, "PRICE_MISSING")]
    audited = (await domains.told(common_pb2.AuditRecorded, account))[-1]
    assert (audited.action, audited.actor.kind, audited.subject_label) == ("domain.registration_failed", "system", name)
    assert '"reason": "PRICE_MISSING"' in audited.after_json
    assert (await ordered(domains, uuid4(), name)).order.items


async def seeded(domains: Serving, account: UUID, count: int) -> list[UUID]:
    """Domains of the account, one expiring later than the other; the last without any date."""
    start = datetime(2027, 1, 1, tzinfo=UTC)
    rows = await domains.db.fetch(
        """INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, registered_at, expires_at,
                                auto_renew, nameservers, created_at)
           SELECT $1, n, n, 'com', CASE WHEN at IS NULL THEN 'PENDING_PAYMENT' ELSE 'ACTIVE' END, $2,
                  $2, at, true, '{}', $2
           FROM unnest($3::text[], $4::timestamptz[]) AS s (n, at) RETURNING id""",
        account,
        start,
        [f"d{n:03}-{uuid4().hex[:8]}.com" for n in range(count)],
        [start + timedelta(days=n % 5) for n in range(count - 1)] + [None],
    )
    return [row["id"] for row in rows]


@pytest.mark.parametrize("sort", [pb.DOMAIN_SORT_FIELD_NAME, pb.DOMAIN_SORT_FIELD_EXPIRES_AT, 3])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_walk_every_order_both_ways_without_gap_or_repeat(
    domains: Serving, sort: pb.DomainSortField.ValueType, descending: bool
) -> None:
    account = uuid4()
    ids = {str(one) for one in await seeded(domains, account, 23)}
    reader = person(account, "domains.read")

    async def walk(size: int, *, back: bool) -> list[str]:
        seen: list[str] = []
        cursor = ""
        while True:
            page = (
                common_pb2.PageRequest(last=size, before=cursor)
                if back
                else common_pb2.PageRequest(first=size, after=cursor)
            )
            request = pb.ListDomainsRequest(sort=sort, descending=descending, page=page)
            answer = await domains.call(reader, "ListDomains", request)
            found = [d.id for d in answer.domains]
            seen = found + seen if back else seen + found
            if not (answer.page.has_previous if back else answer.page.has_next):
                return seen
            cursor = answer.page.cursors[0 if back else -1]

    forward = await walk(5, back=False)
    assert set(forward) == ids
    assert len(forward) == len(ids)
    assert await walk(7, back=True) == forward


async def test_a_page_can_start_beside_a_domain_without_a_date(domains: Serving) -> None:
    account = uuid4()
    ids = [str(one) for one in await seeded(domains, account, 4)]
    reader = person(account, "domains.read")

    async def page(**wish: Any) -> pb.ListDomainsResponse:
        asked = common_pb2.PageRequest(**wish)
        request = pb.ListDomainsRequest(sort=pb.DOMAIN_SORT_FIELD_EXPIRES_AT, page=asked)
        answer = await domains.call(reader, "ListDomains", request)
        assert isinstance(answer, pb.ListDomainsResponse)
        return answer

    dateless = (await page(last=1)).page.cursors[0]
    assert not (await page(first=5, after=dateless)).domains
    assert [d.id for d in (await page(last=5, before=dateless)).domains] == ids[:3]


async def test_a_grant_on_named_domains_reaches_these_alone_and_orders_nothing(domains: Serving) -> None:
    account = uuid4()
    ids = await seeded(domains, account, 5)
    limited = person(account, *EVERY, resources=frozenset(ids[:2]))
    mine = {str(one) for one in ids[:2]}
    listed = await domains.call(limited, "ListDomains", pb.ListDomainsRequest())
    assert {d.id for d in listed.domains} == mine
    batch = pb.BatchGetDomainsRequest(ids=[str(one) for one in ids])
    assert {d.id for d in (await domains.call(limited, "BatchGetDomains", batch)).domains} == mine
    dashboard = await domains.call(limited, "GetDashboard", pb.GetDashboardRequest())
    assert sum(count.count for count in dashboard.counts) == 2
    order = pb.RegisterDomainsRequest(request_id=uuid4().hex, names=[fresh()])
    assert (await domains.refused(limited, "RegisterDomains", order)).reason == "FORBIDDEN"
    code = pb.RequestAuthCodeRequest(domain_id=str(ids[4]))
    assert (await domains.refused(limited, "RequestAuthCode", code)).reason == "STEP_UP_REQUIRED"
    assert (await domains.refused(confirmed(limited), "RequestAuthCode", code)).reason == "DOMAIN_NOT_FOUND"
    stranger = person(uuid4(), *EVERY)
    assert not (await domains.call(stranger, "BatchGetDomains", batch)).domains


REQUESTS = {
    "GetDashboard": ("domains.read", pb.GetDashboardRequest()),
    "ListDomains": ("domains.read", pb.ListDomainsRequest()),
    "BatchGetDomains": ("domains.read", pb.BatchGetDomainsRequest(ids=[str(uuid4())])),
    "GetDomainByName": ("domains.read", pb.GetDomainByNameRequest(name="minta.hu")),
    "RegisterDomains": ("domains.order", pb.RegisterDomainsRequest(request_id="12345678", names=["uj.hu"])),
    "RequestAuthCode": ("domains.authcode", pb.RequestAuthCodeRequest(domain_id=str(uuid4()))),
    "BatchGetZones": ("dns.read", pb.BatchGetZonesRequest(domain_ids=[str(uuid4())])),
    "ListRecordSets": ("dns.read", pb.ListRecordSetsRequest(zone_ids=[str(uuid4())])),
    "ListOperations": ("domains.read", pb.ListOperationsRequest()),
    "BatchGetOperations": ("domains.read", pb.BatchGetOperationsRequest(ids=[str(uuid4())])),
}


def test_every_call_of_the_service_is_among_those_that_are_refused_below() -> None:
    service = pb.DESCRIPTOR.services_by_name["DomainsService"]
    assert {method.name for method in service.methods} - {"CheckAvailability"} == set(REQUESTS)


@pytest.mark.parametrize("method", REQUESTS)
async def test_each_call_refuses_who_lacks_its_right_and_who_has_no_token(domains: Serving, method: str) -> None:
    permission, request = REQUESTS[method]
    refused = await domains.refused(holding_all_but(person(uuid4()), permission), method, request)
    assert (refused.code, refused.metadata) == (grpc.StatusCode.PERMISSION_DENIED, {"permission": permission})
    assert (await domains.refused(None, method, request)).code is grpc.StatusCode.UNAUTHENTICATED


async def test_availability_tells_what_each_name_is(domains: Serving) -> None:
    name = fresh()
    request = pb.CheckAvailabilityRequest(names=[name, "nincs-pont", "x.nincsilyen"])
    answer = await domains.call(person(uuid4()), "CheckAvailability", request)
    assert [(i.available, i.reason) for i in answer.items] == [
        (True, ""),
        (False, "DOMAIN_INVALID"),
        (False, "TLD_NOT_SOLD"),
    ]
