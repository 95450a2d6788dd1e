"""portico.domains.v1.DomainsService: between protos and use cases, nothing else."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from portico.domains.v1 import domains_pb2 as pb
from portico.domains.v1 import domains_pb2_grpc
from services.chassis import operations, pages, times
from services.chassis.db import Queryable, Row
from services.chassis.grpc import Call, requires
from services.chassis.operations import state_names
from services.domains import auth_codes, orders, store, zone_store
from services.domains.app import App
from services.domains.changes import DomainNotFound
from services.domains.names import spelled
from services.domains.rpc.zones import zone_to_pb


class DomainsRpc(domains_pb2_grpc.DomainsServiceServicer):
    def __init__(self, app: App) -> None:
        self.app = app
        self.db = app.db

    @requires("domains.read")
    async def GetDashboard(self, req: pb.GetDashboardRequest, call: Call) -> pb.GetDashboardResponse:
        account, resources, limit = call.actor.account_id, call.scope.resources, req.limit or 5
        within = timedelta(days=req.expiring_within_days or 60)
        async with self.db.transaction(isolation="repeatable_read") as tx:
            newest = await store.newest(tx, account, resources, limit)
            expiring = await store.expiring(tx, account, resources, call.now, within, limit)
            counts = await store.counts(tx, account, resources)
        return pb.GetDashboardResponse(
            domains=map(to_pb, newest),
            expiring=map(to_pb, expiring),
            counts=[pb.DomainCount(state=state_to_pb(row["state"]), count=row["count"]) for row in counts],
        )

    @requires("domains.read")
    async def ListDomains(self, req: pb.ListDomainsRequest, call: Call) -> pb.ListDomainsResponse:
        sort = pb.DomainSortField.Name(req.sort).removeprefix("DOMAIN_SORT_FIELD_")
        rows, info = await store.list_domains(
            self.db,
            call.actor.account_id,
            call.scope.resources,
            states=[pb.DomainState.Name(s).removeprefix("DOMAIN_STATE_") for s in req.states],
            search=req.search,
            sort="NAME" if sort == "UNSPECIFIED" else sort,
            descending=req.descending,
            page=pages.read(req.page),
        )
        return pb.ListDomainsResponse(domains=map(to_pb, rows), page=info)

    @requires("domains.read")
    async def BatchGetDomains(self, req: pb.BatchGetDomainsRequest, call: Call) -> pb.BatchGetDomainsResponse:
        rows = await store.by_ids(self.db, call.actor.account_id, call.scope.resources, _ids(req.ids))
        return pb.BatchGetDomainsResponse(domains=map(to_pb, rows))

    @requires("domains.read")
    async def GetDomainByName(self, req: pb.GetDomainByNameRequest, call: Call) -> pb.Domain:
        name = spelled(req.name)
        row = await store.by_name(self.db, call.actor.account_id, call.scope.resources, name.ascii)
        if row is None:
            raise DomainNotFound(f"no domain {name.ascii}", field="name", name=name.unicode)
        return to_pb(row)

    @requires(None)
    async def CheckAvailability(self, req: pb.CheckAvailabilityRequest, _: Call) -> pb.CheckAvailabilityResponse:
        checked = await orders.check(self.app, None, list(req.names))
        return pb.CheckAvailabilityResponse(
            items=[
                pb.Availability(
                    input=text,
                    name=name.ascii if name else "",
                    unicode_name=name.unicode if name else "",
                    tld=name.tld if name else "",
                    available=error is None,
                    reason=error.reason if error else "",
                )
                for text, (name, error) in zip(req.names, checked, strict=True)
            ]
        )

    @requires("domains.order")
    async def RegisterDomains(self, req: pb.RegisterDomainsRequest, call: Call) -> pb.RegisterDomainsResponse:
        ordered = await orders.register(self.app, call.actor, call.scope, req, call.now)
        order = await order_to_pb(self.db, call.actor.account_id, ordered.order, ordered.items)
        return pb.RegisterDomainsResponse(order=order, refusals=ordered.refusals)

    @requires("domains.authcode", step_up=True)
    async def RequestAuthCode(self, req: pb.RequestAuthCodeRequest, call: Call) -> pb.RequestAuthCodeResponse:
        found = await auth_codes.request(self.app, call.actor, call.scope, UUID(req.domain_id), call.now)
        answer = pb.RequestAuthCodeResponse(
            delivery=pb.AuthCodeDelivery.Value(f"AUTH_CODE_DELIVERY_{found.delivery}"), code=found.code
        )
        if found.operation_id is not None:
            [row] = await operations.by_ids(self.db, call.actor.account_id, [found.operation_id])
            answer.operation.CopyFrom(operations.to_pb(row))
        return answer

    @requires("dns.read")
    async def BatchGetZones(self, req: pb.BatchGetZonesRequest, call: Call) -> pb.BatchGetZonesResponse:
        rows = await zone_store.of_domains(self.db, call.actor.account_id, call.scope.resources, _ids(req.domain_ids))
        return pb.BatchGetZonesResponse(zones=map(zone_to_pb, rows))

    @requires("dns.read")
    async def ListRecordSets(self, req: pb.ListRecordSetsRequest, call: Call) -> pb.ListRecordSetsResponse:
        found = await zone_store.set_pages(
            self.db,
            call.actor.account_id,
            call.scope.resources,
            _ids(req.zone_ids),
            search=f"%{store.escape_like(req.search.strip().lower())}%" if req.search.strip() else "",
            type_=req.type.upper(),
            page=pages.read(req.page),
        )
        return pb.ListRecordSetsResponse(
            pages=[
                pb.RecordSetPage(
                    zone_id=str(zone_id),
                    record_sets=[
                        pb.RecordSet(
                            id=str(row["id"]),
                            zone_id=str(zone_id),
                            name=row["name"],
                            type=row["type"],
                            ttl=row["ttl"],
                            records=row["records"],
                            comment=row["comment"],
                        )
                        for row in rows
                    ],
                    page=info,
                )
                for zone_id, rows, info in found
            ]
        )

    @requires("domains.read")
    async def ListOperations(self, req: pb.ListOperationsRequest, call: Call) -> pb.ListOperationsResponse:
        rows, info = await operations.list_page(
            self.db, call.actor.account_id, state_names(req.states), pages.read(req.page), call.scope.resources
        )
        return pb.ListOperationsResponse(operations=map(operations.to_pb, rows), page=info)

    @requires("domains.read")
    async def BatchGetOperations(self, req: pb.BatchGetOperationsRequest, call: Call) -> pb.BatchGetOperationsResponse:
        rows = await operations.by_ids(self.db, call.actor.account_id, _ids(req.ids), call.scope.resources)
        return pb.BatchGetOperationsResponse(operations=map(operations.to_pb, rows))


def _ids(texts: Sequence[str]) -> list[UUID]:
    return [UUID(text) for text in texts]


def state_to_pb(name: str) -> pb.DomainState.ValueType:
    return pb.DomainState.Value(f"DOMAIN_STATE_{name}")


async def order_to_pb(q: Queryable, account_id: UUID, order: Row | None, items: Sequence[Row]) -> pb.Order | None:
    """An order with what is under way for each item; None for none."""
    if order is None:
        return None
    running = await operations.by_ids(q, account_id, [item["operation_id"] for item in items])
    by_id = {row["id"]: operations.to_pb(row) for row in running}
    return pb.Order(
        id=str(order["id"]),
        created_at=times.to_pb(order["created_at"]),
        items=[
            pb.OrderItem(
                name=item["name"],
                domain_id=str(item["domain_id"]),
                operation=by_id[item["operation_id"]],
                action=pb.OrderAction.Value(f"ORDER_ACTION_{item['action']}"),
            )
            for item in items
        ],
    )


def to_pb(row: Row) -> pb.Domain:
    return pb.Domain(
        id=str(row["id"]),
        name=row["name"],
        unicode_name=row["unicode_name"],
        state=state_to_pb(row["state"]),
        statuses=row["statuses"],
        registered_at=times.to_pb(row["registered_at"]),
        expires_at=times.to_pb(row["expires_at"]),
        auto_renew=row["auto_renew"],
        locked="clientTransferProhibited" in row["statuses"],
        nameservers=[pb.Nameserver(host=host, addresses=row["glue"].get(host)) for host in row["nameservers"]],
        created_at=times.to_pb(row["created_at"]),
        tld=row["tld"],
    )
