"""How often an account may give a wrong auth code: 5 times an hour for a name, 200 times an hour for all names together.

A registry may lock out a registrar through whom codes are guessed. The registry's refusals count (2202), not what it was not
asked about: a guess is paid for before it is asked, and given back unless it was wrong. So a list of a thousand names with
some mistakes in it passes. A right code gives the name its whole allowance back; time refills both, one guess after another.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import throttle
from services.chassis.db import Queryable, Tx
from services.chassis.errors import Exhausted
from services.chassis.throttle import Allowance

PER_NAME = Allowance(burst=5, every=timedelta(minutes=12))
PER_ACCOUNT = Allowance(burst=200, every=timedelta(seconds=18))


class AuthCodeThrottled(Exhausted):
    """`until`: when the next code is taken."""

    reason = "AUTH_CODE_THROTTLED"


def throttled(name: str, until: datetime) -> AuthCodeThrottled:
    """`name` as people read it."""
    return AuthCodeThrottled("too many wrong codes", field="auth_code", name=name, until=f"{until:%Y-%m-%dT%H:%M:%SZ}")


async def pay_names(q: Queryable, account_id: UUID, names: Sequence[str], now: datetime) -> dict[str, datetime]:
    """Pays for one guess of each name; those that have none left, and until when."""
    keys = {_of_name(account_id, name): name for name in names}
    return {keys[key]: until for key, until in (await throttle.pay_many(q, list(keys), PER_NAME, now)).items()}


async def settle_names(q: Queryable, account_id: UUID, right: Collection[str], not_asked: Collection[str]) -> None:
    """What became of the guesses that were paid for; those that are neither were wrong."""
    if right:
        await throttle.forget(q, [_of_name(account_id, name) for name in right])
    if not_asked:
        await throttle.give_back(q, [_of_name(account_id, name) for name in not_asked], PER_NAME)


async def pay_account(q: Queryable, account_id: UUID, now: datetime) -> datetime | None:
    """Pays for one guess of the account; when it has none left, until when."""
    return await throttle.pay(q, _of_account(account_id), PER_ACCOUNT, now)


async def give_back_account(q: Queryable, account_id: UUID) -> None:
    """One that was not wrong."""
    await throttle.give_back(q, [_of_account(account_id)], PER_ACCOUNT)


async def refuse_exhausted(q: Queryable, account_id: UUID, name: str, shown: str, now: datetime) -> None:
    """AuthCodeThrottled where another code of this name is not taken now; nothing is paid."""
    until = [
        *(await throttle.allowed_from(q, [_of_name(account_id, name)], PER_NAME, now)).values(),
        *(await throttle.allowed_from(q, [_of_account(account_id)], PER_ACCOUNT, now)).values(),
    ]
    if until:
        raise throttled(shown, max(until))


async def count_wrong(tx: Tx, account_id: UUID, name: str, now: datetime) -> None:
    """A code that the registry has refused after payment."""
    await throttle.pay(tx, _of_name(account_id, name), PER_NAME, now)
    await throttle.pay(tx, _of_account(account_id), PER_ACCOUNT, now)


def _of_name(account_id: UUID, name: str) -> str:
    return f"auth_code:{account_id}:{name}"


def _of_account(account_id: UUID) -> str:
    return f"auth_code:{account_id}"
