"""All SQL of sessions and API tokens."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.identity.store import BOUNCING

Network = IPv4Network | IPv6Network


async def add_session(
    tx: Tx, secret_hash: bytes, user_id: UUID, ip: str, user_agent: str, now: datetime, expires_at: datetime
) -> UUID:
    added: UUID = await tx.fetchval(
        """INSERT INTO sessions (secret_hash, user_id, ip, user_agent, created_at, expires_at, last_used_at, confirmed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $5, $5) RETURNING id""",
        secret_hash,
        user_id,
        ip,
        user_agent,
        now,
        expires_at,
    )
    return added


async def session(q: Queryable, secret_hash: bytes) -> Row | None:
    return await q.fetchrow(
        f"""SELECT s.id, s.created_at, s.expires_at, s.last_used_at, s.ended_at, s.confirmed_at, s.grants, s.contact_id,
                   s.operator, u.id AS user_id, u.email, u.name, u.locale, u.locked_at, u.lock_reason, {BOUNCING}
            FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.secret_hash = $1""",  # noqa: S608
        secret_hash,
    )


async def end_session(tx: Tx, secret_hash: bytes, now: datetime) -> Row | None:
    """The session and its user; None when it is unknown or has ended before."""
    return await tx.fetchrow(
        """UPDATE sessions s SET ended_at = $2 FROM users u
           WHERE s.secret_hash = $1 AND s.ended_at IS NULL AND u.id = s.user_id
           RETURNING s.id, u.id AS user_id, u.email, u.locale, s.ip, s.operator, s.contact_id,
                     (SELECT account_id FROM contacts WHERE id = s.contact_id) AS account_id""",
        secret_hash,
        now,
    )


async def sessions_of_user(
    q: Queryable, user_id: UUID, now: datetime, used_after: datetime, app_used_after: datetime
) -> list[Row]:
    """The open ones, the last used first; of very many the first 200. `application` is the name of an app's client."""
    return await q.fetch(
        """SELECT s.id, s.ip, s.user_agent, s.created_at, s.last_used_at, s.expires_at, s.operator, c.name AS application
           FROM sessions s LEFT JOIN oauth_clients c ON c.id = s.client_id
           WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND c.disabled_at IS NULL
             AND s.last_used_at > CASE WHEN s.client_id IS NULL THEN $3::timestamptz ELSE $4 END
           ORDER BY s.last_used_at DESC, s.id DESC LIMIT 200""",
        user_id,
        now,
        used_after,
        app_used_after,
    )


async def note_device(tx: Tx, user_id: UUID, fingerprint: bytes, now: datetime) -> bool:
    """Whether it is the first sign-in with it, and others with something else came before."""
    new: bool = await tx.fetchval(
        """WITH had AS (SELECT EXISTS (SELECT FROM devices WHERE user_id = $1) AS any),
                noted AS (INSERT INTO devices (user_id, fingerprint, seen_at) VALUES ($1, $2, $3)
                          ON CONFLICT (user_id, fingerprint) DO UPDATE SET seen_at = excluded.seen_at
                          RETURNING xmax = 0 AS new)
           SELECT had.any AND noted.new FROM had, noted""",
        user_id,
        fingerprint,
        now,
    )
    return new


async def has_session(q: Queryable, user_id: UUID, session_id: UUID) -> bool:
    """Open or ended."""
    found: bool = await q.fetchval(
        "SELECT EXISTS (SELECT FROM sessions WHERE id = $2 AND user_id = $1)", user_id, session_id
    )
    return found


async def confirm_session(tx: Tx, user_id: UUID, session_id: UUID, now: datetime) -> bool:
    """False when the user has no such open session."""
    confirmed = await tx.fetchval(
        "UPDATE sessions SET confirmed_at = $3 WHERE id = $2 AND user_id = $1 AND ended_at IS NULL RETURNING true",
        user_id,
        session_id,
        now,
    )
    return bool(confirmed)


async def end_sessions(tx: Tx, user_id: UUID, only: UUID | None, keep: UUID | None, now: datetime) -> list[Row]:
    """Ends the user's open sessions: one, or all but one, or all. Those that this call ended, with their user."""
    # One that is being opened is waited for, and found by the next statement.
    await tx.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", user_id)
    return await tx.fetch(
        """UPDATE sessions s SET ended_at = $4 FROM users u
           WHERE s.user_id = $1 AND u.id = s.user_id AND s.ended_at IS NULL
             AND ($2::uuid IS NULL OR s.id = $2) AND ($3::uuid IS NULL OR s.id <> $3)
           RETURNING s.id, s.ip, s.user_agent, u.email, u.locale,
                     (SELECT c.name FROM oauth_clients c WHERE c.id = s.client_id) AS application""",
        user_id,
        only,
        keep,
        now,
    )


async def add_token(
    tx: Tx,
    account_id: UUID,
    contact_id: UUID,
    secret_hash: bytes,
    name: str,
    grants: list[dict[str, Any]] | None,
    networks: Sequence[Network],
    expires_at: datetime | None,
) -> UUID | None:
    """None when the account has no such contact."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO api_tokens (contact_id, secret_hash, name, grants, networks, expires_at)
           SELECT id, $3, $4, $5, $6, $7 FROM contacts WHERE id = $2 AND account_id = $1 AND revoked_at IS NULL
           RETURNING id""",
        account_id,
        contact_id,
        secret_hash,
        name,
        grants,
        list(networks),
        expires_at,
    )
    return added


async def token(q: Queryable, secret_hash: bytes) -> Row | None:
    return await q.fetchrow(
        f"""SELECT t.id, t.name AS token_name, t.grants, t.networks, t.expires_at, t.last_used_at, t.revoked_at, t.contact_id,
                   u.id AS user_id, u.email, u.name, u.locale, u.locked_at, u.lock_reason, {BOUNCING}
            FROM api_tokens t JOIN contacts c ON c.id = t.contact_id JOIN users u ON u.id = c.user_id
            WHERE t.secret_hash = $1""",  # noqa: S608
        secret_hash,
    )


_LISTED = "t.id, t.name, t.contact_id, t.grants, t.networks, t.created_at, t.last_used_at, t.expires_at"


async def tokens_of_user(q: Queryable, user_id: UUID) -> list[Row]:
    """Those not revoked, the newest first."""
    return await q.fetch(
        f"""SELECT {_LISTED} FROM api_tokens t JOIN contacts c ON c.id = t.contact_id
            WHERE c.user_id = $1 AND t.revoked_at IS NULL ORDER BY t.created_at DESC, t.id DESC""",  # noqa: S608
        user_id,
    )


async def token_of_contact(q: Queryable, contact_id: UUID, token_id: UUID) -> Row | None:
    """Revoked or not."""
    return await q.fetchrow(
        f"SELECT {_LISTED} FROM api_tokens t WHERE t.id = $2 AND t.contact_id = $1",  # noqa: S608
        contact_id,
        token_id,
    )


async def lock_tokens(tx: Tx, contact_id: UUID) -> int:
    """How many tokens of the contact are not revoked; nobody else adds one before this transaction ends."""
    await tx.execute("SELECT FROM contacts WHERE id = $1 FOR UPDATE", contact_id)
    count: int = await tx.fetchval(
        "SELECT count(*) FROM api_tokens WHERE contact_id = $1 AND revoked_at IS NULL", contact_id
    )
    return count


async def revoke_token(tx: Tx, user_id: UUID, token_id: UUID, now: datetime) -> Row | None:
    """`revoked`: whether this call did it. None when the user has no such token."""
    return await tx.fetchrow(
        """WITH done AS (UPDATE api_tokens SET revoked_at = $3 WHERE id = $2 AND revoked_at IS NULL
                         AND contact_id IN (SELECT id FROM contacts WHERE user_id = $1) RETURNING id)
           SELECT t.name, t.grants, t.expires_at, t.contact_id, c.account_id, EXISTS (SELECT FROM done) AS revoked
           FROM api_tokens t JOIN contacts c ON c.id = t.contact_id WHERE t.id = $2 AND c.user_id = $1""",
        user_id,
        token_id,
        now,
    )


async def touch(q: Queryable, table: str, row_id: UUID, now: datetime) -> None:
    """Notes the use of a session or token; a clock that runs behind changes nothing."""
    await q.execute(
        f"UPDATE {table} SET last_used_at = $2 WHERE id = $1 AND last_used_at IS DISTINCT FROM $2"  # noqa: S608
        " AND (last_used_at IS NULL OR last_used_at < $2)",
        row_id,
        now,
    )
