"""Zones: their record sets, history, files, and the ways to change them."""

from collections.abc import Mapping
from enum import Enum

import strawberry

from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id, page_request, read_id
from gateway.graph.common import (
    Connection,
    DateTime,
    DomainName,
    Node,
    UserError,
    connection,
    enum_map,
    moment,
    moment_of,
)
from gateway.graph.mutations import mutation, refused_field
from gateway.graph.operations import Operation
from portico.domains.v1 import domains_pb2, zones_pb2


@strawberry.enum(description="The types of records that zones can hold.")
class RecordType(Enum):
    A = "A"
    AAAA = "AAAA"
    ALIAS = "ALIAS"
    CAA = "CAA"
    CNAME = "CNAME"
    DS = "DS"
    MX = "MX"
    NS = "NS"
    PTR = "PTR"
    SRV = "SRV"
    SSHFP = "SSHFP"
    TLSA = "TLSA"
    TXT = "TXT"


@strawberry.enum
class ZoneChangeKind(Enum):
    EDIT = "EDIT"
    IMPORT = "IMPORT"
    ROLLBACK = "ROLLBACK"


@strawberry.enum(description="ENABLING and DISABLING take time; a later wish takes them back.")
class DnssecState(Enum):
    OFF = "OFF"
    ENABLING = "ENABLING"
    ON = "ON"
    DISABLING = "DISABLING"


DNSSEC_STATES = enum_map(domains_pb2.DnssecState, DnssecState, "DNSSEC_STATE_")
CHANGE_KINDS = enum_map(zones_pb2.ZoneChangeKind, ZoneChangeKind, "ZONE_CHANGE_KIND_")


@access(needs(Permission.DNS_READ))
@strawberry.type(description="The record sets of one name and type (an RRset).")
class RecordSet:
    id: strawberry.ID
    name: str
    type: str
    ttl: int = strawberry.field(description="Seconds.")
    records: list[str] = strawberry.field(description="As in a zone file.")
    comment: str | None

    @staticmethod
    def of(pb: domains_pb2.RecordSet) -> "RecordSet":
        return RecordSet(
            id=strawberry.ID(global_id("RecordSet", pb.id)),
            name=pb.name,
            type=pb.type,
            ttl=pb.ttl,
            records=list(pb.records),
            comment=pb.comment or None,
        )


@access(needs(Permission.DNS_READ))
@strawberry.type
class RecordSetState:
    ttl: int
    records: list[str]
    comment: str | None

    @staticmethod
    def of(message: zones_pb2.RecordSetDiff, name: str) -> "RecordSetState | None":
        if not message.HasField(name):  # type: ignore[arg-type]
            return None
        pb: zones_pb2.RecordSetState = getattr(message, name)
        return RecordSetState(ttl=pb.ttl, records=list(pb.records), comment=pb.comment or None)


@access(needs(Permission.DNS_READ))
@strawberry.type(description="One record set before and after a change; null where it was not, or is no more.")
class RecordSetDiff:
    name: str
    type: str
    before: RecordSetState | None
    after: RecordSetState | None

    @staticmethod
    def of(pb: zones_pb2.RecordSetDiff) -> "RecordSetDiff":
        before, after = RecordSetState.of(pb, "before"), RecordSetState.of(pb, "after")
        return RecordSetDiff(name=pb.name, type=pb.type, before=before, after=after)


@access(needs(Permission.DNS_READ))
@strawberry.type(description="A change of a zone, as its history keeps it.")
class ZoneChange:
    id: strawberry.ID
    version: int = strawberry.field(description="The version that it made.")
    kind: ZoneChangeKind
    author: str = strawberry.field(
        description="Who did it: an e-mail address, with the token's name where one was used."
    )
    note: str | None
    at: DateTime
    diff: list[RecordSetDiff] = strawberry.field(description="At most 100 of the record sets that changed.")
    diff_size: int = strawberry.field(description="How many record sets changed.")

    @staticmethod
    def of(pb: zones_pb2.ZoneChange) -> "ZoneChange":
        return ZoneChange(
            id=strawberry.ID(global_id("ZoneChange", pb.id)),
            version=pb.version,
            kind=CHANGE_KINDS[pb.kind],
            author=pb.author.label,
            note=pb.note or None,
            at=moment(pb.created_at),
            diff=[RecordSetDiff.of(one) for one in pb.diff],
            diff_size=pb.diff_size,
        )


@access(needs(Permission.DNS_READ))
@strawberry.type(description="A record set of a template, ready to be sent to changeZone.")
class TemplateRecordSet:
    name: str
    type: str
    ttl: int | None
    records: list[str]
    comment: str | None


@access(needs(Permission.DNS_READ))
@strawberry.type(description="Ready-made record sets to begin with.")
class ZoneTemplate:
    code: str
    title: str = strawberry.field(description="In the reader's language.")
    changes: list[TemplateRecordSet]


@access(needs(Permission.DNS_READ))
@strawberry.type(description="A delegation signer record (RFC 4034 section 5).")
class DsRecord:
    key_tag: int
    algorithm: int
    digest_type: int
    digest: str = strawberry.field(description="Upper-case hex.")


@access(needs(Permission.DNS_READ))
@strawberry.type(description="Whether a zone is signed, and its DS is at the registry.")
class Dnssec:
    state: DnssecState
    since: DateTime | None
    until: DateTime | None = strawberry.field(
        description="While DISABLING, once the DS is gone: when the keys follow, as no resolver knows the DS any longer."
    )
    ds: list[DsRecord] = strawberry.field(description="Of our keys, as the registry gets them.")

    @staticmethod
    def of(pb: domains_pb2.Zone) -> "Dnssec":
        return Dnssec(
            state=DNSSEC_STATES[pb.dnssec],
            since=moment_of(pb, "dnssec_since"),
            until=moment_of(pb, "dnssec_until"),
            ds=[
                DsRecord(key_tag=one.key_tag, algorithm=one.algorithm, digest_type=one.digest_type, digest=one.digest)
                for one in pb.ds
            ],
        )


@access(needs(Permission.DNS_READ))
@strawberry.type(description="A domain's DNS zone.")
class Zone(Node):
    acting: strawberry.Private[Acting]
    resource: strawberry.Private[str]
    key: strawberry.Private[str]
    id: strawberry.ID
    name: DomainName
    version: int = strawberry.field(description="Grows with each change; a change names the version it was made for.")
    applied: bool = strawberry.field(description="Whether the nameservers already serve this version.")
    dnssec: Dnssec

    async def resolve_record_sets(
        self,
        search: str | None = None,
        type: RecordType | None = None,  # noqa: A002  # the argument's name in the schema
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[RecordSet]:
        acting = self.acting
        wanted = domains_pb2.ListRecordSetsRequest(
            search=search or "", type=type.value if type else "", page=page_request(first, after, last, before)
        )

        async def fetch(zones: list[str]) -> Mapping[str, domains_pb2.RecordSetPage]:
            request = domains_pb2.ListRecordSetsRequest(zone_ids=zones)
            request.MergeFrom(wanted)
            answer = await acting.read("domains", acting.clients.domains.ListRecordSets, request)
            return {p.zone_id: p for p in answer.pages}

        name = f"record sets {wanted.SerializeToString(deterministic=True)!r}"
        found = await acting.loader(name, fetch, 100).load(self.key) or domains_pb2.RecordSetPage()
        return connection([RecordSet.of(pb) for pb in found.record_sets], found.page)

    async def resolve_changes(
        self, first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
    ) -> Connection[ZoneChange]:
        page, acting = page_request(first, after, last, before), self.acting

        async def fetch(zones: list[str]) -> Mapping[str, zones_pb2.ZoneChangePage]:
            request = zones_pb2.ListZoneChangesRequest(zone_ids=zones, page=page)
            answer = await acting.read("domains", acting.clients.zones.ListZoneChanges, request)
            return {p.zone_id: p for p in answer.pages}

        name = f"zone changes {page.SerializeToString(deterministic=True)!r}"
        found = await acting.loader(name, fetch, 100).load(self.key) or zones_pb2.ZoneChangePage()
        return connection([ZoneChange.of(pb) for pb in found.changes], found.page)

    async def resolve_export(self) -> str | None:
        acting = self.acting

        async def fetch(zones: list[str]) -> Mapping[str, str]:
            request = zones_pb2.ExportZonesRequest(zone_ids=zones)
            answer = await acting.read("domains", acting.clients.zones.ExportZones, request)
            return {one.zone_id: one.text for one in answer.files}

        found: str | None = await acting.loader("zone files", fetch, 10).load(self.key)
        return found

    async def resolve_templates(self) -> list[ZoneTemplate]:
        acting = self.acting

        async def fetch() -> zones_pb2.ListZoneTemplatesResponse:
            request = zones_pb2.ListZoneTemplatesRequest()
            return await acting.read("domains", acting.clients.zones.ListZoneTemplates, request)

        return [_template(pb, acting.locale) for pb in (await acting.once("zone templates", fetch)).templates]

    record_sets: Connection[RecordSet] = field(
        needs(Permission.DNS_READ),
        resolve_record_sets,
        description="By name and type; search finds part of the name, the data or the comment.",
    )
    changes: Connection[ZoneChange] = field(
        needs(Permission.DNS_READ), resolve_changes, description="The history, the newest first."
    )
    export: str | None = field(needs(Permission.DNS_READ), resolve_export, description="A BIND zone file.")
    templates: list[ZoneTemplate] = field(needs(Permission.DNS_READ), resolve_templates)

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
            dnssec=Dnssec.of(pb),
        )


async def load(acting: Acting, domain_id: str) -> Zone | None:
    """The zone of a domain; one RPC however many are asked for together."""

    async def fetch(ids: list[str]) -> Mapping[str, Zone]:
        request = domains_pb2.BatchGetZonesRequest(domain_ids=ids)
        answer = await acting.read("domains", acting.clients.domains.BatchGetZones, request)
        return {pb.domain_id: Zone.of(acting, pb) for pb in answer.zones}

    found: Zone | None = await acting.loader("zones", fetch).load(domain_id)
    return found


def _template(pb: zones_pb2.ZoneTemplate, locale: str) -> ZoneTemplate:
    changes = [
        TemplateRecordSet(
            name=one.name,
            type=one.type,
            ttl=one.ttl if one.HasField("ttl") else None,
            records=list(one.records),
            comment=one.comment or None,
        )
        for one in pb.changes
    ]
    return ZoneTemplate(code=pb.code, title=pb.title_hu if locale == "hu" else pb.title_en, changes=changes)


@access(PUBLIC)
@strawberry.type
class ZonePayload:
    zone: Zone | None = field(needs(Permission.DNS_READ), default=None)
    diff: list[RecordSetDiff] | None = field(
        needs(Permission.DNS_READ), default=None, description="At most 1,000 of the record sets that change."
    )
    diff_size: int | None = field(
        needs(Permission.DNS_READ), default=None, description="How many record sets change; 0 writes no new version."
    )
    operation: Operation | None = field(
        needs(Permission.DOMAINS_READ), default=None, description="Brings the change to the nameservers."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.input(description="One record set to put, or to delete.")
class RecordSetInput:
    name: str = strawberry.field(description='"@", "www", "www.example.hu" or "www.example.hu."; Unicode too.')
    type: RecordType
    delete: bool = strawberry.field(default=False, description="The whole set goes.")
    records: list[str] | None = strawberry.field(
        default=None,
        description="What the set shall hold. A host without a dot is in the zone; TXT without quotes is one string.",
    )
    ttl: int | None = strawberry.field(default=None, description="Seconds, 60 to 604,800; as before, or 3600.")
    comment: str | None = strawberry.field(default=None, description="As before where left out.")


@strawberry.input
class ChangeZoneInput:
    zone_id: strawberry.ID
    if_version: int = strawberry.field(description="The version that you have seen; a newer one is ZONE_CONFLICT.")
    changes: list[RecordSetInput] = strawberry.field(description="1 to 1,000; all of them are made, or none.")
    note: str | None = strawberry.field(default=None, description="Why, for the history.")
    dry_run: bool = strawberry.field(default=False, description="Checks, answers the diff, writes nothing.")
    account_id: strawberry.ID | None = None


@strawberry.input
class ImportZoneInput:
    zone_id: strawberry.ID
    if_version: int
    zone_file: str = strawberry.field(description="A BIND zone file of at most 1.5 MB; its SOA is left out.")
    keep_others: bool = strawberry.field(default=False, description="What is not in the file stays; else it goes.")
    take_nameservers: bool = strawberry.field(
        default=False, description="Take the file's NS of the zone itself too; else the zone keeps its own."
    )
    note: str | None = None
    dry_run: bool = False
    account_id: strawberry.ID | None = None


@strawberry.input
class RollbackZoneInput:
    zone_id: strawberry.ID
    if_version: int
    to_version: int
    note: str | None = None
    dry_run: bool = False
    account_id: strawberry.ID | None = None


async def change_zone(acting: Acting, input_: ChangeZoneInput) -> ZonePayload:
    """Puts and deletes record sets, all or none. The nameservers follow; the operation tells when."""
    domain_id = _permitted(acting, input_.zone_id, "changeZone")
    request = zones_pb2.ChangeZoneRequest(
        domain_id=domain_id,
        if_version=input_.if_version,
        changes=[
            zones_pb2.RecordSetEdit(
                name=one.name,
                type=one.type.value,
                delete=one.delete,
                ttl=one.ttl,
                records=one.records or [],
                comment=one.comment,
            )
            for one in input_.changes
        ],
        note=input_.note or "",
        dry_run=input_.dry_run,
    )
    return _payload(acting, await acting.write("domains", acting.clients.zones.ChangeZone, request))


async def import_zone(acting: Acting, input_: ImportZoneInput) -> ZonePayload:
    """Makes the zone what a BIND zone file says. A line that cannot be taken is a userError of its own, and nothing is
    written."""
    domain_id = _permitted(acting, input_.zone_id, "importZone")
    request = zones_pb2.ImportZoneRequest(
        domain_id=domain_id,
        if_version=input_.if_version,
        zone_file=input_.zone_file,
        keep_others=input_.keep_others,
        take_nameservers=input_.take_nameservers,
        note=input_.note or "",
        dry_run=input_.dry_run,
    )
    return _payload(acting, await acting.write("domains", acting.clients.zones.ImportZone, request))


async def rollback_zone(acting: Acting, input_: RollbackZoneInput) -> ZonePayload:
    """Makes the zone what it was at an earlier version, as a new version, which can itself be taken back."""
    domain_id = _permitted(acting, input_.zone_id, "rollbackZone")
    request = zones_pb2.RollbackZoneRequest(
        domain_id=domain_id,
        if_version=input_.if_version,
        to_version=input_.to_version,
        note=input_.note or "",
        dry_run=input_.dry_run,
    )
    return _payload(acting, await acting.write("domains", acting.clients.zones.RollbackZone, request))


def _permitted(acting: Acting, zone_id: str, mutation_: str) -> str:
    """The zone's domain, by which it is found and its rights are held."""
    domain_id = read_id(zone_id, "input.zoneId", "Zone").key
    acting.require(Permission.DNS_WRITE, f"Mutation.{mutation_}", domain_id)
    return domain_id


def _payload(acting: Acting, answer: zones_pb2.ChangeZoneResponse) -> ZonePayload:
    return ZonePayload(
        zone=Zone.of(acting, answer.zone),
        diff=[RecordSetDiff.of(one) for one in answer.diff],
        diff_size=answer.diff_size,
        operation=Operation.of(acting, "domains", answer.operation) if answer.HasField("operation") else None,
        user_errors=[refused_field(one, acting.locale) for one in answer.refusals],
    )


@strawberry.type
class ZoneMutations:
    change_zone: ZonePayload = mutation(Permission.DNS_WRITE, change_zone, ChangeZoneInput, ZonePayload)
    import_zone: ZonePayload = mutation(Permission.DNS_WRITE, import_zone, ImportZoneInput, ZonePayload)
    rollback_zone: ZonePayload = mutation(Permission.DNS_WRITE, rollback_zone, RollbackZoneInput, ZonePayload)
