"""Keys, callers and a migrated database for the chassis' tests."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import OKPKey
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.parts import Parts
from services.chassis import jobs
from services.chassis.actor import Actor, Grant, sign
from services.chassis.db import Database, connect
from services.chassis.migrate import migrate
from tests.chassis.echo import MIGRATIONS, Mounted, running

NewDatabase = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", auto_kid=True)


@pytest.fixture(scope="session")
def jwks(key: OKPKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_text(json.dumps({"keys": [{**key.as_dict(private=False), "alg": "EdDSA", "use": "sig"}]}))
    return file


@pytest.fixture(scope="session")
def caller(key: OKPKey) -> Callable[..., dict[str, Any]]:
    """Arguments of a good call by an actor with these grants: a deadline and a token."""

    def make(*grants: Grant, account_id: UUID | None = None) -> dict[str, Any]:
        actor = Actor("user", "u1", "anna@minta.example", account_id or uuid4(), grants=grants)
        token = sign(actor, key, datetime.now(UTC), timedelta(minutes=5))
        return {"timeout": 5, "metadata": (("authorization", f"Bearer {token}"),)}

    return make


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_POLL_SECONDS", 0.1)


@pytest.fixture(scope="session")
def spans() -> InMemorySpanExporter:
    """The spans that ended since this was first asked for."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture(scope="session")
async def db(database: NewDatabase) -> AsyncIterator[Database]:
    """One migrated database for tests that tell their rows apart by fresh ids."""
    url = await database("chassis")
    await migrate(url, "echo", MIGRATIONS)
    db = await connect(url)
    yield db
    await db.close()


@pytest.fixture(scope="session")
async def echo(database: NewDatabase, parts: Parts, jwks: Path) -> AsyncIterator[Mounted]:
    """One echo service for tests that do not change it."""
    async with running(await database("echo"), parts.rabbitmq.url, jwks) as mounted:
        yield mounted
