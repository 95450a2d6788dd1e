"""From a credential (a session's secret, an app's access token, an API token) to a user and what it may: on the way of
every request, so it is cheap.

Two statements, three when the last use is noted, which happens at most once a minute; no slow hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from joserfc.jwk import OKPKey

from services.chassis.actor import Actor, Grant, sign
from services.chassis.db import Database, Row
from services.chassis.errors import Unauthenticated
from services.identity import access, contact_store, credential_store, networks, oauth_store, scopes, secret, users
from services.identity.people import Contact, User
from services.identity.sessions import IDLE

ACTOR_TOKEN_LIFE = timedelta(seconds=60)
CONFIRMED_FOR = timedelta(minutes=5)
"""How long a session may do what is sensitive after its person confirmed who it is."""
_NOTE_USE_EVERY = timedelta(minutes=1)
_CACHE_SIZE = 5_000
_NO_ACCOUNT = UUID(int=0)
"""Of an actor who acts in none; no account has it."""


class CredentialInvalid(Unauthenticated):
    """Unknown, malformed, ended or revoked: the answer does not tell which."""

    reason = "CREDENTIAL_INVALID"


class CredentialExpired(Unauthenticated):
    reason = "CREDENTIAL_EXPIRED"


class TokenIpRefused(Unauthenticated):
    """The token is bound to networks, and the caller is in none of them."""

    reason = "TOKEN_IP_REFUSED"


@dataclass(frozen=True, slots=True)
class Membership:
    """`grants` are what this credential may in the account: for a token perhaps less than its contact."""

    contact: Contact
    grants: tuple[Grant, ...]
    actor_token: str
    actor_token_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """`kind` is "session" (of a browser, or of an app that may do all) or "token"; `operator` names the one who looks
    through this session, or is empty. `own_actor_token` is there for the session of a user without any membership."""

    user: User
    memberships: list[Membership]
    kind: str
    operator: str
    own_actor_token: str = ""


class ActorTokens:
    """Signs actor tokens; gives the same one again while at least half of its life is left, which spares a signature
    here and a verification in each service."""

    def __init__(self, key: OKPKey) -> None:
        key.ensure_kid()
        self._key = key
        self._signed: dict[Actor, tuple[str, datetime]] = {}

    def give(self, actor: Actor, now: datetime, life: timedelta = ACTOR_TOKEN_LIFE) -> tuple[str, datetime]:
        """(token, when it ends)."""
        kept = self._signed.get(actor)
        if kept is not None and kept[1] - now >= life / 2:
            return kept
        if len(self._signed) >= _CACHE_SIZE:
            self._signed.clear()
        # The token counts whole seconds: tell no later end than it holds.
        begun = now.replace(microsecond=0)
        given = (sign(actor, self._key, begun, life), begun + life)
        self._signed[actor] = given
        return given


async def authenticate(db: Database, tokens: ActorTokens, credential: str, *, ip: str, now: datetime) -> Identity:
    """Who holds this credential; CredentialInvalid, CredentialExpired, TokenIpRefused, UserLocked."""
    digest = secret.digest(credential)
    if credential.startswith(secret.ACCESS):
        return await _of_app(db, tokens, digest, ip, now)
    if credential.startswith(secret.TOKEN):
        kind, table, found = "token", "api_tokens", await credential_store.token(db, digest)
    elif credential.startswith(secret.SESSION):
        kind, table, found = "session", "sessions", await credential_store.session(db, digest)
    else:
        raise CredentialInvalid("no such credential")
    if found is None or found["ended_at" if kind == "session" else "revoked_at"] is not None:
        raise CredentialInvalid("no such credential")
    if _over(found["expires_at"], now) or (kind == "session" and found["last_used_at"] + IDLE <= now):
        raise CredentialExpired("the credential has expired")
    if kind == "token" and not networks.reach(found["networks"], ip):
        raise TokenIpRefused("the token may not be used from this address")
    users.check_lock(found)
    contacts = await contact_store.memberships(db, found["user_id"], found["contact_id"], now)
    if kind == "token" and not contacts:
        raise CredentialInvalid("the membership that the token was made in is over")
    used = found["last_used_at"]
    if used is None or now - used >= _NOTE_USE_EVERY:
        await credential_store.touch(db, table, found["id"], now)
    user = User(found["user_id"], found["email"], found["name"], found["locale"], found["email_bouncing"])
    own = None if found["grants"] is None else access.load(found["grants"])
    name = found["token_name"] if kind == "token" else ""
    memberships = [_membership(tokens, kind, found, own, name, contact, ip, now) for contact in contacts]
    operator = (found["operator"] or "") if kind == "session" else ""
    alone = kind == "session" and not operator and not contacts
    return Identity(user, memberships, kind, operator, _alone(tokens, found, user, "", ip, now) if alone else "")


async def person(db: Database, credential: str, *, now: datetime) -> User:
    """Who signed in with this session; CredentialInvalid for a token, and for a session that is not wholly the user's own:
    one that an operator looks through, or that was narrowed."""
    found = None
    if credential.startswith(secret.SESSION):
        found = await credential_store.session(db, secret.digest(credential))
    if found is None or found["ended_at"] is not None or _over(found["expires_at"], now):
        raise CredentialInvalid("no such session")
    if found["last_used_at"] + IDLE <= now:
        raise CredentialInvalid("no such session")
    if found["operator"] is not None or found["grants"] is not None or found["contact_id"] is not None:
        raise CredentialInvalid("the session is not the user's own")
    return User(found["user_id"], found["email"], found["name"], found["locale"])


async def _of_app(db: Database, tokens: ActorTokens, digest: bytes, ip: str, now: datetime) -> Identity:
    """The user behind an app's access token. With the scope "all" the app acts as the user itself, with permissions
    as a token that holds no more; without either it learns of the user what its scopes tell, and of no account."""
    found = await oauth_store.access_token(db, digest)
    if found is None or found["ended_at"] is not None or found["disabled_at"] is not None:
        raise CredentialInvalid("no such credential")
    if _over(found["expires_at"], now):
        raise CredentialExpired("the credential has expired")
    users.check_lock(found)
    own = scopes.grants(found["scopes"])
    kind = "session" if own is None else "token"
    contacts = [] if own == () else await contact_store.memberships(db, found["user_id"], None, now)
    if found["used_at"] is None or now - found["last_used_at"] >= _NOTE_USE_EVERY:
        await oauth_store.note_access(db, digest, now)
    known = set(found["scopes"]) if own == () else {scopes.EMAIL, scopes.PROFILE}
    user = User(
        found["user_id"],
        found["email"] if scopes.EMAIL in known else "",
        found["name"] if scopes.PROFILE in known else "",
        found["locale"],
    )
    name = found["client_name"]
    memberships = [_membership(tokens, kind, found, own, name, contact, ip, now) for contact in contacts]
    alone = kind == "session" and not contacts
    return Identity(user, memberships, kind, "", _alone(tokens, found, user, name, ip, now) if alone else "")


def _membership(
    tokens: ActorTokens,
    kind: str,
    found: Row,
    own: Sequence[Grant] | None,
    name: str,
    contact: Contact,
    ip: str,
    now: datetime,
) -> Membership:
    """What a credential may in one account; `name` is that of the token or the app, "" for a browser."""
    grants = access.narrowed(contact.grants(now), own, now)
    label = f"{contact.user.email} ({name})" if name else contact.user.email
    if kind == "token":
        acting, actor_id = "token", str(found["id"])
    elif found["operator"] is not None:
        acting, actor_id, label = "operator", found["operator"], f"{found['operator']} → {contact.user.email}"
    else:
        acting, actor_id = "user", str(contact.user.id)
    actor = Actor(
        kind=acting,
        id=actor_id,
        label=label,
        account_id=contact.account_id,
        user_id=contact.user.id,
        contact_id=contact.id,
        locale=contact.user.locale,
        ip=ip,
        grants=grants,
        session_id=found["id"] if acting == "user" else None,
        confirmed_until=_confirmed_until(found, now) if acting == "user" else None,
    )
    return Membership(contact, grants, *tokens.give(actor, now))


def _alone(tokens: ActorTokens, found: Row, user: User, name: str, ip: str, now: datetime) -> str:
    """The actor token of a user who acts in no account; `name` is the app's, "" for a browser."""
    actor = Actor(
        kind="user",
        id=str(user.id),
        label=f"{user.email} ({name})" if name else user.email,
        account_id=_NO_ACCOUNT,
        user_id=user.id,
        locale=user.locale,
        ip=ip,
        session_id=found["id"],
        confirmed_until=_confirmed_until(found, now),
    )
    return tokens.give(actor, now)[0]


def _confirmed_until(session: Row, now: datetime) -> datetime | None:
    """How long the session's person counts as having just confirmed who it is; None when it does not."""
    until: datetime | None = session["confirmed_at"] + CONFIRMED_FOR if session["confirmed_at"] else None
    return until if until and until > now else None


def _over(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= now
