"""The sandbox registries of the one-command stack: what each runs, how it is started, how the domains service is told of it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.parts.secrets import Secrets

REGISTRARS = ("portico", "other")


@dataclass(frozen=True, slots=True)
class SandboxRegistry:
    """`process` is its process's name, its folder's, and what its ports are called after."""

    process: str
    #: As the domains service knows it.
    name: str
    tlds: tuple[str, ...]
    #: Changes that its holders confirm.
    confirmed: tuple[str, ...] = ()

    @property
    def control(self) -> str:
        """The name of its control listener's port."""
        return f"{self.process}_control"

    def ready(self, base: Path) -> Path:
        """The file that is there once it listens."""
        return base / self.process / "ready"

    def command(
        self,
        base: Path,
        ports: Mapping[str, int],
        secrets: Secrets,
        nameservers: Sequence[str],
        confirm_seconds: float,
    ) -> list[str]:
        """What starts it; its folder is made."""
        folder = base / self.process
        folder.mkdir(mode=0o700, exist_ok=True)
        options = [
            ("--port", str(ports[self.process])),
            ("--control-port", str(ports[self.control])),
            ("--state", str(folder / "registry.sqlite3")),
            ("--tls-dir", str(folder)),
            ("--ready-file", str(self.ready(base))),
            ("--tlds", ",".join(self.tlds)),
        ]
        options += [("--nameserver", host) for host in nameservers]
        options += [("--registrar", f"{registrar}={secrets.registrar(registrar)}") for registrar in REGISTRARS]
        if self.confirmed:
            options += [("--confirmed", f"{tld}={','.join(self.confirmed)}") for tld in self.tlds]
            options += [("--confirm-seconds", f"{confirm_seconds:g}")]
        if self is not REST:
            # One registry ran every zone once: what customers had there must not be taken for deleted.
            options += [("--inherit", str(base / REST.process / "registry.sqlite3"))]
        return [sys.executable, "-m", "deploy.sandbox.registry", *(word for option in options for word in option)]

    def account(self, ports: Mapping[str, int], secrets: Secrets) -> dict[str, Any]:
        """Ours with it, as REGISTRIES_FILE has it."""
        return {
            "name": self.name,
            "tlds": list(self.tlds),
            "host": "127.0.0.1",
            "server_name": "localhost",
            "port": ports[self.process],
            "registrar": REGISTRARS[0],
            "password": secrets.registrar(REGISTRARS[0]),
            "ca_file": f"{self.process}/ca.pem",
            # The sandbox registry does not mind.
            "poll_seconds": 1,
        }


HU = SandboxRegistry(
    "registry_hu", "sandbox-hu", ("hu",), confirmed=("registration", "registrant", "nameservers", "dnssec")
)
REST = SandboxRegistry("registry", "sandbox", ("com", "net", "org", "eu", "info", "dev"))
"""The one that ran .hu too, before that had a registry of its own."""
REGISTRIES = {one.process: one for one in (REST, HU)}


def of(name: str) -> SandboxRegistry:
    """Which runs a domain name. LookupError for none."""
    tld = name.rpartition(".")[2]
    for one in REGISTRIES.values():
        if tld in one.tlds:
            return one
    raise LookupError(f"no sandbox registry runs .{tld}")
