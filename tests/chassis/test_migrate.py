"""Migrations against a real, empty database."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.chassis.migrate import CHASSIS, MigrationError, migrate
from tests.chassis.conftest import NewDatabase

OURS = len(list(CHASSIS.glob("*.sql")))


def folder(base: Path, **files: str) -> Path:
    for name, sql in files.items():
        (base / f"{name.removeprefix('m')}.sql").write_text(sql)
    return base


async def test_migrations_run_once_and_in_order(database: NewDatabase, tmp_path: Path) -> None:
    url = await database("migrate")
    files = folder(
        tmp_path, m0001_a="CREATE TABLE a (x int); CREATE TABLE b (x int)", m0002_b="INSERT INTO a VALUES (1)"
    )
    assert await migrate(url, "echo", files) == OURS + 2
    assert await migrate(url, "echo", files) == 0
    folder(tmp_path, m0003_c="INSERT INTO a SELECT x + 1 FROM a")
    assert await migrate(url, "echo", files) == 1
    connection = await asyncpg.connect(url)
    assert [row["x"] for row in await connection.fetch("SELECT x FROM a ORDER BY x")] == [1, 2]
    await connection.close()


async def test_concurrent_runs_apply_each_migration_once(database: NewDatabase, tmp_path: Path) -> None:
    url = await database("migrate")
    files = folder(tmp_path, m0001_a="CREATE TABLE a (x int); SELECT pg_sleep(0.2)")
    ran = await asyncio.gather(*(migrate(url, "echo", files) for _ in range(3)))
    assert sorted(ran) == [0, 0, OURS + 1]


async def test_changed_file_is_refused(database: NewDatabase, tmp_path: Path) -> None:
    url = await database("migrate")
    await migrate(url, "echo", folder(tmp_path, m0001_a="CREATE TABLE a (x int)"))
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        await migrate(url, "echo", folder(tmp_path, m0001_a="CREATE TABLE a (x text)"))


async def test_file_older_than_one_that_ran_is_refused(database: NewDatabase, tmp_path: Path) -> None:
    url = await database("migrate")
    await migrate(url, "echo", folder(tmp_path, m0002_b="CREATE TABLE b (x int)"))
    with pytest.raises(MigrationError, match=r"0001_a\.sql is older"):
        await migrate(url, "echo", folder(tmp_path, m0001_a="CREATE TABLE a (x int)"))


async def test_misnamed_file_is_refused(database: NewDatabase, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="named like"):
        await migrate(await database("migrate"), "echo", folder(tmp_path, m1_a="SELECT 1"))


async def test_two_files_of_one_number_are_refused(database: NewDatabase, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"0001_b\.sql"):
        await migrate(await database("migrate"), "echo", folder(tmp_path, m0001_a="SELECT 1", m0001_b="SELECT 2"))


async def test_failing_migration_leaves_nothing_behind(database: NewDatabase, tmp_path: Path) -> None:
    url = await database("migrate")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url, "echo", folder(tmp_path, m0001_a="CREATE TABLE a (x int); SELECT 1 / 0"))
    assert await migrate(url, "echo", folder(tmp_path, m0001_a="CREATE TABLE a (x int)")) == 1
