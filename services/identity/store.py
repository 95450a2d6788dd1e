"""All SQL of users. That of accounts, contacts, invitations, sessions and tokens, passwords' links, e-mails and
the event log stands in the files named after them."""

from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx

#: Of a user `u`: whether mail to its address comes back.
BOUNCING = "EXISTS (SELECT FROM bouncing_addresses b WHERE b.address = u.email) AS email_bouncing"

# -- users


async def add_user(tx: Tx, user_id: UUID | None, email: str, name: str, locale: str, password_hash: str) -> UUID | None:
    """None when the address is taken."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO users (id, email, name, locale, password_hash)
           VALUES (coalesce($1, uuidv7()), $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING RETURNING id""",
        user_id,
        email,
        name,
        locale,
        password_hash,
    )
    return added


async def user_by_email(q: Queryable, email: str) -> Row | None:
    return await q.fetchrow(
        """SELECT id, email, name, locale, password_hash, locked_at, lock_reason FROM users
           WHERE email = $1::text::citext""",
        email,
    )


async def user(q: Queryable, user_id: UUID) -> Row:
    row = await q.fetchrow(
        """SELECT id, email, name, locale, password_hash,
                  EXISTS (SELECT FROM factors WHERE user_id = users.id) AS has_factor FROM users WHERE id = $1""",
        user_id,
    )
    assert row is not None
    return row


async def lock_user(tx: Tx, user_id: UUID) -> Row | None:
    """The user; nobody else changes its password or factors, or signs in with one, before this transaction ends."""
    return await tx.fetchrow(
        "SELECT id, email, name, locale, password_hash FROM users WHERE id = $1 FOR UPDATE", user_id
    )


async def lock_of_user(q: Queryable, user_id: UUID) -> Row:
    """`locked_at` and `lock_reason`, as an operator has set them."""
    row = await q.fetchrow("SELECT locked_at, lock_reason FROM users WHERE id = $1", user_id)
    assert row is not None
    return row


async def lock_password(tx: Tx, user_id: UUID) -> str | None:
    found: str | None = await tx.fetchval("SELECT password_hash FROM users WHERE id = $1 FOR UPDATE", user_id)
    return found


async def set_password(tx: Tx, user_id: UUID, password_hash: str) -> None:
    """Sign-ins that got half way with the old one end with it."""
    await tx.execute(
        """WITH ended AS (DELETE FROM pending_sign_ins WHERE user_id = $1)
           UPDATE users SET password_hash = $2 WHERE id = $1""",
        user_id,
        password_hash,
    )


# -- housekeeping


async def purge(q: Queryable, now: datetime, sessions_before: datetime, devices_before: datetime) -> None:
    """Forgets sessions long over, devices long unused and reset links that have run out."""
    await q.execute("DELETE FROM sessions WHERE expires_at < $1", sessions_before)
    await q.execute("DELETE FROM devices WHERE seen_at < $1", devices_before)
    await q.execute("DELETE FROM password_resets WHERE expires_at < $1", now)
