"""The gateway's settings: the one place that reads its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import Env

SERVICES = ("identity", "domains", "hosting", "billing", "tickets")


@dataclass(frozen=True, slots=True)
class Settings:
    host: str
    port: int
    public_url: str
    """The portal's own address, as browsers see it, without a slash at the end."""
    amqp_url: str
    addresses: Mapping[str, str]
    """Service name -> host:port of its gRPC server."""
    timing: bool
    """Whether answers carry Server-Timing with the numbers of RPCs and SQL statements."""
    trusted_proxies: str
    """Addresses whose X-Forwarded-For and -Proto are believed; empty for none."""
    log_level: str
    traces_file: Path | None
    otlp_endpoint: str | None

    @classmethod
    def read(cls, values: Mapping[str, str] = os.environ) -> "Settings":
        """Raises ConfigError naming the variable that is missing or malformed."""
        env = Env(values)
        traces = env.optional("TRACES_FILE")
        return cls(
            host=env.text("HOST", "127.0.0.1"),
            port=env.integer("PORT", 8000),
            public_url=env.text("PUBLIC_URL").rstrip("/"),
            amqp_url=env.text("AMQP_URL"),
            addresses={name: env.text(f"{name.upper()}_ADDRESS") for name in SERVICES},
            timing=env.flag("TIMING"),
            trusted_proxies=env.text("TRUSTED_PROXIES", ""),
            log_level=env.text("LOG_LEVEL", "INFO"),
            traces_file=Path(traces) if traces else None,
            otlp_endpoint=env.optional("OTEL_EXPORTER_OTLP_ENDPOINT"),
        )
