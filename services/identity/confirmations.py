"""Step-up: a session's person confirms who it is, and may do what is sensitive for a few minutes."""

from datetime import datetime

from services.chassis.actor import Actor
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError
from services.identity import credential_store, factor_store, proofs, security_keys, sessions, store, throttle
from services.identity.app import App
from services.identity.credentials import CONFIRMED_FOR
from services.identity.password_changes import PasswordWrong
from services.identity.proofs import Proof


class FactorRequired(DomainError):
    """The user has a second factor, so the password alone confirms nothing."""

    reason = "FACTOR_REQUIRED"


async def begin_assertion(app: App, actor: Actor, now: datetime) -> str:
    """What one of the user's keys is to sign for it; NoSecurityKey, SecurityKeysUnavailable."""
    user_id, session_id = sessions.own(actor)
    return await security_keys.begin_assertion(app.db, app.relying_party, user_id, now, session_id=session_id)


async def with_password(app: App, actor: Actor, password: str, now: datetime) -> datetime:
    """Until when the session counts as confirmed; FactorRequired, PasswordWrong, SignInThrottled."""
    user_id, _ = sessions.own(actor)
    known = await store.user(app.db, user_id)
    if known["has_factor"]:
        raise FactorRequired("confirm with a second factor", field="password")
    await throttle.spend(app.db, known["email"], actor.ip, now)
    good = await app.hasher.matches(known["password_hash"], password)
    async with app.db.transaction() as tx:
        user = await _lock(tx, actor)
        good = good and user["password_hash"] == known["password_hash"]
        if good and await factor_store.count(tx, user_id):
            raise FactorRequired("confirm with a second factor", field="password")
        if good:
            await throttle.restore(tx, known["email"])
        await _settle(tx, actor, user, good, "password", now)
    if not good:
        raise PasswordWrong("the password is wrong", field="password")
    return now + CONFIRMED_FOR


async def with_proof(app: App, actor: Actor, proof: Proof, now: datetime) -> datetime:
    """Until when the session counts as confirmed; CodeWrong, SecurityKeyRefused, SignInThrottled."""
    user_id, session_id = sessions.own(actor)
    await proofs.pay(app, (await store.user(app.db, user_id))["email"], proof, actor.ip, now)
    async with app.db.transaction() as tx:
        user = await _lock(tx, actor)
        good = await proofs.accept(app, tx, user, proof, actor.ip, now, session_id=session_id)
        await _settle(tx, actor, user, good, proof.kind, now)
    if not good:
        raise proofs.wrong(proof)
    return now + CONFIRMED_FOR


async def _lock(tx: Tx, actor: Actor) -> Row:
    user = await store.lock_user(tx, sessions.own(actor)[0])
    if user is None:
        raise sessions.SessionNotFound("the session has ended")
    return user


async def _settle(tx: Tx, actor: Actor, user: Row, good: bool, way: str, now: datetime) -> None:
    """The session counts as confirmed, or has failed to; either is in the log."""
    if good and not await credential_store.confirm_session(tx, *sessions.own(actor), now):
        raise sessions.SessionNotFound("the session has ended")
    action = "user.identity_confirmed" if good else "user.confirmation_failed"
    await sessions.tell_accounts(tx, user["id"], user["email"], user, actor.ip, now, action, after={"with": way})
