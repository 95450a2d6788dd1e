"""From an app's request to its tokens: signing in, consent, and the code that the app redeems (OAuth 2.1, 4.1).

A code is good for a minute, for the client, redirect URI and PKCE verifier that it was asked with, and only while the browser's
session that allowed it is open. It opens one session, however many redeem it at once. A code that comes again ends that
session, for one of the two has stolen it; except within seconds and before anything was done with the first tokens: then
it is the same app asking twice.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import grpc

from services.chassis.db import Database, Row, Tx
from services.chassis.errors import DomainError, Invalid, NotFound
from services.identity import (
    credential_store,
    id_tokens,
    oauth_clients,
    oauth_store,
    oauth_tokens,
    redirect_uris,
    secret,
    sessions,
    signing_keys,
    throttle,
)
from services.identity.app import App
from services.identity.oauth_clients import Credentials
from services.identity.oauth_store import Asked
from services.identity.oauth_tokens import Holder, OAuthGrantInvalid, OAuthScopeRefused, Tokens
from services.identity.people import User

log = logging.getLogger(__name__)
#: Time for signing in, with a password reset if need be.
_REQUEST_LIFE = timedelta(hours=1)
_CODE_LIFE = timedelta(minutes=1)
#: A second redemption within this is taken for the same app's, if it has not used the first one's tokens.
_AT_ONCE = timedelta(seconds=5)


class RedirectUriUnknown(Invalid):
    reason = "REDIRECT_URI_UNKNOWN"


class AuthorizationOver(NotFound):
    """Unknown, expired or answered before."""

    reason = "AUTHORIZATION_OVER"


class SessionMayNotAuthorize(DomainError):
    """One that is not the user's own with all its rights: an operator's."""

    reason = "SESSION_MAY_NOT_AUTHORIZE"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` is "sign_in", "consent" (of `user`), or "done" with a code or an error."""

    step: str
    request: Row
    user: User | None = None
    code: str = ""
    error: str = ""


async def start(
    app: App,
    client_id: str,
    *,
    redirect_uri: str,
    scopes: Sequence[str],
    state: str,
    nonce: str,
    code_challenge: str,
    prompt: Sequence[str],
    max_age: int | None,
    id_token_hint: str,
    ip: str,
    now: datetime,
) -> str:
    """Keeps an app's request and answers its handle; OAuthClientUnknown, RedirectUriUnknown, OAuthScopeRefused,
    IdTokenHintInvalid, SignInThrottled."""
    made = secret.make(secret.REQUEST)
    async with app.db.transaction() as tx:
        client = await oauth_clients.find(tx, client_id)
        if not redirect_uris.matches(client["redirect_uris"], redirect_uri):
            raise RedirectUriUnknown("it is not registered for this client", field="redirect_uri")
        for scope in scopes:
            if scope not in client["scopes"]:
                raise OAuthScopeRefused("the client may not ask for it", field="scopes", scope=scope)
        expected = None
        if id_token_hint:
            keys = await signing_keys.verifying(tx, now)
            expected = id_tokens.user_of_hint(id_token_hint, keys, issuer=app.public_url, client_id=client["id"])
        since = None if max_age is None else now - timedelta(seconds=max_age)
        if {"login", "select_account"} & set(prompt):
            since = now
        asked = Asked(
            client["id"], redirect_uri, sorted(set(scopes)), state, nonce, code_challenge, prompt, since, expected
        )
        await throttle.spend_authorization(tx, ip, now)
        await oauth_store.add_authorization(tx, secret.digest(made), asked, now, now + _REQUEST_LIFE)
    return made


async def proceed(db: Database, request: str, session: str, *, answer: str, user_id: str, now: datetime) -> Progress:
    """What the authorization of this handle lacks with this browser's session, or its end; AuthorizationOver,
    SessionMayNotAuthorize. `answer` is "allow" or "deny", by the user with this id, or "" before anybody was asked."""
    async with db.transaction() as tx:
        asked = await oauth_store.lock_authorization(tx, secret.digest(request), now)
        if asked is None:
            raise AuthorizationOver("there is no such authorization, or it has been answered")
        found = await credential_store.session(tx, secret.digest(session)) if session else None
        if found is not None and not _good_for(found, asked, now):
            found = None
        if answer == "deny":
            return await _end(tx, asked, "access_denied", now)
        if found is None:
            return (
                await _end(tx, asked, "login_required", now)
                if "none" in asked["prompt"]
                else Progress("sign_in", asked)
            )
        user = User(found["user_id"], found["email"], found["name"], found["locale"])
        allowed = answer == "allow" and user_id == str(user.id)
        if not allowed and await _must_ask(tx, asked, user, now):
            return (
                await _end(tx, asked, "consent_required", now)
                if "none" in asked["prompt"]
                else Progress("consent", asked, user)
            )
        made = secret.make(secret.CODE)
        await oauth_store.answer_authorization(
            tx, asked["id"], now, code=(secret.digest(made), now + _CODE_LIFE, found["id"])
        )
    return Progress("done", asked, code=made)


async def redeem(
    app: App,
    shown: Credentials,
    code: str,
    *,
    redirect_uri: str,
    verifier: str,
    ip: str,
    user_agent: str,
    now: datetime,
) -> Tokens:
    """The tokens of a code; OAuthClientRefused, OAuthGrantInvalid."""
    key = await app.signing.current(app.db, app.sealer, now)
    tokens = None
    async with app.db.transaction() as tx:
        client = await oauth_clients.authenticate(tx, shown)
        asked = await oauth_store.lock_code(tx, secret.digest(code))
        if (
            asked is None
            or asked["client_id"] != client["id"]
            or asked["redirect_uri"] != redirect_uri
            or not hmac.compare_digest(asked["code_challenge"], _s256(verifier))
        ):
            raise OAuthGrantInvalid("the code is unknown, or was not given for this client, redirect URI and verifier")
        if asked["opened"] is not None:
            await _again(tx, asked, client, ip, now)
        elif asked["code_expires_at"] > now and asked["browser_ended_at"] is None:
            user = User(asked["user_id"], asked["email"], asked["name"], asked["locale"])
            session_id = await oauth_store.add_session(
                tx,
                client["id"],
                user.id,
                asked["scopes"],
                asked["signed_in_at"],
                ip,
                user_agent,
                now,
                now + sessions.APP_LIFE,
            )
            await oauth_store.redeem_code(tx, asked["id"], session_id, now)
            await oauth_store.end_superseded(tx, session_id, now)
            holder = Holder(session_id, client["id"], user, asked["signed_in_at"], now + sessions.APP_LIFE)
            tokens = await oauth_tokens.issue(
                tx, app, key, holder, asked["scopes"], asked["scopes"], asked["nonce"], now
            )
            told = {"application": client["name"], "scopes": asked["scopes"]}
            await sessions.tell_accounts(tx, user.id, user.email, asked, ip, now, "user.app_signed_in", after=told)
    if tokens is None:
        raise OAuthGrantInvalid("the code has expired or was redeemed before")
    return tokens


async def _again(tx: Tx, asked: Row, client: Row, ip: str, now: datetime) -> None:
    """A code that was redeemed came again."""
    if not asked["used"] and now - asked["opened_at"] < _AT_ONCE:
        return
    if await oauth_store.end_session(tx, asked["opened"], now):
        log.warning("a code was used twice; its session is ended", extra={"session": str(asked["opened"]), "ip": ip})
        told = {"application": client["name"], "cause": "the code was used twice"}
        await sessions.tell_accounts(
            tx, asked["user_id"], asked["email"], None, ip, now, "user.app_signed_out", after=told
        )


async def _end(tx: Tx, asked: Row, error: str, now: datetime) -> Progress:
    await oauth_store.answer_authorization(tx, asked["id"], now)
    return Progress("done", asked, error=error)


def _good_for(session: Row, asked: Row, now: datetime) -> bool:
    """Whether the session is open, signed in lately enough, and of the user that the app expects."""
    if (
        session["ended_at"] is not None
        or session["expires_at"] <= now
        or session["last_used_at"] + sessions.IDLE <= now
    ):
        return False
    if session["operator"] is not None or session["grants"] is not None or session["contact_id"] is not None:
        raise SessionMayNotAuthorize("only the user itself lets apps in")
    since, signed_in_at = asked["signed_in_since"], session["confirmed_at"] or session["created_at"]
    return (since is None or signed_in_at >= since) and asked["expected_user"] in {None, session["user_id"]}


async def _must_ask(tx: Tx, asked: Row, user: User, now: datetime) -> bool:
    if "consent" in asked["prompt"]:
        return True
    if asked["first_party"]:
        return False
    used_after = now - sessions.APP_IDLE
    return not await oauth_store.consented(tx, user.id, asked["client_id"], asked["scopes"], now, used_after)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
