"""Operations: work that other systems carry out, of every service."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from gateway import messages
from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, global_id
from gateway.errors import error_code
from gateway.graph.common import DateTime, Node, UserError, enum_map, moment_of
from gateway.messages import steps
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2


@strawberry.enum
class OperationState(Enum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@strawberry.enum
class OperationKind(Enum):
    DOMAIN_REGISTRATION = "DOMAIN_REGISTRATION"
    DOMAIN_TRANSFER = "DOMAIN_TRANSFER"
    DOMAIN_RENEWAL = "DOMAIN_RENEWAL"
    DOMAIN_RESTORE = "DOMAIN_RESTORE"
    DOMAIN_NAMESERVERS = "DOMAIN_NAMESERVERS"
    DOMAIN_LOCK = "DOMAIN_LOCK"
    DOMAIN_CONTACTS = "DOMAIN_CONTACTS"
    DOMAIN_AUTH_CODE = "DOMAIN_AUTH_CODE"
    ZONE_CHANGE = "ZONE_CHANGE"
    ZONE_DNSSEC = "ZONE_DNSSEC"


STATES = enum_map(common_pb2.OperationState, OperationState, "OPERATION_STATE_")
FINAL = {OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED}


@access(needs(Permission.DOMAINS_READ))
@strawberry.type
class OperationStep:
    name: str
    state: OperationState
    at: DateTime | None
    detail: str | None = strawberry.field(description="What it waits for, in the reader's language.")


@access(needs(Permission.DOMAINS_READ))
@strawberry.type(description="A piece of work that other systems carry out; it survives restarts.")
class Operation(Node):
    acting: strawberry.Private[Acting]
    subject_ref: strawberry.Private[tuple[str, str]]
    id: strawberry.ID
    kind: OperationKind
    state: OperationState
    progress: float
    started_at: DateTime
    finished_at: DateTime | None
    steps: list[OperationStep]
    error: UserError | None

    async def resolve_subject(self) -> Any:
        return await self.acting.related(*self.subject_ref)

    subject: Node | None = field(PUBLIC, resolve_subject)

    @staticmethod
    def of(acting: Acting, service: str, pb: common_pb2.Operation) -> "Operation":
        error = None
        if pb.error_reason:
            text = messages.text(pb.error_reason, acting.locale, dict(pb.error_metadata))
            error = UserError(code=error_code(pb.error_reason), message=text)
        return Operation(
            acting=acting,
            subject_ref=(pb.subject_type, pb.subject_id),
            id=strawberry.ID(global_id("Operation", f"{service}.{pb.id}")),
            kind=OperationKind(pb.kind),
            state=STATES[pb.state],
            progress=pb.progress,
            started_at=DateTime(pb.started_at.ToJsonString()),
            finished_at=moment_of(pb, "finished_at"),
            steps=[
                OperationStep(
                    name=s.name,
                    state=STATES[s.state],
                    at=moment_of(s, "at"),
                    detail=steps.detail(s.name, s.detail, acting.locale) or None,
                )
                for s in pb.steps
            ],
            error=error,
        )


async def load(acting: Acting, key: str) -> Operation | None:
    """An operation by "domains.<uuid>"; one RPC however many are asked for together."""
    service, _, id_ = key.partition(".")
    if service != "domains":
        return None

    async def fetch(ids: list[str]) -> Mapping[str, Operation]:
        request = domains_pb2.BatchGetOperationsRequest(ids=ids)
        answer = await acting.read("domains", acting.clients.domains.BatchGetOperations, request)
        return {pb.id: Operation.of(acting, "domains", pb) for pb in answer.operations}

    found: Operation | None = await acting.loader("operations", fetch).load(id_)
    return found
