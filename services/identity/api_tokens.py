"""API tokens: a contact's rights, or fewer, for a program."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import grpc

from services.chassis import audit
from services.chassis.actor import Actor, Grant
from services.chassis.db import Tx
from services.chassis.errors import DomainError, NotFound
from services.identity import access, secret, store


class ContactNotFound(NotFound):
    reason = "CONTACT_NOT_FOUND"


class NotByToken(DomainError):
    reason = "NOT_BY_TOKEN"
    status = grpc.StatusCode.PERMISSION_DENIED


class TokenNotFound(NotFound):
    reason = "API_TOKEN_NOT_FOUND"


async def create_token(
    tx: Tx,
    actor: Actor,
    contact_id: UUID,
    name: str,
    *,
    grants: Sequence[Grant] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """The secret of a new token of a contact of the actor's account; it cannot be shown again.

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
    token_id = await store.add_token(tx, actor.account_id, contact_id, secret.digest(made), name, kept, expires_at)
    if token_id is None:
        raise ContactNotFound("no such contact in the account")
    await audit.record(
        tx,
        actor,
        "api_token.created",
        subject=("ApiToken", token_id, name),
        after={"contact": str(contact_id), "grants": kept, "expires_at": expires_at},
    )
    return made


async def revoke_token(tx: Tx, actor: Actor, token_id: UUID, now: datetime) -> None:
    """Ends a token of the actor's account for good; revoking it twice changes nothing."""
    token = await store.revoke_token(tx, actor.account_id, token_id, now)
    if token is None:
        raise TokenNotFound("no such token in the account")
    if token["revoked"]:
        await audit.record(tx, actor, "api_token.revoked", subject=("ApiToken", token_id, token["name"]))
