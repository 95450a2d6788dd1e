"""All SQL of accounts and of the locks on their fields."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.identity.people import Account, Profile

_LOCKS = "coalesce((SELECT jsonb_object_agg(field, reason) FROM profile_locks WHERE account_id = a.id), '{}') AS locks"


async def add_account(tx: Tx, account_id: UUID | None, profile: Profile) -> Account:
    row = await tx.fetchrow(
        """INSERT INTO accounts (id, number, kind, name, email, country, currency, locale, tax_number, phone,
                                 postal_code, city, street, eu_vat_id)
           VALUES (coalesce($1, uuidv7()), 'P-' || nextval('account_numbers'),
                   $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING *, '{}'::jsonb AS locks""",
        account_id,
        *_values(profile),
    )
    assert row is not None
    return _account(row)


async def account(q: Queryable, account_id: UUID, resources: list[UUID] | None) -> Account | None:
    row = await q.fetchrow(
        f"SELECT a.*, {_LOCKS} FROM accounts a WHERE id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2))",  # noqa: S608
        account_id,
        resources,
    )
    return None if row is None else _account(row)


async def lock_account(tx: Tx, account_id: UUID) -> None:
    """Changes of an account's profile and of its contacts happen one after the other."""
    await tx.execute("SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE", account_id)


async def save_profile(tx: Tx, account_id: UUID, profile: Profile) -> None:
    await tx.execute(
        """UPDATE accounts SET kind = $2, name = $3, email = $4, country = $5, currency = $6, locale = $7, tax_number = $8,
                               phone = $9, postal_code = $10, city = $11, street = $12, eu_vat_id = $13,
                               version = version + 1
           WHERE id = $1""",
        account_id,
        *_values(profile),
    )


async def add_locks(tx: Tx, account_id: UUID, reasons: Mapping[str, str], now: datetime) -> list[str]:
    """Locks fields, each for its reason. The fields that were free before."""
    rows = await tx.fetch(
        """INSERT INTO profile_locks (account_id, field, reason, locked_at)
           SELECT $1, f.field, f.reason, $4 FROM unnest($2::text[], $3::text[]) AS f (field, reason)
           ON CONFLICT DO NOTHING RETURNING field""",
        account_id,
        list(reasons),
        list(reasons.values()),
        now,
    )
    return [row["field"] for row in rows]


async def remove_lock(tx: Tx, account_id: UUID, field: str) -> str | None:
    """The lock's reason; None when the field was free."""
    reason: str | None = await tx.fetchval(
        "DELETE FROM profile_locks WHERE account_id = $1 AND field = $2 RETURNING reason", account_id, field
    )
    return reason


async def security_facts(q: Queryable, account_id: UUID, user_id: UUID | None, now: datetime) -> Row:
    row = await q.fetchrow(
        """SELECT EXISTS (SELECT FROM factors WHERE user_id = $2) AS has_factor,
                  count(*) FILTER (WHERE role = 'owner') AS owners, count(*) AS contacts
           FROM contacts WHERE account_id = $1 AND user_id IS NOT NULL AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > $3)""",
        account_id,
        user_id,
        now,
    )
    assert row is not None
    return row


def _values(profile: Profile) -> tuple[str, ...]:
    return (
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
        profile.eu_vat_id,
    )


def _account(row: Row) -> Account:
    profile = Profile(**{name: row[name] for name in Profile.__dataclass_fields__})
    return Account(row["id"], row["number"], profile, row["created_at"], row["version"], row["locks"])
