"""Sign-in with e-mail and password, the sessions that signing in opens, and how they end."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import grpc

from services.chassis import audit
from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError, NotFound, Unauthenticated
from services.identity import contact_store, credential_store, devices, factor_store, secret, store, throttle, users
from services.identity.emails import Post
from services.identity.passwords import Hasher
from services.identity.people import User

log = logging.getLogger(__name__)
#: A session ends this long after it began, whatever is done with it.
LIFE = timedelta(days=30)
#: And this long after its last use.
IDLE = timedelta(days=7)
#: Within this time the second step of a sign-in is done, in at most so many tries.
PENDING_LIFE = timedelta(minutes=10)
PENDING_TRIES = 5
#: One that an app was given lasts longer: the app proves itself anew with every refresh token.
APP_LIFE = timedelta(days=90)
APP_IDLE = timedelta(days=30)


class SignInFailed(Unauthenticated):
    """The same for a wrong password and for an address that nobody has."""

    reason = "SIGN_IN_FAILED"


class SessionNotFound(NotFound):
    reason = "SESSION_NOT_FOUND"


class TokenMayNot(DomainError):
    """It is for a person who has signed in, not for a program."""

    reason = "TOKEN_MAY_NOT"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class NewSession:
    """`secret` is shown this once."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewPendingSignIn:
    """The password was right, a second factor is still to come. `secret` is no session's; it is shown this once."""

    secret: str
    expires_at: datetime


async def sign_in(
    db: Database, hasher: Hasher, post: Post, email: str, password: str, *, ip: str, user_agent: str, now: datetime
) -> NewSession | NewPendingSignIn:
    """Opens a session, or begins a pending sign-in when the user has a second factor; SignInFailed, UserLocked, or
    SignInThrottled before the password is even looked at."""
    email = email.strip()
    await throttle.spend(db, email, ip, now)
    user = await store.user_by_email(db, email)
    if not await hasher.matches(user["password_hash"] if user else None, password) or user is None:
        log.info("a sign-in failed", extra={"ip": ip, "known": user is not None})
        # It is written down only for an address that somebody has: the time must not tell.
        await throttle.even(_tell_failed(db, user, ip, now))
        raise SignInFailed("the address or the password is wrong")
    users.check_lock(user)
    fresh = await hasher.hash(password) if hasher.outdated(user["password_hash"]) else None
    async with db.transaction() as tx:
        # The password may have been changed, and the sessions ended for it, while we were hashing.
        if await store.lock_password(tx, user["id"]) != user["password_hash"]:
            raise SignInFailed("the address or the password is wrong")
        if fresh is not None:
            await store.set_password(tx, user["id"], fresh)
        await throttle.restore(tx, email)
        if await factor_store.count(tx, user["id"]):
            pending = NewPendingSignIn(secret.make(secret.PENDING_SIGN_IN), now + PENDING_LIFE)
            await factor_store.add_pending_sign_in(
                tx, secret.digest(pending.secret), user["id"], PENDING_TRIES, pending.expires_at
            )
            return pending
        return await open_session(tx, post, user, "password", ip=ip, user_agent=user_agent, now=now)


async def open_session(
    tx: Tx, post: Post, user: Row, way: str, *, ip: str, user_agent: str, now: datetime
) -> NewSession:
    """A session for somebody who has proven to be this user; `way` tells the log how: "password", "password, totp".
    UserLocked."""
    users.check_lock(await store.lock_of_user(tx, user["id"]))
    made = NewSession(secret.make(secret.SESSION), now + LIFE)
    session_id = await credential_store.add_session(
        tx, secret.digest(made.secret), user["id"], ip, user_agent, now, made.expires_at
    )
    await devices.tell_if_new(tx, post, User.of(user), session_id, ip=ip, user_agent=user_agent, now=now)
    await tell_accounts(tx, user["id"], user["email"], user, ip, now, "user.signed_in", after={"with": way})
    return made


async def end(db: Database, session_secret: str, now: datetime) -> None:
    """Ends the session of this secret; an unknown or ended one changes nothing."""
    async with db.transaction() as tx:
        ended = await credential_store.end_session(tx, secret.digest(session_secret), now)
        if ended is None:
            return
        if ended["operator"] is not None:
            name = ended["operator"]
            operator = Actor(kind="operator", id=name, label=name, account_id=ended["account_id"], ip=ended["ip"])
            await audit.record(
                tx, operator, "operator.signed_out", subject=("Contact", ended["contact_id"], ended["email"])
            )
        else:
            await tell_accounts(tx, ended["user_id"], ended["email"], ended, ended["ip"], now, "user.signed_out")


async def _tell_failed(db: Database, user: Row | None, ip: str, now: datetime) -> None:
    if user is not None:
        async with db.transaction() as tx:
            await tell_accounts(tx, user["id"], user["email"], None, ip, now, "user.sign_in_failed")


def own(actor: Actor) -> tuple[UUID, UUID]:
    """(user, session) of somebody who has signed in; TokenMayNot for a token or a service."""
    if actor.kind != "user" or actor.user_id is None or actor.session_id is None:
        raise TokenMayNot("only a signed-in person may do this")
    return actor.user_id, actor.session_id


async def of_actor(db: Database, actor: Actor, now: datetime) -> list[Row]:
    """The open sessions of the user, the last used first. A token sees none: it may be narrower than its maker."""
    if actor.user_id is None or actor.session_id is None:
        return []
    return await credential_store.sessions_of_user(db, actor.user_id, now, now - IDLE, now - APP_IDLE)


async def revoke(db: Database, actor: Actor, session_id: UUID, now: datetime) -> None:
    """Ends one session of the user; SessionNotFound. Ending it twice changes nothing."""
    user_id, _ = own(actor)
    async with db.transaction() as tx:
        if not await credential_store.has_session(tx, user_id, session_id):
            raise SessionNotFound("the user has no such session", field="id")
        await end_all(tx, user_id, actor.ip, only=session_id, now=now)


async def revoke_all(db: Database, actor: Actor, *, keep_current: bool, now: datetime) -> None:
    """Ends every session of the user, or every one but the one that asks."""
    user_id, current = own(actor)
    async with db.transaction() as tx:
        await end_all(tx, user_id, actor.ip, keep=current if keep_current else None, now=now)


async def end_all(
    tx: Tx, user_id: UUID, ip: str, *, only: UUID | None = None, keep: UUID | None = None, now: datetime
) -> int:
    """Ends the user's open sessions: all, or one, or all but one; how many there were. `ip` is where it is asked from."""
    ended = await credential_store.end_sessions(tx, user_id, only, keep, now)
    if ended:
        shown = ("id", "ip", "user_agent", "application")
        told = [{name: row[name] for name in shown if row[name] is not None} for row in ended]
        await tell_accounts(
            tx, user_id, ended[0]["email"], ended[0], ip, now, "user.sessions_revoked", before={"sessions": told}
        )
    return len(ended)


async def tell_accounts(
    tx: Tx,
    user_id: UUID,
    email: str,
    user: Row | None,
    ip: str,
    now: datetime,
    action: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Writes what the user did, or (user None) somebody did in its name, into the log of each of its accounts."""
    for account_id, contact_id in await contact_store.accounts_of_user(tx, user_id, now):
        if user is None:
            # Nobody has proven to be the user, so it is not the actor.
            actor = Actor(kind="system", id="identity", label="identity", account_id=account_id, ip=ip)
        else:
            actor = Actor(
                kind="user",
                id=str(user_id),
                label=email,
                account_id=account_id,
                user_id=user_id,
                contact_id=contact_id,
                locale=user["locale"],
                ip=ip,
            )
        await audit.record(tx, actor, action, subject=("User", user_id, email), before=before, after=after)
