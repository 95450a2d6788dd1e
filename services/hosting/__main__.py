"""Runs the hosting service."""

import os
from pathlib import Path

from portico.hosting.v1 import hosting_pb2_grpc
from services.chassis.config import Env
from services.chassis.db import Database
from services.chassis.run import serve
from services.hosting.app import App
from services.hosting.events import CONSUMES
from services.hosting.rpc import HostingRpc
from services.hosting.settings import Settings


def main() -> None:
    settings = Settings.read(Env(os.environ))

    async def build(db: Database) -> App:
        return App(db, settings.time_zone)

    serve(
        "hosting",
        settings.service,
        build=build,
        register=lambda server, app: hosting_pb2_grpc.add_HostingServiceServicer_to_server(HostingRpc(app), server),
        migrations=Path(__file__).parent / "migrations",
        consumes=CONSUMES,
    )


if __name__ == "__main__":
    main()
