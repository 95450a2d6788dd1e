"""All SQL of second factors, recovery codes, pending sign-ins and what security keys are asked to sign."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx

#: Of one user and kind; a page loaded again begins anew, and the oldest gives way.
_PENDING_KEPT = 5


# -- factors


_LISTED = "id, kind, name, created_at, last_used_at"


async def factors(q: Queryable, user_id: UUID) -> list[Row]:
    """The oldest first."""
    return await q.fetch(
        f"SELECT {_LISTED} FROM factors WHERE user_id = $1 ORDER BY created_at, id",  # noqa: S608
        user_id,
    )


async def factor(q: Queryable, user_id: UUID, factor_id: UUID) -> Row | None:
    return await q.fetchrow(
        f"SELECT {_LISTED} FROM factors WHERE id = $2 AND user_id = $1",  # noqa: S608
        user_id,
        factor_id,
    )


async def kinds(q: Queryable, user_id: UUID) -> list[str]:
    """What a second step can be done with: kinds of factors, and "recovery_code" while there are any."""
    rows = await q.fetch(
        """SELECT kind FROM factors WHERE user_id = $1
           UNION SELECT 'recovery_code' FROM recovery_codes WHERE user_id = $1 ORDER BY kind""",
        user_id,
    )
    return [row["kind"] for row in rows]


async def count(q: Queryable, user_id: UUID) -> int:
    counted: int = await q.fetchval("SELECT count(*) FROM factors WHERE user_id = $1", user_id)
    return counted


async def remove(tx: Tx, user_id: UUID, factor_id: UUID) -> None:
    await tx.execute("DELETE FROM factors WHERE id = $2 AND user_id = $1", user_id, factor_id)


async def remove_all(tx: Tx, user_id: UUID) -> list[str]:
    """Everything that a second step could be done with; the kinds of the factors that there were."""
    rows = await tx.fetch(
        """WITH codes AS (DELETE FROM recovery_codes WHERE user_id = $1),
                begun AS (DELETE FROM pending_factors WHERE user_id = $1),
                waiting AS (DELETE FROM pending_sign_ins WHERE user_id = $1)
           DELETE FROM factors WHERE user_id = $1 RETURNING kind""",
        user_id,
    )
    return sorted(row["kind"] for row in rows)


async def add_pending(
    tx: Tx,
    pending_id: UUID,
    user_id: UUID,
    kind: str,
    expires_at: datetime,
    *,
    sealed_secret: bytes | None = None,
    challenge: bytes | None = None,
) -> None:
    await tx.execute(
        """DELETE FROM pending_factors WHERE id IN (
               SELECT id FROM pending_factors WHERE user_id = $1 AND kind = $2 ORDER BY expires_at DESC, id OFFSET $3)""",
        user_id,
        kind,
        _PENDING_KEPT - 1,
    )
    await tx.execute(
        """INSERT INTO pending_factors (id, user_id, kind, sealed_secret, challenge, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        pending_id,
        user_id,
        kind,
        sealed_secret,
        challenge,
        expires_at,
    )


async def pending(q: Queryable, user_id: UUID, kind: str, pending_id: UUID, now: datetime) -> Row | None:
    return await q.fetchrow(
        """SELECT id, sealed_secret, challenge FROM pending_factors
           WHERE id = $3 AND user_id = $1 AND kind = $2 AND expires_at > $4""",
        user_id,
        kind,
        pending_id,
        now,
    )


async def remove_pending(tx: Tx, pending_id: UUID) -> None:
    await tx.execute("DELETE FROM pending_factors WHERE id = $1", pending_id)


# -- TOTP


async def add_totp(
    tx: Tx, factor_id: UUID, user_id: UUID, name: str, sealed_secret: bytes, step: int, now: datetime
) -> None:
    await tx.execute(
        """INSERT INTO factors (id, user_id, kind, name, sealed_secret, last_step, created_at)
           VALUES ($1, $2, 'totp', $3, $4, $5, $6)""",
        factor_id,
        user_id,
        name,
        sealed_secret,
        step,
        now,
    )


async def totps(q: Queryable, user_id: UUID) -> list[Row]:
    return await q.fetch(
        "SELECT id, sealed_secret FROM factors WHERE user_id = $1 AND kind = 'totp' ORDER BY created_at, id", user_id
    )


async def use_totp(tx: Tx, factor_id: UUID, step: int, now: datetime) -> bool:
    """False when this step, or a later one, was accepted before."""
    used = await tx.fetchval(
        "UPDATE factors SET last_step = $2, last_used_at = $3 WHERE id = $1 AND last_step < $2 RETURNING true",
        factor_id,
        step,
        now,
    )
    return bool(used)


# -- security keys


async def add_security_key(
    tx: Tx,
    factor_id: UUID,
    user_id: UUID,
    name: str,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    transports: Sequence[str],
    now: datetime,
) -> bool:
    """False when the key is registered already, by whomever."""
    added = await tx.fetchval(
        """INSERT INTO factors (id, user_id, kind, name, credential_id, public_key, sign_count, transports, created_at)
           VALUES ($1, $2, 'security_key', $3, $4, $5, $6, $7, $8) ON CONFLICT (credential_id) DO NOTHING RETURNING true""",
        factor_id,
        user_id,
        name,
        credential_id,
        public_key,
        sign_count,
        list(transports),
        now,
    )
    return bool(added)


async def security_keys(q: Queryable, user_id: UUID) -> list[Row]:
    return await q.fetch(
        """SELECT credential_id, transports FROM factors WHERE user_id = $1 AND kind = 'security_key'
           ORDER BY created_at, id""",
        user_id,
    )


async def security_key(q: Queryable, credential_id: bytes) -> Row | None:
    return await q.fetchrow(
        "SELECT id, user_id, public_key, sign_count FROM factors WHERE credential_id = $1", credential_id
    )


async def use_security_key(tx: Tx, factor_id: UUID, sign_count: int, now: datetime) -> None:
    await tx.execute("UPDATE factors SET sign_count = $2, last_used_at = $3 WHERE id = $1", factor_id, sign_count, now)


async def add_challenge(
    q: Queryable, challenge: bytes, pending_sign_in_id: UUID | None, session_id: UUID | None, expires_at: datetime
) -> None:
    await q.execute(
        """INSERT INTO security_key_challenges (challenge, pending_sign_in_id, session_id, expires_at)
           VALUES ($1, $2, $3, $4)""",
        challenge,
        pending_sign_in_id,
        session_id,
        expires_at,
    )


async def take_challenge(
    tx: Tx, challenge: bytes, pending_sign_in_id: UUID | None, session_id: UUID | None, now: datetime
) -> bool:
    """False when it was not given for this, was taken before, or has expired."""
    taken = await tx.fetchval(
        """DELETE FROM security_key_challenges
           WHERE challenge = $1 AND pending_sign_in_id IS NOT DISTINCT FROM $2 AND session_id IS NOT DISTINCT FROM $3
           RETURNING expires_at > $4""",
        challenge,
        pending_sign_in_id,
        session_id,
        now,
    )
    return bool(taken)


# -- recovery codes


async def set_recovery_codes(tx: Tx, user_id: UUID, hashes: Sequence[bytes]) -> None:
    """These in place of all there are."""
    await tx.execute("DELETE FROM recovery_codes WHERE user_id = $1", user_id)
    await tx.execute(
        "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])", user_id, list(hashes)
    )


async def use_recovery_code(tx: Tx, user_id: UUID, code_hash: bytes) -> bool:
    used = await tx.fetchval(
        "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2 RETURNING true", user_id, code_hash
    )
    return bool(used)


async def recovery_codes_left(q: Queryable, user_id: UUID) -> int:
    left: int = await q.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", user_id)
    return left


# -- pending sign-ins


async def end_pending_sign_ins(tx: Tx, user_id: UUID) -> None:
    await tx.execute("DELETE FROM pending_sign_ins WHERE user_id = $1", user_id)


async def add_pending_sign_in(tx: Tx, secret_hash: bytes, user_id: UUID, tries: int, expires_at: datetime) -> None:
    await tx.execute(
        "INSERT INTO pending_sign_ins (secret_hash, user_id, tries_left, expires_at) VALUES ($1, $2, $3, $4)",
        secret_hash,
        user_id,
        tries,
        expires_at,
    )


async def pending_sign_in(q: Queryable, secret_hash: bytes, now: datetime) -> Row | None:
    return await q.fetchrow(
        """SELECT p.id, p.user_id, p.expires_at, u.email FROM pending_sign_ins p JOIN users u ON u.id = p.user_id
           WHERE p.secret_hash = $1 AND p.expires_at > $2 AND p.tries_left > 0""",
        secret_hash,
        now,
    )


async def spend_try(tx: Tx, pending_id: UUID) -> bool:
    """False when there is none left, or the sign-in is over."""
    spent = await tx.fetchval(
        "UPDATE pending_sign_ins SET tries_left = tries_left - 1 WHERE id = $1 AND tries_left > 0 RETURNING true",
        pending_id,
    )
    return bool(spent)


async def end_pending_sign_in(q: Queryable, secret_hash: bytes) -> None:
    await q.execute("DELETE FROM pending_sign_ins WHERE secret_hash = $1", secret_hash)


# -- housekeeping


async def purge(q: Queryable, now: datetime) -> None:
    """Forgets what was begun and not ended in time."""
    await q.execute("DELETE FROM pending_factors WHERE expires_at < $1", now)
    await q.execute("DELETE FROM pending_sign_ins WHERE expires_at < $1", now)
    await q.execute("DELETE FROM security_key_challenges WHERE expires_at < $1", now)
