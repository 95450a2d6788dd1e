"""The event log: who did what, append-only, each account's rows chained by hash.

A row's hash is SHA-256 over the hash before it (32 zero bytes for the first) and the row's canonical form: the JSON array
of its values, UTF-8, no spaces, times in UTC. Whoever changes, drops or inserts a row breaks the chain from there on; whoever
cuts off its end disagrees with the head. Somebody who may rewrite everything could still compute it all anew: against that
only a hash kept elsewhere helps.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Database, Row, Tx
from services.chassis.pages import Page
from services.identity import log_store
from services.identity.log_store import Filter

GENESIS = bytes(32)
_BATCH = 1_000
_MASK = "***"
_SECRET = re.compile(
    r"(?i)(passw|passphrase|passcode|pwd|secret|credential|cookie|totp|recovery_?code|auth_?code|auth_?info|epp_?code|"
    r"(epp|api|private)_?key|token$|(^|_)(pass|pw|pin|puk|psk|otp)$)"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rows` were checked; `broken_seq` is the first that does not fit, and `cause` says how. None: all is well."""

    rows: int
    broken_seq: int | None = None
    cause: str = ""


async def append(tx: Tx, event_id: UUID, event: common_pb2.AuditRecorded) -> None:
    """Adds what a service told; secrets that it forgot to mask are masked here."""
    account_id = UUID(event.account_id)
    last = await log_store.lock_head(tx, account_id)
    seq, before = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
    values = (
        account_id,
        seq,
        event_id,
        times.from_pb(event.occurred_at),
        event.actor.kind,
        event.actor.id,
        event.actor.label,
        event.actor.ip,
        event.actor.contact_id,
        event.action,
        event.subject_type,
        event.subject_id,
        event.subject_label,
        masked(event.before_json),
        masked(event.after_json),
    )
    await log_store.append(tx, values, chained(before, values))


async def verify(db: Database, account_id: UUID) -> Verdict:
    """Recomputes an account's chain."""
    # One snapshot: a row appended meanwhile must not look like a head without its row.
    async with db.transaction(isolation="repeatable_read") as tx:
        return await _verify(tx, account_id)


async def _verify(tx: Tx, account_id: UUID) -> Verdict:
    expected, before = 1, GENESIS
    while rows := await log_store.chain(tx, account_id, expected - 1, _BATCH):
        for row in rows:
            if row["seq"] != expected:
                return Verdict(expected - 1, expected, "the row is missing")
            if row["hash"] != chained(before, tuple(row.values())[:-1]):
                return Verdict(expected - 1, expected, "the row does not fit its hash and the row before it")
            expected, before = expected + 1, row["hash"]
    head = await log_store.head(tx, account_id)
    if (head["seq"] if head else 0) != expected - 1 or (head is not None and head["hash"] != before):
        return Verdict(expected - 1, expected, "the chain ends elsewhere than its head says")
    return Verdict(expected - 1)


async def page(db: Database, actor: Actor, scope: Scope, wanted: Filter, page: Page) -> list[Row]:
    """The account's newest events that pass the filter; one row more than the page."""
    return await log_store.page(db, actor.account_id, scope.resources, wanted, page)


def chained(before: bytes, values: Sequence[object]) -> bytes:
    """The hash of a row that follows the one with hash `before`."""
    return hashlib.sha256(before + canonical(values)).digest()


def canonical(values: Sequence[object]) -> bytes:
    """A row's values in the order of log_store.COLUMNS, as hashed."""
    return json.dumps(list(map(_plain, values)), ensure_ascii=False, separators=(",", ":")).encode()


def masked(text: str) -> str:
    """A JSON object with the values of fields that are named like secrets replaced; not JSON: nothing of it is kept."""
    if not text:
        return ""
    try:
        return json.dumps(_mask(json.loads(text)), ensure_ascii=False, sort_keys=True)
    except (ValueError, RecursionError):
        return json.dumps({"unreadable": _MASK})


def _mask(value: object) -> object:
    if isinstance(value, dict):
        return {k: _MASK if _SECRET.search(k) and v not in (None, "") else _mask(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return value


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value if isinstance(value, int | str) else str(value)
