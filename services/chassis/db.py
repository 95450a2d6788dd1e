"""PostgreSQL: one pool a process, explicit transactions, a count of the statements that an RPC cost."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Row = asyncpg.Record

#: What PostgreSQL being away looks like: the caller may try again later.
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
)


class StatementCount:
    """How many SQL statements ran for one RPC."""

    def __init__(self) -> None:
        self.total = 0


statements: ContextVar[StatementCount | None] = ContextVar("statements", default=None)


def _count() -> None:
    counter = statements.get()
    if counter is not None:
        counter.total += 1


class Tx:
    """An open transaction."""

    def __init__(self, connection: "PoolConnectionProxy[Row]") -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        _count()
        return await self._connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        _count()
        return await self._connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        _count()
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """The command tag: "UPDATE 3"."""
        _count()
        return await self._connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        _count()
        await self._connection.executemany(sql, rows)

    async def copy_records_to_table(
        self, table: str, *, columns: Sequence[str], records: Iterable[Sequence[object]]
    ) -> None:
        _count()
        await self._connection.copy_records_to_table(table, columns=list(columns), records=records)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield


class Database:
    """A pool of connections. Single statements run in a transaction of their own."""

    def __init__(self, pool: "asyncpg.Pool[Row]", url: str) -> None:
        self._pool = pool
        self.url = url

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None) -> AsyncIterator[Tx]:
        """Commits at the end, rolls back on any exception. Nothing remote inside."""
        async with self._pool.acquire() as connection, connection.transaction(isolation=isolation):  # type: ignore[arg-type]
            yield Tx(connection)

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        _count()
        return await self._pool.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        _count()
        return await self._pool.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        _count()
        return await self._pool.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        _count()
        return await self._pool.execute(sql, *args)

    async def listen(self, channel: str, callback: Any) -> "asyncpg.Connection[Row]":
        """A connection of its own that calls back on each NOTIFY of the channel; the caller closes it."""
        connection = await asyncpg.connect(self.url, command_timeout=30)
        await connection.add_listener(channel, callback)
        return connection

    async def close(self) -> None:
        await self._pool.close()


Queryable = Database | Tx


def like(part: str) -> str:
    """The LIKE pattern of texts that contain this; empty when there is nothing to look for."""
    escaped = re.sub(r"([\\%_])", r"\\\1", part.strip())
    return f"%{escaped}%" if escaped else ""


async def _prepare(connection: "asyncpg.Connection[Row]") -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def connect(url: str, *, min_size: int = 2, max_size: int = 10) -> Database:
    """Opens the pool; raises one of CONNECTION_ERRORS when the server is away."""
    pool = await asyncpg.create_pool(
        url,
        min_size=min_size,
        max_size=max_size,
        command_timeout=30,
        init=_prepare,
        server_settings={"timezone": "UTC", "application_name": "portico"},
    )
    return Database(pool, url)
