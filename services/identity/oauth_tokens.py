"""The tokens of an app's session: short-lived access tokens, and a refresh token that changes with each use.

An app's session is a row of `sessions`: whoever ends it ends all of its tokens. A refresh token that comes a second time has
been copied, and nobody can tell who holds the copy: the session ends (RFC 9700, 4.14.2).
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import grpc
from joserfc.jwk import RSAKey

from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError, Invalid
from services.identity import credentials, id_tokens, oauth_clients, oauth_store, scopes, secret, sessions
from services.identity.app import App
from services.identity.oauth_clients import Credentials
from services.identity.people import User

log = logging.getLogger(__name__)
ACCESS_LIFE = timedelta(minutes=10)


class OAuthGrantInvalid(Invalid):
    """The code or token is unknown, over, or another client's: the answer does not tell which."""

    reason = "OAUTH_GRANT_INVALID"


class OAuthScopeRefused(Invalid):
    """A scope that the client may not have, or that the session was not given."""

    reason = "OAUTH_SCOPE_REFUSED"


class OAuthScopeMissing(DomainError):
    reason = "OAUTH_SCOPE_MISSING"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an app is given, shown this once; empty where its scopes bring none."""

    access_token: str
    expires_in: timedelta
    scopes: Sequence[str]
    refresh_token: str
    id_token: str


@dataclass(frozen=True, slots=True)
class Holder:
    """An app's session, as tokens are made for it."""

    session_id: UUID
    client_id: UUID
    user: User
    signed_in_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Introspection:
    """A token that is good; `access` or else a refresh token."""

    row: Row
    access: bool


async def issue(
    tx: Tx,
    app: App,
    key: RSAKey,
    holder: Holder,
    granted: Collection[str],
    held: Sequence[str],
    nonce: str,
    now: datetime,
) -> Tokens:
    """New tokens: the session was `granted` these scopes, the access token holds those."""
    access = secret.make(secret.ACCESS)
    lasts = min(ACCESS_LIFE, holder.expires_at - now)
    await oauth_store.add_access_token(tx, secret.digest(access), holder.session_id, held, now, now + lasts)
    refresh = ""
    if scopes.OFFLINE_ACCESS in granted:
        refresh = secret.make(secret.REFRESH)
        ends = min(now + sessions.APP_IDLE, holder.expires_at)
        await oauth_store.add_refresh_token(tx, secret.digest(refresh), holder.session_id, now, ends)
    id_token = ""
    if scopes.OPENID in held:
        id_token = id_tokens.make(
            key,
            issuer=app.public_url,
            client_id=holder.client_id,
            user=holder.user,
            held=held,
            access_token=access,
            signed_in_at=holder.signed_in_at,
            nonce=nonce,
            now=now,
        )
    return Tokens(access, lasts, held, refresh, id_token)


async def refresh(app: App, shown: Credentials, token: str, *, wanted: Sequence[str], ip: str, now: datetime) -> Tokens:
    """New tokens for a refresh token, of all its scopes or of those `wanted`; OAuthClientRefused, OAuthGrantInvalid,
    OAuthScopeRefused. The next refresh token has all of them again (RFC 6749, 6)."""
    key = await app.signing.current(app.db, app.sealer, now)
    tokens = None
    async with app.db.transaction() as tx:
        client = await oauth_clients.authenticate(tx, shown)
        row = await oauth_store.refresh_token(tx, secret.digest(token), lock=True)
        if row is None or row["client_id"] != client["id"]:
            raise OAuthGrantInvalid("there is no such refresh token of this client")
        if row["used_at"] is not None:
            await _copied(tx, row, ip, now)
        elif row["ended_at"] is None and row["expires_at"] > now:
            for scope in wanted:
                if scope not in row["scopes"]:
                    raise OAuthScopeRefused("it was not granted", field="scopes", scope=scope)
            await oauth_store.use_refresh_token(tx, secret.digest(token), row["id"], now)
            user = User(row["user_id"], row["email"], row["name"], row["locale"])
            holder = Holder(row["id"], client["id"], user, row["signed_in_at"], row["session_expires_at"])
            held = sorted(set(wanted)) or row["scopes"]
            tokens = await issue(tx, app, key, holder, row["scopes"], held, "", now)
    if tokens is None:
        raise OAuthGrantInvalid("the refresh token is over or was used before")
    return tokens


async def revoke(db: Database, shown: Credentials, token: str, *, ip: str, now: datetime) -> None:
    """Ends an access token, or with a refresh token its whole session; OAuthClientRefused, OAuthGrantInvalid for another
    client's. An unknown token changes nothing (RFC 7009, 2.2)."""
    async with db.transaction() as tx:
        client = await oauth_clients.authenticate(tx, shown)
        digest = secret.digest(token)
        access = await oauth_store.access_token(tx, digest)
        row = access or await oauth_store.refresh_token(tx, digest, lock=True)
        if row is None:
            return
        if row["client_id"] != client["id"]:
            raise OAuthGrantInvalid("the token is another client's")
        if access:
            await oauth_store.remove_access_token(tx, digest)
        elif await oauth_store.end_session(tx, row["id"], now):
            told = {"application": client["name"]}
            await sessions.tell_accounts(
                tx, row["user_id"], row["email"], row, ip, now, "user.app_signed_out", after=told
            )


async def introspect(db: Database, shown: Credentials, token: str, now: datetime) -> Introspection | None:
    """What the token is good for, None when it is good for nothing or not the client's business; OAuthClientRefused."""
    client = await oauth_clients.authenticate(db, shown)
    if client["secret_hash"] is None:
        raise oauth_clients.OAuthClientRefused("a public client may not introspect")
    digest = secret.digest(token)
    access = await oauth_store.access_token(db, digest)
    row = access or await oauth_store.refresh_token(db, digest)
    if row is None or not _good(row, now) or (not access and row["used_at"] is not None):
        return None
    if row["client_id"] != client["id"] and not client["first_party"]:
        return None
    return Introspection(row, access is not None)


async def userinfo(db: Database, token: str, now: datetime) -> tuple[User, Sequence[str]]:
    """The holder of an access token and its scopes; CredentialInvalid, CredentialExpired, OAuthScopeMissing."""
    row = await oauth_store.access_token(db, secret.digest(token))
    if row is None or row["ended_at"] is not None or row["disabled_at"] is not None:
        raise credentials.CredentialInvalid("no such access token")
    if row["expires_at"] <= now:
        raise credentials.CredentialExpired("the access token has expired")
    if scopes.OPENID not in row["scopes"]:
        raise OAuthScopeMissing("needs the scope openid", scope=scopes.OPENID)
    await oauth_store.note_access(db, secret.digest(token), now)
    return User(row["user_id"], row["email"], row["name"], row["locale"]), row["scopes"]


def _good(row: Row, now: datetime) -> bool:
    return row["ended_at"] is None and row["disabled_at"] is None and bool(row["expires_at"] > now)


async def _copied(tx: Tx, row: Row, ip: str, now: datetime) -> None:
    if await oauth_store.end_session(tx, row["id"], now):
        log.warning("a refresh token was used twice; its session is ended", extra={"session": str(row["id"]), "ip": ip})
        told = {"application": row["client_name"], "cause": "a refresh token was used twice"}
        await sessions.tell_accounts(tx, row["user_id"], row["email"], None, ip, now, "user.app_signed_out", after=told)
