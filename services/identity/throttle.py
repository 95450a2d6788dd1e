"""How often passwords and codes may be guessed and reset links asked for, per address and per IP.

A guess is paid for before the password is looked at (see services/chassis/throttle); a right one gives the address its
allowance back.
"""

import asyncio
import ipaddress
import math
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.chassis import throttle
from services.chassis.db import Database, Queryable, Tx
from services.chassis.errors import Exhausted
from services.chassis.throttle import Allowance


class SignInThrottled(Exhausted):
    """`retry_after`: whole seconds until the next guess is allowed."""

    reason = "SIGN_IN_THROTTLED"


class ResetThrottled(Exhausted):
    """`retry_after` as above."""

    reason = "RESET_THROTTLED"


PER_ADDRESS = Allowance(burst=10, every=timedelta(minutes=1))
PER_IP = Allowance(burst=50, every=timedelta(seconds=10))
#: Authorizations that apps may start from an IP: anybody may, and each is a row.
STARTED_PER_IP = Allowance(burst=300, every=timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Kind:
    """What is tried. Each kind has allowances of its own, kept under its name; `error` is raised when one is used up."""

    name: str
    per_address: Allowance
    per_ip: Allowance
    error: type[Exhausted]


PASSWORD = Kind("", PER_ADDRESS, PER_IP, SignInThrottled)
RESET = Kind(
    "reset:",
    per_address=Allowance(burst=5, every=timedelta(minutes=10)),
    per_ip=Allowance(burst=20, every=timedelta(minutes=1)),
    error=ResetThrottled,
)
#: Six digits are guessed sooner than a password, and three of them are right at any time. Whoever guesses at one kind of
#: code leaves the other usable.
PER_CODE = Allowance(burst=10, every=timedelta(minutes=5))
CODES = {
    kind: Kind(f"{kind}:", per_address=PER_CODE, per_ip=PER_IP, error=SignInThrottled)
    for kind in ("totp", "recovery_code")
}
#: How long an answer takes at least after a guess, whatever there was to write down.
_EVEN_SECONDS = 0.1


async def spend(db: Database, email: str, ip: str, now: datetime, kind: Kind = PASSWORD) -> None:
    """Pays for one guess at this address from this IP; the kind's error, and nothing paid, when either has none left.

    It does not matter whether the address is anybody's: the answer must not tell.
    """
    keys = [(kind.name + _of_address(email), kind.per_address)]
    if ip:
        keys.append((kind.name + _of_ip(ip), kind.per_ip))
    async with db.transaction() as tx:
        for key, allowance in sorted(keys, key=lambda pair: pair[0]):
            await _pay(tx, key, allowance, kind.error, now)


async def spend_authorization(tx: Tx, ip: str, now: datetime) -> None:
    """Pays for one started authorization from this IP; SignInThrottled."""
    if ip:
        await _pay(tx, f"authorization:{_of_ip(ip)}", STARTED_PER_IP, SignInThrottled, now)


async def spend_challenge(db: Database, ip: str, now: datetime) -> None:
    """Pays for one challenge that this IP has its security key sign; SignInThrottled."""
    if ip:
        async with db.transaction() as tx:
            await _pay(tx, f"challenge:{_of_ip(ip)}", PER_IP, SignInThrottled, now)


async def restore(q: Queryable, email: str, kind: Kind = PASSWORD) -> None:
    """Gives the address its whole allowance of the kind back. The IP keeps its count: whoever has one password of his own
    must not earn guesses at others with it."""
    await throttle.forget(q, [kind.name + _of_address(email)])


async def even(work: Awaitable[None]) -> None:
    """Does the work, in no less than a tenth of a second: so the time does not tell whether there was any."""
    await asyncio.gather(asyncio.sleep(_EVEN_SECONDS), work)


async def _pay(tx: Tx, key: str, allowance: Allowance, error: type[Exhausted], now: datetime) -> None:
    until = await throttle.pay(tx, key, allowance, now)
    if until is not None:
        seconds = max(1, math.ceil((until - now).total_seconds()))
        raise error("too many tries; try again later", retry_after=str(seconds))


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
    """However it is spelled, an address has the one allowance, known or not: the answer must not tell which."""
    # To the database "İ" is "i" (its lower case is one letter), the only spelling that casefold keeps apart.
    return f"address:{email.replace('İ', 'i').casefold()}"
