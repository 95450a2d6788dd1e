"""OAuth clients: the apps, registered by the operator, that people may let in."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from google.protobuf.message import Message

from services.chassis import audit, idempotency
from services.chassis.actor import Actor
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.errors import Invalid, NotFound, Unauthenticated
from services.chassis.pages import Page
from services.identity import oauth_store, redirect_uris, secret
from services.identity.scopes import SCOPES


class OAuthClientUnknown(NotFound):
    reason = "OAUTH_CLIENT_UNKNOWN"


class OAuthClientRefused(Unauthenticated):
    """Unknown, disabled, or not with its secret: the answer does not tell which."""

    reason = "OAUTH_CLIENT_REFUSED"


class OAuthScopeUnknown(Invalid):
    reason = "OAUTH_SCOPE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an app shows of itself; a public client has no secret."""

    client_id: str
    secret: str


async def register(
    db: Database,
    actor: Actor,
    request: Message,
    *,
    request_id: str,
    name: str,
    uris: Sequence[str],
    scopes: Sequence[str],
    first_party: bool,
    confidential: bool,
    now: datetime,
) -> tuple[Row, str]:
    """A new client and its secret, empty for a public one; RedirectUriInvalid, OAuthScopeUnknown.

    The same request_id again answers the client that there is, without its secret: only the hash is kept.
    """
    async with db.transaction() as tx:
        kept = await idempotency.claim(tx, actor.account_id, request_id, request)
        if kept is not None:
            return await _reload(tx, UUID(kept["client_id"])), ""
        client_id, made = uuid4(), secret.make(secret.CLIENT) if confidential else ""
        await add(tx, actor, client_id, made, name=name, uris=uris, scopes=scopes, first_party=first_party, now=now)
        await idempotency.keep(tx, actor.account_id, request_id, {"client_id": str(client_id)})
        return await _reload(tx, client_id), made


async def add(
    tx: Tx,
    actor: Actor,
    client_id: UUID,
    client_secret: str,
    *,
    name: str,
    uris: Sequence[str],
    scopes: Sequence[str],
    first_party: bool,
    now: datetime,
) -> None:
    """Registers a client under this id; RedirectUriInvalid, OAuthScopeUnknown."""
    uris = redirect_uris.check(uris)
    for index, scope in enumerate(scopes):
        if scope not in SCOPES:
            raise OAuthScopeUnknown(f"there is no scope {scope}", field=f"scopes[{index}]", scope=scope)
    name, held = name.strip(), sorted(set(scopes))
    kept = secret.digest(client_secret) if client_secret else None
    await oauth_store.add_client(tx, client_id, name, kept, uris, held, first_party, now)
    after = {"redirect_uris": uris, "scopes": held, "first_party": first_party, "confidential": kept is not None}
    await audit.record(tx, actor, "oauth_client.registered", subject=("OAuthClient", client_id, name), after=after)


async def page(db: Database, page: Page) -> list[Row]:
    """The newest clients, disabled ones too; one row more than the page."""
    return await oauth_store.client_page(db, page)


async def disable(db: Database, actor: Actor, client_id: UUID, now: datetime) -> None:
    """Ends the client and all its sessions for good; OAuthClientUnknown. Disabling it twice changes nothing."""
    async with db.transaction() as tx:
        row = await _reload(tx, client_id)
        ended = await oauth_store.disable_client(tx, client_id, now)
        if ended is not None:
            subject = ("OAuthClient", client_id, row["name"])
            await audit.record(tx, actor, "oauth_client.disabled", subject=subject, after={"sessions_ended": ended})


async def find(q: Queryable, client_id: str) -> Row:
    """The client; OAuthClientUnknown, for a disabled one too."""
    row = await _find(q, client_id)
    if row is None:
        raise OAuthClientUnknown("there is no such client", field="client_id")
    return row


async def authenticate(q: Queryable, shown: Credentials) -> Row:
    """The client that shows these; OAuthClientRefused."""
    row = await _find(q, shown.client_id)
    if row is None or not has_secret(row, shown.secret):
        raise OAuthClientRefused("the client is not known by these credentials")
    return row


def has_secret(client: Row, shown: str) -> bool:
    """Whether it is the client's secret; of a public client, whether none is shown."""
    if client["secret_hash"] is None:
        return not shown
    return hmac.compare_digest(client["secret_hash"], secret.digest(shown))


async def _find(q: Queryable, client_id: str) -> Row | None:
    try:
        row = await oauth_store.client(q, UUID(client_id))
    except ValueError:
        return None
    # PostgreSQL reads a UUID in many spellings; a client has one.
    return row if row is not None and row["disabled_at"] is None and str(row["id"]) == client_id else None


async def _reload(tx: Tx, client_id: UUID) -> Row:
    row = await oauth_store.client(tx, client_id)
    if row is None:
        raise OAuthClientUnknown("there is no such client", field="client_id")
    return row
