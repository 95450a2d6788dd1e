"""Authenticator apps: time-based one-time passwords (RFC 6238), six digits every thirty seconds."""

import hmac
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pyotp
import segno

from services.chassis.actor import Actor
from services.chassis.db import Database, Tx
from services.chassis.errors import Invalid
from services.chassis.sealing import Sealer
from services.identity import factor_store, factors, sessions
from services.identity.emails import Post
from services.identity.factors import Added

ISSUER = "Portico"
KIND = "totp"
PENDING_LIFE = timedelta(minutes=15)
#: Steps that a clock may be ahead or behind (RFC 6238, 5.2).
_DRIFT = 1


class CodeWrong(Invalid):
    """Wrong, too old, or used before: the answer does not tell which."""

    reason = "CODE_WRONG"


@dataclass(frozen=True, slots=True)
class NewTotp:
    """What the authenticator app is given: `uri`, as text or as a QR code, or `secret` (base32) typed in."""

    id: UUID
    secret: str
    uri: str
    qr_svg: str
    expires_at: datetime


async def begin(db: Database, sealer: Sealer, actor: Actor, now: datetime) -> NewTotp:
    """A secret that confirm makes a factor; TooManyFactors."""
    user_id, _ = sessions.own(actor)
    id_, secret, expires_at = uuid4(), pyotp.random_base32(), now + PENDING_LIFE
    async with db.transaction() as tx:
        user = await factors.lock_for_one_more(tx, user_id)
        sealed = sealer.seal(secret.encode(), _purpose(id_))
        await factor_store.add_pending(tx, id_, user_id, KIND, expires_at, sealed_secret=sealed)
    uri = pyotp.TOTP(secret).provisioning_uri(name=user["email"], issuer_name=ISSUER)
    return NewTotp(id_, secret, uri, _qr(uri), expires_at)


async def confirm(
    db: Database, sealer: Sealer, post: Post, actor: Actor, id_: UUID, code: str, name: str, now: datetime
) -> Added:
    """Makes it a factor, for the code that the app shows; PendingFactorNotFound, CodeWrong, TooManyFactors.

    Its code is used up by that. Confirming again changes nothing and makes no recovery codes.
    """
    user_id, _ = sessions.own(actor)
    async with db.transaction() as tx:
        done = await factor_store.factor(tx, user_id, id_)
        if done is not None and done["kind"] == KIND:
            return Added(done, [])
        user = await factors.lock_for_one_more(tx, user_id)
        pending = await factor_store.pending(tx, user_id, KIND, id_, now)
        if pending is None:
            raise factors.PendingFactorNotFound("begin again", field="id")
        steps = _steps(sealer.open(pending["sealed_secret"], _purpose(id_)).decode(), code, now)
        if not steps:
            raise CodeWrong("not the code that the app shows now", field="code")
        await factor_store.remove_pending(tx, id_)
        await factor_store.add_totp(tx, id_, user_id, name.strip(), pending["sealed_secret"], steps[-1], now)
        return await factors.added(tx, post, actor, user, id_, now)


async def accept(tx: Tx, sealer: Sealer, user_id: UUID, code: str, now: datetime) -> bool:
    """Whether one of the user's apps shows this code now, and it was not accepted before. The user is locked."""
    for factor in await factor_store.totps(tx, user_id):
        for step in _steps(sealer.open(factor["sealed_secret"], _purpose(factor["id"])).decode(), code, now):
            if await factor_store.use_totp(tx, factor["id"], step, now):
                return True
    return False


def _steps(secret: str, code: str, now: datetime) -> list[int]:
    """The time steps around now that this is the code of."""
    totp, given = pyotp.TOTP(secret), "".join(code.split()).encode()
    current = int(now.timestamp()) // totp.interval
    near = range(current - _DRIFT, current + _DRIFT + 1)
    return [step for step in near if hmac.compare_digest(totp.generate_otp(step).encode(), given)]


def _purpose(id_: UUID) -> str:
    return f"totp:{id_}"


def _qr(uri: str) -> str:
    out = io.BytesIO()
    segno.make(uri, micro=False).save(out, kind="svg", xmldecl=False, nl=False, omitsize=True, light="#fff")
    return out.getvalue().decode()
