"""What we say to a registry of its contact and host objects, for the sake of a domain: as with the domain's own commands
(see intents), each is committed before it is said, and its id is the clTRID.

One command at a time is out about an object. One that got no answer is settled by looking at the object.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg

from services.chassis import jobs
from services.chassis.db import Database, Queryable, Row, Tx
from services.domains import intents
from services.domains.epp import EppRefused, EppServerFailure, EppUnavailable

T = TypeVar("T")
UNSEEN = "UNSEEN"
_OBJECT_EXISTS = 2302
#: Nobody waits for an answer so long: whoever said it has ended, and may come back to it late or never.
_FORSAKEN = timedelta(minutes=2)


async def say(
    db: Database,
    registry: str,
    domain_id: UUID,
    command: str,
    about: str,
    send: Callable[[str], Awaitable[T]],
    look: Callable[[], Awaitable[T | None]],
    undecided: Callable[[T], bool] | None = None,
) -> T:
    """Says a command about an object of a registry, unless `look` shows that an earlier try has brought it about.

    `send` is given the clTRID; `look` answers what `send` would have once the registry shows the effect, None before. Both
    raise EppError, and so does this; RetryLater while somebody else's command about the object is out. `undecided` tells of
    an answer that the registry has left pending: then the intent stays open until what it serves has ended.
    """
    earlier = await _open(db, registry, about)
    if earlier is not None:
        ours = (earlier["domain_id"], earlier["command"]) == (domain_id, command)
        if not ours and earlier["age"] < _FORSAKEN:
            raise jobs.RetryLater(cause=f"another command about {about} is out")
        shown = await look()
        lost = intents.NOT_CARRIED_OUT if ours else UNSEEN
        if shown is None:
            await _settle(db, earlier["id"], lost, "the registry does not show it")
        elif undecided is None or not undecided(shown):
            await _settle(db, earlier["id"], intents.DONE, "seen by looking")
        if shown is not None:
            return shown
    intent_id = await _begin(db, registry, domain_id, command, about)
    try:
        answer = await send(str(intent_id))
    except EppUnavailable as error:
        await _settle(db, intent_id, intents.NOT_CARRIED_OUT, str(error))
        raise
    except EppServerFailure:
        raise  # it may have been carried out all the same
    except EppRefused as error:
        if error.code == _OBJECT_EXISTS and (shown := await look()) is not None:
            # Somebody else was faster, which is as good; or it was an earlier try of ours.
            await _settle(db, intent_id, intents.DONE, str(error))
            return shown
        await _settle(db, intent_id, intents.REFUSED, str(error))
        raise
    if undecided is None or not undecided(answer):
        await _settle(db, intent_id, intents.DONE)
    return answer


async def is_open(q: Queryable, registry: str, about: str) -> bool:
    """Whether a command about the object is out, or was left pending."""
    return await _open(q, registry, about) is not None


async def domain_of(q: Queryable, intent_id: UUID) -> UUID | None:
    """For whose sake it was said."""
    found: UUID | None = await q.fetchval("SELECT domain_id FROM registry_object_intents WHERE id = $1", intent_id)
    return found


async def close(tx: Tx, domain_id: UUID, *, served: bool) -> None:
    """What they were said for has ended. `served`: it was carried out, which shows that they were; else nobody looks."""
    await tx.execute(
        """UPDATE registry_object_intents SET outcome = $2, detail = 'ended with what it served', settled_at = now()
           WHERE domain_id = $1 AND outcome = ''""",
        domain_id,
        intents.DONE if served else UNSEEN,
    )


async def _open(q: Queryable, registry: str, about: str) -> Row | None:
    return await q.fetchrow(
        """SELECT id, domain_id, command, now() - said_at AS age FROM registry_object_intents
           WHERE registry = $1 AND object = $2 AND outcome = ''""",
        registry,
        about,
    )


async def _begin(db: Database, registry: str, domain_id: UUID, command: str, about: str) -> UUID:
    try:
        intent_id: UUID = await db.fetchval(
            """INSERT INTO registry_object_intents (registry, domain_id, command, object) VALUES ($1, $2, $3, $4)
               RETURNING id""",
            registry,
            domain_id,
            command,
            about,
        )
    except asyncpg.UniqueViolationError:
        raise jobs.RetryLater(cause=f"another command about {about} is out") from None
    return intent_id


async def _settle(db: Database, intent_id: UUID, outcome: str, detail: str = "") -> None:
    await db.execute(
        """UPDATE registry_object_intents SET outcome = $2, detail = $3, settled_at = now()
           WHERE id = $1 AND outcome = ''""",
        intent_id,
        outcome,
        detail[:1000],
    )
