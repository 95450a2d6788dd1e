"""Work that was given up, for operators: looked at, and tried again. Every service serves it."""

from datetime import datetime
from uuid import UUID

from portico.common.v1 import repair_pb2 as pb
from portico.common.v1.repair_pb2_grpc import RepairServiceServicer
from services.chassis import audit, jobs, pages
from services.chassis.consume import RETRY_KIND, Inbox
from services.chassis.db import Database, Row
from services.chassis.errors import Invalid
from services.chassis.grpc import Call, requires
from services.chassis.times import to_pb


class RepairRpc(RepairServiceServicer):
    def __init__(self, service: str, db: Database, inbox: Inbox) -> None:
        self._service = service
        self._db = db
        self._inbox = inbox

    @requires("operator")
    async def ListDeadJobs(self, request: pb.ListDeadJobsRequest, call: Call) -> pb.ListDeadJobsResponse:
        page = pages.read(request.page)
        reached = await self._inbox.take_dead_letters()
        kept, info = page.cut(await jobs.dead(self._db, page), _created)
        return pb.ListDeadJobsResponse(jobs=map(_job, kept), page=info, broker_away=not reached)

    @requires("operator")
    async def ReplayDeadJobs(self, request: pb.ReplayDeadJobsRequest, call: Call) -> pb.ReplayDeadJobsResponse:
        if request.all == bool(request.ids):
            raise Invalid("give either ids or all", field="ids")
        if request.all:
            await self._inbox.take_dead_letters()
        async with self._db.transaction() as tx:
            ids = await jobs.replay(tx, None if request.all else [UUID(one) for one in request.ids])
            if ids:
                subject = ("Service", self._service, self._service)
                await audit.record(tx, call.actor, "jobs.replayed", subject=subject, after={"jobs": ids})
        return pb.ReplayDeadJobsResponse(ids=map(str, ids))


def _job(row: Row) -> pb.DeadJob:
    event = row["payload"] if row["kind"] == RETRY_KIND else {}
    return pb.DeadJob(
        id=str(row["id"]),
        kind=row["kind"],
        event=event.get("key", ""),
        account_id=event.get("account_id", ""),
        attempts=row["attempts"],
        cause=row["last_error"],
        created_at=to_pb(row["created_at"]),
    )


def _created(row: Row) -> tuple[datetime, UUID]:
    return row["created_at"], row["id"]
