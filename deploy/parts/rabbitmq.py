"""RabbitMQ: Debian's broker, run as a private instance."""

import asyncio
import shutil
import time
from pathlib import Path

import aio_pika
from aio_pika.exceptions import AMQPError

from deploy.parts import docker
from deploy.parts.child import Child
from deploy.parts.context import Context
from deploy.parts.machine import PartError, can_install, own_folder, plain_env, write_private
from deploy.progress import step

# Debian's /usr/sbin/rabbitmq-server insists on the system's own folders and user; this is the script below it.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER = VHOST = "portico"
READY_WITHIN = 90.0


async def _knock(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


class RabbitMQ:
    """A private broker on loopback, or the operator's own."""

    name = "rabbitmq"

    def __init__(self, context: Context, own_url: str | None = None) -> None:
        self._context = context
        self._own_url = own_url
        self.child: Child | None = None
        self._epmd: Child | None = None

    @property
    def url(self) -> str:
        """The address of our user and virtual host."""
        if self._own_url is not None:
            return self._own_url
        password = self._context.secrets.get("rabbitmq")
        return f"amqp://{USER}:{password}@127.0.0.1:{self._context.ports.get('amqp')}/{VHOST}"

    def missing(self) -> list[str]:
        """The Debian packages that this part lacks."""
        return [] if self._own_url is not None or SERVER.exists() else ["rabbitmq-server"]

    async def start(self) -> None:
        """Start and wait until our user can connect."""
        context = self._context
        if self._own_url is not None:
            await self._wait("using your AMQP_URL")
            return
        if self.child is None:
            self.child = self._prepare() if SERVER.exists() else await self._container()
        if self._epmd is not None:
            await self._epmd.start()
        await self.child.start()
        await self._wait("starting")
        context.progress(f"     {self.name}: 127.0.0.1:{context.ports.get('amqp')}")

    def _prepare(self) -> Child:
        context = self._context
        home = own_folder(context.data / "rabbitmq", context.account)
        # The default user of an empty broker is ours, so `guest` never exists.
        config = {
            "listeners.tcp.1": f"127.0.0.1:{context.ports.get('amqp')}",
            "default_user": USER,
            "default_pass": context.secrets.get("rabbitmq"),
            "default_vhost": VHOST,
            "default_permissions.configure": ".*",
            "default_permissions.read": ".*",
            "default_permissions.write": ".*",
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            # The default of a tenth of the memory and more blocks publishers on a small full disk without a word.
            "disk_free_limit.absolute": "64MB",
        }
        write_private(
            home / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in config.items()), context.account
        )
        write_private(home / "enabled_plugins", "[].\n", context.account)
        epmd_port = str(context.ports.get("epmd"))
        env = plain_env(
            HOME=str(home),
            RABBITMQ_NODENAME="portico@localhost",
            RABBITMQ_NODE_PORT=str(context.ports.get("amqp")),
            RABBITMQ_DIST_PORT=str(context.ports.get("amqp_dist")),
            RABBITMQ_MNESIA_BASE=str(home / "data"),
            RABBITMQ_LOG_BASE=str(home / "log"),
            RABBITMQ_LOGS="-",
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"),
            RABBITMQ_CONFIG_FILE=str(home / "rabbitmq"),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(home / "advanced"),
            RABBITMQ_GENERATED_CONFIG_DIR=str(home / "generated"),
            RABBITMQ_CONF_ENV_FILE="/none",
            ERL_EPMD_PORT=epmd_port,
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the script become the broker instead of guarding it: our signals then reach the broker itself.
            detached="true",
        )
        epmd = shutil.which("epmd") or "/usr/bin/epmd"
        # Started by us, it is our child and ends with us; the broker would leave its own behind.
        self._epmd = Child(
            "epmd",
            [epmd, "-port", epmd_port, "-address", "127.0.0.1"],
            base=context.base,
            env=plain_env(),
            account=context.account,
        )
        return Child(
            self.name,
            [str(SERVER)],
            base=context.base,
            env=env,
            cwd=home,
            account=context.account,
            grace=30,
        )

    async def _container(self) -> Child:
        context = self._context
        if not docker.available():
            hint = "apt-get needs root or sudo" if not can_install() else "apt-get install rabbitmq-server did not help"
            raise PartError(f"RabbitMQ is not here ({hint}) and Docker neither; set AMQP_URL to use a broker of yours")
        return await docker.container(
            self.name,
            "rabbitmq:3.13",
            base=context.base,
            stack_id=context.secrets.stack_id(),
            publish=[f"{context.ports.get('amqp')}:5672"],
            volume="/var/lib/rabbitmq",
            secrets={
                "RABBITMQ_DEFAULT_USER": USER,
                "RABBITMQ_DEFAULT_PASS": context.secrets.get("rabbitmq"),
                "RABBITMQ_DEFAULT_VHOST": VHOST,
                "RABBITMQ_NODENAME": "portico@localhost",
            },
        )

    async def _wait(self, doing: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        async with step(self._context.progress, self.name, doing):
            while True:
                if self.child is not None and not self.child.running:
                    raise self.child.failure("RabbitMQ did not start")
                try:
                    if self.child is not None:
                        # The client logs each refused connection; a bare one first keeps that quiet.
                        await _knock(self._context.ports.get("amqp"))
                    connection = await aio_pika.connect(self.url, timeout=5)
                except (OSError, TimeoutError, AMQPError, RuntimeError) as error:
                    if time.monotonic() > deadline:
                        raise PartError(f"RabbitMQ does not let us in: {error!r}") from error
                    await asyncio.sleep(0.15)
                else:
                    await connection.close()
                    return

    async def stop(self) -> None:
        """Stop the broker and its port mapper; the operator's own is left alone."""
        if self.child is not None:
            await self.child.stop()
        if self._epmd is not None:
            await self._epmd.stop()
