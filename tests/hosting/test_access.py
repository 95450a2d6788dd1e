"""Who may call, and that nothing of another account shows."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from portico.common.v1.common_pb2 import PageRequest
from portico.hosting.v1 import hosting_pb2 as pb
from tests.hosting.conftest import Shelf
from tests.serving import Serving, holding_all_but, person

ID = str(uuid4())
CALLS: list[tuple[str, Message, str]] = [
    ("GetDashboard", pb.GetDashboardRequest(), "hosting.read"),
    ("ListServices", pb.ListServicesRequest(), "hosting.read"),
    ("BatchGetServices", pb.BatchGetServicesRequest(ids=[ID]), "hosting.read"),
    ("BatchGetLogins", pb.BatchGetLoginsRequest(service_ids=[ID]), "hosting.credentials"),
]


@pytest.mark.parametrize(("method", "request_", "permission"), CALLS)
async def test_an_actor_without_the_right_is_refused(
    hosting: Serving, method: str, request_: Message, permission: str
) -> None:
    refused = await hosting.refused(holding_all_but(person(uuid4()), permission), method, request_)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert refused.metadata == {"permission": permission}


@pytest.mark.parametrize(("method", "request_"), [call[:2] for call in CALLS])
async def test_a_call_without_a_token_is_refused(hosting: Serving, method: str, request_: Message) -> None:
    assert (await hosting.refused(None, method, request_)).code == grpc.StatusCode.UNAUTHENTICATED


async def test_nothing_of_another_account_shows(hosting: Serving, shelf: Shelf) -> None:
    service_id = await shelf.service(uuid4())
    stranger = person(uuid4(), "hosting.read", "hosting.credentials")
    dashboard = await hosting.call(stranger, "GetDashboard", pb.GetDashboardRequest())
    assert (len(dashboard.services), len(dashboard.due), dashboard.total) == (0, 0, 0)
    assert not (await hosting.call(stranger, "ListServices", pb.ListServicesRequest())).services
    batch = pb.BatchGetServicesRequest(ids=[str(service_id)])
    assert not (await hosting.call(stranger, "BatchGetServices", batch)).services
    logins = pb.BatchGetLoginsRequest(service_ids=[str(service_id)])
    assert not (await hosting.call(stranger, "BatchGetLogins", logins)).logins


async def test_a_grant_on_named_services_reaches_only_those(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    shown, hidden = await shelf.service(account, "b"), await shelf.service(account, "a")
    limited = person(account, "hosting.read", "hosting.credentials", resources=frozenset({shown}))
    both = [str(hidden), str(shown)]
    dashboard = await hosting.call(limited, "GetDashboard", pb.GetDashboardRequest())
    assert dashboard.total == 1
    listed = await hosting.call(limited, "ListServices", pb.ListServicesRequest())
    batch = await hosting.call(limited, "BatchGetServices", pb.BatchGetServicesRequest(ids=both))
    for answer in (dashboard, listed, batch):
        assert [service.id for service in answer.services] == [str(shown)]
    logins = await hosting.call(limited, "BatchGetLogins", pb.BatchGetLoginsRequest(service_ids=both))
    assert [login.service_id for login in logins.logins] == [str(shown)]


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetDashboard", pb.GetDashboardRequest(limit=21), "limit"),
        ("GetDashboard", pb.GetDashboardRequest(due_within_days=-1), "due_within_days"),
        ("ListServices", pb.ListServicesRequest(page=PageRequest(first=0)), "page.first"),
        ("ListServices", pb.ListServicesRequest(page=PageRequest(first=1000)), "page.first"),
        ("ListServices", pb.ListServicesRequest(page=PageRequest(before="nonsense")), "page.before"),
        ("ListServices", pb.ListServicesRequest(search="x" * 254), "search"),
        ("ListServices", pb.ListServicesRequest(states=[pb.SERVICE_STATE_UNSPECIFIED]), "states[0]"),
        ("BatchGetServices", pb.BatchGetServicesRequest(ids=["nonsense"]), "ids[0]"),
        ("BatchGetLogins", pb.BatchGetLoginsRequest(), "service_ids"),
    ],
)
async def test_a_bad_field_is_named(hosting: Serving, method: str, request_: Message, field: str) -> None:
    refused = await hosting.refused(person(uuid4(), "hosting.read", "hosting.credentials"), method, request_)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == [field]
