"""portico.domains.v1.OrdersService: between protos and use cases, nothing else."""

from uuid import UUID

from portico.domains.v1 import orders_pb2 as pb
from portico.domains.v1 import orders_pb2_grpc
from services.chassis import operations
from services.chassis.db import Row
from services.chassis.grpc import Call, requires
from services.domains import renewals, restores, transfer_ends, transfers
from services.domains.app import App
from services.domains.orders import Ordered
from services.domains.rpc.domains import order_to_pb, to_pb


class OrdersRpc(orders_pb2_grpc.OrdersServiceServicer):
    def __init__(self, app: App) -> None:
        self.app = app
        self.db = app.db

    @requires("domains.order")
    async def TransferDomains(self, req: pb.TransferDomainsRequest, call: Call) -> pb.TransferDomainsResponse:
        found = await transfers.order(self.app, call.actor, call.scope, req, call.now)
        order = await order_to_pb(self.db, call.actor.account_id, found.order, found.items)
        return pb.TransferDomainsResponse(order=order, checks=found.checks)

    @requires("domains.order")
    async def RetryTransfer(self, req: pb.RetryTransferRequest, call: Call) -> pb.TransferResponse:
        domain_id = UUID(req.domain_id)
        domain, operation_id = await transfers.retry(
            self.app, call.actor, call.scope, domain_id, req.auth_code, call.now
        )
        return await self._transfer(call, domain, operation_id)

    @requires("domains.order")
    async def CancelTransfer(self, req: pb.CancelTransferRequest, call: Call) -> pb.TransferResponse:
        domain_id = UUID(req.domain_id)
        domain, operation_id = await transfer_ends.cancel(self.app, call.actor, call.scope, domain_id, call.now)
        return await self._transfer(call, domain, operation_id)

    @requires("domains.order")
    async def RenewDomains(self, req: pb.RenewDomainsRequest, call: Call) -> pb.PlaceOrderResponse:
        return await self._order(call, await renewals.order(self.app, call.actor, call.scope, req, call.now))

    @requires("domains.order")
    async def RestoreDomain(self, req: pb.RestoreDomainRequest, call: Call) -> pb.PlaceOrderResponse:
        return await self._order(call, await restores.order(self.app, call.actor, call.scope, req, call.now))

    async def _order(self, call: Call, ordered: Ordered) -> pb.PlaceOrderResponse:
        order = await order_to_pb(self.db, call.actor.account_id, ordered.order, ordered.items)
        return pb.PlaceOrderResponse(order=order, refusals=ordered.refusals)

    async def _transfer(self, call: Call, domain: Row, operation_id: UUID) -> pb.TransferResponse:
        [row] = await operations.by_ids(self.db, call.actor.account_id, [operation_id])
        return pb.TransferResponse(domain=to_pb(domain), operation=operations.to_pb(row))
