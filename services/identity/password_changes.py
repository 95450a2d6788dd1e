"""Changing one's own password, knowing the current one."""

import logging
from datetime import datetime
from uuid import uuid4

from services.chassis.actor import Actor
from services.chassis.db import Row, Tx
from services.chassis.errors import Invalid
from services.identity import factor_store, password_rules, password_store, sessions, store, throttle
from services.identity.app import App
from services.identity.letters import Letter
from services.identity.passwords import normal

log = logging.getLogger(__name__)


class PasswordWrong(Invalid):
    """It is not the current password."""

    reason = "PASSWORD_WRONG"


class PasswordUnchanged(Invalid):
    reason = "PASSWORD_UNCHANGED"


async def change(app: App, actor: Actor, current: str, new: str, *, end_others: bool, now: datetime) -> int:
    """Sets the new password and ends the user's other sessions, if wanted; how many there were.

    TokenMayNot, StepUpRequired for who has a second factor and has not just confirmed, SignInThrottled, PasswordWrong,
    PasswordUnchanged, and those of password_rules.check.
    """
    user_id, session_id = sessions.own(actor)
    user = await store.user(app.db, user_id)
    if user["has_factor"]:
        actor.require_confirmed(now)
    await throttle.spend(app.db, user["email"], actor.ip, now)
    if not await app.hasher.matches(user["password_hash"], current):
        log.info("a password was not changed: the current one is wrong", extra={"ip": actor.ip})
        async with app.db.transaction() as tx:
            await sessions.tell_accounts(tx, user_id, user["email"], user, actor.ip, now, "user.password_change_failed")
        raise PasswordWrong("it is not the current password", field="current_password")
    # Whoever knows it may try as many new ones as it takes.
    await throttle.restore(app.db, user["email"])
    if normal(new) == normal(current):
        raise PasswordUnchanged("it is the current password", field="new_password")
    password_rules.check(
        new, email=user["email"], name=user["name"], has_second_factor=user["has_factor"], field="new_password"
    )
    fresh = await app.hasher.hash(new)
    async with app.db.transaction() as tx:
        # Another change may have been faster while we were hashing.
        if await store.lock_password(tx, user_id) != user["password_hash"]:
            raise PasswordWrong("it is not the current password any more", field="current_password")
        ended = await sessions.end_all(tx, user_id, actor.ip, keep=session_id, now=now) if end_others else 0
        await put(app, tx, user, fresh, "user.password_changed", ip=actor.ip, ended=ended, now=now)
    return ended


async def put(
    app: App, tx: Tx, user: Row, password_hash: str, action: str, *, ip: str, ended: int, now: datetime
) -> None:
    """The new password of a user whose row is locked, with all that follows: no reset link and no sign-in that
    waits for its second step is good any more, the user's accounts are told, and so is the user."""
    await store.set_password(tx, user["id"], password_hash)
    await password_store.drop_reset(tx, user["id"])
    await factor_store.end_pending_sign_ins(tx, user["id"])
    await sessions.tell_accounts(tx, user["id"], user["email"], user, ip, now, action)
    letter = Letter(
        "password_changed",
        f"password_changed:{uuid4()}",
        "security",
        user["email"],
        user["name"],
        user["locale"],
        {"action": action, "at": now, "ip": ip, "ended": ended, "forgot_url": f"{app.public_url}/forgot"},
        user_id=user["id"],
    )
    await app.post.write(tx, letter, now)
