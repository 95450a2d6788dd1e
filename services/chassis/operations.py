"""Operations: work that other systems carry out, as customers follow it (the operations table of each service)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import outbox, times
from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

QUEUED = "QUEUED"
RUNNING = "RUNNING"
WAITING = "WAITING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
CANCELLED = "CANCELLED"
_ENDED = {SUCCEEDED, FAILED, CANCELLED}
_COLUMNS = """id, account_id, kind, state, subject_type, subject_id, steps, error_reason, error_metadata,
              started_at, finished_at"""


class Operations:
    """The operations of one service; `service` tells whoever hears of a change whom to ask."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def start(
        self,
        tx: Tx,
        kind: str,
        account_id: UUID,
        *,
        subject_type: str,
        subject_ids: Sequence[UUID],
        steps: Sequence[str],
        now: datetime,
        state: str = QUEUED,
    ) -> list[Row]:
        """A new operation for each subject, in their order; every step waits its turn."""
        rows = await tx.fetch(
            f"""INSERT INTO operations (account_id, kind, state, subject_type, subject_id, steps, started_at)
                SELECT $1, $2, $3, $4, subject, $6, $7 FROM unnest($5::uuid[]) AS subject RETURNING {_COLUMNS}""",  # noqa: S608
            account_id,
            kind,
            state,
            subject_type,
            list(subject_ids),
            [{"name": name, "state": QUEUED, "at": None, "detail": ""} for name in steps],
            now,
        )
        by_subject = {row["subject_id"]: row for row in rows}
        return [by_subject[subject] for subject in subject_ids]

    async def add_step(self, tx: Tx, operation_id: UUID, name: str) -> None:
        """One more step, at the end, that waits its turn; an earlier one of the name gives way. An ended operation is left as
        it is."""
        row = await tx.fetchrow("SELECT state, steps FROM operations WHERE id = $1 FOR UPDATE", operation_id)
        if row is None or row["state"] in _ENDED:
            return
        steps = [step for step in row["steps"] if step["name"] != name]
        steps.append({"name": name, "state": QUEUED, "at": None, "detail": ""})
        await self._save(tx, operation_id, row["state"], steps)

    async def step(self, tx: Tx, operation_id: UUID, name: str, state: str, *, detail: str = "") -> None:
        """Moves one step; the operation follows it (running, waiting). An ended operation is left as it is."""
        row = await tx.fetchrow("SELECT state, steps FROM operations WHERE id = $1 FOR UPDATE", operation_id)
        if row is None or row["state"] in _ENDED:
            return
        now = datetime.now(UTC).isoformat()
        steps = [{**s, "state": state, "at": now, "detail": detail} if s["name"] == name else s for s in row["steps"]]
        await self._save(tx, operation_id, WAITING if state == WAITING else RUNNING, steps)

    async def finish(
        self, tx: Tx, operation_id: UUID, state: str, *, reason: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        """Ends it. Succeeding completes the steps left; failing marks the first one that had not succeeded."""
        row = await tx.fetchrow("SELECT state, steps FROM operations WHERE id = $1 FOR UPDATE", operation_id)
        if row is None or row["state"] in _ENDED:
            return
        now, steps, rest = datetime.now(UTC).isoformat(), [], state
        for step in row["steps"]:
            if step["state"] in _ENDED:
                steps.append(step)
            else:
                # What it waited for, it waits for no longer.
                steps.append({**step, "state": rest, "at": now, "detail": ""})
                rest = SUCCEEDED if state == SUCCEEDED else CANCELLED
        await self._save(tx, operation_id, state, steps, reason=reason, metadata=metadata or {})

    async def _save(
        self,
        tx: Tx,
        operation_id: UUID,
        state: str,
        steps: list[dict[str, Any]],
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        row = await tx.fetchrow(
            f"""UPDATE operations SET state = $2, steps = $3, error_reason = $4, error_metadata = $5,
                       finished_at = CASE WHEN $2 IN ('SUCCEEDED', 'FAILED', 'CANCELLED') THEN now() END
                WHERE id = $1 RETURNING {_COLUMNS}""",  # noqa: S608
            operation_id,
            state,
            steps,
            reason,
            dict(metadata or {}),
        )
        assert row is not None
        event = common_pb2.OperationUpdated(
            account_id=str(row["account_id"]), service=self._service, operation=to_pb(row)
        )
        await outbox.add(tx, event, account_id=row["account_id"], aggregate=operation_id)


async def list_page(
    q: Queryable, account_id: UUID, states: Sequence[str], page: Page, subjects: Sequence[UUID] | None = None
) -> tuple[list[Row], common_pb2.PageInfo]:
    """The account's operations, the newest first; `subjects` limits them to these objects."""
    condition, order = page.sql([("id", "uuid")], 4, descending=True)
    rows = await q.fetch(
        f"""SELECT {_COLUMNS} FROM operations
            WHERE account_id = $1 AND (cardinality($2::text[]) = 0 OR state = ANY($2))
              AND ($3::uuid[] IS NULL OR subject_id = ANY($3)) AND {condition}
            ORDER BY {order} LIMIT {page.limit}""",  # noqa: S608
        account_id,
        list(states),
        None if subjects is None else list(subjects),
        *page.args,
    )
    return page.cut(rows, lambda row: (row["id"],))


async def by_ids(
    q: Queryable, account_id: UUID, ids: Sequence[UUID], subjects: Sequence[UUID] | None = None
) -> list[Row]:
    """The account's operations of these ids, in no order."""
    return await q.fetch(
        f"""SELECT {_COLUMNS} FROM operations
            WHERE account_id = $1 AND id = ANY($2) AND ($3::uuid[] IS NULL OR subject_id = ANY($3))""",  # noqa: S608
        account_id,
        list(ids),
        None if subjects is None else list(subjects),
    )


def to_pb(row: Row) -> common_pb2.Operation:
    steps = [
        common_pb2.OperationStep(
            name=step["name"],
            state=_state(step["state"]),
            at=times.to_pb(datetime.fromisoformat(step["at"])) if step["at"] else None,
            detail=step["detail"],
        )
        for step in row["steps"]
    ]
    done = sum(step["state"] in _ENDED for step in row["steps"])
    return common_pb2.Operation(
        id=str(row["id"]),
        kind=row["kind"],
        state=_state(row["state"]),
        progress=1.0 if row["state"] in _ENDED else done / max(len(steps), 1),
        started_at=times.to_pb(row["started_at"]),
        finished_at=times.to_pb(row["finished_at"]),
        subject_type=row["subject_type"],
        subject_id=str(row["subject_id"]),
        steps=steps,
        error_reason=row["error_reason"],
        error_metadata=row["error_metadata"],
    )


def _state(name: str) -> common_pb2.OperationState.ValueType:
    return common_pb2.OperationState.Value(f"OPERATION_STATE_{name}")


def state_names(states: Sequence[int]) -> list[str]:
    """["OPERATION_STATE_QUEUED"] as stored: ["QUEUED"]."""
    return [common_pb2.OperationState.Name(s).removeprefix("OPERATION_STATE_") for s in states]  # type: ignore[arg-type]
