"""All SQL of users, guesses and e-mails. That of accounts, contacts, invitations, sessions and tokens, passwords' links and
the event log stands in the files named after them."""

from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page
from services.identity.letters import Letter, Text

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


async def email_of_user(q: Queryable, user_id: UUID) -> str:
    return str(await q.fetchval("SELECT email FROM users WHERE id = $1", user_id))


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


async def spend_guess(tx: Tx, key: str, now: datetime, every: timedelta, latest: datetime) -> datetime | None:
    """None when paid for; else when the allowance is whole again."""
    paid = await tx.fetchval(
        """INSERT INTO guesses AS g (key, whole_at) VALUES ($1, $2::timestamptz + $3)
           ON CONFLICT (key) DO UPDATE SET whole_at = greatest(g.whole_at, $2) + $3
           WHERE greatest(g.whole_at, $2) + $3 <= $4 RETURNING true""",
        key,
        now,
        every,
        latest,
    )
    if paid:
        return None
    whole_at: datetime = await tx.fetchval("SELECT whole_at FROM guesses WHERE key = $1", key)
    return whole_at


async def forget_guesses(q: Queryable, key: str) -> None:
    await q.execute("DELETE FROM guesses WHERE key = $1", key)


# -- housekeeping


async def purge(q: Queryable, now: datetime, sessions_before: datetime) -> None:
    """Forgets guesses that no longer count, sessions long over and reset links that have run out."""
    await q.execute("DELETE FROM guesses WHERE whole_at < $1", now)
    await q.execute("DELETE FROM sessions WHERE expires_at < $1", sessions_before)
    await q.execute("DELETE FROM password_resets WHERE expires_at < $1", now)


# -- e-mails


async def add_email(tx: Tx, letter: Letter, text: Text, sealed_secret: bytes | None, now: datetime) -> UUID | None:
    """None when there is a mail on this occasion already."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO emails (account_id, user_id, occasion, recipient, category, subject, body, sealed_secret, resources,
                               created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (occasion) DO NOTHING RETURNING id""",
        letter.account_id,
        letter.user_id,
        letter.occasion,
        letter.recipient,
        letter.category,
        text.subject,
        text.body,
        sealed_secret,
        list(letter.resources),
        now,
    )
    return added


async def email(q: Queryable, email_id: UUID) -> Row | None:
    return await q.fetchrow("SELECT * FROM emails WHERE id = $1", email_id)


async def settle_email(tx: Tx, email_id: UUID, state: str, error: str, sent_at: datetime | None) -> Row | None:
    """None when it is settled already."""
    return await tx.fetchrow(
        """UPDATE emails SET state = $2, error = $3, sent_at = $4, sealed_secret = NULL WHERE id = $1 AND state = 'queued'
           RETURNING account_id""",
        email_id,
        state,
        error,
        sent_at,
    )


async def waiting_emails(q: Queryable, since: datetime) -> list[UUID]:
    rows = await q.fetch("SELECT id FROM emails WHERE state = 'queued' AND created_at >= $1", since)
    return [row["id"] for row in rows]


async def email_page(q: Queryable, account_id: UUID, resources: list[UUID] | None, page: Page) -> list[Row]:
    after, order = page.sql([("created_at", "timestamptz"), ("id", "uuid")], 4, descending=True)
    return await q.fetch(
        f"""SELECT id, created_at, sent_at, recipient, subject, body, state, category FROM emails
            WHERE account_id = $1 AND ($2::uuid[] IS NULL OR (resources <> '{{}}' AND resources <@ $2)) AND {after}
            ORDER BY {order} LIMIT $3""",  # noqa: S608 - the chassis' text
        account_id,
        resources,
        page.limit,
        *page.args,
    )
