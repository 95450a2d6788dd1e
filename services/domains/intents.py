"""What we are about to say to a registry, committed before it is said. The intent's id is the command's clTRID.

An intent without an outcome means: perhaps carried out. It is settled by asking the registry, never by guessing.
"""

import secrets
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx

DONE = "DONE"
REFUSED = "REFUSED"
NOT_CARRIED_OUT = "NOT_CARRIED_OUT"
#: The detail of an open intent that the registry has accepted and not decided yet (1001).
PENDING = "pending"


async def open_of(q: Queryable, domain_id: UUID) -> Row | None:
    """The domain's intent without an outcome, if any."""
    return await q.fetchrow(
        "SELECT id, command, auth_info, detail, created_at FROM registry_intents WHERE domain_id = $1 AND outcome = ''",
        domain_id,
    )


async def begin(tx: Tx, domain_id: UUID, command: str) -> Row:
    """A new intent with an authInfo that nobody else knows (RFC 5731 section 2.6: a password of the object).

    A domain keeps its first: a command given up as lost may still be carried out, and is known by it.
    """
    row = await tx.fetchrow(
        """INSERT INTO registry_intents (domain_id, command, auth_info)
           VALUES ($1, $2, coalesce((SELECT auth_info FROM registry_intents WHERE domain_id = $1 ORDER BY id LIMIT 1), $3))
           RETURNING id, command, auth_info, detail, created_at""",
        domain_id,
        command,
        f"{secrets.token_urlsafe(18)}-Aa1",
    )
    assert row is not None
    return row


async def note_pending(tx: Tx, intent_id: UUID) -> None:
    """The registry took the command and will decide later."""
    await tx.execute(
        "UPDATE registry_intents SET detail = $2 WHERE id = $1 AND outcome = ''",
        intent_id,
        PENDING,
    )


async def settle(tx: Tx, intent_id: UUID, outcome: str, detail: str = "") -> None:
    """Ends an intent; ending it twice changes nothing."""
    await tx.execute(
        "UPDATE registry_intents SET outcome = $2, detail = $3, settled_at = now() WHERE id = $1 AND outcome = ''",
        intent_id,
        outcome,
        detail[:1000],
    )
