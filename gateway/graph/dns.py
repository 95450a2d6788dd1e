"""Zones and their record sets."""

from collections.abc import Mapping

import strawberry

from gateway.access import Permission, access, field, needs
from gateway.context import Acting, global_id, page_request
from gateway.graph.common import Connection, DomainName, Node, connection
from portico.domains.v1 import domains_pb2


@access(needs(Permission.DNS_READ))
@strawberry.type(description="The record sets of one name and type (an RRset).")
class RecordSet:
    id: strawberry.ID
    name: str
    type: str
    ttl: int
    records: list[str]

    @staticmethod
    def of(pb: domains_pb2.RecordSet) -> "RecordSet":
        return RecordSet(
            id=strawberry.ID(global_id("RecordSet", pb.id)),
            name=pb.name,
            type=pb.type,
            ttl=pb.ttl,
            records=list(pb.records),
        )


@access(needs(Permission.DNS_READ))
@strawberry.type(description="A domain's DNS zone.")
class Zone(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    key: strawberry.Private[str]
    id: strawberry.ID
    name: DomainName
    version: int
    applied: bool = strawberry.field(description="Whether the nameservers already serve this version.")

    async def resolve_record_sets(
        self, first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
    ) -> Connection[RecordSet]:
        page, acting = page_request(first, after, last, before), self.acting

        async def fetch(zones: list[str]) -> Mapping[str, domains_pb2.RecordSetPage]:
            request = domains_pb2.ListRecordSetsRequest(zone_ids=zones, page=page)
            answer = await acting.read("domains", acting.clients.domains.ListRecordSets, request)
            return {p.zone_id: p for p in answer.pages}

        name = f"record sets {page.SerializeToString(deterministic=True)!r}"
        found = await acting.loader(name, fetch, 100).load(self.key) or domains_pb2.RecordSetPage()
        return connection([RecordSet.of(pb) for pb in found.record_sets], found.page)

    record_sets: Connection[RecordSet] = field(needs(Permission.DNS_READ), resolve_record_sets)

    @staticmethod
    def of(acting: Acting, pb: domains_pb2.Zone) -> "Zone":
        return Zone(
            acting=acting,
            resource=pb.domain_id,
            key=pb.id,
            # A zone's rights are its domain's, and it is found by it: so its global id carries the domain's.
            id=strawberry.ID(global_id("Zone", pb.domain_id)),
            name=DomainName(pb.name),
            version=pb.version,
            applied=pb.applied,
        )


async def load(acting: Acting, domain_id: str) -> Zone | None:
    """The zone of a domain; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, Zone]:
        request = domains_pb2.BatchGetZonesRequest(domain_ids=ids)
        answer = await acting.read("domains", acting.clients.domains.BatchGetZones, request)
        return {pb.domain_id: Zone.of(acting, pb) for pb in answer.zones}

    found: Zone | None = await acting.loader("zones", fetch).load(domain_id)
    return found
