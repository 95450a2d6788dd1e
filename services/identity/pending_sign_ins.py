"""The second step of signing in, after the password; and signing in with a passkey, which needs no first one."""

from datetime import datetime

from services.chassis.db import Row
from services.chassis.errors import Unauthenticated
from services.identity import factor_store, proofs, secret, security_keys, sessions, store, throttle
from services.identity.app import App
from services.identity.proofs import Proof
from services.identity.sessions import NewSession


class SignInExpired(Unauthenticated):
    """Over, used up, redeemed or never there: begin again with the password."""

    reason = "SIGN_IN_EXPIRED"


class PasskeyRefused(Unauthenticated):
    """An unknown passkey, or an answer that does not fit."""

    reason = "PASSKEY_REFUSED"


async def get(app: App, pending_secret: str, now: datetime) -> tuple[Row, list[str]]:
    """The pending sign-in, and the kinds of proof that complete it; SignInExpired."""
    pending = await _find(app, pending_secret, now)
    return pending, await factor_store.kinds(app.db, pending["user_id"])


async def begin_assertion(app: App, pending_secret: str, ip: str, now: datetime) -> str:
    """What one of the user's keys is to sign; SignInExpired, NoSecurityKey, SignInThrottled."""
    pending = await _find(app, pending_secret, now)
    await throttle.spend_challenge(app.db, ip, now)
    return await security_keys.begin_assertion(
        app.db, app.relying_party, pending["user_id"], now, pending_sign_in_id=pending["id"]
    )


async def complete(
    app: App, pending_secret: str, proof: Proof, *, ip: str, user_agent: str, now: datetime
) -> NewSession:
    """Opens the session, once; SignInExpired, CodeWrong, SecurityKeyRefused, SignInThrottled."""
    pending = await _find(app, pending_secret, now)
    await proofs.pay(app, pending["email"], proof, ip, now)
    made = None
    async with app.db.transaction() as tx:
        user = await store.lock_user(tx, pending["user_id"])
        # Under the lock: another redemption, or a new password, may have ended it meanwhile.
        if user is None or not await factor_store.spend_try(tx, pending["id"]):
            raise SignInExpired("sign in again")
        if await proofs.accept(app, tx, user, proof, ip, now, pending_sign_in_id=pending["id"]):
            await factor_store.end_pending_sign_in(tx, secret.digest(pending_secret))
            way = f"password, {proof.kind}"
            made = await sessions.open_session(tx, app.post, user, way, ip=ip, user_agent=user_agent, now=now)
        else:
            await sessions.tell_accounts(
                tx,
                user["id"],
                user["email"],
                None,
                ip,
                now,
                "user.second_factor_failed",
                after={"with": proof.kind},
            )
    if made is None:
        raise proofs.wrong(proof)
    return made


async def cancel(app: App, pending_secret: str) -> None:
    """Gives it up; an unknown one changes nothing."""
    await factor_store.end_pending_sign_in(app.db, secret.digest(pending_secret))


async def begin_passkey(app: App, ip: str, now: datetime) -> str:
    """What any passkey is to sign; SignInThrottled, SecurityKeysUnavailable."""
    await throttle.spend_challenge(app.db, ip, now)
    return await security_keys.begin_assertion(app.db, app.relying_party, None, now)


async def complete_passkey(app: App, assertion: str, *, ip: str, user_agent: str, now: datetime) -> NewSession:
    """Opens a session of the user whose passkey signed; PasskeyRefused."""
    read, made = security_keys.read(assertion), None
    if read is None:
        raise PasskeyRefused("no passkey's answer")
    async with app.db.transaction() as tx:
        key = await factor_store.security_key(tx, read.credential.raw_id)
        user = await store.lock_user(tx, key["user_id"]) if key else None
        if user is None:
            raise PasskeyRefused("nobody has this passkey")
        if await security_keys.accept(tx, app.relying_party, user["id"], read, now):
            made = await sessions.open_session(tx, app.post, user, "passkey", ip=ip, user_agent=user_agent, now=now)
        else:
            await sessions.tell_accounts(
                tx, user["id"], user["email"], None, ip, now, "user.sign_in_failed", after={"with": "passkey"}
            )
    if made is None:
        raise PasskeyRefused("the passkey's answer does not fit")
    return made


async def _find(app: App, pending_secret: str, now: datetime) -> Row:
    pending = await factor_store.pending_sign_in(app.db, secret.digest(pending_secret), now)
    if pending is None:
        raise SignInExpired("sign in again")
    return pending
