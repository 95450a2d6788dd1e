"""Mounts a service: migrations, gRPC with health and reflection, relay, consumers, jobs; drains on SIGTERM."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from portico.common.v1 import repair_pb2_grpc
from services.chassis import bus, consume, jobs, migrate, outbox, telemetry
from services.chassis.actor import ActorVerifier
from services.chassis.config import Env
from services.chassis.db import CONNECTION_ERRORS, Database, connect
from services.chassis.grpc import DeclaredServer, Edge
from services.chassis.repair import RepairRpc

log = logging.getLogger(__name__)
_DRAIN_SECONDS = 10.0
# An actor token of a contact limited to hundreds of objects is far over gRPC's 8 KiB of metadata.
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_metadata_size", 256 * 1024),
    ("grpc.absolute_max_metadata_size", 512 * 1024),
]
_BROKER_SECONDS = 10.0
#: For everything but the guards of periodic work, each of which keeps one while it acts.
_CONNECTIONS = 10
_DAY = 86_400.0


@dataclass(frozen=True)
class ServiceSettings:
    """What every service is told by its environment."""

    listen: str
    database_url: str
    amqp_url: str
    actor_jwks_file: Path
    log_level: str
    traces_file: Path | None
    otlp_endpoint: str | None

    @classmethod
    def read(cls, env: Env) -> "ServiceSettings":
        traces = env.optional("TRACES_FILE")
        return cls(
            listen=env.text("LISTEN"),
            database_url=env.text("DATABASE_URL"),
            amqp_url=env.text("AMQP_URL"),
            actor_jwks_file=env.path("ACTOR_JWKS_FILE"),
            log_level=env.text("LOG_LEVEL", "INFO"),
            traces_file=Path(traces) if traces else None,
            otlp_endpoint=env.optional("OTEL_EXPORTER_OTLP_ENDPOINT"),
        )


A = TypeVar("A")


def serve(
    service: str,
    settings: ServiceSettings,
    *,
    build: Callable[[Database], Awaitable[A]],
    register: Callable[[Any, A], None],
    migrations: Path,
    consumes: Mapping[str, consume.Consumer] | None = None,
    job_handlers: Mapping[str, jobs.Handler] | None = None,
    at_once: Mapping[str, int] | None = None,
    periodic: Mapping[str, jobs.Periodic] | None = None,
    close: Callable[[A], Awaitable[None]] | None = None,
) -> None:
    """Runs until SIGTERM or SIGINT. `build` makes the service's App from its database; `register` adds its servicers;
    `close` ends the App's adapters; `at_once` gives kinds of jobs a lane of their own, so wide."""
    telemetry.setup(
        service,
        log_level=settings.log_level,
        traces_file=settings.traces_file,
        otlp_endpoint=settings.otlp_endpoint,
    )

    async def main() -> None:
        stop = asyncio.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        async with mounted(
            service, settings, build, register, migrations, consumes, job_handlers, periodic, close, at_once=at_once
        ) as failed:
            waits = [asyncio.create_task(stop.wait()), asyncio.create_task(failed.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if failed.is_set():
                raise SystemExit(f"{service}: a background task ended; see the log")

    uvloop.run(main())


@asynccontextmanager
async def mounted(
    service: str,
    settings: ServiceSettings,
    build: Callable[[Database], Awaitable[A]],
    register: Callable[[Any, A], None],
    migrations: Path,
    consumes: Mapping[str, consume.Consumer] | None = None,
    job_handlers: Mapping[str, jobs.Handler] | None = None,
    periodic: Mapping[str, jobs.Periodic] | None = None,
    close: Callable[[A], Awaitable[None]] | None = None,
    broker_seconds: float = _BROKER_SECONDS,
    at_once: Mapping[str, int] | None = None,
) -> AsyncIterator[asyncio.Event]:
    """A running service; the event given is set when a background task ends by itself, which none should.

    It is ready once its queues stand, or after `broker_seconds` without a broker.
    """
    guards = 2 + len(periodic or {})
    db = await _database(service, settings, migrations, _CONNECTIONS + guards)
    app = await build(db)
    inbox = consume.Inbox(db, app, consumes or {})
    worker = jobs.Worker(db, app, {**(job_handlers or {}), consume.RETRY_KIND: inbox.retry}, at_once)
    verifier = ActorVerifier(settings.actor_jwks_file.read_text())
    server = grpc.aio.server(interceptors=[Edge(service, verifier)], options=_OPTIONS)
    declared: Any = DeclaredServer(server)
    register(declared, app)
    repair_pb2_grpc.add_RepairServiceServicer_to_server(RepairRpc(service, db, inbox), declared)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*declared.services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    server.add_insecure_port(settings.listen)
    failed, connected = asyncio.Event(), asyncio.Event()
    tasks = [
        asyncio.create_task(work, name=name)
        for name, work in {
            "events": _events(service, settings.amqp_url, db, inbox, connected),
            "jobs": worker.run(),
            "purge outbox": jobs.run_periodic(db, "purge outbox", _DAY, lambda _: outbox.purge(db), app),
            "purge inbox": jobs.run_periodic(db, "purge inbox", _DAY, lambda _: consume.purge(db), app),
            **{
                name: jobs.run_periodic(db, name, seconds, act, app)
                for name, (seconds, act) in (periodic or {}).items()
            },
        }.items()
    ]
    stopping = asyncio.Event()
    for task in tasks:
        task.add_done_callback(lambda done: _ended(done, failed, stopping))
    with suppress(TimeoutError):  # without the broker we serve all the same; events wait in the outbox
        async with asyncio.timeout(broker_seconds):
            await connected.wait()
    await server.start()
    for name in ("", *declared.services):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    log.info("ready", extra={"listen": settings.listen})
    try:
        yield failed
    finally:
        log.info("draining")
        await healthy.enter_graceful_shutdown()
        await server.stop(_DRAIN_SECONDS)
        stopping.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if close is not None:
            await close(app)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await db.close()


async def _database(service: str, settings: ServiceSettings, migrations: Path, connections: int) -> Database:
    while True:
        try:
            ran = await migrate.migrate(settings.database_url, service, migrations)
            if ran:
                log.info("migrated", extra={"migrations": ran})
            return await connect(settings.database_url, max_size=connections)
        except CONNECTION_ERRORS as error:
            log.warning("waiting for the database", extra={"cause": str(error)})
            await asyncio.sleep(1)


async def _events(service: str, amqp_url: str, db: Database, inbox: consume.Inbox, connected: asyncio.Event) -> None:
    """Relay and consumers over one connection to the broker, made anew whenever it is lost."""
    wait = 0.5
    while True:
        try:
            connection = await _connect(service, amqp_url, inbox)
        except bus.CONNECTION_ERRORS as error:
            log.warning("waiting for the broker", extra={"cause": str(error)})
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10)
            continue
        wait = 0.5
        connected.set()
        consuming = asyncio.create_task(inbox.run(connection))
        relaying = asyncio.create_task(outbox.Relay(db, service).run(connection))
        try:
            done, _ = await asyncio.wait({consuming, relaying}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # A library may have cancelled it; asking a cancelled task for its exception would cancel us.
                if not task.cancelled() and (cause := task.exception()) is not None:
                    log.warning("the event connection failed; connecting anew", extra={"cause": repr(cause)})
        finally:
            for task in (consuming, relaying):
                task.cancel()
            await asyncio.gather(consuming, relaying, return_exceptions=True)
            with suppress(Exception):
                async with asyncio.timeout(3):
                    await connection.close()
        await asyncio.sleep(wait)


async def _connect(service: str, amqp_url: str, inbox: consume.Inbox) -> bus.Bus:
    """Consumes before the relay publishes and before the service is ready, so that an event finds its queue."""
    connection = await bus.connect(amqp_url, service)
    try:
        await inbox.start(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def _ended(task: "asyncio.Task[None]", failed: asyncio.Event, stopping: asyncio.Event) -> None:
    # A task cancelled by a library, not by us, has ended all the same.
    if not stopping.is_set():
        cause = None if task.cancelled() else task.exception()
        log.error("a background task ended", exc_info=cause, extra={"task": task.get_name()})
        failed.set()
