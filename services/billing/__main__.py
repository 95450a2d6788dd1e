"""Runs the billing service."""

import os
from pathlib import Path

from portico.billing.v1 import billing_pb2_grpc
from services.billing.app import App
from services.billing.events import CONSUMES
from services.billing.jobs import PERIODIC
from services.billing.rpc import BillingRpc
from services.billing.settings import Settings
from services.chassis.config import Env
from services.chassis.db import Database
from services.chassis.run import serve


def main() -> None:
    settings = Settings.read(Env(os.environ))

    async def build(db: Database) -> App:
        return App(db, settings.seller)

    serve(
        "billing",
        settings.service,
        build=build,
        register=lambda server, app: billing_pb2_grpc.add_BillingServiceServicer_to_server(BillingRpc(app), server),
        migrations=Path(__file__).parent / "migrations",
        consumes=CONSUMES,
        periodic=PERIODIC,
    )


if __name__ == "__main__":
    main()
