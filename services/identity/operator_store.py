"""The SQL of operators, and of what they look up across accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page
from services.identity.credential_store import Network

# -- operators


async def add(tx: Tx, name: str, email: str, now: datetime) -> UUID | None:
    """None when the name was given before."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO operators (name, email, created_at) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO NOTHING RETURNING id""",
        name,
        email,
        now,
    )
    return added


async def hold(tx: Tx, name: str) -> Row | None:
    """Locks one that is not disabled."""
    return await tx.fetchrow("SELECT id, name FROM operators WHERE name = $1 AND disabled_at IS NULL FOR UPDATE", name)


async def operators(q: Queryable, name: str | None) -> list[Row]:
    """All by name, or the one, with the credential that is not revoked."""
    return await q.fetch(
        """SELECT o.id, o.name, o.email, o.created_at, o.disabled_at, c.expires_at AS credential_expires_at,
                  c.last_used_at, c.networks
           FROM operators o LEFT JOIN operator_credentials c ON c.operator_id = o.id AND c.revoked_at IS NULL
           WHERE $1::text IS NULL OR o.name = $1 ORDER BY o.name""",
        name,
    )


async def disable(tx: Tx, operator_id: UUID, now: datetime) -> None:
    await tx.execute("UPDATE operators SET disabled_at = $2 WHERE id = $1", operator_id, now)


async def add_credential(
    tx: Tx, operator_id: UUID, secret_hash: bytes, networks: Sequence[Network], now: datetime, expires_at: datetime
) -> None:
    await tx.execute(
        """INSERT INTO operator_credentials (operator_id, secret_hash, networks, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5)""",
        operator_id,
        secret_hash,
        list(networks),
        now,
        expires_at,
    )


async def by_credential(q: Queryable, secret_hash: bytes) -> Row | None:
    return await q.fetchrow(
        """SELECT o.id, o.name, o.email, o.created_at, o.disabled_at, c.id AS credential_id, c.networks, c.last_used_at,
                  c.expires_at AS credential_expires_at, c.revoked_at
           FROM operator_credentials c JOIN operators o ON o.id = c.operator_id WHERE c.secret_hash = $1""",
        secret_hash,
    )


async def touch(q: Queryable, credential_id: UUID, now: datetime) -> None:
    """Notes a use; a clock that runs behind changes nothing."""
    await q.execute(
        """UPDATE operator_credentials SET last_used_at = $2
           WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)""",
        credential_id,
        now,
    )


async def last_networks(tx: Tx, operator_id: UUID) -> list[Network]:
    found: list[Network] | None = await tx.fetchval(
        "SELECT networks FROM operator_credentials WHERE operator_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
        operator_id,
    )
    return found or []


async def revoke_credentials(tx: Tx, operator_id: UUID, now: datetime) -> None:
    await tx.execute(
        "UPDATE operator_credentials SET revoked_at = $2 WHERE operator_id = $1 AND revoked_at IS NULL",
        operator_id,
        now,
    )


async def end_sessions(tx: Tx, name: str, now: datetime) -> None:
    """Ends those in which the operator looks at the portal."""
    await tx.execute("UPDATE sessions SET ended_at = $2 WHERE operator = $1 AND ended_at IS NULL", name, now)


# -- signing in as a contact


async def add_sign_in(
    tx: Tx, code_hash: bytes, operator_id: UUID, contact_id: UUID, reason: str, now: datetime, expires_at: datetime
) -> None:
    await tx.execute(
        """INSERT INTO operator_sign_ins (code_hash, operator_id, contact_id, reason, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        code_hash,
        operator_id,
        contact_id,
        reason,
        now,
        expires_at,
    )


async def redeem_sign_in(tx: Tx, code_hash: bytes, now: datetime) -> Row | None:
    """Uses the link up; None when it was used, is over, unknown, or its operator is disabled."""
    return await tx.fetchrow(
        """UPDATE operator_sign_ins s SET used_at = $2
           FROM operators o, contacts c, users u
           WHERE s.code_hash = $1 AND s.used_at IS NULL AND s.expires_at > $2
             AND o.id = s.operator_id AND o.disabled_at IS NULL
             AND c.id = s.contact_id AND c.revoked_at IS NULL AND u.id = c.user_id
           RETURNING s.reason, s.contact_id, o.id AS operator_id, o.name AS operator, c.account_id, c.user_id, u.email""",
        code_hash,
        now,
    )


async def add_session(
    tx: Tx,
    secret_hash: bytes,
    user_id: UUID,
    contact_id: UUID,
    operator: str,
    grants: list[dict[str, object]],
    ip: str,
    user_agent: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """The session of an operator who looks through a contact's eyes."""
    await tx.execute(
        """INSERT INTO sessions (secret_hash, user_id, contact_id, operator, grants, ip, user_agent, created_at, expires_at,
                                 last_used_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)""",
        secret_hash,
        user_id,
        contact_id,
        operator,
        grants,
        ip,
        user_agent,
        now,
        expires_at,
    )


async def purge_sign_ins(q: Queryable, before: datetime) -> None:
    await q.execute("DELETE FROM operator_sign_ins WHERE expires_at < $1", before)


# -- accounts

_SUMMARY = """SELECT a.id, a.number, a.name, a.email, a.created_at, a.locked_at, a.lock_reason,
                     (SELECT count(*) FROM contacts c WHERE c.account_id = a.id AND c.user_id IS NOT NULL
                        AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > $1)) AS contacts
              FROM accounts a"""


async def account(q: Queryable, ref: str, now: datetime) -> Row | None:
    """By number or id."""
    return await q.fetchrow(f"{_SUMMARY} WHERE a.number = $2 OR a.id = $3", now, ref.strip().upper(), _uuid(ref))


async def hold_account(tx: Tx, ref: str, now: datetime) -> Row | None:
    """As `account`, locked against others."""
    return await tx.fetchrow(
        f"{_SUMMARY} WHERE a.number = $2 OR a.id = $3 FOR UPDATE OF a", now, ref.strip().upper(), _uuid(ref)
    )


async def accounts(q: Queryable, search: str, locked: bool, now: datetime, page: Page) -> list[Row]:
    """Newest first. `search` is a LIKE pattern, or empty."""
    after, order = page.sql([("a.created_at", "timestamptz"), ("a.id", "uuid")], 5, descending=True)
    return await q.fetch(
        f"""{_SUMMARY} WHERE ($2 = '' OR a.number ILIKE $2 OR a.name ILIKE $2 OR a.email ILIKE $2::citext)
              AND (NOT $3 OR a.locked_at IS NOT NULL) AND {after} ORDER BY {order} LIMIT $4""",
        now,
        search,
        locked,
        page.limit,
        *page.args,
    )


async def set_account_lock(tx: Tx, account_id: UUID, locked_at: datetime | None, reason: str) -> None:
    await tx.execute(
        "UPDATE accounts SET locked_at = $2, lock_reason = $3 WHERE id = $1", account_id, locked_at, reason
    )


# -- users

_USER = """SELECT u.id, u.email, u.name, u.locale, u.created_at, u.locked_at, u.lock_reason,
                  (SELECT count(*) FROM contacts c WHERE c.user_id = u.id AND c.revoked_at IS NULL
                     AND (c.expires_at IS NULL OR c.expires_at > $1)) AS accounts,
                  (SELECT count(*) FROM factors f WHERE f.user_id = u.id) AS factors,
                  (SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.operator IS NULL AND s.ended_at IS NULL
                     AND s.expires_at > $1 AND s.last_used_at > $2) AS sessions
           FROM users u"""


async def user(q: Queryable, ref: str, now: datetime, used_after: datetime) -> Row | None:
    """By e-mail address or id."""
    return await q.fetchrow(
        f"{_USER} WHERE u.email = $3::text::citext OR u.id = $4", now, used_after, ref.strip(), _uuid(ref)
    )


async def hold_user(tx: Tx, ref: str, now: datetime, used_after: datetime) -> Row | None:
    """As `user`, locked against others."""
    return await tx.fetchrow(
        f"{_USER} WHERE u.email = $3::text::citext OR u.id = $4 FOR UPDATE OF u",
        now,
        used_after,
        ref.strip(),
        _uuid(ref),
    )


async def users(q: Queryable, search: str, locked: bool, now: datetime, used_after: datetime, page: Page) -> list[Row]:
    """Newest first. `search` is a LIKE pattern, or empty."""
    after, order = page.sql([("u.created_at", "timestamptz"), ("u.id", "uuid")], 6, descending=True)
    return await q.fetch(
        f"""{_USER} WHERE ($3 = '' OR u.name ILIKE $3 OR u.email ILIKE $3::citext)
              AND (NOT $4 OR u.locked_at IS NOT NULL) AND {after} ORDER BY {order} LIMIT $5""",
        now,
        used_after,
        search,
        locked,
        page.limit,
        *page.args,
    )


async def set_user_lock(tx: Tx, user_id: UUID, locked_at: datetime | None, reason: str) -> None:
    await tx.execute("UPDATE users SET locked_at = $2, lock_reason = $3 WHERE id = $1", user_id, locked_at, reason)


# -- the event log's chains


async def chains(q: Queryable, page: Page) -> list[Row]:
    """Of every account, and those whose account is none of ours (the house's own); by id."""
    after, order = page.sql([("account_id", "uuid")], 2)
    return await q.fetch(
        f"""SELECT account_id, coalesce(number, '') AS number, coalesce(seq, 0) AS rows
            FROM (SELECT coalesce(a.id, h.account_id) AS account_id, a.number, h.seq
                  FROM accounts a FULL JOIN event_log_heads h ON h.account_id = a.id) AS c
            WHERE {after} ORDER BY {order} LIMIT $1""",  # noqa: S608 - the chassis' text
        page.limit,
        *page.args,
    )


async def chain(q: Queryable, ref: str) -> UUID | None:
    """The account of a chain, by its number or id, whether or not it is an account of ours."""
    found: UUID | None = await q.fetchval(
        """SELECT coalesce(a.id, h.account_id) FROM accounts a FULL JOIN event_log_heads h ON h.account_id = a.id
           WHERE a.number = $1 OR a.id = $2 OR h.account_id = $2""",
        ref.strip().upper(),
        _uuid(ref),
    )
    return found


def _uuid(ref: str) -> UUID | None:
    try:
        return UUID(ref.strip())
    except ValueError:
        return None
