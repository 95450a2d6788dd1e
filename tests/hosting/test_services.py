"""Listing services, what is due, logins."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from portico.common.v1.common_pb2 import PageRequest
from portico.hosting.v1 import hosting_pb2 as pb
from services.hosting import services
from services.hosting.services import NewService, PlanNotFound
from tests.hosting.conftest import Shelf
from tests.serving import Serving, person


async def test_pages_walk_the_list_by_label_both_ways(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    labels = [f"service {n // 2:02d}" for n in range(11)]  # most labels twice: the id decides
    ids = {str(await shelf.service(account, label)) for label in labels}
    reader = person(account, "hosting.read")
    seen: list[pb.Service] = []
    after, more = "", True
    while more:
        page = await hosting.call(
            reader, "ListServices", pb.ListServicesRequest(page=PageRequest(first=3, after=after))
        )
        seen += page.services
        after, more = page.page.cursors[-1], page.page.has_next
    assert [service.label for service in seen] == labels
    assert {service.id for service in seen} == ids
    back = await hosting.call(reader, "ListServices", pb.ListServicesRequest(page=PageRequest(last=2, before=after)))
    assert [service.id for service in back.services] == [service.id for service in seen[-3:-1]]


async def test_search_finds_labels_and_domains_in_either_form(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    await shelf.service(account, "Céges honlap", domain="minta.hu", domain_unicode="minta.hu")
    await shelf.service(account, "webshop", domain="xn--rvztr-0qa8bxz.hu", domain_unicode="árvíztűrő.hu")
    reader = person(account, "hosting.read")
    for search, expected in (
        ("HONLAP", ["Céges honlap"]),
        ("céges", ["Céges honlap"]),
        ("minta.h", ["Céges honlap"]),
        ("xn--rvz", ["webshop"]),
        ("ÁRVÍZTŰRŐ", ["webshop"]),
        (".hu", ["Céges honlap", "webshop"]),
        ("%", []),
        ("_inta", []),
        ("\\", []),
    ):
        found = await hosting.call(reader, "ListServices", pb.ListServicesRequest(search=search))
        assert [service.label for service in found.services] == expected, search


async def test_services_are_listed_by_state(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    await shelf.service(account, "a", state="ACTIVE")
    await shelf.service(account, "b", state="SUSPENDED")
    wanted = pb.ListServicesRequest(states=[pb.SERVICE_STATE_SUSPENDED])
    found = await hosting.call(person(account, "hosting.read"), "ListServices", wanted)
    assert [(service.label, service.state) for service in found.services] == [("b", pb.SERVICE_STATE_SUSPENDED)]


async def test_the_front_page_shows_what_is_due_soonest_first(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    today = datetime.now(ZoneInfo("Europe/Budapest")).date()
    for label, days, state in (
        ("later", 30, "ACTIVE"),
        ("overdue", -3, "SUSPENDED"),
        ("far", 46, "ACTIVE"),
        ("on the edge", 45, "ACTIVE"),
        ("gone", 1, "TERMINATED"),
    ):
        await shelf.service(account, label, state=state, due=today + timedelta(days=days))
    reader = person(account, "hosting.read")
    dashboard = await hosting.call(reader, "GetDashboard", pb.GetDashboardRequest())
    assert [service.label for service in dashboard.due] == ["overdue", "later", "on the edge"]
    assert [service.label for service in dashboard.services] == ["far", "later", "on the edge", "overdue"]
    assert dashboard.total == 4
    narrow = await hosting.call(reader, "GetDashboard", pb.GetDashboardRequest(limit=1, due_within_days=1))
    assert [service.label for service in narrow.due] == ["overdue"]
    assert (len(narrow.services), narrow.total) == (1, 4)


async def test_a_service_carries_its_plan_and_price(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    service_id = await shelf.service(account)
    batch = pb.BatchGetServicesRequest(ids=[str(uuid4()), str(service_id), str(service_id)])
    (service,) = (await hosting.call(person(account, "hosting.read"), "BatchGetServices", batch)).services
    assert (service.plan.code, service.plan.disk_mib) == ("web-m", 20480)
    assert (service.price.minor, service.price.currency, service.period_months) == (1990, "HUF", 1)
    assert service.next_due_on == ""


async def test_a_login_says_where_and_as_whom_and_never_a_password(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    service_id = await shelf.service(account)
    wanted = pb.BatchGetLoginsRequest(service_ids=[str(service_id)])
    (login,) = (await hosting.call(person(account, "hosting.credentials"), "BatchGetLogins", wanted)).logins
    assert login == pb.PanelLogin(
        service_id=str(service_id), url="https://node-1.example:2083/", username="minta", host="node-1.example"
    )


async def test_reading_costs_the_same_statements_for_one_and_for_many(hosting: Serving, shelf: Shelf) -> None:
    costs: list[list[int]] = []
    for count in (1, 30):
        account = uuid4()
        ids = [str(await shelf.service(account, f"service {n}")) for n in range(count)]
        reader = person(account, "hosting.read", "hosting.credentials")
        costs.append(
            [
                await hosting.statements(reader, method, request)
                for method, request in (
                    ("GetDashboard", pb.GetDashboardRequest(limit=20)),
                    ("ListServices", pb.ListServicesRequest(page=PageRequest(first=100))),
                    ("BatchGetServices", pb.BatchGetServicesRequest(ids=ids)),
                    ("BatchGetLogins", pb.BatchGetLoginsRequest(service_ids=ids)),
                )
            ]
        )
    assert costs[0] == costs[1] == [2, 1, 1, 1]


async def test_a_service_of_an_unknown_plan_is_refused(hosting: Serving) -> None:
    new = NewService(UUID(int=1), "x", "no-such-plan", "ACTIVE", 1, "HUF", 1)
    with pytest.raises(PlanNotFound):
        async with hosting.db.transaction() as tx:
            await services.create(tx, new, datetime.now(UTC))
