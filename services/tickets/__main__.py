"""python -m services.tickets"""

from pathlib import Path

from portico.tickets.v1 import tickets_pb2_grpc
from services.chassis.db import Database
from services.chassis.run import serve
from services.tickets import settings
from services.tickets.app import App
from services.tickets.events import CONSUMES
from services.tickets.rpc import TicketsRpc


async def build(db: Database) -> App:
    return App(db)


def main() -> None:
    serve(
        "tickets",
        settings.read(),
        build=build,
        register=lambda server, app: tickets_pb2_grpc.add_TicketsServiceServicer_to_server(TicketsRpc(app), server),
        migrations=Path(__file__).parent / "migrations",
        consumes=CONSUMES,
    )


if __name__ == "__main__":
    main()
