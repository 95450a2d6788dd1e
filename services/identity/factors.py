"""A user's second factors: what there are, how one is added, and how one goes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError, Exhausted, Invalid, NotFound
from services.identity import factor_store, password_rules, recovery_codes, sessions, store, throttle
from services.identity.emails import Post
from services.identity.password_changes import PasswordWrong
from services.identity.passwords import Hasher, normal

MOST = 10
"""Factors of one user."""


class FactorNotFound(NotFound):
    reason = "FACTOR_NOT_FOUND"


class PendingFactorNotFound(NotFound):
    """It was never begun, or has expired: begin again."""

    reason = "PENDING_FACTOR_NOT_FOUND"


class TooManyFactors(Exhausted):
    reason = "TOO_MANY_FACTORS"


class PasswordRequired(Invalid):
    reason = "PASSWORD_REQUIRED"


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
    user = await store.lock_user(tx, user_id)
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
    known, matches = await store.user(db, user_id), False
    if current_password:
        await throttle.spend(db, known["email"], actor.ip, now)
        matches = await hasher.matches(known["password_hash"], current_password)
    async with db.transaction() as tx:
        user = await store.lock_user(tx, user_id)
        factor = await factor_store.factor(tx, user_id, factor_id)
        if user is None or factor is None:
            raise FactorNotFound("the user has no such factor", field="id")
        last = await factor_store.count(tx, user_id) == 1
        if last:
            if not current_password:
                raise PasswordRequired("needed for the last factor", field="current_password")
            if not matches or user["password_hash"] != known["password_hash"]:
                raise PasswordWrong("the password is wrong", field="current_password")
            least = password_rules.least(has_second_factor=False)
            if len(normal(current_password)) < least:
                detail = f"a password alone needs {least} characters"
                raise PasswordTooShortAlone(detail, field="current_password", least=str(least))
            await factor_store.set_recovery_codes(tx, user_id, [])
        if matches:
            await throttle.restore(tx, user["email"])
        await factor_store.remove(tx, user_id, factor_id)
        before = {"kind": factor["kind"], "name": factor["name"]}
        await sessions.tell_accounts(
            tx, user_id, user["email"], user, actor.ip, now, "user.factor_removed", before=before
        )
        await post.write(tx, recovery_codes.letter("factor_removed", user, now, ip=actor.ip, last=last, **before), now)
