"""The whole of Portico on this machine: parts, databases, sandbox registries, services and gateway."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy import registries
from deploy.operator import bootstrap
from deploy.parts import Part, Parts
from deploy.parts.child import Child
from deploy.parts.machine import plain_env, write_private
from deploy.parts.secrets import actor_keys, sealing_keys
from deploy.progress import Progress, silent, step
from deploy.registries import REGISTRIES

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("identity", "domains", "hosting", "billing", "tickets")
PROCESSES = (*REGISTRIES, "mail", *SERVICES, "gateway")
NAMESERVERS = "ns1.portico.example,ns2.portico.example"
# Settings of the operator that a process gets when they are set.
PASSED_TO_ALL = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER")
PASSED = {
    "hosting": ("TIME_ZONE",),
    "billing": ("SELLER_FILE",),
    "gateway": ("TRUSTED_PROXIES",),
    "demo": ("SELLER_FILE",),
}
READY_WITHIN = 60.0


class Stack:
    """Portico as separate processes under one folder; a second start resumes the same data."""

    def __init__(
        self,
        base: Path,
        *,
        progress: Progress = silent,
        fsync: bool = True,
        parts: Parts | None = None,
        processes: Sequence[str] = PROCESSES,
        port: int | None = None,
        host: str = "127.0.0.1",
        seed: bool = True,
        log_level: str = "INFO",
        extra: Mapping[str, Mapping[str, str]] | None = None,
        smtp_url: str | None = None,
        confirm_seconds: float = 1.0,
    ) -> None:
        """`smtp_url` is the operator's mail server; without one, all mail is caught under `mail_folder`.

        `confirm_seconds`: until the played holders confirm what waits for them; 0: it does not wait.
        """
        self.base = base.absolute()
        self.parts = Parts(self.base, progress=progress, fsync=fsync) if parts is None else parts
        self._owns_parts = parts is None
        self._smtp_url = smtp_url
        # Whoever has a mail server of his own needs no catcher.
        self._all = tuple(name for name in PROCESSES if name != "mail" or not smtp_url)
        self.processes = tuple(name for name in self._all if name in processes)
        self._progress = progress
        self._host = host
        self._port = port
        self._seed = seed
        self._log_level = log_level
        self._confirm_seconds = confirm_seconds
        self._extra = dict(extra or {})
        self._databases: dict[str, str] = {}
        self._children: dict[str, Child] = {}
        self._private_key, self._public_key = actor_keys(self.base)
        self._sealing_keys = {name: sealing_keys(self.base, name) for name in ("identity", "domains")}

    # -- where things are

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return f"http://{self._host}:{self.port('gateway')}"

    @property
    def demo_file(self) -> Path:
        """What the seed wrote: the people with their passwords and tokens."""
        return self.base / "demo.json"

    @property
    def operator_file(self) -> Path:
        """What deploy/portico needs: a credential, and where the services are."""
        return self.base / "operator.json"

    @property
    def demo(self) -> dict[str, Any]:
        """The content of demo.json."""
        content: dict[str, Any] = json.loads(self.demo_file.read_text())
        return content

    @property
    def mail_folder(self) -> Path:
        """Where caught mail is kept, a file each, the oldest first by name."""
        return self.base / "mail"

    @property
    def ports(self) -> dict[str, int]:
        """All ports by name."""
        return self.parts.ports.as_dict() | ({} if self._port is None else {"gateway": self._port})

    def port(self, name: str) -> int:
        """The port of a process, or of a registry's control listener: "registry_hu_control"."""
        if name == "gateway" and self._port is not None:
            return self._port
        return self.parts.ports.get(name)

    def registry_control(self, name: str) -> str:
        """The address of the control listener of the sandbox registry that runs a domain name."""
        return f"http://127.0.0.1:{self.port(registries.of(name).control)}"

    def address(self, name: str) -> str:
        """The host:port of a service."""
        return f"127.0.0.1:{self.port(name)}"

    def database_url(self, name: str) -> str:
        """The database address of a service."""
        return self._databases[name]

    def child(self, name: str) -> Child | None:
        """The operating system's process behind a name, part or process."""
        part = self.parts.all.get(name)
        return self._children.get(name) if part is None else part.child

    def tail(self, name: str, lines: int = 40) -> str:
        """The last log lines of a process."""
        child = self.child(name)
        return "" if child is None else child.tail(lines)

    # -- environments

    def env(self, name: str) -> dict[str, str]:
        """The environment of a process: its own settings and no other's."""
        common = {key: os.environ[key] for key in PASSED_TO_ALL if os.environ.get(key)}
        common |= {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos"))),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.base),
        }
        own = {key: os.environ[key] for key in PASSED.get(name, ()) if os.environ.get(key)}
        if name in SERVICES or name == "gateway":
            own |= {
                "LOG_LEVEL": self._log_level,
                "AMQP_URL": self.parts.rabbitmq.url,
                "TRACES_FILE": str(self.base / "traces" / f"{name}.jsonl"),
            }
        if name in SERVICES:
            own |= {
                "LISTEN": self.address(name),
                "DATABASE_URL": self._databases[name],
                "ACTOR_JWKS_FILE": str(self._public_key),
            }
        if name == "identity":
            own |= {
                "ACTOR_KEY_FILE": str(self._private_key),
                "SEALING_KEYS_FILE": str(self._sealing_keys["identity"]),
                "PUBLIC_URL": self.url,
                "SMTP_URL": self._smtp_url or f"smtp://{self.address('mail')}",
                # A security key is bound to a name: 127.0.0.1 is none.
                "PASSKEY_ORIGINS": f"http://localhost:{self.port('gateway')}",
            }
        elif name == "domains":
            own |= {"NAMESERVERS": NAMESERVERS, "SEALING_KEYS_FILE": str(self._sealing_keys["domains"])}
            own |= {"POWERDNS_URL": self.parts.powerdns.url, "POWERDNS_API_KEY": self.parts.powerdns.api_key}
            own |= {"REGISTRIES_FILE": str(self._registries_file())}
        elif name == "gateway":
            own |= {"HOST": self._host, "PORT": str(self.port("gateway")), "TIMING": "1", "PUBLIC_URL": self.url}
            own |= {f"{service.upper()}_ADDRESS": self.address(service) for service in SERVICES}
        elif name == "demo":
            own |= {f"DATABASE_URL_{service.upper()}": url for service, url in self._databases.items()}
            own |= {
                "NAMESERVERS": NAMESERVERS,
                "EPP_CONTROLS": ",".join(
                    f"{tld}={self.registry_control(tld)}" for one in REGISTRIES.values() for tld in one.tlds
                ),
                "DEMO_FILE": str(self.demo_file),
                "PORTICO_URL": self.url,
            }
        return plain_env(**common, **own, **self._extra.get(name, {}))

    def _registries_file(self) -> Path:
        """The sandbox registries, as the domains service is told of them."""
        accounts = [one.account(self._registry_ports(), self.parts.secrets) for one in REGISTRIES.values()]
        file = self.base / "registries.json"
        write_private(file, json.dumps(accounts, indent=1))
        return file

    def _registry_ports(self) -> dict[str, int]:
        return {port: self.port(port) for one in REGISTRIES.values() for port in (one.process, one.control)}

    def _command(self, name: str) -> list[str]:
        if name == "gateway":
            return [sys.executable, "-m", "gateway"]
        if name == "mail":
            own = ["--port", str(self.port("mail")), "--folder", str(self.mail_folder)]
            return [sys.executable, "-m", "deploy.sandbox.mail", *own]
        if name in REGISTRIES:
            nameservers = NAMESERVERS.split(",")
            ports, secrets = self._registry_ports(), self.parts.secrets
            return REGISTRIES[name].command(self.base, ports, secrets, nameservers, self._confirm_seconds)
        return [sys.executable, "-m", f"services.{name}"]

    # -- all of it

    async def up(self) -> Self:
        """Bring everything up; when something fails, nothing is left running."""
        try:
            (self.base / "traces").mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._owns_parts:
                await self.parts.install()
            # Registries and catcher need none of the parts, so they use the seconds in which the broker boots.
            first = [self.parts.start()] if self._owns_parts else []
            first += [self.start(name) for name in (*REGISTRIES, "mail") if name in self.processes]
            await _together(first)
            services = [name for name in self.processes if name in SERVICES]
            if services or self._seed:
                async with step(self._progress, "databases", "one and a role for each service"):
                    for name in SERVICES:
                        self._databases[name] = await self.parts.postgres.create_database(f"portico_{name}")
            if services:
                async with step(self._progress, "services", "starting " + ", ".join(services)):
                    await _together([self.start(name) for name in services])
            if "identity" in services:
                addresses = {name: self.address(name) for name in SERVICES}
                await bootstrap(self.database_url("identity"), self.operator_file, addresses)
            await self._plant()
            if "gateway" in self.processes:
                async with step(self._progress, "gateway", "starting"):
                    await self.start("gateway")
        except BaseException:
            await self.down()
            raise
        return self

    async def _plant(self) -> None:
        """Seed the demo once, and again what an older version did not plant; later only its address is kept true."""
        if not self._seed or set(self.processes) != set(self._all):
            return
        if self.demo_file.exists() and "oauth" in (demo := self.demo):
            if demo.get("url") != self.url:
                demo["url"] = self.url
                self.demo_file.write_text(json.dumps(demo, indent=2, ensure_ascii=False))
                self.demo_file.chmod(0o600)
            return
        async with step(self._progress, "demo", "planting the example accounts"):
            child = Child("demo", [sys.executable, "-m", "deploy.demo"], base=self.base, env=self.env("demo"), cwd=ROOT)
            await child.start()
            try:
                code = await child.wait()
            finally:
                await child.stop()
            if code != 0 or not self.demo_file.exists():
                raise child.failure("the demo data was not planted")
            self.demo_file.chmod(0o600)

    async def down(self) -> None:
        """Stop everything in reverse order."""
        if "gateway" in self._children:
            await self.stop("gateway")
        await asyncio.gather(*(self.stop(name) for name in self._children))
        if self._owns_parts:
            await self.parts.stop()

    async def __aenter__(self) -> Self:
        return await self.up()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    # -- one of it

    def running(self, name: str) -> bool:
        """Whether the process lives."""
        child = self.child(name)
        return child is not None and child.running

    async def start(self, name: str) -> None:
        """Start a process or a part and wait until it is ready."""
        part = self._part(name)
        if part is not None:
            await part.start()
            return
        child = self._children.get(name)
        if child is None:
            child = Child(name, self._command(name), base=self.base, env=self.env(name), cwd=ROOT)
            self._children[name] = child
        if name in REGISTRIES:
            REGISTRIES[name].ready(self.base).unlink(missing_ok=True)
        await child.start()
        deadline = time.monotonic() + READY_WITHIN
        while not await self._ready(name):
            if not child.running:
                raise child.failure("it did not come up")
            if time.monotonic() > deadline:
                await child.stop()
                raise child.failure(f"it was not ready within {READY_WITHIN:.0f} s")
            await asyncio.sleep(0.05)

    async def stop(self, name: str) -> None:
        """Stop a process or a part gracefully."""
        part = self._part(name)
        if part is not None:
            await part.stop()
        elif (child := self._children.get(name)) is not None:
            await child.stop()

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process or a part; after SIGKILL and SIGTERM its end is waited for."""
        child = self.child(name)
        if child is None:
            raise KeyError(name)
        await child.kill(number)

    async def restart(self, name: str) -> None:
        """Stop and start a process or a part."""
        await self.stop(name)
        await self.start(name)

    def _part(self, name: str) -> Part | None:
        part = self.parts.all.get(name)
        if part is None and name not in PROCESSES:
            raise KeyError(f"no process of this name: {name}")
        return part

    async def _ready(self, name: str) -> bool:
        if name in REGISTRIES:
            return REGISTRIES[name].ready(self.base).exists()
        if name == "mail":
            return await _listening(self.address(name))
        if name == "gateway":
            return await asyncio.to_thread(_answers, f"{self.url}/readyz")
        return await _serving(self.address(name))


async def _together(starts: Sequence[Any]) -> None:
    """Run side by side, let each finish (so that all can be stopped), then raise the first failure."""
    results = await asyncio.gather(*starts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _answers(url: str) -> bool:
    # No proxy of the environment: the address is our own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


async def _listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _serving(address: str) -> bool:
    """Ask for standard health, once somebody listens there: gRPC waits a second after a refused connection."""
    if not await _listening(address):
        return False
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
