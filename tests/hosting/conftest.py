"""The hosting service, and services that accounts have."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from portico.hosting.v1 import hosting_pb2_grpc
from services.hosting import logins, services
from services.hosting.app import App
from services.hosting.events import CONSUMES
from services.hosting.logins import PanelLogin
from services.hosting.rpc import HostingRpc
from services.hosting.services import NewService
from tests.serving import Database, Serving, serving


@pytest.fixture(scope="session")
async def hosting(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with serving(
        "hosting",
        await database("hosting"),
        tmp_path_factory.mktemp("hosting"),
        make_app=lambda db: App(db, ZoneInfo("Europe/Budapest")),
        register=lambda server, app: hosting_pb2_grpc.add_HostingServiceServicer_to_server(HostingRpc(app), server),
        make_stub=hosting_pb2_grpc.HostingServiceStub,
        consumes=CONSUMES,
    ) as running:
        yield running


class Shelf:
    """What tests arrange through the ordinary use cases."""

    def __init__(self, hosting: Serving) -> None:
        self._db = hosting.db

    async def service(
        self,
        account_id: UUID,
        label: str = "minta.hu",
        *,
        state: str = "ACTIVE",
        domain: str = "",
        domain_unicode: str = "",
        due: date | None = None,
    ) -> UUID:
        now = datetime.now(UTC)
        async with self._db.transaction() as tx:
            new = NewService(
                account_id, label, "web-m", state, 1990, "HUF", 1, domain, domain_unicode, due, "node-1", now
            )
            service_id = await services.create(tx, new, now)
            await logins.save(tx, PanelLogin(service_id, "https://node-1.example:2083/", "minta", "node-1.example"))
        return service_id


@pytest.fixture
def shelf(hosting: Serving) -> Shelf:
    return Shelf(hosting)
