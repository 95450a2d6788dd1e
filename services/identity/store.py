"""All SQL of accounts, users and contacts. That of sessions and tokens stands in credential_store.py, of reset links and VPN
passwords in password_store.py, of e-mails in email_store.py, the event log's in log_store.py."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.identity import access
from services.identity.people import Account, Contact, Profile, User

#: Of a user `u`: whether mail to its address comes back.
BOUNCING = "EXISTS (SELECT FROM bouncing_addresses b WHERE b.address = u.email) AS email_bouncing"

# -- accounts


async def add_account(tx: Tx, account_id: UUID | None, profile: Profile) -> Account:
    row = await tx.fetchrow(
        """INSERT INTO accounts (id, number, kind, name, email, country, currency, locale, tax_number, phone,
                                 postal_code, city, street)
           VALUES (coalesce($1, uuidv7()), 'P-' || nextval('account_numbers'),
                   $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *""",
        account_id,
        profile.kind,
        profile.name,
        profile.email,
        profile.country,
        profile.currency,
        profile.locale,
        profile.tax_number,
        profile.phone,
        profile.postal_code,
        profile.city,
        profile.street,
    )
    assert row is not None
    return _account(row)


async def account(q: Queryable, account_id: UUID, resources: list[UUID] | None) -> Account | None:
    row = await q.fetchrow(
        "SELECT * FROM accounts WHERE id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2))", account_id, resources
    )
    return None if row is None else _account(row)


async def security_facts(q: Queryable, account_id: UUID, user_id: UUID | None, now: datetime) -> Row:
    row = await q.fetchrow(
        """SELECT EXISTS (SELECT FROM factors WHERE user_id = $2) AS has_factor,
                  count(*) FILTER (WHERE role = 'owner') AS owners, count(*) AS contacts
           FROM contacts WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $3)""",
        account_id,
        user_id,
        now,
    )
    assert row is not None
    return row


def _account(row: Row) -> Account:
    profile = Profile(**{name: row[name] for name in Profile.__dataclass_fields__})
    return Account(row["id"], row["number"], profile, row["created_at"])


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
        "SELECT id, email, name, locale, password_hash FROM users WHERE email = $1::text::citext", email
    )


async def user(q: Queryable, user_id: UUID) -> Row:
    row = await q.fetchrow(
        """SELECT id, email, name, locale, password_hash,
                  EXISTS (SELECT FROM factors WHERE user_id = users.id) AS has_factor FROM users WHERE id = $1""",
        user_id,
    )
    assert row is not None
    return row


async def lock_password(tx: Tx, user_id: UUID) -> str | None:
    found: str | None = await tx.fetchval("SELECT password_hash FROM users WHERE id = $1 FOR UPDATE", user_id)
    return found


async def set_password(tx: Tx, user_id: UUID, password_hash: str) -> None:
    await tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, password_hash)


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


# -- contacts


_CONTACT = f"""SELECT c.id, c.account_id, a.number AS account_number, a.name AS account_name, c.role, c.grants,
                     c.denied_fields, c.created_at, u.id AS user_id, u.email, u.name, u.locale, {BOUNCING}
              FROM contacts c JOIN accounts a ON a.id = c.account_id JOIN users u ON u.id = c.user_id"""  # noqa: S608 - our own text


async def add_contact(
    tx: Tx,
    contact_id: UUID | None,
    account_id: UUID,
    user_id: UUID,
    role: str,
    grants: list[dict[str, Any]],
    denied_fields: list[str],
    expires_at: datetime | None,
) -> UUID | None:
    """None when the user is a contact of the account already."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO contacts (id, account_id, user_id, role, grants, denied_fields, expires_at)
           VALUES (coalesce($1, uuidv7()), $2, $3, $4, $5, $6, $7)
           ON CONFLICT (account_id, user_id) DO NOTHING RETURNING id""",
        contact_id,
        account_id,
        user_id,
        role,
        grants,
        denied_fields,
        expires_at,
    )
    return added


async def contacts_of_account(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, now: datetime
) -> list[Contact]:
    rows = await q.fetch(
        f"""{_CONTACT} WHERE c.account_id = $1 AND ($2::uuid[] IS NULL OR c.id = ANY($2))
              AND (c.expires_at IS NULL OR c.expires_at > $3)
            ORDER BY c.created_at, c.id""",
        account_id,
        resources,
        now,
    )
    return [_contact(row) for row in rows]


async def memberships(q: Queryable, user_id: UUID, contact_id: UUID | None, now: datetime) -> list[Contact]:
    """The user's contacts, or the one named; the default account's first."""
    rows = await q.fetch(
        f"""{_CONTACT} WHERE c.user_id = $1 AND ($2::uuid IS NULL OR c.id = $2)
              AND (c.expires_at IS NULL OR c.expires_at > $3)
            ORDER BY c.account_id = u.default_account_id DESC NULLS LAST, c.created_at, c.id""",
        user_id,
        contact_id,
        now,
    )
    return [_contact(row) for row in rows]


async def accounts_of_user(q: Queryable, user_id: UUID, now: datetime) -> list[tuple[UUID, UUID]]:
    """(account, contact) of each membership that is not over."""
    rows = await q.fetch(
        """SELECT account_id, id FROM contacts WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2)
           ORDER BY account_id""",
        user_id,
        now,
    )
    return [(row["account_id"], row["id"]) for row in rows]


def _contact(row: Row) -> Contact:
    return Contact(
        row["id"],
        row["account_id"],
        row["account_number"],
        row["account_name"],
        User(row["user_id"], row["email"], row["name"], row["locale"], row["email_bouncing"]),
        row["role"],
        access.load(row["grants"]),
        tuple(row["denied_fields"]),
        row["created_at"],
    )


# -- housekeeping


async def purge(q: Queryable, now: datetime, sessions_before: datetime, devices_before: datetime) -> None:
    """Forgets guesses that no longer count, sessions long over, devices long unused and reset links that have run out."""
    await q.execute("DELETE FROM guesses WHERE whole_at < $1", now)
    await q.execute("DELETE FROM sessions WHERE expires_at < $1", sessions_before)
    await q.execute("DELETE FROM devices WHERE seen_at < $1", devices_before)
    await q.execute("DELETE FROM password_resets WHERE expires_at < $1", now)
