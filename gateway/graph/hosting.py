"""Hosting services and the logins of their panels."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.access import Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import (
    Connection,
    Date,
    DateTime,
    Money,
    Node,
    connection,
    day,
    enum_map,
    moment_of,
    money_of,
    numbers,
)
from portico.hosting.v1 import hosting_pb2


@strawberry.enum
class HostingState(Enum):
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CANCELLING = "CANCELLING"
    TERMINATED = "TERMINATED"
    FAILED = "FAILED"


STATES = enum_map(hosting_pb2.ServiceState, HostingState, "SERVICE_STATE_")


@strawberry.input
class HostingFilter:
    states: list[HostingState] | None = None
    search: str | None = strawberry.field(default=None, description="Part of the label or of the domain.")


@access(needs(Permission.HOSTING_READ))
@strawberry.type
class Plan:
    id: strawberry.ID
    code: str
    name: str
    disk_mib: float
    traffic_mib: float = strawberry.field(description="Per month.")


@access(needs(Permission.HOSTING_CREDENTIALS))
@strawberry.type(description="Where and as whom to sign in at the control panel; never a password.")
class PanelLogin:
    url: str
    username: str
    host: str


@access(needs(Permission.HOSTING_READ))
@strawberry.type
class HostingService(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    id: strawberry.ID
    label: str
    plan: Plan
    state: HostingState
    domain: str | None
    next_due_at: Date | None
    price: Money | None = strawberry.field(description="Net, per period.")
    period_months: int
    started_at: DateTime | None

    async def resolve_login(self) -> PanelLogin | None:
        return await load_login(self.acting, self.resource)

    login: PanelLogin | None = field(needs(Permission.HOSTING_CREDENTIALS), resolve_login)

    @staticmethod
    def of(acting: Acting, pb: hosting_pb2.Service) -> "HostingService":
        plan = pb.plan
        return HostingService(
            acting=acting,
            resource=pb.id,
            id=strawberry.ID(global_id("HostingService", pb.id)),
            label=pb.label,
            plan=Plan(
                id=strawberry.ID(global_id("Plan", plan.id)),
                code=plan.code,
                name=plan.name,
                disk_mib=plan.disk_mib,
                traffic_mib=plan.traffic_mib,
            ),
            state=STATES[pb.state],
            domain=pb.domain or None,
            next_due_at=day(pb.next_due_on),
            price=money_of(pb, "price"),
            period_months=pb.period_months,
            started_at=moment_of(pb, "started_at"),
        )


async def load(acting: Acting, id_: str) -> HostingService | None:
    """A service by id; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, HostingService]:
        request = hosting_pb2.BatchGetServicesRequest(ids=ids)
        answer = await acting.read("hosting", acting.clients.hosting.BatchGetServices, request)
        return {pb.id: HostingService.of(acting, pb) for pb in answer.services}

    found: HostingService | None = await acting.loader("hosting", fetch).load(id_)
    return found


async def load_login(acting: Acting, service_id: str) -> PanelLogin | None:
    """The panel login of a service; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, PanelLogin]:
        request = hosting_pb2.BatchGetLoginsRequest(service_ids=ids)
        answer = await acting.read("hosting", acting.clients.hosting.BatchGetLogins, request)
        return {pb.service_id: PanelLogin(url=pb.url, username=pb.username, host=pb.host) for pb in answer.logins}

    found: PanelLogin | None = await acting.loader("logins", fetch).load(service_id)
    return found


async def page(
    acting: Acting,
    filter_: HostingFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[HostingService]:
    wanted = filter_ or HostingFilter()
    request = hosting_pb2.ListServicesRequest(
        states=numbers(wanted.states, STATES), search=wanted.search or "", page=page_request(first, after, last, before)
    )
    answer = await acting.read("hosting", acting.clients.hosting.ListServices, request)
    return connection([HostingService.of(acting, pb) for pb in answer.services], answer.page)
