"""Operators: the hosting company's staff, their credentials, and the actor that they become."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, Grant
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import Conflict, NotFound
from services.identity import networks, operator_store, secret
from services.identity.credential_store import Network
from services.identity.credentials import ActorTokens, CredentialExpired, CredentialInvalid, TokenIpRefused

PERMISSION = "operator"
"""What every operator holds and no customer can: it is not among access.PERMISSIONS."""
HOUSE = UUID(int=0)
"""Stands for the account where an operator acts in none; the house's own chain of the event log."""
CREDENTIAL_LIFE = timedelta(days=90)
ACTOR_TOKEN_LIFE = timedelta(seconds=10)
"""Short: operators hold their actor tokens themselves, and one who is disabled must not go on with it."""
_NOTE_USE_EVERY = timedelta(minutes=1)


class OperatorNotFound(NotFound):
    """Unknown, or disabled."""

    reason = "OPERATOR_NOT_FOUND"


class OperatorExists(Conflict):
    reason = "OPERATOR_EXISTS"


class OperatorIsYou(Conflict):
    """Somebody has to be left who can let others in."""

    reason = "OPERATOR_IS_YOU"


@dataclass(frozen=True, slots=True)
class Authenticated:
    operator: Row
    actor_token: str
    actor_token_expires_at: datetime


async def authenticate(db: Database, tokens: ActorTokens, credential: str, *, ip: str, now: datetime) -> Authenticated:
    """Who holds this credential; CredentialInvalid, CredentialExpired, TokenIpRefused."""
    found = None
    if credential.startswith(secret.OPERATOR):
        found = await operator_store.by_credential(db, secret.digest(credential))
    if found is None or found["revoked_at"] is not None or found["disabled_at"] is not None:
        raise CredentialInvalid("no such credential")
    if found["credential_expires_at"] <= now:
        raise CredentialExpired("the credential has expired")
    if not networks.reach(found["networks"], ip):
        raise TokenIpRefused("the credential may not be used from this address")
    used = found["last_used_at"]
    if used is None or now - used >= _NOTE_USE_EVERY:
        await operator_store.touch(db, found["credential_id"], now)
    actor = Actor(
        kind="operator",
        id=str(found["id"]),
        label=found["name"],
        account_id=HOUSE,
        locale="en",
        ip=ip,
        grants=(Grant(PERMISSION),),
    )
    return Authenticated(found, *tokens.give(actor, now, ACTOR_TOKEN_LIFE))


async def create(db: Database, by: Actor, name: str, email: str, ips: Sequence[str], now: datetime) -> tuple[Row, str]:
    """A new operator and its credential's secret, shown this once; OperatorExists, also for a disabled one."""
    bound = networks.parse(ips)
    async with db.transaction() as tx:
        operator_id = await operator_store.add(tx, name, email, now)
        if operator_id is None:
            raise OperatorExists(f"there is an operator {name} already", field="name")
        made = await _credential(tx, operator_id, bound, now)
        await audit.record(
            tx,
            by,
            "operator.created",
            subject=("Operator", operator_id, name),
            after={"email": email, "ips": [str(network) for network in bound]},
        )
        return await _reload(tx, name), made


async def renew(db: Database, by: Actor, name: str, ips: Sequence[str], now: datetime) -> tuple[Row, str]:
    """A new credential in place of the earlier ones, which end; bound to `ips`, or to what the last one was bound to.
    OperatorNotFound."""
    async with db.transaction() as tx:
        found = await operator_store.hold(tx, name)
        if found is None:
            raise OperatorNotFound(f"there is no operator {name}", field="name")
        bound = networks.parse(ips) or await operator_store.last_networks(tx, found["id"])
        await operator_store.revoke_credentials(tx, found["id"], now)
        made = await _credential(tx, found["id"], bound, now)
        await audit.record(
            tx,
            by,
            "operator.credential_renewed",
            subject=("Operator", found["id"], name),
            after={"ips": [str(network) for network in bound]},
        )
        return await _reload(tx, name), made


async def disable(db: Database, by: Actor, name: str, now: datetime) -> Row:
    """Ends the operator's credentials, links and sessions for good; OperatorNotFound, OperatorIsYou."""
    async with db.transaction() as tx:
        found = await operator_store.hold(tx, name)
        if found is None:
            raise OperatorNotFound(f"there is no operator {name}", field="name")
        if str(found["id"]) == by.id:
            raise OperatorIsYou("ask a colleague to disable you", field="name")
        await operator_store.disable(tx, found["id"], now)
        await operator_store.revoke_credentials(tx, found["id"], now)
        await operator_store.end_sessions(tx, name, now)
        await audit.record(tx, by, "operator.disabled", subject=("Operator", found["id"], name))
        return await _reload(tx, name)


async def _credential(tx: Tx, operator_id: UUID, bound: Sequence[Network], now: datetime) -> str:
    made = secret.make(secret.OPERATOR)
    await operator_store.add_credential(tx, operator_id, secret.digest(made), bound, now, now + CREDENTIAL_LIFE)
    return made


async def _reload(tx: Tx, name: str) -> Row:
    [found] = await operator_store.operators(tx, name)
    return found
