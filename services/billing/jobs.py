"""What billing does on a clock."""

from datetime import UTC, datetime

from services.billing import proformas
from services.billing.app import App
from services.chassis.jobs import Periodic


async def cancel_unpaid_orders(app: App) -> None:
    await proformas.cancel_unpaid(app.db, app.seller, datetime.now(UTC))


PERIODIC: dict[str, Periodic] = {"cancel unpaid orders": (3600.0, cancel_unpaid_orders)}
