"""Hosting's RPCs: translation between protos and use cases."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from portico.hosting.v1 import hosting_pb2 as pb
from portico.hosting.v1 import hosting_pb2_grpc
from services.chassis import pages
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, requires
from services.hosting import logins, messages, services
from services.hosting.app import App

_DUE_WITHIN_DAYS = 45


class HostingRpc(hosting_pb2_grpc.HostingServiceServicer):
    def __init__(self, app: App) -> None:
        self._db = app.db
        self._time_zone = app.time_zone

    @requires("hosting.read")
    async def GetDashboard(self, request: pb.GetDashboardRequest, ctx: Call) -> pb.GetDashboardResponse:
        shown = await services.overview(
            self._db,
            ctx.actor.account_id,
            ctx.scope.resources,
            limit=request.limit or 5,
            today=ctx.now.astimezone(self._time_zone).date(),
            due_within=timedelta(days=request.due_within_days or _DUE_WITHIN_DAYS),
        )
        return pb.GetDashboardResponse(
            services=[messages.service(service) for service in shown.services],
            due=[messages.service(service) for service in shown.due],
            total=shown.total,
        )

    @requires("hosting.read")
    async def ListServices(self, request: pb.ListServicesRequest, ctx: Call) -> pb.ListServicesResponse:
        found, info = await services.list_page(
            self._db,
            ctx.actor.account_id,
            ctx.scope.resources,
            states=_names(request.states, "states"),
            search=request.search,
            page=pages.read(request.page),
        )
        return pb.ListServicesResponse(services=[messages.service(service) for service in found], page=info)

    @requires("hosting.read")
    async def BatchGetServices(self, request: pb.BatchGetServicesRequest, ctx: Call) -> pb.BatchGetServicesResponse:
        ids = [UUID(service_id) for service_id in request.ids]
        found = await services.by_ids(self._db, ctx.actor.account_id, ctx.scope.resources, ids)
        return pb.BatchGetServicesResponse(services=[messages.service(service) for service in found])

    @requires("hosting.credentials")
    async def BatchGetLogins(self, request: pb.BatchGetLoginsRequest, ctx: Call) -> pb.BatchGetLoginsResponse:
        ids = [UUID(service_id) for service_id in request.service_ids]
        found = await logins.by_services(self._db, ctx.actor.account_id, ctx.scope.resources, ids)
        return pb.BatchGetLoginsResponse(logins=[messages.login(login) for login in found])


def _names(values: Iterable["pb.ServiceState.ValueType"], field: str) -> list[str]:
    """[SERVICE_STATE_ACTIVE] -> ["ACTIVE"]; Invalid for 0 and for numbers that the proto does not know."""
    for index, value in enumerate(values):
        if not value or value not in pb.ServiceState.values():
            raise Invalid("is not one of the known values", field=f"{field}[{index}]")
    return [pb.ServiceState.Name(value).removeprefix("SERVICE_STATE_") for value in values]
