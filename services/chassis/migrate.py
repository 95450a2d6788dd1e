"""Plain SQL migrations, forward only: migrations/0001_what_it_does.sql, each in one transaction, under one lock."""

import hashlib
import re
from pathlib import Path

import asyncpg

CHASSIS = Path(__file__).parent / "migrations"
_LOCK = 7_067_641
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """A migration is misnamed, was changed after it ran, or is older than one that ran."""


async def migrate(url: str, service: str, folder: Path) -> int:
    """Brings a database up to date, the chassis' tables first; answers how many migrations ran."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            """CREATE TABLE IF NOT EXISTS schema_migrations (
                   part text, version text, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
                   PRIMARY KEY (part, version))"""
        )
        return await _apply(connection, "chassis", CHASSIS) + await _apply(connection, service, folder)
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", part: str, folder: Path) -> int:
    rows = await connection.fetch("SELECT version, checksum FROM schema_migrations WHERE part = $1", part)
    done = {row["version"]: row["checksum"] for row in rows}
    ran, last = 0, ""
    for file in sorted(folder.glob("*.sql")):
        if not _NAME.fullmatch(file.name):
            raise MigrationError(f"{file.name} is not named like 0001_what_it_does.sql")
        version, sql = file.name[:4], file.read_text()
        if version == last:
            raise MigrationError(f"{part} {file.name} has the number of another migration")
        last, checksum = version, hashlib.sha256(sql.encode()).hexdigest()
        if version in done:
            if done[version] != checksum:
                raise MigrationError(f"{part} {file.name} was changed after it ran; add a new migration instead")
            continue
        if any(version < other for other in done):
            raise MigrationError(f"{part} {file.name} is older than one that already ran")
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(
                "INSERT INTO schema_migrations (part, version, checksum) VALUES ($1, $2, $3)", part, version, checksum
            )
        ran += 1
    return ran
