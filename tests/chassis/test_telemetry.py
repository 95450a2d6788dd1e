"""What is told of a failure."""

import logging
from uuid import uuid4

import asyncpg
import pytest

from services.chassis.telemetry import JsonFormatter, cause
from tests.chassis.conftest import NewDatabase


async def test_a_refused_rows_contents_reach_neither_log_nor_table(database: NewDatabase) -> None:
    secret = uuid4().hex
    connection = await asyncpg.connect(await database("telemetry"))
    await connection.execute("CREATE TABLE secrets (hash text, id int NOT NULL)")
    with pytest.raises(asyncpg.NotNullViolationError) as caught:
        await connection.execute("INSERT INTO secrets VALUES ($1, NULL)", secret)
    await connection.close()
    assert secret in str(caught.value)
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), (caught.type, caught.value, caught.tb))
    for told in (cause(caught.value), JsonFormatter("test").format(record)):
        assert secret not in told
        assert "violates not-null constraint" in told
