"""portico.domains.v1.ZonesService: between protos and use cases, nothing else."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2, zones_pb2_grpc
from portico.domains.v1 import zones_pb2 as pb
from services.chassis import operations, pages, times
from services.chassis.db import Row
from services.chassis.errors import DomainError
from services.chassis.grpc import Call, requires
from services.domains import zone_changes, zone_files, zone_store
from services.domains.app import App
from services.domains.records import RecordSet
from services.domains.zone_changes import Attempt, Changed, Difference, Edit

_SHOWN_NOW, _SHOWN_LATER = 1000, 100
_SHOWN_PROBLEMS = 200
_SHOWN_AS = {"REMOVING": "DISABLING"}


class ZonesRpc(zones_pb2_grpc.ZonesServiceServicer):
    def __init__(self, app: App) -> None:
        self.app = app
        self.db = app.db

    @requires("dns.write")
    async def ChangeZone(self, req: pb.ChangeZoneRequest, call: Call) -> pb.ChangeZoneResponse:
        edits = [
            Edit(
                one.name,
                one.type,
                one.delete,
                one.ttl if one.HasField("ttl") else None,
                list(one.records),
                one.comment if one.HasField("comment") else None,
            )
            for one in req.changes
        ]
        return await self._answer(call, await zone_changes.edit(self.app, _attempt(req, call), edits))

    @requires("dns.write")
    async def ImportZone(self, req: pb.ImportZoneRequest, call: Call) -> pb.ChangeZoneResponse:
        changed = await zone_changes.import_file(
            self.app,
            _attempt(req, call),
            req.zone_file,
            keep_others=req.keep_others,
            take_nameservers=req.take_nameservers,
        )
        return await self._answer(call, changed)

    @requires("dns.write")
    async def RollbackZone(self, req: pb.RollbackZoneRequest, call: Call) -> pb.ChangeZoneResponse:
        changed = await zone_changes.roll_back(self.app, _attempt(req, call), req.to_version)
        return await self._answer(call, changed)

    @requires("dns.read")
    async def ListZoneChanges(self, req: pb.ListZoneChangesRequest, call: Call) -> pb.ListZoneChangesResponse:
        found = await zone_store.change_pages(
            self.db,
            call.actor.account_id,
            call.scope.resources,
            [UUID(id_) for id_ in req.zone_ids],
            _SHOWN_LATER,
            pages.read(req.page),
        )
        return pb.ListZoneChangesResponse(
            pages=[
                pb.ZoneChangePage(zone_id=str(zone_id), changes=map(_change, rows), page=info)
                for zone_id, rows, info in found
            ]
        )

    @requires("dns.read")
    async def ExportZones(self, req: pb.ExportZonesRequest, call: Call) -> pb.ExportZonesResponse:
        ids = [UUID(id_) for id_ in req.zone_ids]
        async with self.db.transaction(isolation="repeatable_read") as tx:
            found = await zone_store.by_ids(tx, call.actor.account_id, call.scope.resources, ids)
            sets = await zone_store.sets_of_zones(tx, [row["id"] for row in found])
        nameserver = self.app.nameservers[0]
        return pb.ExportZonesResponse(
            files=[
                pb.ZoneFile(
                    zone_id=str(row["id"]),
                    text=zone_files.write(row["name"], row["version"], sets[row["id"]], nameserver),
                )
                for row in found
            ]
        )

    @requires("dns.read")
    async def ListZoneTemplates(self, req: pb.ListZoneTemplatesRequest, call: Call) -> pb.ListZoneTemplatesResponse:
        return pb.ListZoneTemplatesResponse(
            templates=[
                pb.ZoneTemplate(
                    code=row["code"],
                    title_hu=row["title_hu"],
                    title_en=row["title_en"],
                    changes=[pb.RecordSetEdit(**one) for one in row["sets"]],
                )
                for row in await zone_store.templates(self.db)
            ]
        )

    async def _answer(self, call: Call, changed: Changed) -> pb.ChangeZoneResponse:
        answer = pb.ChangeZoneResponse(
            zone=zone_to_pb(changed.zone),
            diff=map(_difference, changed.diff[:_SHOWN_NOW]),
            diff_size=len(changed.diff),
            refusals=map(refusal, changed.problems[:_SHOWN_PROBLEMS]),
        )
        if changed.operation_id is not None:
            [row] = await operations.by_ids(self.db, call.actor.account_id, [changed.operation_id])
            answer.operation.CopyFrom(operations.to_pb(row))
        return answer


def zone_to_pb(row: Row) -> domains_pb2.Zone:
    return domains_pb2.Zone(
        id=str(row["id"]),
        domain_id=str(row["domain_id"]),
        name=row["name"],
        version=row["version"],
        applied=row["applied_version"] == row["version"],
        # That the keys are going already is no difference to whoever looks.
        dnssec=domains_pb2.DnssecState.Value(f"DNSSEC_STATE_{_SHOWN_AS.get(row['dnssec'], row['dnssec'])}"),
        dnssec_since=times.to_pb(row["dnssec_since"]),
        dnssec_until=times.to_pb(row["dnssec_until"]),
        ds=[domains_pb2.DsRecord(**one) for one in row["ds"]],
    )


def _attempt(req: pb.ChangeZoneRequest | pb.ImportZoneRequest | pb.RollbackZoneRequest, call: Call) -> Attempt:
    now: datetime = call.now
    return Attempt(call.actor, call.scope, UUID(req.domain_id), req.if_version, req.note, req.dry_run, now)


def refusal(error: DomainError) -> common_pb2.Refusal:
    return common_pb2.Refusal(
        reason=error.reason, field=error.field, metadata={"detail": error.detail, **error.metadata}
    )


def _change(row: Row) -> pb.ZoneChange:
    return pb.ZoneChange(
        id=str(row["id"]),
        version=row["version"],
        kind=pb.ZoneChangeKind.Value(f"ZONE_CHANGE_KIND_{row['kind']}"),
        author=common_pb2.ActorRef(**row["author"]),
        note=row["note"],
        created_at=times.to_pb(row["created_at"]),
        diff=_differences(row["diff"]),
        diff_size=row["size"],
    )


def _differences(kept: Iterable[dict[str, object]]) -> list[pb.RecordSetDiff]:
    return [_difference(zone_changes.difference(one)) for one in kept]


def _difference(one: Difference) -> pb.RecordSetDiff:
    return pb.RecordSetDiff(name=one.key[0], type=one.key[1], before=_state(one.before), after=_state(one.after))


def _state(of: RecordSet | None) -> pb.RecordSetState | None:
    return None if of is None else pb.RecordSetState(ttl=of.ttl, records=of.records, comment=of.comment)
