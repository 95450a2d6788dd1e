"""All SQL of invitations. What they would give stands in their contact."""

from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx


async def add(
    tx: Tx,
    contact_id: UUID,
    account_id: UUID,
    email: str,
    name: str,
    locale: str,
    message: str,
    inviter_id: UUID | None,
    secret_hash: bytes,
    now: datetime,
    expires_at: datetime,
) -> None:
    await tx.execute(
        """INSERT INTO invitations (contact_id, account_id, email, name, locale, message, inviter_id, secret_hash, sent_at,
                                    expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        contact_id,
        account_id,
        email,
        name,
        locale,
        message,
        inviter_id,
        secret_hash,
        now,
        expires_at,
    )


async def by_secret(q: Queryable, secret_hash: bytes) -> Row | None:
    """With its account, its contact, who sent it (unless revoked since), and who signs in with its address."""
    return await q.fetchrow(
        """SELECT i.*, a.name AS account_name, a.number AS account_number, c.role, c.expires_at AS contact_expires_at,
                  u.id AS inviter_user_id, u.name AS inviter_name, u.email AS inviter_email, u.locale AS inviter_locale,
                  o.id AS user_id
           FROM invitations i JOIN contacts c ON c.id = i.contact_id JOIN accounts a ON a.id = i.account_id
                LEFT JOIN contacts s ON s.id = i.inviter_id AND s.revoked_at IS NULL
                LEFT JOIN users u ON u.id = s.user_id
                LEFT JOIN users o ON o.email = i.email
           WHERE i.secret_hash = $1""",
        secret_hash,
    )


async def of_contact(tx: Tx, contact_id: UUID) -> Row | None:
    return await tx.fetchrow("SELECT * FROM invitations WHERE contact_id = $1", contact_id)


async def is_invited(q: Queryable, account_id: UUID, email: str) -> bool:
    """Whether there is an open invitation to the address, run out or not."""
    found: bool = await q.fetchval(
        """SELECT EXISTS (SELECT FROM invitations
                          WHERE account_id = $1 AND email = $2::text::citext AND outcome IS NULL)""",
        account_id,
        email,
    )
    return found


async def count_sent(q: Queryable, account_id: UUID, since: datetime) -> int:
    """Invitation mails of the account; one sent again counts as often as it was ever sent."""
    count: int = await q.fetchval(
        "SELECT coalesce(sum(sends), 0) FROM invitations WHERE account_id = $1 AND sent_at >= $2", account_id, since
    )
    return count


async def renew(tx: Tx, contact_id: UUID, secret_hash: bytes, now: datetime, expires_at: datetime) -> int:
    """How often it has been sent now."""
    sends: int = await tx.fetchval(
        """UPDATE invitations SET secret_hash = $2, sent_at = $3, expires_at = $4, sends = sends + 1
           WHERE contact_id = $1 RETURNING sends""",
        contact_id,
        secret_hash,
        now,
        expires_at,
    )
    return sends


async def end(tx: Tx, contact_id: UUID, outcome: str, now: datetime) -> None:
    """Ends it, if it is open."""
    await tx.execute(
        "UPDATE invitations SET outcome = $2, ended_at = $3 WHERE contact_id = $1 AND outcome IS NULL",
        contact_id,
        outcome,
        now,
    )
