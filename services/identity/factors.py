"""A user's second factors: what there are, how one is added, and how one goes."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError, Exhausted, Invalid, NotFound
from services.identity import factor_store, recovery_codes, sessions, store, throttle
from services.identity.emails import Post
from services.identity.passwords import Hasher

MOST = 10
"""Factors of one user."""
ALONE = 15
"""Characters of a password that may stand without a second factor."""


class FactorNotFound(NotFound):
    reason = "FACTOR_NOT_FOUND"


class PendingFactorNotFound(NotFound):
    """It was never begun, or has expired: begin again."""

    reason = "PENDING_FACTOR_NOT_FOUND"


class TooManyFactors(Exhausted):
    reason = "TOO_MANY_FACTORS"


class PasswordRequired(Invalid):
    reason = "PASSWORD_REQUIRED"


class PasswordWrong(Invalid):
    reason = "PASSWORD_WRONG"


class PasswordTooShortAlone(DomainError):
    """Without a second factor the password would have to be longer."""

    reason = "PASSWORD_TOO_SHORT_ALONE"


@dataclass(frozen=True, slots=True)
class Added:
    """`recovery_codes` were made with the first factor; they are shown this once."""

    factor: Row
    recovery_codes: list[str]


async def of_actor(db: Database, actor: Actor) -> tuple[list[Row], int]:
    """The user's factors, the oldest first, and how many recovery codes are left. A token sees none."""
    if actor.user_id is None or actor.session_id is None:
        return [], 0
    return await factor_store.factors(db, actor.user_id), await factor_store.recovery_codes_left(db, actor.user_id)


async def lock_for_one_more(tx: Tx, user_id: UUID) -> Row:
    """The user, locked; TooManyFactors when it may not add another."""
    user = await factor_store.lock_user(tx, user_id)
    if user is None:
        raise FactorNotFound("no such user")
    if await factor_store.count(tx, user_id) >= MOST:
        raise TooManyFactors(f"there are {MOST} factors already", limit=str(MOST))
    return user


async def added(tx: Tx, post: Post, actor: Actor, user: Row, factor_id: UUID, now: datetime) -> Added:
    """What has to follow once a factor's row is there: log, mail, and recovery codes when it is the first."""
    factor = await factor_store.factor(tx, user["id"], factor_id)
    assert factor is not None
    after = {"kind": factor["kind"], "name": factor["name"]}
    await sessions.tell_accounts(tx, user["id"], user["email"], user, actor.ip, now, "user.factor_added", after=after)
    await post.write(tx, recovery_codes.letter("factor_added", user, now, ip=actor.ip, **after), now)
    first = await factor_store.count(tx, user["id"]) == 1
    return Added(factor, await recovery_codes.make(tx, user, actor.ip, now) if first else [])


async def remove(
    db: Database, hasher: Hasher, post: Post, actor: Actor, factor_id: UUID, current_password: str, now: datetime
) -> None:
    """Removes a factor of the user, with the last one the recovery codes; FactorNotFound.

    The last one needs the current password, which then stands alone: PasswordRequired, PasswordWrong,
    PasswordTooShortAlone; SignInThrottled, because it could be guessed here too.
    """
    user_id, _ = sessions.own(actor)
    checked: str | None = None
    matches = False
    if current_password:
        email = await store.email_of_user(db, user_id)
        await throttle.spend(db, email, actor.ip, now)
        checked = await factor_store.password_hash(db, user_id)
        matches = await hasher.matches(checked, current_password)
    async with db.transaction() as tx:
        user = await factor_store.lock_user(tx, user_id)
        factor = await factor_store.factor(tx, user_id, factor_id)
        if user is None or factor is None:
            raise FactorNotFound("the user has no such factor", field="id")
        last = await factor_store.count(tx, user_id) == 1
        if last:
            if not current_password:
                raise PasswordRequired("needed for the last factor", field="current_password")
            if not matches or user["password_hash"] != checked:
                raise PasswordWrong("the password is wrong", field="current_password")
            if len(unicodedata.normalize("NFKC", current_password)) < ALONE:
                detail = f"a password alone needs {ALONE} characters"
                raise PasswordTooShortAlone(detail, field="current_password", least=str(ALONE))
            await factor_store.set_recovery_codes(tx, user_id, [])
        if matches:
            await throttle.restore(tx, user["email"])
        await factor_store.remove(tx, user_id, factor_id)
        before = {"kind": factor["kind"], "name": factor["name"]}
        await sessions.tell_accounts(
            tx, user_id, user["email"], user, actor.ip, now, "user.factor_removed", before=before
        )
        await post.write(tx, recovery_codes.letter("factor_removed", user, now, ip=actor.ip, last=last, **before), now)
