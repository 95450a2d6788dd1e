"""The one place that reads the domains service's environment."""

import os
from dataclasses import dataclass

from services.chassis.config import ConfigError, Env
from services.chassis.run import ServiceSettings
from services.chassis.sealing import Sealer
from services.domains import registries


@dataclass(frozen=True)
class Settings:
    service: ServiceSettings
    registries: list[registries.Account]
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
    try:
        accounts = registries.read(env.path("REGISTRIES_FILE"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"REGISTRIES_FILE is not usable: {error}") from None
    return Settings(
        service=ServiceSettings.read(env),
        registries=accounts,
        powerdns_url=env.text("POWERDNS_URL"),
        powerdns_api_key=env.text("POWERDNS_API_KEY"),
        nameservers=tuple(host.strip() for host in env.text("NAMESERVERS").split(",")),
        sealer=sealer,
    )
