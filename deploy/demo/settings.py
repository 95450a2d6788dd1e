"""What the seed is told by its environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.billing import parties
from services.billing.parties import Seller
from services.chassis.config import ConfigError, Env

SERVICES = ("identity", "domains", "hosting", "billing", "tickets")


@dataclass(frozen=True)
class Settings:
    databases: dict[str, str]
    #: Top-level domain -> the control listener of the sandbox registry that runs it: "http://127.0.0.1:7701".
    registry_controls: dict[str, str]
    registrar: str
    #: The house's own, without trailing dots.
    nameservers: tuple[str, ...]
    seller: Seller
    demo_file: Path
    #: The gateway's address, for people to use.
    url: str


def read() -> Settings:
    """ConfigError names the variable that is missing or malformed."""
    env = Env(os.environ)
    return Settings(
        databases={service: env.text(f"DATABASE_URL_{service.upper()}") for service in SERVICES},
        registry_controls=_controls(env.text("EPP_CONTROLS")),
        registrar=env.text("EPP_REGISTRAR", "portico"),
        nameservers=tuple(host.strip() for host in env.text("NAMESERVERS").split(",")),
        seller=Seller.read(env.path("SELLER_FILE", str(Path(parties.__file__).parent / "seller.json"))),
        demo_file=env.path("DEMO_FILE"),
        url=env.text("PORTICO_URL"),
    )


def _controls(text: str) -> dict[str, str]:
    """Of "hu=http://127.0.0.1:7701,com=…"."""
    pairs = [one.partition("=") for one in text.split(",")]
    if not all(tld and url for tld, _, url in pairs):
        raise ConfigError("EPP_CONTROLS must be TLD=URL pairs with commas between them")
    return {tld: url for tld, _, url in pairs}
