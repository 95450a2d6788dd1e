"""The first operator of a stack, so that `deploy/portico` works beside `make run`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.parts.machine import write_private
from services.chassis.actor import system
from services.chassis.db import connect
from services.identity import operators

NAME, EMAIL = "Local Operator", "operator@portico.example"
_RENEWED_BEFORE = timedelta(days=7)


async def bootstrap(database_url: str, file: Path, addresses: Mapping[str, str]) -> None:
    """Writes what the command needs into `file` (mode 600): the services' addresses, and a credential that is good."""
    now = datetime.now(UTC)
    kept = json.loads(file.read_text()) if file.exists() else {}
    if not kept or datetime.fromisoformat(kept["expires_at"]) < now + _RENEWED_BEFORE:
        kept = await _credential(database_url, now)
    wanted = kept | {"services": dict(addresses)}
    if not file.exists() or json.loads(file.read_text()) != wanted:
        write_private(file, json.dumps(wanted, indent=2))


async def _credential(database_url: str, now: datetime) -> dict[str, str]:
    db = await connect(database_url, min_size=1, max_size=1)
    by = system("deploy", operators.HOUSE)
    try:
        row, secret = await operators.create(db, by, NAME, EMAIL, [], now)
    except operators.OperatorExists:
        row, secret = await operators.renew(db, by, NAME, [], now)
    finally:
        await db.close()
    return {"name": NAME, "credential": secret, "expires_at": row["credential_expires_at"].isoformat()}
