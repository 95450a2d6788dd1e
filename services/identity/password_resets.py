"""A new password for who has lost it: a link by e-mail, good once, for an hour, until a newer one is asked for.

It proves the mailbox and nothing more: it signs nobody in, and second factors stay.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import DomainError
from services.identity import password_changes, password_rules, password_store, secret, sessions, store, throttle
from services.identity.app import App
from services.identity.letters import Letter

log = logging.getLogger(__name__)
LIFE = timedelta(minutes=60)


class ResetLinkInvalid(DomainError):
    """Unknown, expired, used, or not the newest: the answer does not tell which."""

    reason = "RESET_LINK_INVALID"


@dataclass(frozen=True, slots=True)
class Reset:
    """What stands behind a good link; `min_length` in characters."""

    email: str
    min_length: int


async def request(app: App, email: str, *, ip: str, now: datetime) -> None:
    """Mails the user of this address a link, if there is one; ResetThrottled. Neither answer nor time tell whether."""
    email = email.strip()
    user = await store.user_by_email(app.db, email)
    # As in a sign-in: however it is spelled, a user has the one allowance.
    await throttle.spend(app.db, user["email"] if user else email, ip, now, throttle.RESET)
    log.info("a password reset was asked for", extra={"ip": ip, "known": user is not None})
    await throttle.even(_send(app, user, ip, now))


async def _send(app: App, user: Row | None, ip: str, now: datetime) -> None:
    if user is None:
        return
    async with app.db.transaction() as tx:
        letter = Letter(
            "password_reset",
            f"password_reset:{uuid4()}",
            "security",
            user["email"],
            user["name"],
            user["locale"],
            {"minutes": LIFE // timedelta(minutes=1)},
            user_id=user["id"],
            secret=await link(app, tx, user["id"], now + LIFE),
        )
        # Nobody has proven to be the user yet, so it is not the actor.
        await sessions.tell_accounts(tx, user["id"], user["email"], None, ip, now, "user.password_reset_requested")
        await app.post.write(tx, letter, now)


async def link(app: App, tx: Tx, user_id: UUID, expires_at: datetime) -> str:
    """A new link in place of the one before; to be mailed, and kept nowhere else."""
    made = secret.make(secret.RESET)
    await password_store.put_reset(tx, user_id, secret.digest(made), expires_at)
    # In the query, not behind a "#": that part only a script could read. The page sends no Referer and loads nothing
    # from elsewhere, so the secret stays between the reader and us.
    return f"{app.public_url}/reset?token={made}"


async def get(app: App, link: str, now: datetime) -> Reset:
    """Whose password the link sets; ResetLinkInvalid. Looking does not use it up: mail scanners look too."""
    user = await _user(app.db, link, now)
    return Reset(user["email"], password_rules.least(has_second_factor=user["has_factor"]))


async def redeem(app: App, link: str, new: str, *, ip: str, now: datetime) -> None:
    """Sets the password, once, and ends every session; ResetLinkInvalid, and those of password_rules.check."""
    user = await _user(app.db, link, now)
    password_rules.check(
        new, email=user["email"], name=user["name"], has_second_factor=user["has_factor"], field="new_password"
    )
    fresh = await app.hasher.hash(new)
    async with app.db.transaction() as tx:
        await store.lock_password(tx, user["id"])
        if not await password_store.use_reset(tx, secret.digest(link), now):
            raise _invalid()
        # Somebody else's guesses must not keep the user out with the new one.
        await throttle.restore(tx, user["email"])
        ended = await sessions.end_all(tx, user["id"], ip, now=now)
        await password_changes.put(app, tx, user, fresh, "user.password_reset", ip=ip, ended=ended, now=now)


async def _user(q: Queryable, link: str, now: datetime) -> Row:
    user_id = await password_store.user_of_reset(q, secret.digest(link), now)
    if user_id is None:
        raise _invalid()
    return await store.user(q, user_id)


def _invalid() -> ResetLinkInvalid:
    return ResetLinkInvalid("the link is not good any more")
