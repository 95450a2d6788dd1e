"""The RSA keys of ID tokens: sealed in the database, changed on a clock.

There is always a next key, published a whole period before it signs, so that whoever keeps the key set has it in time.
A key that was followed by another stays published until the last token that it signed has expired.
"""

import asyncio
import json
from datetime import datetime, timedelta

from google.protobuf.message import Message
from joserfc.jwk import KeySet, RSAKey

from services.chassis import audit, idempotency
from services.chassis.actor import Actor
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.sealing import Sealer
from services.identity import oauth_store

ALGORITHM = "RS256"
"""What every OpenID Connect client has to know (OpenID Connect Core, 15.1)."""
TOKEN_LIFE = timedelta(hours=1)
_PERIOD = timedelta(days=30)
#: Even after a long stand-still the next key is published this long before it signs.
_AHEAD = timedelta(days=1)
#: Beyond the life of a key's last token: clocks differ.
_MARGIN = timedelta(minutes=10)
_BITS = 2048


class SigningKeys:
    """Keeps the keys that it has opened: to read an RSA key costs more than to sign with it."""

    def __init__(self) -> None:
        self._opened: dict[str, RSAKey] = {}

    async def current(self, db: Database, sealer: Sealer, now: datetime) -> RSAKey:
        """The key that signs now."""
        row = _current(await _ready(db, sealer, now), now)
        key = self._opened.get(row["id"])
        if key is None:
            pem = sealer.open(row["sealed_private"], _purpose(row["id"]))
            key = await asyncio.to_thread(RSAKey.import_key, pem, {"kid": row["id"]})
            # Of those kept none but the current is used again.
            self._opened = {row["id"]: key}
        return key


async def public(db: Database, sealer: Sealer, now: datetime) -> str:
    """The published keys as a JSON Web Key Set (RFC 7517): private parts are nowhere in it."""
    entries = [
        {**row["public_jwk"], "kid": row["id"], "use": "sig", "alg": ALGORITHM} for row in await _ready(db, sealer, now)
    ]
    return json.dumps({"keys": entries})


async def verifying(q: Queryable, now: datetime) -> KeySet | None:
    """The keys that verify tokens still good; None when there is none yet."""
    rows = await oauth_store.signing_keys(q, _published_since(now))
    return KeySet([RSAKey.import_key(row["public_jwk"], {"kid": row["id"]}) for row in rows]) if rows else None


async def keep_ready(db: Database, sealer: Sealer, now: datetime) -> None:
    """Makes the keys that are missing and forgets those whose tokens are over."""
    await _ready(db, sealer, now)
    await oauth_store.forget_signing_keys(db, _published_since(now))


async def rotate(db: Database, sealer: Sealer, actor: Actor, request: Message, request_id: str, now: datetime) -> str:
    """Lets the next key sign from now on and publishes another; the id of the key that signs."""
    await _ready(db, sealer, now)
    fresh = await asyncio.to_thread(_make)
    async with db.transaction() as tx:
        kept = await idempotency.claim(tx, actor.account_id, request_id, request)
        if kept is not None:
            return str(kept["key_id"])
        await oauth_store.lock_signing_keys(tx)
        key_id = await oauth_store.let_next_key_sign(tx, now)
        await _add(tx, sealer, fresh, now + _PERIOD, now)
        await idempotency.keep(tx, actor.account_id, request_id, {"key_id": key_id})
        await audit.record(tx, actor, "signing_key.rotated", subject=("SigningKey", key_id, key_id))
    return key_id


async def _ready(db: Database, sealer: Sealer, now: datetime) -> list[Row]:
    """The published keys, the next to sign last; made when the current or the next is missing."""
    rows = await oauth_store.signing_keys(db, _published_since(now))
    if _lacks_current(rows, now) or _lacks_next(rows, now):
        fresh = [await asyncio.to_thread(_make) for _ in range(2)]
        async with db.transaction() as tx:
            await oauth_store.lock_signing_keys(tx)
            rows = await oauth_store.signing_keys(tx, _published_since(now))
            if _lacks_current(rows, now):
                await _add(tx, sealer, fresh.pop(), now, now)
                rows = await oauth_store.signing_keys(tx, _published_since(now))
            if _lacks_next(rows, now):
                signs_from = max(_current(rows, now)["signs_from"] + _PERIOD, now + _AHEAD)
                await _add(tx, sealer, fresh.pop(), signs_from, now)
            rows = await oauth_store.signing_keys(tx, _published_since(now))
    return rows


def _current(rows: list[Row], now: datetime) -> Row:
    return [row for row in rows if row["signs_from"] <= now][-1]


def _lacks_current(rows: list[Row], now: datetime) -> bool:
    return not any(row["signs_from"] <= now for row in rows)


def _lacks_next(rows: list[Row], now: datetime) -> bool:
    return not any(row["signs_from"] > now for row in rows)


async def _add(tx: Tx, sealer: Sealer, key: RSAKey, signs_from: datetime, now: datetime) -> None:
    key_id = key.thumbprint()
    sealed = sealer.seal(key.as_pem(private=True), _purpose(key_id))
    await oauth_store.add_signing_key(tx, key_id, key.as_dict(private=False), sealed, signs_from, now)


def _make() -> RSAKey:
    return RSAKey.generate_key(_BITS)


def _published_since(now: datetime) -> datetime:
    return now - TOKEN_LIFE - _MARGIN


def _purpose(key_id: str) -> str:
    return f"signing_key:{key_id}"
