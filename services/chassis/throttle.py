"""How often something may be tried: in the table `guesses` (key text PRIMARY KEY, whole_at timestamptz) of a service.

Each key has an allowance of `burst` tries that refills by one every `every` (the "generic cell rate algorithm": one
timestamp a key says when the allowance is whole again). A try is paid for before it is made, so trying in parallel gains
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.chassis.db import Queryable


@dataclass(frozen=True, slots=True)
class Allowance:
    burst: int
    every: timedelta

    @property
    def whole(self) -> timedelta:
        """How long an allowance that is used up takes to be whole again."""
        return self.burst * self.every


async def pay(q: Queryable, key: str, allowance: Allowance, now: datetime) -> datetime | None:
    """Pays for one try. None, or when the next one is allowed: then nothing is paid."""
    return (await pay_many(q, [key], allowance, now)).get(key)


async def pay_many(q: Queryable, keys: Sequence[str], allowance: Allowance, now: datetime) -> dict[str, datetime]:
    """Pays for one try of each key; those that have none left, and when they have."""
    paid = await q.fetch(
        """INSERT INTO guesses AS g (key, whole_at)
           SELECT key, $2::timestamptz + $3 FROM unnest($1::text[]) AS key ORDER BY key
           ON CONFLICT (key) DO UPDATE SET whole_at = greatest(g.whole_at, $2) + $3
           WHERE greatest(g.whole_at, $2) + $3 <= $4 RETURNING key""",
        sorted(set(keys)),
        now,
        allowance.every,
        now + allowance.whole,
    )
    left = set(keys) - {row["key"] for row in paid}
    return await allowed_from(q, sorted(left), allowance, now) if left else {}


async def allowed_from(q: Queryable, keys: Sequence[str], allowance: Allowance, now: datetime) -> dict[str, datetime]:
    """Those of the keys that have no try left, and when they have one; nothing is paid."""
    rows = await q.fetch(
        "SELECT key, whole_at FROM guesses WHERE key = ANY($1) AND whole_at > $2::timestamptz",
        list(keys),
        now + allowance.whole - allowance.every,
    )
    return {row["key"]: row["whole_at"] + allowance.every - allowance.whole for row in rows}


async def give_back(q: Queryable, keys: Sequence[str], allowance: Allowance) -> None:
    """One try of each, which was paid for and not made."""
    await q.execute(
        """WITH paid AS (SELECT key FROM guesses WHERE key = ANY($1) ORDER BY key FOR UPDATE)
           UPDATE guesses g SET whole_at = g.whole_at - $2::interval FROM paid WHERE g.key = paid.key""",
        list(keys),
        allowance.every,
    )


async def forget(q: Queryable, keys: Sequence[str]) -> None:
    """Their allowances are whole again."""
    await q.execute(
        """WITH paid AS (SELECT key FROM guesses WHERE key = ANY($1) ORDER BY key FOR UPDATE)
           DELETE FROM guesses g USING paid WHERE g.key = paid.key""",
        list(keys),
    )


async def purge(q: Queryable, now: datetime) -> None:
    """Forgets tries that no longer count."""
    await q.execute("DELETE FROM guesses WHERE whole_at < $1", now)
