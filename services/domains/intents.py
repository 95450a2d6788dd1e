"""What we are about to say to a registry, committed before it is said. The intent's id is the command's clTRID.

An intent that was said and has no outcome means: perhaps carried out. It is settled by asking the registry, never by
guessing. Of a domain's intents one at a time is said; the others wait in the order in which they were asked for. The one
exception takes a pending transfer back, while that is out.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.sealing import Sealer

DONE = "DONE"
REFUSED = "REFUSED"
NOT_CARRIED_OUT = "NOT_CARRIED_OUT"
#: The detail of an open intent that the registry has accepted and not decided yet (1001).
PENDING = "pending"
#: The same, while the registry waits for the holder's confirmation.
UNCONFIRMED = "pending: the holder has to confirm"
LEFT_PENDING = (PENDING, UNCONFIRMED)
#: The detail of an open intent that the registry has carried out (1000), while we have not seen the effect yet.
ANSWERED = "answered"

_INTENT = """id, domain_id, command, parameters, operation_id, actor, auth_info, sealed_auth_info, detail, outcome, said_at,
             created_at, cancels"""
#: Of a domain's intents, those that wait for each other; a command that takes one back waits for none.
_UNSETTLED = "outcome = '' AND cancels IS NULL"


async def open_of(q: Queryable, domain_id: UUID) -> Row | None:
    """The domain's intent that was said and has no outcome, if any."""
    return await q.fetchrow(
        f"SELECT {_INTENT} FROM registry_intents WHERE domain_id = $1 AND {_UNSETTLED} AND said_at IS NOT NULL",  # noqa: S608
        domain_id,
    )


async def begin(tx: Tx, sealer: Sealer, domain_id: UUID, command: str) -> Row:
    """A new intent, about to be said, with an authInfo that nobody else knows (RFC 5731 section 2.6).

    A domain keeps its first: a command given up as lost may still be carried out, and is known by it.
    """
    first = await tx.fetchrow(
        f"SELECT {_INTENT} FROM registry_intents WHERE domain_id = $1 ORDER BY id LIMIT 1",  # noqa: S608
        domain_id,
    )
    code = auth_info(first, sealer) if first is not None else new_auth_info()
    row = await tx.fetchrow(
        f"""INSERT INTO registry_intents (domain_id, command, auth_info, sealed_auth_info, said_at)
            VALUES ($1, $2, '', $3, now()) RETURNING {_INTENT}""",  # noqa: S608
        domain_id,
        command,
        sealer.seal(code.encode(), _purpose(domain_id)),
    )
    assert row is not None
    return row


def auth_info(intent: Row, sealer: Sealer) -> str:
    """What `begin` gave it. Those from before codes were sealed hold it as it is."""
    sealed: bytes | None = intent["sealed_auth_info"]
    if sealed is None:
        return str(intent["auth_info"])
    return sealer.open(sealed, _purpose(intent["domain_id"])).decode()


def _purpose(domain_id: UUID) -> str:
    return f"auth_info:{domain_id}"


def new_auth_info() -> str:
    """An unguessable password of an object, of the kinds of characters that registries want to see."""
    return f"{secrets.token_urlsafe(18)}-Aa1"


async def queue(
    tx: Tx,
    domain_id: UUID,
    command: str,
    parameters: Mapping[str, Any],
    operation_id: UUID | None,
    actor: Mapping[str, str],
    cancels: UUID | None = None,
) -> UUID:
    """An intent that waits for the domain's earlier ones, or that takes back one of them."""
    intent_id: UUID = await tx.fetchval(
        """INSERT INTO registry_intents (domain_id, command, parameters, operation_id, actor, auth_info, cancels)
           VALUES ($1, $2, $3, $4, $5, '', $6) RETURNING id""",
        domain_id,
        command,
        dict(parameters),
        operation_id,
        dict(actor),
        cancels,
    )
    return intent_id


async def get(q: Queryable, intent_id: UUID) -> Row | None:
    return await q.fetchrow(f"SELECT {_INTENT} FROM registry_intents WHERE id = $1", intent_id)  # noqa: S608


async def cancel_of(q: Queryable, intent_id: UUID) -> Row | None:
    """The intent without an outcome that takes this one back, if any."""
    return await q.fetchrow(f"SELECT {_INTENT} FROM registry_intents WHERE cancels = $1 AND outcome = ''", intent_id)  # noqa: S608


async def newest_unsettled(q: Queryable, domain_id: UUID) -> Row | None:
    """The last of the domain's intents without an outcome: what it will have been brought to."""
    return await q.fetchrow(
        f"SELECT {_INTENT} FROM registry_intents WHERE domain_id = $1 AND {_UNSETTLED} ORDER BY id DESC LIMIT 1",  # noqa: S608
        domain_id,
    )


async def oldest_unsettled(q: Queryable, domain_id: UUID) -> Row | None:
    """The domain's next one to be said, or the one that was said."""
    return await q.fetchrow(
        f"SELECT {_INTENT} FROM registry_intents WHERE domain_id = $1 AND {_UNSETTLED} ORDER BY id LIMIT 1",  # noqa: S608
        domain_id,
    )


async def unsettled(q: Queryable, domain_id: UUID) -> list[Row]:
    """All of the domain's intents without an outcome, in the order in which they are said."""
    return await q.fetch(
        f"SELECT {_INTENT} FROM registry_intents WHERE domain_id = $1 AND {_UNSETTLED} ORDER BY id",  # noqa: S608
        domain_id,
    )


async def has_unsettled(q: Queryable, domain_id: UUID, command: str) -> bool:
    """Whether a command of this kind is under way for the domain, or waits."""
    query = "SELECT EXISTS (SELECT FROM registry_intents WHERE domain_id = $1 AND outcome = '' AND command = $2)"
    found: bool = await q.fetchval(query, domain_id, command)
    return found


async def has_changed(q: Queryable, domain_id: UUID, command: str, *, since: datetime) -> bool:
    """Whether a command of this kind is out for the domain, or has ended after that."""
    found: bool = await q.fetchval(
        """SELECT EXISTS (SELECT FROM registry_intents
                          WHERE domain_id = $1 AND command = $2 AND said_at IS NOT NULL
                            AND (outcome = '' OR settled_at > $3))""",
        domain_id,
        command,
        since,
    )
    return found


async def has_earlier(q: Queryable, intent: Row, name: str, *, since: datetime) -> bool:
    """Whether another intent of the kind has ended after that for the name, whoever's it was."""
    found: bool = await q.fetchval(
        """SELECT EXISTS (SELECT FROM registry_intents i JOIN domains d ON d.id = i.domain_id
                          WHERE d.name = $1 AND i.command = $2 AND i.id < $3 AND i.settled_at > $4)""",
        name,
        intent["command"],
        intent["id"],
        since,
    )
    return found


async def count_settled(q: Queryable, domain_id: UUID, detail: str) -> int:
    """How many of the domain's intents have ended so."""
    query = "SELECT count(*) FROM registry_intents WHERE domain_id = $1 AND outcome <> '' AND detail = $2"
    found: int = await q.fetchval(query, domain_id, detail)
    return found


async def say(tx: Tx, intent_id: UUID) -> None:
    """From now on it may have been carried out."""
    await tx.execute(
        "UPDATE registry_intents SET said_at = now(), detail = '' WHERE id = $1 AND outcome = ''", intent_id
    )


async def unsay(tx: Tx, intent_id: UUID, detail: str) -> None:
    """It certainly was not carried out; it is the domain's next all the same."""
    await tx.execute(
        "UPDATE registry_intents SET said_at = NULL, detail = $2 WHERE id = $1 AND outcome = ''",
        intent_id,
        detail[:1000],
    )


async def note(tx: Tx, intent_id: UUID, detail: str) -> None:
    """Keeps what the registry answered: one of LEFT_PENDING, or ANSWERED."""
    await tx.execute("UPDATE registry_intents SET detail = $2 WHERE id = $1 AND outcome = ''", intent_id, detail)


async def settle_cancel(tx: Tx, intent_id: UUID, detail: str) -> bool:
    """Ends the intent that would take this one back, which has ended otherwise. False: there is none."""
    settled = await tx.fetchval(
        """UPDATE registry_intents SET outcome = CASE WHEN said_at IS NULL THEN $2 ELSE $3 END, detail = $4, settled_at = now()
           WHERE cancels = $1 AND outcome = '' RETURNING true""",
        intent_id,
        NOT_CARRIED_OUT,
        REFUSED,
        detail,
    )
    return bool(settled)


async def settle(tx: Tx, intent_id: UUID, outcome: str, detail: str = "", *, forget: Sequence[str] = ()) -> None:
    """Ends an intent; ending it twice changes nothing. Parameters that are nobody's business any more are forgotten."""
    await tx.execute(
        """UPDATE registry_intents SET outcome = $2, detail = $3, settled_at = now(), parameters = parameters - $4::text[]
           WHERE id = $1 AND outcome = ''""",
        intent_id,
        outcome,
        detail[:1000],
        list(forget),
    )
