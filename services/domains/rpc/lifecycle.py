"""portico.domains.v1.LifecycleService: between protos and use cases, nothing else."""

from uuid import UUID

from portico.domains.v1 import lifecycle_pb2 as pb
from portico.domains.v1 import lifecycle_pb2_grpc
from services.chassis import times
from services.chassis.grpc import Call, requires
from services.domains import lifecycle, registry_store, store
from services.domains.app import App


class LifecycleRpc(lifecycle_pb2_grpc.LifecycleServiceServicer):
    def __init__(self, app: App) -> None:
        self.db = app.db

    @requires("domains.read")
    async def BatchGetLifecycles(self, req: pb.BatchGetLifecyclesRequest, call: Call) -> pb.BatchGetLifecyclesResponse:
        ids = [UUID(id_) for id_ in req.domain_ids]
        owned = [row["id"] for row in await store.by_ids(self.db, call.actor.account_id, call.scope.resources, ids)]
        rules, found = await registry_store.rules(self.db), await registry_store.facts(self.db, owned)
        return pb.BatchGetLifecyclesResponse(
            lifecycles=[
                to_pb(domain_id, lifecycle.derive(facts, rules[tld], call.now))
                for domain_id, (tld, facts) in found.items()
            ]
        )


def to_pb(domain_id: UUID, derived: lifecycle.State) -> pb.DomainLifecycle:
    deadlines = derived.deadlines
    return pb.DomainLifecycle(
        domain_id=str(domain_id),
        permits=[
            pb.DomainPermit(
                action=action,
                confirmed_by_holder=action in derived.confirmed,
                blockers=[
                    pb.DomainBlocker(
                        code=one.code,
                        until=times.to_pb(one.until),
                        resolved_by=one.resolved_by,
                        metadata=one.metadata,
                    )
                    for one in blockers
                ],
            )
            for action, blockers in derived.blockers.items()
        ],
        renewable_until=times.to_pb(deadlines.renewable_until),
        restorable_until=times.to_pb(deadlines.restorable_until),
        deletes_at=times.to_pb(deadlines.deletes_at),
        transfer_locked_until=times.to_pb(deadlines.transfer_locked_until),
        add_grace_until=times.to_pb(deadlines.add_grace_until),
    )
