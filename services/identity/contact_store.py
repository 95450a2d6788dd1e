"""All SQL of contacts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.identity import access
from services.identity.people import NOBODY, Contact, Invitation, Lock, User
from services.identity.store import BOUNCING

_CONTACT = f"""SELECT c.id, c.account_id, a.number AS account_number, a.name AS account_name, c.role, c.grants,
                     c.denied_fields, c.created_at, c.expires_at, c.revoked_at, c.user_id,
                     coalesce(u.email, i.email) AS email, coalesce(u.name, i.name) AS name,
                     coalesce(u.locale, i.locale) AS locale,
                     i.sent_at, i.expires_at AS invitation_expires_at, i.outcome, a.locked_at, a.lock_reason,
                     {BOUNCING}
              FROM contacts c JOIN accounts a ON a.id = c.account_id
                   LEFT JOIN users u ON u.id = c.user_id LEFT JOIN invitations i ON i.contact_id = c.id"""  # noqa: S608 - our own text


async def add_contact(
    tx: Tx,
    contact_id: UUID | None,
    account_id: UUID,
    user_id: UUID | None,
    role: str,
    grants: list[dict[str, Any]],
    denied_fields: list[str],
    expires_at: datetime | None,
) -> UUID | None:
    """None when the user is a contact of the account already."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO contacts (id, account_id, user_id, role, grants, denied_fields, expires_at)
           VALUES (coalesce($1, uuidv7()), $2, $3, $4, $5, $6, $7)
           ON CONFLICT (account_id, user_id) WHERE revoked_at IS NULL DO NOTHING RETURNING id""",
        contact_id,
        account_id,
        user_id,
        role,
        grants,
        denied_fields,
        expires_at,
    )
    return added


async def contact(q: Queryable, account_id: UUID, contact_id: UUID, resources: list[UUID] | None) -> Contact | None:
    """In whatever state."""
    row = await q.fetchrow(
        f"{_CONTACT} WHERE c.account_id = $1 AND c.id = $2 AND ($3::uuid[] IS NULL OR c.id = ANY($3))",
        account_id,
        contact_id,
        resources,
    )
    return None if row is None else _contact(row)


async def contacts_of_account(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, *, revoked: bool, most: int
) -> list[Contact]:
    """In the order in which they came; with `revoked` the latest of these too."""
    rows = await q.fetch(
        f"""WITH found AS (
                {_CONTACT} WHERE c.account_id = $1 AND ($2::uuid[] IS NULL OR c.id = ANY($2)) AND c.revoked_at IS NULL
                UNION ALL
                ({_CONTACT} WHERE $3 AND c.account_id = $1 AND ($2::uuid[] IS NULL OR c.id = ANY($2))
                   AND c.revoked_at IS NOT NULL ORDER BY c.revoked_at DESC LIMIT $4))
            SELECT * FROM found ORDER BY created_at, id""",  # noqa: S608 - this file's text
        account_id,
        resources,
        revoked,
        most,
    )
    return [_contact(row) for row in rows]


async def count_contacts(q: Queryable, account_id: UUID) -> int:
    """Those not revoked; invited ones count."""
    count: int = await q.fetchval(
        "SELECT count(*) FROM contacts WHERE account_id = $1 AND revoked_at IS NULL", account_id
    )
    return count


async def count_keepers(q: Queryable, account_id: UUID) -> int:
    """Owners for good and with every right, as Contact.keeps_account says it."""
    count: int = await q.fetchval(
        """SELECT count(*) FROM contacts WHERE account_id = $1 AND role = 'owner' AND user_id IS NOT NULL
             AND revoked_at IS NULL AND expires_at IS NULL AND denied_fields = '{}'""",
        account_id,
    )
    return count


async def has_contact(q: Queryable, account_id: UUID, user_id: UUID) -> bool:
    """Not revoked; its time may be over."""
    found: bool = await q.fetchval(
        "SELECT EXISTS (SELECT FROM contacts WHERE account_id = $1 AND user_id = $2 AND revoked_at IS NULL)",
        account_id,
        user_id,
    )
    return found


async def save_rights(
    tx: Tx,
    contact_id: UUID,
    role: str,
    grants: list[dict[str, Any]],
    denied_fields: list[str],
    expires_at: datetime | None,
) -> None:
    await tx.execute(
        "UPDATE contacts SET role = $2, grants = $3, denied_fields = $4, expires_at = $5 WHERE id = $1",
        contact_id,
        role,
        grants,
        denied_fields,
        expires_at,
    )


async def set_user(tx: Tx, contact_id: UUID, user_id: UUID) -> None:
    await tx.execute("UPDATE contacts SET user_id = $2 WHERE id = $1", contact_id, user_id)


async def revoke(tx: Tx, contact_id: UUID, now: datetime) -> None:
    await tx.execute("UPDATE contacts SET revoked_at = $2 WHERE id = $1", contact_id, now)


async def memberships(q: Queryable, user_id: UUID, contact_id: UUID | None, now: datetime) -> list[Contact]:
    """The user's contacts that count, or the one named; the default account's first."""
    rows = await q.fetch(
        f"""{_CONTACT} WHERE c.user_id = $1 AND ($2::uuid IS NULL OR c.id = $2) AND c.revoked_at IS NULL
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
        """SELECT account_id, id FROM contacts WHERE user_id = $1 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > $2) ORDER BY account_id""",
        user_id,
        now,
    )
    return [(row["account_id"], row["id"]) for row in rows]


async def set_default_account(tx: Tx, user_id: UUID, account_id: UUID) -> None:
    await tx.execute("UPDATE users SET default_account_id = $2 WHERE id = $1", user_id, account_id)


def _contact(row: Row) -> Contact:
    invitation = None
    if row["sent_at"] is not None:
        invitation = Invitation(row["sent_at"], row["invitation_expires_at"], row["outcome"] or "")
    return Contact(
        row["id"],
        row["account_id"],
        row["account_number"],
        row["account_name"],
        User(
            row["user_id"] or NOBODY,
            row["email"] or "",
            row["name"] or "",
            row["locale"] or "hu",
            row["email_bouncing"],
        ),
        row["role"],
        access.load(row["grants"]),
        tuple(row["denied_fields"]),
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        invitation,
        lock(row),
    )


def lock(row: Row) -> Lock | None:
    """That of a row with locked_at and lock_reason."""
    return Lock(row["locked_at"], row["lock_reason"]) if row["locked_at"] else None
