"""What operators do about users: look them up, lock and unlock, sign them out, take lost second factors away."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.chassis import audit
from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx, like
from services.chassis.errors import NotFound
from services.chassis.pages import Page
from services.identity import contact_store, credential_store, factor_store, operator_store
from services.identity.app import App
from services.identity.letters import Letter
from services.identity.sessions import IDLE


class UserNotFound(NotFound):
    reason = "USER_NOT_FOUND"


async def page(db: Database, search: str, locked: bool, page: Page, now: datetime) -> list[Row]:
    """The newest users; one row more than the page."""
    return await operator_store.users(db, like(search), locked, now, now - IDLE, page)


async def lock(app: App, operator: Actor, ref: str, reason: str, now: datetime) -> Row:
    """The user is signed out and let in no more, nor are its API tokens; it is mailed. Locked before: the reason changes.
    The summary; UserNotFound."""
    reason = reason.strip()
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        if found["lock_reason"] != reason:
            await operator_store.set_user_lock(tx, found["id"], found["locked_at"] or now, reason)
            await credential_store.end_sessions(tx, found["id"], None, None, now)
            before = {"reason": found["lock_reason"]} if found["locked_at"] else None
            await _record(tx, operator, "user.locked", found, now, before=before, after={"reason": reason})
            await _tell(tx, app, "user_locked", found, {"reason": reason}, now)
        return await _hold(tx, ref, now)


async def unlock(app: App, operator: Actor, ref: str, now: datetime) -> Row:
    """The user may sign in again, and is mailed. The summary; UserNotFound."""
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        if found["locked_at"] is not None:
            await operator_store.set_user_lock(tx, found["id"], None, "")
            await _record(tx, operator, "user.unlocked", found, now, before={"reason": found["lock_reason"]})
            await _tell(tx, app, "user_unlocked", found, {}, now)
        return await _hold(tx, ref, now)


async def end_sessions(app: App, operator: Actor, ref: str, now: datetime) -> int:
    """Signs the user out everywhere and mails it; how many sessions that ended. UserNotFound."""
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        ended = await credential_store.end_sessions(tx, found["id"], None, None, now)
        if ended:
            told = [{"id": row["id"], "ip": row["ip"], "user_agent": row["user_agent"]} for row in ended]
            await _record(tx, operator, "user.sessions_revoked", found, now, before={"sessions": told})
            await _tell(tx, app, "sessions_ended", found, {}, now)
        return len(ended)


async def reset_factors(app: App, operator: Actor, ref: str, now: datetime) -> int:
    """Takes the user's second factors away and mails it; how many there were. UserNotFound."""
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        kinds = await factor_store.remove_all(tx, found["id"])
        if kinds:
            await _record(tx, operator, "user.factors_reset", found, now, before={"factors": kinds})
            await _tell(tx, app, "factors_reset", found, {}, now)
        return len(kinds)


async def _hold(tx: Tx, ref: str, now: datetime) -> Row:
    found = await operator_store.hold_user(tx, ref, now, now - IDLE)
    if found is None:
        raise UserNotFound(f"there is no user {ref}", field="user")
    return found


async def _record(
    tx: Tx,
    operator: Actor,
    action: str,
    user: Row,
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """In the log of each of the user's accounts; in the house's own where it has none."""
    accounts = [account_id for account_id, _ in await contact_store.accounts_of_user(tx, user["id"], now)]
    for account_id in accounts or [operator.account_id]:
        there = replace(operator, account_id=account_id)
        subject = ("User", user["id"], user["email"])
        await audit.record(tx, there, action, subject=subject, before=before, after=after)


async def _tell(tx: Tx, app: App, name: str, user: Row, values: dict[str, object], now: datetime) -> None:
    letter = Letter(
        name,
        f"{name}:{user['id']}:{now.isoformat()}",
        "security",
        user["email"],
        user["name"],
        user["locale"],
        {"url": app.public_url, **values},
        user_id=user["id"],
    )
    await app.post.write(tx, letter, now)
