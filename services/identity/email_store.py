"""All SQL of e-mails, of who wants them, and of addresses that do not take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx, like
from services.chassis.pages import Page
from services.identity.conditions import Conditions
from services.identity.letters import Letter, Text

# -- e-mails


async def add(tx: Tx, letter: Letter, text: Text, sealed_secret: bytes | None, now: datetime) -> UUID | None:
    """None when there is a mail on this occasion already."""
    added: UUID | None = await tx.fetchval(
        """INSERT INTO emails (account_id, user_id, occasion, recipient, category, locale, subject, body, sealed_secret,
                               resources, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (occasion) DO NOTHING RETURNING id""",
        letter.account_id,
        letter.user_id,
        letter.occasion,
        letter.recipient,
        letter.category,
        text.locale,
        text.subject,
        text.body,
        sealed_secret,
        list(letter.resources),
        now,
    )
    return added


async def get(q: Queryable, email_id: UUID) -> Row | None:
    return await q.fetchrow("SELECT * FROM emails WHERE id = $1", email_id)


async def note_failure(q: Queryable, email_id: UUID, failure: str, error: str) -> None:
    """Why a mail that will be tried again has not left yet."""
    await q.execute(
        "UPDATE emails SET failure = $2, error = $3 WHERE id = $1 AND state = 'queued'", email_id, failure, error
    )


async def settle(tx: Tx, email_id: UUID, state: str, failure: str, error: str, sent_at: datetime | None) -> Row | None:
    """None when it is settled already."""
    return await tx.fetchrow(
        """UPDATE emails SET state = $2, failure = $3, error = $4, sent_at = $5, sealed_secret = NULL
           WHERE id = $1 AND state = 'queued' RETURNING account_id, recipient""",
        email_id,
        state,
        failure,
        error,
        sent_at,
    )


async def waiting(q: Queryable, since: datetime) -> list[UUID]:
    rows = await q.fetch("SELECT id FROM emails WHERE state = 'queued' AND created_at >= $1", since)
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a page is limited to; empty limits nothing. `search` is part of the subject or the recipient."""

    categories: Sequence[str] = ()
    states: Sequence[str] = ()
    search: str = ""


async def page(
    q: Queryable,
    owner: tuple[str, UUID],
    resources: list[UUID] | None,
    wanted: Filter,
    page: Page,
) -> list[Row]:
    """Newest first. `owner` is ("account", id), or ("user", id) for the mail that is in no account's list."""
    kind, owner_id = owner
    where = Conditions("account_id = {}" if kind == "account" else "user_id = {} AND account_id IS NULL", owner_id)
    if resources is not None:
        where.add("resources <> '{{}}' AND resources <@ {}::uuid[]", resources)
    if wanted.categories:
        where.add("category = ANY({}::text[])", list(wanted.categories))
    if wanted.states:
        where.add("state = ANY({}::text[])", list(wanted.states))
    if search := like(wanted.search):
        where.add("(subject || ' ' || recipient) ILIKE {}", search)
    after, order = page.sql([("created_at", "timestamptz"), ("id", "uuid")], len(where.args) + 1, descending=True)
    return await q.fetch(
        f"""SELECT id, created_at, sent_at, recipient, subject, body, state, category, failure, error FROM emails
            WHERE {where.sql} AND {after} ORDER BY {order} LIMIT {page.limit}""",  # noqa: S608 - our own text
        *where.args,
        *page.args,
    )


# -- addresses that do not take mail


async def bounce(tx: Tx, email_id: UUID, failure: str, error: str, now: datetime) -> Row | None:
    """None when the mail is unknown; `changed` tells whether it had not bounced before. One given up stays as it is."""
    return await tx.fetchrow(
        """WITH changed AS (UPDATE emails SET state = 'bounced', failure = $2, error = $3, sealed_secret = NULL,
                                   sent_at = coalesce(sent_at, $4)
                            WHERE id = $1 AND state IN ('queued', 'sent') RETURNING id)
           SELECT account_id, user_id, recipient, state, EXISTS (SELECT FROM changed) AS changed
           FROM emails WHERE id = $1""",
        email_id,
        failure,
        error,
        now,
    )


async def flag_address(tx: Tx, address: str, email_id: UUID, now: datetime) -> None:
    await tx.execute(
        """INSERT INTO bouncing_addresses (address, email_id, bounced_at) VALUES ($1, $2, $3)
           ON CONFLICT (address) DO NOTHING""",
        address,
        email_id,
        now,
    )


async def clear_address(tx: Tx, address: str) -> None:
    await tx.execute("DELETE FROM bouncing_addresses WHERE address = $1::text::citext", address)


# -- who wants them


async def switched_off(q: Queryable, account_id: UUID, category: str) -> set[UUID]:
    """The account's contacts that want no mail of the category."""
    rows = await q.fetch(
        """SELECT p.contact_id FROM notification_preferences p JOIN contacts c ON c.id = p.contact_id
           WHERE c.account_id = $1 AND p.category = $2 AND NOT p.enabled""",
        account_id,
        category,
    )
    return {row["contact_id"] for row in rows}


async def preferences(q: Queryable, account_id: UUID, contact_id: UUID) -> list[Row]:
    """What the contact has ever changed."""
    return await q.fetch(
        """SELECT p.category, p.enabled, p.changed_at FROM notification_preferences p
           JOIN contacts c ON c.id = p.contact_id WHERE c.account_id = $1 AND c.id = $2""",
        account_id,
        contact_id,
    )


async def lock_contact(tx: Tx, account_id: UUID, contact_id: UUID, user_id: UUID) -> str | None:
    """The user's address; None when it is no such contact. Its preferences change one after the other."""
    found: str | None = await tx.fetchval(
        """SELECT u.email FROM contacts c JOIN users u ON u.id = c.user_id
           WHERE c.account_id = $1 AND c.id = $2 AND c.user_id = $3 AND c.revoked_at IS NULL FOR UPDATE OF c""",
        account_id,
        contact_id,
        user_id,
    )
    return found


async def set_preference(
    tx: Tx, contact_id: UUID, category: str, *, enabled: bool, acknowledged: str | None, by: UUID, now: datetime
) -> None:
    """Switching on keeps the last acknowledgement."""
    await tx.execute(
        """INSERT INTO notification_preferences AS p
               (contact_id, category, enabled, changed_at, acknowledged, acknowledged_by, acknowledged_at)
           VALUES ($1, $2, $3, $6, $4::text, CASE WHEN $4::text IS NOT NULL THEN $5::uuid END,
                   CASE WHEN $4::text IS NOT NULL THEN $6::timestamptz END)
           ON CONFLICT (contact_id, category) DO UPDATE SET enabled = excluded.enabled, changed_at = excluded.changed_at,
               acknowledged = coalesce(excluded.acknowledged, p.acknowledged),
               acknowledged_by = coalesce(excluded.acknowledged_by, p.acknowledged_by),
               acknowledged_at = coalesce(excluded.acknowledged_at, p.acknowledged_at)""",
        contact_id,
        category,
        enabled,
        acknowledged,
        by,
        now,
    )
