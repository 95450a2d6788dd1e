"""Where the services are, and the credential to sign in with."""

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

CONFIG = "PORTICO_CONFIG"
ROOT = Path(__file__).resolve().parents[2]


class SettingsError(Exception):
    """What is wrong, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Settings:
    file: Path
    credential: str
    services: Mapping[str, str]
    """host:port by name; "identity" at least."""
    tls: bool

    def address(self, service: str) -> str:
        """SettingsError when the file does not name it."""
        if service not in self.services:
            raise SettingsError(
                f'{self.file} does not say where {service} is: "services": {{"{service}": "host:port"}}'
            )
        return self.services[service]


def read(given: Path | None) -> Settings:
    """The configuration: {"credential", "services": {"identity": "host:port", …}, "tls": false}. SettingsError."""
    file = given or next((one for one in _places() if one.exists()), None)
    if file is None:
        places = " nor ".join(str(one) for one in _places())
        raise SettingsError(f"no configuration: neither {places} is there. Start `make run`, or see `portico --help`.")
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"{file} holds a credential and others may read it: chmod 600 {file}")
        kept: Any = json.loads(file.read_text())
        made = Settings(file, str(kept["credential"]), dict(kept["services"]), bool(kept.get("tls", False)))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f'{file} is no configuration: {{"credential": …, "services": {{"identity": …}}}}') from None
    if not made.tls and not _loopback(made.address("identity")):
        raise SettingsError(
            f'the credential would travel in the clear to {made.address("identity")}: set "tls": true in {file}, or go '
            "through an SSH tunnel"
        )
    return made


def keep_credential(file: Path, credential: str, expires_at: datetime) -> None:
    """Puts a new credential into the file, which stays the owner's alone."""
    kept = json.loads(file.read_text()) | {"credential": credential, "expires_at": expires_at.isoformat()}
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(kept, out, indent=2)
    fresh.replace(file)


def _places() -> list[Path]:
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "portico" / "operator.json"
    return [own, Path(os.environ.get("PORTICO_RUN_DIR") or ROOT / ".run") / "operator.json"]


def _loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
