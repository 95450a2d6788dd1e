"""All SQL of reset links and VPN passwords."""

from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx

# -- reset links: one a user


async def put_reset(tx: Tx, user_id: UUID, secret_hash: bytes, expires_at: datetime) -> None:
    """In the place of an earlier one."""
    await tx.execute(
        """INSERT INTO password_resets (user_id, secret_hash, expires_at) VALUES ($1, $2, $3)
           ON CONFLICT (user_id) DO UPDATE SET secret_hash = excluded.secret_hash, expires_at = excluded.expires_at""",
        user_id,
        secret_hash,
        expires_at,
    )


async def user_of_reset(q: Queryable, secret_hash: bytes, now: datetime) -> UUID | None:
    found: UUID | None = await q.fetchval(
        "SELECT user_id FROM password_resets WHERE secret_hash = $1 AND expires_at > $2", secret_hash, now
    )
    return found


async def use_reset(tx: Tx, secret_hash: bytes, now: datetime) -> bool:
    """Whether the link was still there; it is no more."""
    tag = await tx.execute("DELETE FROM password_resets WHERE secret_hash = $1 AND expires_at > $2", secret_hash, now)
    return tag == "DELETE 1"


async def drop_reset(tx: Tx, user_id: UUID) -> None:
    await tx.execute("DELETE FROM password_resets WHERE user_id = $1", user_id)


# -- VPN passwords


async def vpn_access(q: Queryable, user_id: UUID) -> Row | None:
    return await q.fetchrow("SELECT username, set_at FROM vpn_access WHERE user_id = $1", user_id)


async def set_vpn(tx: Tx, user_id: UUID, username: str, password_hash: str, now: datetime) -> Row:
    """The user's name of before stays; `username` is for a first password. `earlier`: when it was set before."""
    row = await tx.fetchrow(
        """WITH earlier AS (SELECT set_at FROM vpn_access WHERE user_id = $1)
           INSERT INTO vpn_access (user_id, username, password_hash, set_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, set_at = excluded.set_at
           RETURNING username, set_at, (SELECT set_at FROM earlier) AS earlier""",
        user_id,
        username,
        password_hash,
        now,
    )
    assert row is not None
    return row


async def remove_vpn(tx: Tx, user_id: UUID) -> Row | None:
    """What there was."""
    return await tx.fetchrow("DELETE FROM vpn_access WHERE user_id = $1 RETURNING username, set_at", user_id)
