"""How often passwords may be guessed, per address and per IP.

Each key has an allowance of `burst` guesses that refills by one every `every` (the "generic cell rate algorithm": one
timestamp a key says when the allowance is whole again). A guess is paid for before the password is looked at, so
guessing in parallel gains nothing; a right password gives the address its allowance back.
"""

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

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
#: Authorizations that apps may start from an IP: anybody may, and each is a row.
STARTED_PER_IP = Allowance(burst=300, every=timedelta(seconds=1))


async def spend(db: Database, email: str, ip: str, now: datetime) -> None:
    """Pays for one guess at this address from this IP; SignInThrottled, and nothing paid, when either has none left.

    It does not matter whether the address is anybody's: the answer must not tell.
    """
    keys = [(_of_address(email), PER_ADDRESS)]
    if ip:
        keys.append((_of_ip(ip), PER_IP))
    async with db.transaction() as tx:
        for key, allowance in sorted(keys, key=lambda pair: pair[0]):
            await _pay(tx, key, allowance, now)


async def spend_authorization(tx: Tx, ip: str, now: datetime) -> None:
    """Pays for one started authorization from this IP; SignInThrottled."""
    if ip:
        await _pay(tx, f"authorization:{_of_ip(ip)}", STARTED_PER_IP, now)


async def restore(tx: Tx, email: str) -> None:
    """Gives the address its whole allowance back. The IP keeps its count: whoever has one password of his own
    must not earn guesses at others with it."""
    await store.forget_guesses(tx, _of_address(email))


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
