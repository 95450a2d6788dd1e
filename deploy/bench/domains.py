"""List and search of an account's domains, in an account of 1,000 and in one of 1,000,000: the service's own SQL, on a
table that is made like its own and dropped afterwards."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from portico.common.v1 import common_pb2
from services.chassis import pages
from services.chassis.db import Database, connect
from services.domains import store

FEW, MANY = 1_000, 1_000_000
_ACCOUNTS = {FEW: UUID(int=1), MANY: UUID(int=2)}
_ROUNDS, _WARM_UP = 60, 10
_SCHEMA = "bench"
#: Names that begin differently, and every tenth of which has the same word in it.
_FILL = """
INSERT INTO domains (account_id, name, unicode_name, tld, state, state_since, statuses, registered_at, expires_at,
                     auto_renew, nameservers, created_at, synced_at)
SELECT $1, n.name, n.name, 'hu', CASE WHEN n.i % 200 = 0 THEN 'EXPIRED' ELSE 'ACTIVE' END, now(), '{ok}', now(),
       now() + n.i % 700 * interval '1 day', true, '{ns1.portico.example,ns2.portico.example}', now(), now()
FROM (SELECT i, substr(md5(i::text), 1, 10) || CASE WHEN i % 10 = 0 THEN '-kert.hu' ELSE '-bolt.hu' END AS name
      FROM generate_series(1, $2::int) AS i) AS n"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """p50 in milliseconds of one way to look, in the small account and in the large one."""

    what: str
    few: float
    many: float


async def measure(url: str) -> tuple[list[Outcome], float]:
    """(outcomes, seconds for making the table)."""
    # Filling takes longer than a service's statement may.
    admin = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        await _make(admin)
        made = time.perf_counter() - began
        pool = await connect(f"{url}{'&' if '?' in url else '?'}search_path={_SCHEMA},public", min_size=1, max_size=1)
        try:
            return [await _outcome(pool, what, look) for what, look in _LOOKS.items()], made
        finally:
            await pool.close()
    finally:
        await admin.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")
        await admin.close()


async def _make(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Filled first and indexed then, with the indexes that the service's table has."""
    indexes = await admin.fetch(
        """SELECT indexdef FROM pg_indexes
           WHERE schemaname = 'public' AND tablename = 'domains' AND indexname <> 'domains_live_name'"""
    )
    async with admin.transaction():
        await admin.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE; CREATE SCHEMA {_SCHEMA}")
        await admin.execute(f"SET LOCAL search_path = {_SCHEMA}, public; SET LOCAL maintenance_work_mem = '256MB'")
        await admin.execute("CREATE UNLOGGED TABLE domains (LIKE public.domains INCLUDING DEFAULTS)")
        for size, account in _ACCOUNTS.items():
            await admin.execute(_FILL, account, size)
        for row in indexes:
            await admin.execute(row["indexdef"].replace(" public.domains", " domains"))
        await admin.execute("ANALYZE domains")


_Look = Callable[[Database, UUID], Coroutine[Any, Any, Any]]


def _look(*, states: tuple[str, ...] = (), search: str = "", sort: str = "NAME") -> _Look:
    async def look(db: Database, account: UUID) -> None:
        page = pages.read(common_pb2.PageRequest())
        await store.list_domains(
            db, account, None, states=states, search=search, sort=sort, descending=False, page=page
        )

    return look


_LOOKS: dict[str, _Look] = {
    "list by name": _look(),
    "list by expiry": _look(sort="EXPIRES_AT"),
    "list of the expired": _look(states=("EXPIRED",)),
    # md5('77'): the 77th name of either account.
    "search that finds one": _look(search="28dd2c795"),
    "search that finds every tenth": _look(search="kert"),
    "search that finds nothing": _look(search="nincsilyen"),
    # md5('200'): the first of the expired.
    "search of two letters": _look(search="36"),
    "the same among the expired": _look(search="36", states=("EXPIRED",)),
}


async def _outcome(db: Database, what: str, look: _Look) -> Outcome:
    """The accounts in turn, so that what else the machine does meets both."""
    taken: dict[int, list[float]] = {FEW: [], MANY: []}
    for number in range(_WARM_UP + _ROUNDS):
        for size, account in _ACCOUNTS.items():
            started = time.perf_counter()
            await look(db, account)
            if number >= _WARM_UP:
                taken[size].append((time.perf_counter() - started) * 1000)
    return Outcome(what, median(taken[FEW]), median(taken[MANY]))
