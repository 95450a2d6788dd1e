"""All SQL of OAuth: clients, authorizations, tokens, signing keys. Its sessions stand in the table of all sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

# -- clients


async def add_client(
    tx: Tx,
    client_id: UUID,
    name: str,
    secret_hash: bytes | None,
    redirect_uris: Sequence[str],
    scopes: Sequence[str],
    first_party: bool,
    now: datetime,
) -> None:
    await tx.execute(
        """INSERT INTO oauth_clients (id, name, secret_hash, redirect_uris, scopes, first_party, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        client_id,
        name,
        secret_hash,
        list(redirect_uris),
        list(scopes),
        first_party,
        now,
    )


async def client(q: Queryable, client_id: UUID) -> Row | None:
    """Disabled or not."""
    return await q.fetchrow("SELECT * FROM oauth_clients WHERE id = $1", client_id)


async def client_page(q: Queryable, page: Page) -> list[Row]:
    after, order = page.sql([("created_at", "timestamptz"), ("id", "uuid")], 2, descending=True)
    return await q.fetch(
        f"SELECT * FROM oauth_clients WHERE {after} ORDER BY {order} LIMIT $1",  # noqa: S608 - the chassis' text
        page.limit,
        *page.args,
    )


async def disable_client(tx: Tx, client_id: UUID, now: datetime) -> int | None:
    """Ends its open sessions too and says how many; None when it was disabled before."""
    disabled = await tx.fetchval(
        "UPDATE oauth_clients SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING true", client_id, now
    )
    if not disabled:
        return None
    ended = await tx.execute(
        "UPDATE sessions SET ended_at = $2 WHERE client_id = $1 AND ended_at IS NULL", client_id, now
    )
    return int(ended.split()[1])


# -- authorizations and codes


@dataclass(frozen=True, slots=True)
class Asked:
    """An app's request. The person must have signed in after `signed_in_since` and be `expected_user`, where they are given."""

    client_id: UUID
    redirect_uri: str
    scopes: Sequence[str]
    state: str
    nonce: str
    code_challenge: str
    prompt: Sequence[str]
    signed_in_since: datetime | None
    expected_user: UUID | None


async def add_authorization(tx: Tx, request_hash: bytes, asked: Asked, now: datetime, expires_at: datetime) -> None:
    await tx.execute(
        """INSERT INTO oauth_authorizations (request_hash, client_id, redirect_uri, scopes, state, nonce, code_challenge, prompt,
                                             signed_in_since, expected_user, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        request_hash,
        asked.client_id,
        asked.redirect_uri,
        list(asked.scopes),
        asked.state,
        asked.nonce,
        asked.code_challenge,
        list(asked.prompt),
        asked.signed_in_since,
        asked.expected_user,
        now,
        expires_at,
    )


async def lock_authorization(tx: Tx, request_hash: bytes, now: datetime) -> Row | None:
    """One that waits for its answer, with its client; None when it is over or its client disabled."""
    return await tx.fetchrow(
        """SELECT a.*, c.name AS client_name, c.first_party
           FROM oauth_authorizations a JOIN oauth_clients c ON c.id = a.client_id
           WHERE a.request_hash = $1 AND a.answered_at IS NULL AND a.expires_at > $2 AND c.disabled_at IS NULL
           FOR UPDATE OF a""",
        request_hash,
        now,
    )


async def answer_authorization(
    tx: Tx,
    authorization_id: UUID,
    now: datetime,
    code: tuple[bytes, datetime, UUID] | None = None,
) -> None:
    """`code` is (hash, end, the browser's session); without it the app is told an error."""
    code_hash, code_expires_at, allowed_by = code or (None, None, None)
    await tx.execute(
        """UPDATE oauth_authorizations SET answered_at = $2, code_hash = $3, code_expires_at = $4, allowed_by = $5
           WHERE id = $1""",
        authorization_id,
        now,
        code_hash,
        code_expires_at,
        allowed_by,
    )


async def consented(
    q: Queryable, user_id: UUID, client_id: UUID, scopes: Sequence[str], now: datetime, used_after: datetime
) -> bool:
    """Whether the user lets the client have at least these scopes already, in a session that is open."""
    found: bool = await q.fetchval(
        """SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND client_id = $2 AND scopes @> $3
                          AND ended_at IS NULL AND expires_at > $4 AND last_used_at > $5)""",
        user_id,
        client_id,
        list(scopes),
        now,
        used_after,
    )
    return found


async def lock_code(tx: Tx, code_hash: bytes) -> Row | None:
    """The authorization of a code, redeemed or not, and whom it is about. `used`: what it opened has been used."""
    return await tx.fetchrow(
        """SELECT a.*, coalesce(b.confirmed_at, b.created_at) AS signed_in_at, b.ended_at AS browser_ended_at,
                  u.id AS user_id, u.email, u.name, u.locale,
                  EXISTS (SELECT FROM oauth_access_tokens t WHERE t.session_id = a.opened AND t.used_at IS NOT NULL)
                  OR EXISTS (SELECT FROM oauth_refresh_tokens r WHERE r.session_id = a.opened AND r.used_at IS NOT NULL)
                  AS used
           FROM oauth_authorizations a JOIN sessions b ON b.id = a.allowed_by JOIN users u ON u.id = b.user_id
           WHERE a.code_hash = $1 FOR UPDATE OF a""",
        code_hash,
    )


async def redeem_code(tx: Tx, authorization_id: UUID, session_id: UUID, now: datetime) -> None:
    await tx.execute(
        "UPDATE oauth_authorizations SET opened = $2, opened_at = $3 WHERE id = $1", authorization_id, session_id, now
    )


# -- the sessions of apps


async def add_session(
    tx: Tx,
    client_id: UUID,
    user_id: UUID,
    scopes: Sequence[str],
    signed_in_at: datetime,
    ip: str,
    user_agent: str,
    now: datetime,
    expires_at: datetime,
) -> UUID:
    added: UUID = await tx.fetchval(
        """INSERT INTO sessions (client_id, user_id, scopes, signed_in_at, confirmed_at, ip, user_agent, created_at,
                                 last_used_at, expires_at)
           VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $7, $8) RETURNING id""",
        client_id,
        user_id,
        list(scopes),
        signed_in_at,
        ip,
        user_agent,
        now,
        expires_at,
    )
    return added


async def end_superseded(tx: Tx, session_id: UUID, now: datetime) -> None:
    """Ends the app's other sessions of the user that have no token any more and no scope that this one lacks: they
    only stood for consent."""
    await tx.execute(
        """UPDATE sessions o SET ended_at = $2 FROM sessions s
           WHERE s.id = $1 AND o.id <> s.id AND o.client_id = s.client_id AND o.user_id = s.user_id
             AND o.ended_at IS NULL AND o.scopes <@ s.scopes
             AND NOT EXISTS (SELECT FROM oauth_access_tokens t WHERE t.session_id = o.id AND t.expires_at > $2)
             AND NOT EXISTS (SELECT FROM oauth_refresh_tokens r
                             WHERE r.session_id = o.id AND r.used_at IS NULL AND r.expires_at > $2)""",
        session_id,
        now,
    )


async def end_session(tx: Tx, session_id: UUID, now: datetime) -> bool:
    """False when it had ended before."""
    ended = await tx.execute("UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL", session_id, now)
    return ended == "UPDATE 1"


# -- tokens

_OF_SESSION = """s.id, s.user_id, s.client_id, s.ended_at, s.last_used_at, s.signed_in_at, s.confirmed_at, s.operator,
                 s.expires_at AS session_expires_at, u.email, u.name, u.locale, u.locked_at, u.lock_reason,
                 c.name AS client_name, c.disabled_at"""
_SESSION = """JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
              JOIN oauth_clients c ON c.id = s.client_id"""


async def add_access_token(
    tx: Tx, secret_hash: bytes, session_id: UUID, scopes: Sequence[str], now: datetime, expires_at: datetime
) -> None:
    await tx.execute(
        """INSERT INTO oauth_access_tokens (secret_hash, session_id, scopes, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5)""",
        secret_hash,
        session_id,
        list(scopes),
        now,
        expires_at,
    )


async def access_token(q: Queryable, secret_hash: bytes) -> Row | None:
    """With its session, user and client; `id` is the session's, `scopes` are the token's own."""
    return await q.fetchrow(
        f"""SELECT {_OF_SESSION}, t.scopes, t.created_at, least(t.expires_at, s.expires_at) AS expires_at, t.used_at
            FROM oauth_access_tokens t {_SESSION} WHERE t.secret_hash = $1""",  # noqa: S608 - the text above
        secret_hash,
    )


async def note_access(q: Queryable, secret_hash: bytes, now: datetime) -> None:
    """Notes the use of an access token, and with it of its session; a clock that runs behind changes nothing."""
    await q.execute(
        """WITH used AS (UPDATE oauth_access_tokens SET used_at = coalesce(used_at, $2) WHERE secret_hash = $1
                         RETURNING session_id)
           UPDATE sessions s SET last_used_at = $2 FROM used WHERE s.id = used.session_id AND s.last_used_at < $2""",
        secret_hash,
        now,
    )


async def remove_access_token(tx: Tx, secret_hash: bytes) -> None:
    await tx.execute("DELETE FROM oauth_access_tokens WHERE secret_hash = $1", secret_hash)


async def add_refresh_token(tx: Tx, secret_hash: bytes, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    await tx.execute(
        "INSERT INTO oauth_refresh_tokens (secret_hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        secret_hash,
        session_id,
        now,
        expires_at,
    )


async def refresh_token(q: Queryable, secret_hash: bytes, *, lock: bool = False) -> Row | None:
    """Used or not, with its session, user and client; `id` is the session's."""
    return await q.fetchrow(
        f"""SELECT {_OF_SESSION}, s.scopes, t.created_at, least(t.expires_at, s.expires_at) AS expires_at, t.used_at
            FROM oauth_refresh_tokens t {_SESSION} WHERE t.secret_hash = $1
            {"FOR UPDATE OF t, s" if lock else ""}""",  # noqa: S608 - the text above
        secret_hash,
    )


async def use_refresh_token(tx: Tx, secret_hash: bytes, session_id: UUID, now: datetime) -> None:
    await tx.execute("UPDATE oauth_refresh_tokens SET used_at = $2 WHERE secret_hash = $1", secret_hash, now)
    await tx.execute("UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2", session_id, now)


# -- signing keys


async def signing_keys(q: Queryable, since: datetime) -> list[Row]:
    """Those that sign after `since`: that were not followed by another before it. The next to sign comes last."""
    return await q.fetch(
        """SELECT id, public_jwk, sealed_private, signs_from FROM (
               SELECT *, lead(signs_from) OVER (ORDER BY signs_from) AS signs_until FROM signing_keys) k
           WHERE signs_until IS NULL OR signs_until > $1 ORDER BY signs_from""",
        since,
    )


async def lock_signing_keys(tx: Tx) -> None:
    """Nobody else adds or changes keys before this transaction ends; reading goes on."""
    await tx.execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")


async def add_signing_key(
    tx: Tx, key_id: str, public_jwk: dict[str, Any], sealed_private: bytes, signs_from: datetime, now: datetime
) -> None:
    await tx.execute(
        "INSERT INTO signing_keys (id, public_jwk, sealed_private, signs_from, created_at) VALUES ($1, $2, $3, $4, $5)",
        key_id,
        public_jwk,
        sealed_private,
        signs_from,
        now,
    )


async def let_next_key_sign(tx: Tx, now: datetime) -> str:
    """The id of the key that signs now."""
    return str(
        await tx.fetchval(
            """UPDATE signing_keys SET signs_from = $1
               WHERE id = (SELECT id FROM signing_keys WHERE signs_from > $1 ORDER BY signs_from LIMIT 1) RETURNING id""",
            now,
        )
    )


async def forget_signing_keys(q: Queryable, since: datetime) -> None:
    """Deletes those that another one has followed before `since`."""
    await q.execute(
        """DELETE FROM signing_keys k
           WHERE EXISTS (SELECT FROM signing_keys n WHERE n.signs_from > k.signs_from AND n.signs_from <= $1)""",
        since,
    )


# -- housekeeping


async def purge(q: Queryable, now: datetime, kept: timedelta) -> None:
    """Forgets what is over: authorizations a while later, so that a code used again is still known."""
    await q.execute("DELETE FROM oauth_access_tokens WHERE expires_at < $1", now)
    await q.execute("DELETE FROM oauth_refresh_tokens WHERE expires_at < $1", now)
    await q.execute("DELETE FROM oauth_authorizations WHERE expires_at < $1", now - kept)
