"""python -m deploy.demo"""

import asyncio
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.demo import billing, domains, hosting, people, settings, tickets
from deploy.demo.settings import Settings
from services.chassis import db
from services.chassis.config import ConfigError
from services.chassis.db import Database


def main() -> None:
    """Plants what is missing; the demo file appears when all of it is there."""
    try:
        conf = settings.read()
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    began = time.monotonic()
    asyncio.run(_plant(conf))
    print(f"The example data is planted after {time.monotonic() - began:.1f} s: {conf.demo_file}")


async def _plant(conf: Settings) -> None:
    now = datetime.now(UTC)
    databases = {name: await db.connect(url, min_size=1, max_size=2) for name, url in conf.databases.items()}
    # The secrets are written before the accounts are committed: were they lost, nobody could sign in.
    pending = conf.demo_file.with_name(f"{conf.demo_file.name}.pending")
    try:
        if not await people.planted(databases["identity"]):
            async with databases["identity"].transaction() as tx:
                told = await people.plant(tx)
                _write(pending, {"url": conf.url, "people": told, "oauth": people.CLIENT})
        await people.plant_client(databases["identity"], now)
        async with asyncio.TaskGroup() as group:
            group.create_task(domains.plant(databases["domains"], conf, now))
            group.create_task(_hosted(databases, conf, now))
    finally:
        await asyncio.gather(*(one.close() for one in databases.values()))
    if pending.exists():
        pending.replace(conf.demo_file)
    elif not conf.demo_file.exists():
        raise SystemExit(
            f"The example accounts are there, but {conf.demo_file} with their passwords is not: restore it, or run "
            "`make clean` to begin anew."
        )
    _add_client(conf)


async def _hosted(databases: dict[str, Database], conf: Settings, now: datetime) -> None:
    """Hosting, and what speaks of its services."""
    services = await hosting.plant(databases["hosting"], now)
    await billing.plant(databases["billing"], conf.seller, services, now)
    await tickets.plant(databases["tickets"], services, now)


def _add_client(conf: Settings) -> None:
    """To a demo file that is older than the client."""
    told = json.loads(conf.demo_file.read_text())
    if told.get("oauth") != people.CLIENT:
        newer = conf.demo_file.with_name(f"{conf.demo_file.name}.newer")
        _write(newer, told | {"url": conf.url, "oauth": people.CLIENT})
        newer.replace(conf.demo_file)


def _write(file: Path, told: dict[str, Any]) -> None:
    """A file for its owner's eyes alone."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(told, out, indent=2, ensure_ascii=False)
        out.flush()
        os.fsync(out.fileno())


if __name__ == "__main__":
    main()
