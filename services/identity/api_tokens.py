"""API tokens: a contact's rights, or fewer, for a program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import grpc
from google.protobuf.message import Message

from services.chassis import audit, idempotency
from services.chassis.actor import Actor, Grant
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.errors import DomainError, Exhausted, Invalid, NotFound
from services.identity import access, contact_store, credential_store, networks, secret, sessions, store
from services.identity.credential_store import Network
from services.identity.emails import Post
from services.identity.letters import Letter
from services.identity.people import Contact, User

MOST = 100
"""Tokens of one contact that are not revoked."""


class ContactNotFound(NotFound):
    reason = "CONTACT_NOT_FOUND"


class NotByToken(DomainError):
    reason = "NOT_BY_TOKEN"
    status = grpc.StatusCode.PERMISSION_DENIED


class TokenNotFound(NotFound):
    reason = "API_TOKEN_NOT_FOUND"


class TokenTooWide(DomainError):
    """A permission that the maker does not hold itself."""

    reason = "TOKEN_TOO_WIDE"
    status = grpc.StatusCode.PERMISSION_DENIED


class TokenExpiryInvalid(Invalid):
    reason = "TOKEN_EXPIRY_INVALID"


class TooManyTokens(Exhausted):
    reason = "TOO_MANY_TOKENS"


@dataclass(frozen=True, slots=True)
class NewToken:
    """`secret` is shown this once."""

    id: UUID
    secret: str


@dataclass(frozen=True, slots=True)
class Token:
    """`grants` are what it may now."""

    row: Row
    contact: Contact
    grants: tuple[Grant, ...]


async def of_actor(db: Database, actor: Actor, now: datetime) -> list[Token]:
    """The user's tokens in all of its accounts, the newest first. A token sees itself alone, an operator none."""
    if actor.user_id is None or actor.kind == "operator":
        return []
    contacts = await _contacts(db, actor, None, now)
    rows = await credential_store.tokens_of_user(db, actor.user_id)
    return [
        _token(row, contacts[row["contact_id"]], now)
        for row in rows
        if row["contact_id"] in contacts and (actor.kind != "token" or str(row["id"]) == actor.id)
    ]


async def create(
    db: Database,
    post: Post,
    actor: Actor,
    request: Message,
    *,
    request_id: str,
    name: str,
    permissions: Sequence[str],
    expires_at: datetime | None,
    ips: Sequence[str],
    now: datetime,
) -> tuple[Token, str]:
    """A new token of the actor's own membership and its secret.

    The same request_id again answers the token that there is, without its secret: only the hash is kept.
    """
    sessions.own(actor)
    if actor.contact_id is None:
        raise ContactNotFound("a token is made within a membership, and there is none")
    # By contact: another person's key must not lead to this one's token.
    key = f"{actor.contact_id}:{request_id}"
    async with db.transaction() as tx:
        contact = (await _contacts(tx, actor, actor.contact_id, now)).get(actor.contact_id)
        if contact is None:
            raise ContactNotFound("the membership is over")
        kept = await idempotency.claim(tx, actor.account_id, key, request)
        if kept is not None:
            return await _reload(tx, contact, UUID(kept["token_id"]), now), ""
        held = {grant.permission for grant in access.narrowed(actor.grants, contact.grants(now), now)}
        for index, permission in enumerate(permissions):
            if permission not in held:
                detail = f"a token cannot hold {permission}: its maker does not"
                raise TokenTooWide(detail, field=f"permissions[{index}]", permission=permission)
        if expires_at is None or not now < expires_at <= _a_year_after(now):
            raise TokenExpiryInvalid("must lie in the future, at most a year ahead", field="expires_at")
        bound = networks.parse(ips)
        if await credential_store.lock_tokens(tx, contact.id) >= MOST:
            raise TooManyTokens(f"there are {MOST} tokens already", limit=str(MOST))
        grants = [Grant(permission) for permission in sorted(set(permissions))]
        made = await create_token(
            tx, actor, contact.id, name.strip(), grants=grants, networks=bound, expires_at=expires_at
        )
        await idempotency.keep(tx, actor.account_id, key, {"token_id": str(made.id)})
        await _tell(tx, post, contact.user, "api_token_created", made.id, name.strip(), actor.ip, now)
        return await _reload(tx, contact, made.id, now), made.secret


async def create_token(
    tx: Tx,
    actor: Actor,
    contact_id: UUID,
    name: str,
    *,
    grants: Sequence[Grant] | None = None,
    networks: Sequence[Network] = (),
    expires_at: datetime | None = None,
) -> NewToken:
    """A new token of a contact of the actor's account; its secret cannot be shown again.

    `grants` narrow it: it may at any time what both they and the contact allow. None: what the contact may. A contact
    makes tokens of its own only (ContactNotFound), a token none (NotByToken): either could reach further than its maker.
    """
    if actor.kind == "token":
        raise NotByToken("a token makes no tokens")
    if actor.contact_id not in {None, contact_id}:
        raise ContactNotFound("no such contact in the account")
    if grants is not None:
        access.check_grants(grants)
    made = secret.make(secret.TOKEN)
    kept = None if grants is None else access.dump(grants)
    token_id = await credential_store.add_token(
        tx, actor.account_id, contact_id, secret.digest(made), name, kept, networks, expires_at
    )
    if token_id is None:
        raise ContactNotFound("no such contact in the account")
    after = {
        "contact": contact_id,
        "grants": kept,
        "expires_at": expires_at,
        "ips": [str(network) for network in networks],
    }
    await audit.record(tx, actor, "api_token.created", subject=("ApiToken", token_id, name), after=after)
    return NewToken(token_id, made)


async def revoke(db: Database, post: Post, actor: Actor, token_id: UUID, now: datetime) -> None:
    """Ends a token of the user for good; TokenNotFound. Revoking it twice changes nothing."""
    user_id, _ = sessions.own(actor)
    async with db.transaction() as tx:
        token = await credential_store.revoke_token(tx, user_id, token_id, now)
        if token is None:
            raise TokenNotFound("the user has no such token", field="id")
        if token["revoked"]:
            # The log of the token's account, whichever account the user acts in.
            there = replace(actor, account_id=token["account_id"], contact_id=token["contact_id"])
            before = {"grants": token["grants"], "expires_at": token["expires_at"]}
            await audit.record(
                tx, there, "api_token.revoked", subject=("ApiToken", token_id, token["name"]), before=before
            )
            user = User.of(await store.user(tx, user_id))
            await _tell(tx, post, user, "api_token_revoked", token_id, token["name"], actor.ip, now)


async def _tell(tx: Tx, post: Post, user: User, letter: str, token_id: UUID, name: str, ip: str, now: datetime) -> None:
    values = {"name": name, "at": now, "ip": ip}
    occasion = f"{letter}:{token_id}"
    await post.write(
        tx,
        Letter(letter, occasion, "security", user.email, user.name, user.locale, values, user_id=user.id),
        now,
    )


async def _contacts(q: Queryable, actor: Actor, contact_id: UUID | None, now: datetime) -> dict[UUID, Contact]:
    assert actor.user_id is not None
    return {contact.id: contact for contact in await contact_store.memberships(q, actor.user_id, contact_id, now)}


async def _reload(tx: Tx, contact: Contact, token_id: UUID, now: datetime) -> Token:
    row = await credential_store.token_of_contact(tx, contact.id, token_id)
    if row is None:
        raise TokenNotFound("the token is no more")
    return _token(row, contact, now)


def _token(row: Row, contact: Contact, now: datetime) -> Token:
    own = None if row["grants"] is None else access.load(row["grants"])
    return Token(row, contact, access.narrowed(contact.grants(now), own, now))


def _a_year_after(now: datetime) -> datetime:
    try:
        return now.replace(year=now.year + 1)
    except ValueError:  # 29 February
        return now.replace(year=now.year + 1, month=3, day=1)
