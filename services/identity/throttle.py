"""How often passwords and codes may be guessed, per address or user and per IP.

Each key has an allowance of `burst` guesses that refills by one every `every` (the "generic cell rate algorithm": one
timestamp a key says when the allowance is whole again). A guess is paid for before the password is looked at, so
guessing in parallel gains nothing; a right one gives the address or user its allowance back.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.db import Database, Tx
from services.chassis.errors import Exhausted
from services.identity import store


class SignInThrottled(Exhausted):
    """`retry_after`: whole seconds until the next guess is allowed."""

    reason = "SIGN_IN_THROTTLED"


@dataclass(frozen=True, slots=True)
class Allowance:
    burst: int
    every: timedelta


PER_ADDRESS = Allowance(burst=10, every=timedelta(minutes=1))
PER_IP = Allowance(burst=50, every=timedelta(seconds=10))
#: Of one kind of code: six digits are guessed sooner than a password, and three of them are right at any time.
PER_FACTOR = Allowance(burst=10, every=timedelta(minutes=5))


async def spend(db: Database, email: str, ip: str, now: datetime) -> None:
    """Pays for one guess at this address from this IP; SignInThrottled, and nothing paid, when either has none left.

    It does not matter whether the address is anybody's: the answer must not tell.
    """
    await _spend(db, [(_of_address(email), PER_ADDRESS)], ip, now)


async def spend_on_factor(db: Database, user_id: UUID, kind: str, ip: str, now: datetime) -> None:
    """As spend, for one guess at the user's codes of this kind: whoever guesses at one leaves the others usable."""
    await _spend(db, [(_of_factor(user_id, kind), PER_FACTOR)], ip, now)


async def spend_of_ip(db: Database, ip: str, now: datetime) -> None:
    """Pays for what cannot be guessed but costs us something; SignInThrottled."""
    await _spend(db, [], ip, now)


async def restore(tx: Tx, email: str) -> None:
    """Gives the address its whole allowance back. The IP keeps its count: whoever has one password of his own
    must not earn guesses at others with it."""
    await store.forget_guesses(tx, _of_address(email))


async def restore_factor(tx: Tx, user_id: UUID, kind: str) -> None:
    """As restore, after a right code."""
    await store.forget_guesses(tx, _of_factor(user_id, kind))


async def _spend(db: Database, keys: list[tuple[str, Allowance]], ip: str, now: datetime) -> None:
    if ip:
        keys = [*keys, (_of_ip(ip), PER_IP)]
    async with db.transaction() as tx:
        for key, allowance in sorted(keys, key=lambda pair: pair[0]):
            await _pay(tx, key, allowance, now)


async def _pay(tx: Tx, key: str, allowance: Allowance, now: datetime) -> None:
    latest = now + allowance.burst * allowance.every
    whole_at = await store.spend_guess(tx, key, now, allowance.every, latest)
    if whole_at is not None:
        seconds = max(1, math.ceil((whole_at + allowance.every - latest).total_seconds()))
        raise SignInThrottled("too many guesses; try again later", retry_after=str(seconds))


def _of_ip(ip: str) -> str:
    """An IPv6 customer is given a whole /64 at least, so that counts as one; what is no address stands for itself."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return f"ip:{ip}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return f"ip:{ipaddress.ip_network((int(address) >> 64 << 64, 64))}"
        address = address.ipv4_mapped
    return f"ip:{address}"


def _of_address(email: str) -> str:
    return f"address:{email.casefold()}"


def _of_factor(user_id: UUID, kind: str) -> str:
    return f"{kind}:{user_id}"
