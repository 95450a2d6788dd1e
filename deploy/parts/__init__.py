"""The real parts below the services: PostgreSQL, RabbitMQ and PowerDNS."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from deploy.parts import docker
from deploy.parts.context import Context
from deploy.parts.machine import PartError, can_install, choose_account, data_root, install
from deploy.parts.ports import Ports
from deploy.parts.postgres import Postgres
from deploy.parts.powerdns import PowerDNS
from deploy.parts.rabbitmq import RabbitMQ
from deploy.parts.secrets import Secrets
from deploy.progress import Progress, silent

__all__ = ["Part", "PartError", "Parts", "Ports", "Secrets"]

Part = Postgres | RabbitMQ | PowerDNS


class Parts:
    """The three parts of one stack, started side by side."""

    def __init__(
        self,
        base: Path,
        *,
        progress: Progress = silent,
        fsync: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        settings = os.environ if settings is None else settings
        self.base = base.absolute()
        self.base.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.secrets = Secrets(self.base / "secrets.json")
        self.ports = Ports(self.base / "ports.json")
        stack_id = self.secrets.stack_id()
        account = choose_account(stack_id)
        self.progress = progress
        context = Context(
            base=self.base,
            data=data_root(self.base, stack_id, account),
            account=account,
            ports=self.ports,
            secrets=self.secrets,
            progress=progress,
            fsync=fsync,
        )
        self.postgres = Postgres(context, settings.get("DATABASE_URL") or None)
        self.rabbitmq = RabbitMQ(context, settings.get("AMQP_URL") or None)
        self.powerdns = PowerDNS(
            context, settings.get("POWERDNS_URL") or None, settings.get("POWERDNS_API_KEY") or None
        )

    @property
    def all(self) -> dict[str, Part]:
        """The parts by name."""
        return {part.name: part for part in (self.postgres, self.rabbitmq, self.powerdns)}

    async def install(self) -> None:
        """Fetch what is missing, in one go."""
        packages = [package for part in self.all.values() for package in part.missing()]
        if not packages or (not can_install() and docker.available()):
            return
        if not can_install():
            raise PartError(
                f"missing: {', '.join(packages)}. Install them, or run as root or with sudo, or start Docker, "
                "or point AMQP_URL and POWERDNS_URL/POWERDNS_API_KEY to servers of yours"
            )
        await install(packages, self.progress, self.base / "logs" / "apt.log")

    async def start(self) -> None:
        """Start all; when one fails, none is left running."""
        await self.install()
        results = await asyncio.gather(*(part.start() for part in self.all.values()), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await self.stop()
            raise failures[0]

    async def stop(self) -> None:
        """Stop all that we started."""
        await asyncio.gather(*(part.stop() for part in self.all.values()))
