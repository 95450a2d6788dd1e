"""Domains, their orders, zones and operations; what their lifecycle permits."""

from typing import Any
from uuid import UUID

import grpc

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, domains_pb2_grpc, lifecycle_pb2, lifecycle_pb2_grpc
from tests.gateway.fakes.fake import Fake, page_of
from tests.gateway.fakes.world import uid


def domain(number: int, **values: Any) -> domains_pb2.Domain:
    made = domains_pb2.Domain(
        id=uid(10_000 + number),
        name=f"d{number}.hu",
        unicode_name=f"d{number}.hu",
        state=domains_pb2.DOMAIN_STATE_ACTIVE,
        statuses=["ok"],
        nameservers=[domains_pb2.Nameserver(host="ns1.portico.example")],
        tld="hu",
        **values,
    )
    made.expires_at.FromJsonString("2027-01-01T00:00:00Z")
    return made


def zone(domain_id: str) -> domains_pb2.Zone:
    return domains_pb2.Zone(
        id=str(UUID(int=UUID(domain_id).int + 50_000)),
        domain_id=domain_id,
        name="z.hu",
        version=3,
        dnssec=domains_pb2.DNSSEC_STATE_OFF,
    )


def operation(number: int, state: str = "RUNNING") -> common_pb2.Operation:
    made = common_pb2.Operation(
        id=uid(50_000 + number),
        kind="DOMAIN_REGISTRATION",
        state=common_pb2.OperationState.Value(f"OPERATION_STATE_{state}"),
        progress=0.5,
        subject_type="Domain",
        subject_id=uid(10_001),
        steps=[common_pb2.OperationStep(name="payment", state=common_pb2.OPERATION_STATE_SUCCEEDED)],
    )
    made.started_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


class Domains(Fake, domains_pb2_grpc.DomainsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDashboard"), [])
        return domains_pb2.GetDashboardResponse(
            domains=found[:5],
            expiring=found[:5],
            counts=[domains_pb2.DomainCount(state=domains_pb2.DOMAIN_STATE_ACTIVE, count=len(found))],
        )

    async def ListDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "ListDomains"), [])
        part, info = page_of([d for d in found if request.search in d.name], request.page)
        return domains_pb2.ListDomainsResponse(domains=part, page=info)

    async def BatchGetDomains(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetDomains"), [])
        return domains_pb2.BatchGetDomainsResponse(domains=[d for d in found if d.id in set(request.ids)])

    async def GetDomainByName(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "GetDomainByName"), [])
        for one in found:
            if one.name == request.name:
                return one
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such domain")

    async def CheckAvailability(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "CheckAvailability")
        items = [
            domains_pb2.Availability(input=n, name=n, unicode_name=n, available=True, tld="hu") for n in request.names
        ]
        return domains_pb2.CheckAvailabilityResponse(items=items)

    async def RegisterDomains(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RegisterDomains")
        answer = domains_pb2.RegisterDomainsResponse()
        for index, name in enumerate(request.names):
            if name.startswith("taken"):
                answer.refusals.add(index=index, reason="DOMAIN_TAKEN", field="names", metadata={"name": name})
            else:
                answer.order.id = uid(77)
                answer.order.created_at.FromJsonString("2026-01-01T00:00:00Z")
                answer.order.items.add(name=name, domain_id=uid(10_001), operation=operation(1, "WAITING"))
        return answer

    async def RequestAuthCode(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "RequestAuthCode")
        return domains_pb2.RequestAuthCodeResponse(delivery=domains_pb2.AUTH_CODE_DELIVERY_SHOWN, code="s3cret")

    async def BatchGetZones(self, request: Any, context: Any) -> Any:
        own = {d.id for d in self.world.domains.get(await self.enter(request, context, "BatchGetZones"), [])}
        zones = [zone(d) for d in request.domain_ids if d in own]
        return domains_pb2.BatchGetZonesResponse(zones=zones)

    async def ListRecordSets(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListRecordSets")
        pages = []
        for zone in request.zone_ids:
            record = domains_pb2.RecordSet(
                id=uid(8), zone_id=zone, name="z.hu.", type="A", ttl=60, records=["192.0.2.1"]
            )
            info = common_pb2.PageInfo(cursors=["1"])
            pages.append(domains_pb2.RecordSetPage(zone_id=zone, record_sets=[record], page=info))
        return domains_pb2.ListRecordSetsResponse(pages=pages)

    async def ListOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "ListOperations"), [])
        part, info = page_of(found, request.page)
        return domains_pb2.ListOperationsResponse(operations=part, page=info)

    async def BatchGetOperations(self, request: Any, context: Any) -> Any:
        found = self.world.operations.get(await self.enter(request, context, "BatchGetOperations"), [])
        return domains_pb2.BatchGetOperationsResponse(operations=[o for o in found if o.id in set(request.ids)])


class Lifecycle(Fake, lifecycle_pb2_grpc.LifecycleServiceServicer):
    """Every domain can be renewed; its holder confirms its nameservers; it is locked for a while after its registration."""

    async def BatchGetLifecycles(self, request: Any, context: Any) -> Any:
        found = self.world.domains.get(await self.enter(request, context, "BatchGetLifecycles"), [])
        lifecycles = []
        for one in found:
            if one.id in set(request.domain_ids):
                made = lifecycle_pb2.DomainLifecycle(domain_id=one.id)
                made.permits.add(action="renew")
                made.permits.add(action="setNameservers", confirmed_by_holder=True)
                blockers = made.permits.add(action="transferOut").blockers
                blockers.add(code="TRANSFER_LOCK_PERIOD").until.FromJsonString("2026-07-01T00:00:00Z")
                blockers.add(code="DOMAIN_LOCKED", resolved_by="setDomainLock")
                made.transfer_locked_until.FromJsonString("2026-07-01T00:00:00Z")
                lifecycles.append(made)
        return lifecycle_pb2.BatchGetLifecyclesResponse(lifecycles=lifecycles)
