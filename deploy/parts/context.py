"""What every part is given."""

from dataclasses import dataclass
from pathlib import Path

from deploy.parts.machine import Account
from deploy.parts.ports import Ports
from deploy.parts.secrets import Secrets
from deploy.progress import Progress


@dataclass(frozen=True)
class Context:
    """One stack's folders, ports, secrets and manner."""

    base: Path
    data: Path
    account: Account | None
    ports: Ports
    secrets: Secrets
    progress: Progress
    fsync: bool
