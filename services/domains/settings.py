"""The one place that reads the domains service's environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ConfigError, Env
from services.chassis.run import ServiceSettings
from services.chassis.sealing import Sealer


@dataclass(frozen=True)
class Settings:
    service: ServiceSettings
    #: What the registry's messages are kept under: it must stay, its host may change.
    epp_name: str
    epp_host: str
    epp_port: int
    epp_registrar: str
    epp_password: str
    epp_ca_file: Path
    #: Between two looks into the registry's message queue.
    epp_poll_seconds: int
    powerdns_url: str
    powerdns_api_key: str
    nameservers: tuple[str, ...]
    #: For the codes of transfers that wait for payment or for the registry.
    sealer: Sealer


def read() -> Settings:
    """ConfigError names the variable that is missing or malformed."""
    env = Env(os.environ)
    try:
        sealer = Sealer.read(env.path("SEALING_KEYS_FILE").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"SEALING_KEYS_FILE is not usable: {error}") from None
    return Settings(
        service=ServiceSettings.read(env),
        epp_name=env.text("EPP_NAME", env.text("EPP_HOST")),
        epp_host=env.text("EPP_HOST"),
        epp_port=env.integer("EPP_PORT", 700),
        epp_registrar=env.text("EPP_REGISTRAR"),
        epp_password=env.text("EPP_PASSWORD"),
        epp_ca_file=env.path("EPP_CA_FILE"),
        epp_poll_seconds=env.integer("EPP_POLL_SECONDS", 15),
        powerdns_url=env.text("POWERDNS_URL"),
        powerdns_api_key=env.text("POWERDNS_API_KEY"),
        nameservers=tuple(host.strip() for host in env.text("NAMESERVERS").split(",")),
        sealer=sealer,
    )
