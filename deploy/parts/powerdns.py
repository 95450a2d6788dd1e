"""PowerDNS with its HTTP API, on a private DNS port."""

import asyncio
import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import httpx

from deploy.parts import docker
from deploy.parts.child import Child
from deploy.parts.context import Context
from deploy.parts.machine import PartError, own, own_folder, plain_env, write_private
from deploy.progress import step

PACKAGES = ["pdns-server", "pdns-backend-sqlite3", "bind9-dnsutils"]
# The second place is documentation, which slim images leave out.
SCHEMAS = (
    Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"),
    Path("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"),
)
READY_WITHIN = 30.0


def _server() -> str | None:
    # Debian keeps /usr/sbin out of a plain user's PATH.
    return shutil.which("pdns_server") or shutil.which("pdns_server", path="/usr/sbin:/usr/local/sbin")


class PowerDNS:
    """A private name server on loopback, or the operator's own."""

    name = "powerdns"

    def __init__(self, context: Context, own_url: str | None = None, own_key: str | None = None) -> None:
        self._context = context
        self._own_url = own_url
        self._own_key = own_key
        if own_url is not None and not own_key:
            raise PartError("POWERDNS_URL is set, so POWERDNS_API_KEY is needed too")
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """The address of the HTTP API."""
        return self._own_url or f"http://127.0.0.1:{self._context.ports.get('dns_api')}"

    @property
    def api_key(self) -> str:
        """The key of the HTTP API."""
        return self._own_key or self._context.secrets.get("powerdns_api_key")

    @property
    def dns_port(self) -> int | None:
        """Where questions are answered, UDP and TCP; unknown for the operator's own."""
        return None if self._own_url is not None else self._context.ports.get("dns", udp=True)

    def missing(self) -> list[str]:
        """The Debian packages that this part lacks."""
        if self._own_url is not None or (_server() and any(schema.exists() for schema in SCHEMAS)):
            return []
        return PACKAGES

    async def start(self) -> None:
        """Start and wait until the API answers."""
        context = self._context
        if self._own_url is not None:
            await self._wait("using your POWERDNS_URL")
            return
        if self.child is None:
            server = _server()
            self.child = self._prepare(server) if server else await self._container()
        await self.child.start()
        await self._wait("starting")
        context.progress(f"     {self.name}: DNS on 127.0.0.1:{self.dns_port}, API on {self.url}")

    def _settings(self) -> dict[str, str]:
        context = self._context
        return {
            "launch": "gsqlite3",
            "gsqlite3-dnssec": "yes",
            "gsqlite3-pragma-synchronous": "1" if context.fsync else "0",
            "api": "yes",
            "api-key": self.api_key,
            "webserver": "yes",
            "webserver-loglevel": "none",
            "default-soa-content": "ns1.portico.example hostmaster.@ 0 10800 3600 604800 3600",
            "default-api-rectify": "yes",
            "expand-alias": "yes",
            "default-ttl": "3600",
            "receiver-threads": "1",
            "distributor-threads": "1",
            "disable-syslog": "yes",
            "version-string": "anonymous",
            "security-poll-suffix": "",
        }

    def _prepare(self, server: str) -> Child:
        context = self._context
        home = own_folder(context.data / "powerdns", context.account)
        database = home / "pdns.sqlite3"
        if not database.exists():
            schema = next((path for path in SCHEMAS if path.exists()), None)
            if schema is None:
                raise PartError("the package pdns-backend-sqlite3 is not installed")
            fresh = home / "pdns.sqlite3.new"
            fresh.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(fresh)) as connection:
                connection.executescript(schema.read_text())
            own(fresh, context.account)
            fresh.rename(database)
        settings = self._settings() | {
            "gsqlite3-database": str(database),
            "local-address": "127.0.0.1",
            "local-port": str(self.dns_port),
            # What ALIAS records lead to is asked here; there is no other resolver to rely on.
            "resolver": f"127.0.0.1:{self.dns_port}",
            "webserver-address": "127.0.0.1",
            "webserver-port": str(context.ports.get("dns_api")),
            "webserver-allow-from": "127.0.0.1",
            "socket-dir": str(home),
            "daemon": "no",
            "guardian": "no",
            "write-pid": "no",
        }
        write_private(
            home / "pdns.conf", "".join(f"{key}={value}\n" for key, value in settings.items()), context.account
        )
        return Child(
            self.name,
            [server, f"--config-dir={home}"],
            base=context.base,
            env=plain_env(),
            cwd=home,
            account=context.account,
        )

    async def _container(self) -> Child:
        context = self._context
        if not docker.available():
            raise PartError(
                "PowerDNS is not here (apt-get needs root or sudo) and Docker neither; "
                "set POWERDNS_URL and POWERDNS_API_KEY to use a server of yours"
            )
        settings = self._settings() | {
            "webserver-address": "0.0.0.0",  # noqa: S104
            "webserver-allow-from": "0.0.0.0/0",
            "resolver": "127.0.0.1:53",
        }
        key = settings.pop("api-key")
        return await docker.container(
            self.name,
            "powerdns/pdns-auth-49",
            base=context.base,
            stack_id=context.secrets.stack_id(),
            publish=[f"{self.dns_port}:53/udp", f"{self.dns_port}:53/tcp", f"{context.ports.get('dns_api')}:8081"],
            volume="/var/lib/powerdns",
            # The image turns this variable into the API key and the web server's password.
            secrets={"PDNS_AUTH_API_KEY": key},
            arguments=[f"--{name}={value}" for name, value in settings.items()],
        )

    async def _wait(self, doing: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        async with (
            step(self._context.progress, self.name, doing),
            httpx.AsyncClient(timeout=5, trust_env=False) as client,
        ):
            while True:
                if self.child is not None and not self.child.running:
                    raise self.child.failure("PowerDNS did not start")
                try:
                    answer = await client.get(
                        f"{self.url}/api/v1/servers/localhost", headers={"X-API-Key": self.api_key}
                    )
                    if answer.status_code == httpx.codes.OK:
                        return
                    raise PartError(f"PowerDNS at {self.url} answers {answer.status_code} to our API key")
                except httpx.TransportError as error:
                    if time.monotonic() > deadline:
                        raise PartError(f"PowerDNS at {self.url} does not answer: {error!r}") from error
                    await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop the server; the operator's own is left alone."""
        if self.child is not None:
            await self.child.stop()
