"""Whole answers: one RPC a service, partial answers, loaders, locales, and what a request cost."""

import json
import time
from typing import Any

import pytest

from gateway import ready_queries
from services.chassis.errors import Conflict, Exhausted, Unavailable
from tests.gateway.conftest import Stand, gid
from tests.gateway.fakes import ALL, contact, domain, invoice, ticket, uid

DASHBOARD = """{ account { dashboard {
  domains { id name nameservers { host } } expiringDomains { name } domainCounts { state count }
  hosting { label plan { name } } hostingDue { label }
  invoices { number lines { description } gross { amount } } balance { credit { amount currency } }
  tickets { number department { name } } warnings } } }"""


def codes(answer: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {
        ".".join(map(str, e["path"])): (e["extensions"]["code"], e["extensions"].get("service"))
        for e in answer.get("errors", [])
    }


async def test_a_dashboard_is_one_call_to_each_service(stand: Stand) -> None:
    await stand.data("{ viewer { user { email } } }")
    stand.world.clear_counts()
    answer = await stand.post(DASHBOARD)
    assert "errors" not in answer.json()
    assert dict(stand.world.calls) == {
        f"{name}.GetDashboard": 1 for name in ("identity", "domains", "hosting", "billing", "tickets")
    }
    timing = answer.headers["server-timing"]
    assert timing.startswith('rpc;desc="5", sql;desc="10", cpu;dur=')


@pytest.mark.parametrize("service", ["domains", "hosting", "billing", "tickets"])
async def test_a_dead_service_blanks_its_own_part_and_is_named(stand: Stand, service: str) -> None:
    await stand.servers[service].stop(0)
    begun = time.perf_counter()
    answer = (await stand.post(DASHBOARD)).json()
    assert time.perf_counter() - begun < 3
    dashboard = answer["data"]["account"]["dashboard"]
    parts = {
        "domains": {"domains", "expiringDomains", "domainCounts"},
        "hosting": {"hosting", "hostingDue"},
        "billing": {"invoices", "balance"},
        "tickets": {"tickets"},
    }[service]
    assert {key for key, value in dashboard.items() if value is None} == parts
    assert codes(answer) == {f"account.dashboard.{p}": ("SERVICE_UNAVAILABLE", service) for p in parts}
    assert all(service in e["message"] for e in answer["errors"])
    ready = await stand.http.get("/readyz")
    assert (ready.status_code, ready.json()["down"]) == (200, [service])


async def test_a_service_that_hangs_costs_its_deadline_and_no_more(stand: Stand) -> None:
    stand.world.slow["hosting"] = 30
    begun = time.perf_counter()
    answer = (await stand.post(DASHBOARD)).json()
    assert 1.9 < time.perf_counter() - begun < 3.5
    assert set(codes(answer).values()) == {("SERVICE_UNAVAILABLE", "hosting")}
    assert answer["data"]["account"]["dashboard"]["domains"]


async def test_without_identity_nobody_is_let_in_and_readiness_says_so(stand: Stand) -> None:
    await stand.servers["identity"].stop(0)
    answer = await stand.post(DASHBOARD)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE", "service": "identity"}
    assert (await stand.http.get("/readyz")).status_code == 503
    assert (await stand.http.get("/healthz")).status_code == 200


DOMAINS = """query ($n: Int) { account { domains(first: $n) { edges { cursor node { id } } pageInfo { hasNextPage endCursor }
  nodes { name renewalPrice { amount } zone { recordSets(first: 5) { nodes { type records } } } } } } }"""


async def test_the_number_of_calls_follows_the_document_not_the_rows(stand: Stand) -> None:
    counts = []
    for rows in (2, 50):
        stand.world.domains[uid(1)] = [domain(i) for i in range(rows)]
        await stand.data("{ viewer { user { email } } }")
        stand.world.clear_counts()
        data = await stand.data(DOMAINS, variables={"n": 100})
        assert len(data["account"]["domains"]["nodes"]) == rows
        assert all(n["zone"]["recordSets"]["nodes"] for n in data["account"]["domains"]["nodes"])
        counts.append(dict(stand.world.calls))
    assert counts[0] == counts[1]
    assert counts[0] == {
        "domains.ListDomains": 1,
        "domains.BatchGetZones": 1,
        "domains.ListRecordSets": 1,
        "identity.GetAccount": 1,
        "billing.ListPrices": 1,
    }


async def test_objects_behind_ids_are_fetched_together(stand: Stand) -> None:
    stand.world.tickets[uid(1)] = [ticket(i, related_type="Domain", related_id=uid(10_000 + i)) for i in range(1, 4)]
    stand.world.invoices[uid(1)] = [invoice(i, replaces_id=uid(20_001)) for i in range(1, 9)]
    await stand.data(
        "{ account { tickets { nodes { related { id } messages { nodes { body } } } } "
        "invoices { nodes { replaces { number } } } } }"
    )
    assert stand.world.calls["domains.BatchGetDomains"] == 1
    assert stand.world.calls["tickets.ListMessages"] == 1
    assert stand.world.calls["billing.BatchGetInvoices"] == 1


async def test_nodes_answer_in_order_with_null_for_what_is_not_found(stand: Stand) -> None:
    ids = [gid("Domain", uid(10_002)), gid("Invoice", uid(777)), gid("Operation", f"domains.{uid(50_001)}"), "junk"]
    answer = (await stand.post("query ($i: [ID!]!) { nodes(ids: $i) { id __typename } }", variables={"i": ids})).json()
    assert [n and n["__typename"] for n in answer["data"]["nodes"]] == ["Domain", None, "Operation", None]
    assert [n["id"] for n in answer["data"]["nodes"] if n] == [ids[0], ids[2]]
    assert codes(answer) == {"nodes.1": ("NOT_FOUND", None), "nodes.3": ("BAD_USER_INPUT", None)}


@pytest.mark.parametrize("kind", ["Account", "Domain", "Zone", "HostingService", "Invoice", "Ticket", "Operation"])
async def test_every_node_type_is_found_by_its_own_id(stand: Stand, kind: str) -> None:
    keys = {
        "Account": uid(1),
        "Domain": uid(10_001),
        "Zone": uid(10_001),
        "HostingService": uid(30_001),
        "Invoice": uid(20_001),
        "Ticket": uid(40_001),
        "Operation": f"domains.{uid(50_001)}",
    }
    id_ = gid(kind, keys[kind])
    data = await stand.data("query ($i: ID!) { node(id: $i) { id __typename } }", variables={"i": id_})
    assert data["node"] == {"id": id_, "__typename": kind}


async def test_pages_follow_their_cursors(stand: Stand) -> None:
    stand.world.domains[uid(1)] = [domain(i) for i in range(45)]
    seen, after = [], None
    query = (
        "query ($a: String) { account { domains(after: $a) { nodes { name } pageInfo { hasNextPage endCursor } } } }"
    )
    while True:
        page = (await stand.data(query, variables={"a": after}))["account"]["domains"]
        seen.append(len(page["nodes"]))
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [20, 20, 5]


async def test_a_taken_name_is_a_user_error_at_its_place_and_the_others_are_ordered(stand: Stand) -> None:
    query = """mutation ($i: RegisterDomainsInput!) { registerDomains(input: $i) {
      order { items { name domain { name } operation { state steps { name } } } } userErrors { code field message } } }"""
    given = {"names": ["free.hu", "taken.hu"], "idempotencyKey": "k" * 10}
    payload = (await stand.data(query, variables={"i": given}))["registerDomains"]
    assert [i["name"] for i in payload["order"]["items"]] == ["free.hu"]
    assert payload["userErrors"] == [
        {"code": "DOMAIN_TAKEN", "field": ["input", "names", "1"], "message": "taken.hu is already taken."}
    ]
    stand.world.person("magyar-token", contact(1, ALL), locale="hu")
    payload = (await stand.data(query, "magyar-token", variables={"i": given}))["registerDomains"]
    assert payload["userErrors"][0]["message"] == "A(z) taken.hu név már foglalt."


class InsufficientCredit(Conflict):
    reason = "INSUFFICIENT_CREDIT"


class UnheardOf(Exhausted):
    reason = "SOMETHING_NEW"


@pytest.mark.parametrize(
    ("error", "code"),
    [(InsufficientCredit(), "INSUFFICIENT_CREDIT"), (UnheardOf(), "FAILED"), (Conflict(), "CONFLICT")],
)
async def test_a_refusal_of_a_service_is_a_user_error_with_its_reason(
    stand: Stand, error: Exception, code: str
) -> None:
    stand.world.broken["billing.PayInvoices"] = error
    query = (
        "mutation ($i: PayInvoicesInput!) { payInvoices(input: $i) { invoices { id } userErrors { code message } } }"
    )
    given = {"invoiceIds": [gid("Invoice", uid(20_001))], "idempotencyKey": "k" * 10}
    payload = (await stand.data(query, variables={"i": given}))["payInvoices"]
    assert payload["invoices"] is None
    assert payload["userErrors"][0]["code"] == code
    assert stand.world.calls["billing.PayInvoices"] == 1


async def test_a_read_is_tried_again_while_a_service_restarts(stand: Stand) -> None:
    stand.world.broken["billing.GetBalance"] = Unavailable()
    answer = (await stand.post("{ account { balance { credit { amount } } } }")).json()
    assert codes(answer) == {"account.balance": ("SERVICE_UNAVAILABLE", "billing")}
    assert stand.world.calls["billing.GetBalance"] == 4


async def test_a_service_that_crashes_is_a_masked_fault_of_its_field(stand: Stand) -> None:
    stand.world.broken["billing.GetBalance"] = RuntimeError("inside")
    answer = await stand.post("{ account { number balance { credit { amount } } } }")
    assert codes(answer.json()) == {"account.balance": ("INTERNAL", None)}
    assert answer.json()["data"]["account"]["number"] == "P-10001"
    assert "inside" not in answer.text


async def test_the_trace_goes_on_to_the_services(stand: Stand) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await stand.post("{ account { balance { credit { amount } } } }", headers={"traceparent": parent})
    assert {t.split("-")[1] for t in stand.world.traces} == {"0af7651916cd43dd8448eb211c80319c"}


@pytest.mark.parametrize("tab", range(5))
async def test_every_ready_query_runs(stand: Stand, tab: int) -> None:
    ready = ready_queries.TABS[tab]
    name = "OpenInvoices" if "OpenInvoices" in ready["query"] else None
    variables = json.loads(ready.get("variables", "{}"))
    await stand.data(ready["query"], operationName=name, variables=variables)
