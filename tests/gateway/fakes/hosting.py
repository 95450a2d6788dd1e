"""Hosting."""

from typing import Any

from portico.hosting.v1 import hosting_pb2, hosting_pb2_grpc
from tests.gateway.fakes.billing import money
from tests.gateway.fakes.fake import Fake, page_of
from tests.gateway.fakes.world import uid


def service(number: int) -> hosting_pb2.Service:
    return hosting_pb2.Service(
        id=uid(30_000 + number),
        label=f"web {number}",
        plan=hosting_pb2.Plan(id=uid(1), code="web-m", name="Web M", disk_mib=10240, traffic_mib=5_000_000_000),
        state=hosting_pb2.SERVICE_STATE_ACTIVE,
        price=money(2000),
        period_months=12,
    )


class Hosting(Fake, hosting_pb2_grpc.HostingServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "GetDashboard"), [])
        return hosting_pb2.GetDashboardResponse(services=found, due=found, total=len(found))

    async def ListServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "ListServices"), [])
        part, info = page_of(found, request.page)
        return hosting_pb2.ListServicesResponse(services=part, page=info)

    async def BatchGetServices(self, request: Any, context: Any) -> Any:
        found = self.world.services.get(await self.enter(request, context, "BatchGetServices"), [])
        return hosting_pb2.BatchGetServicesResponse(services=[s for s in found if s.id in set(request.ids)])

    async def BatchGetLogins(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "BatchGetLogins")
        logins = [
            hosting_pb2.PanelLogin(service_id=s, url="https://panel.example", username="u", host="h")
            for s in request.service_ids
        ]
        return hosting_pb2.BatchGetLoginsResponse(logins=logins)
