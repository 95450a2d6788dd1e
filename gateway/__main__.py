"""`python -m gateway`: serves the gateway until it is told to stop."""

import sys

import uvicorn

from gateway import app
from gateway.limits import MAX_BODY
from gateway.settings import Settings
from services.chassis import telemetry
from services.chassis.config import ConfigError


def main() -> None:
    try:
        settings = Settings.read()
    except ConfigError as error:
        sys.exit(f"gateway: {error}")
    telemetry.setup(
        "gateway",
        log_level=settings.log_level,
        traces_file=settings.traces_file,
        otlp_endpoint=settings.otlp_endpoint,
    )
    uvicorn.run(
        app.create(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=MAX_BODY,
        ws_per_message_deflate=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
