"""The first answer to a request_id is the answer: repeats get it again, another request under that id is refused."""

import hashlib
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from services.chassis.db import Queryable, Tx
from services.chassis.errors import Conflict


class IdempotencyConflict(Conflict):
    reason = "IDEMPOTENCY_CONFLICT"


def fingerprint(request: Message) -> bytes:
    """What makes two requests the same input."""
    whole = request.DESCRIPTOR.full_name.encode() + request.SerializeToString(deterministic=True)
    return hashlib.sha256(whole).digest()


async def peek(q: Queryable, account_id: UUID, request_id: str, request: Message) -> dict[str, Any] | None:
    """The first answer, if there is one already; IdempotencyConflict for another input."""
    row = await q.fetchrow(
        "SELECT fingerprint, answer FROM first_answers WHERE account_id = $1 AND request_id = $2",
        account_id,
        request_id,
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint(request):
        raise IdempotencyConflict("this key was used for another request", field="request_id")
    # A claim whose answer was never kept was committed all the same: it must not run again.
    answer: dict[str, Any] = row["answer"] or {}
    return answer


async def claim(tx: Tx, account_id: UUID, request_id: str, request: Message) -> dict[str, Any] | None:
    """None: the request is new and ours; then `keep` its answer in the same transaction. Else the first answer.

    A second claim waits here until the first transaction ends.
    """
    tag = await tx.execute(
        """INSERT INTO first_answers (account_id, request_id, fingerprint) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING""",
        account_id,
        request_id,
        fingerprint(request),
    )
    if tag == "INSERT 0 1":
        return None
    return await peek(tx, account_id, request_id, request)


async def keep(tx: Tx, account_id: UUID, request_id: str, answer: dict[str, Any]) -> None:
    """Keeps the answer of a claimed request."""
    await tx.execute(
        "UPDATE first_answers SET answer = $3 WHERE account_id = $1 AND request_id = $2", account_id, request_id, answer
    )
