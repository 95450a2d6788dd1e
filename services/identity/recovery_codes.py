"""Recovery codes: ten to print out, for the day the other factors are lost. Each is good once.

Sixteen characters of 32 are 80 random bits: no guess finds one, so a fast hash is enough (see secret.py).
"""

import secrets
from datetime import datetime

from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError
from services.identity import factor_store, secret, sessions, store
from services.identity.emails import Post
from services.identity.letters import Letter

KIND = "recovery_code"
COUNT = 10
FEW = 3
"""From here on the mail about a used one asks for new ones."""
# Crockford's: none of its characters is mistaken for another, and those left out can be read as what they look like.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_READ_AS = str.maketrans({"o": "0", "i": "1", "l": "1"})


class NoFactor(DomainError):
    """Recovery codes stand in for a second factor; there is none."""

    reason = "NO_FACTOR"


async def make(tx: Tx, user: Row, ip: str, now: datetime) -> list[str]:
    """New codes in place of all the user has, told to the log; to be shown once."""
    codes = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)) for _ in range(COUNT)]
    await factor_store.set_recovery_codes(tx, user["id"], [_digest(code) for code in codes])
    await sessions.tell_accounts(
        tx, user["id"], user["email"], user, ip, now, "user.recovery_codes_made", after={"count": COUNT}
    )
    return codes


async def regenerate(db: Database, post: Post, actor: Actor, now: datetime) -> list[str]:
    """New codes for the user; NoFactor."""
    user_id, _ = sessions.own(actor)
    async with db.transaction() as tx:
        user = await store.lock_user(tx, user_id)
        if user is None or not await factor_store.count(tx, user_id):
            raise NoFactor("there is no second factor that they could stand in for")
        codes = await make(tx, user, actor.ip, now)
        await post.write(tx, letter("recovery_codes_made", user, now, ip=actor.ip), now)
    return codes


async def accept(tx: Tx, post: Post, user: Row, code: str, ip: str, now: datetime) -> bool:
    """Whether it is one of the user's codes; then it is used up, and a mail says so. The user is locked."""
    if not await factor_store.use_recovery_code(tx, user["id"], _digest(code)):
        return False
    left = await factor_store.recovery_codes_left(tx, user["id"])
    await post.write(tx, letter("recovery_code_used", user, now, ip=ip, left=left, few=left <= FEW), now)
    return True


def letter(name: str, user: Row, now: datetime, /, **values: object) -> Letter:
    """A mail to the user about its own security."""
    return Letter(
        name=name,
        occasion=f"{name}:{user['id']}:{now.isoformat()}",
        category="security",
        recipient=user["email"],
        recipient_name=user["name"],
        locale=user["locale"],
        values=values,
        user_id=user["id"],
    )


def _digest(code: str) -> bytes:
    return secret.digest("".join(c for c in code.lower() if c.isalnum()).translate(_READ_AS))
