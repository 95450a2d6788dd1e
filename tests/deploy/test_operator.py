"""The operator of a stack: its file is written once, kept true, and good whenever the stack starts."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.operator import bootstrap
from deploy.stack import ROOT
from services.chassis.migrate import migrate


async def test_the_file_is_made_once_kept_true_and_renewed_before_its_credential_ends(
    database: Callable[..., Awaitable[str]], tmp_path: Path
) -> None:
    url, file = await database("identity"), tmp_path / "operator.json"
    await migrate(url, "identity", ROOT / "services" / "identity" / "migrations")

    async def started(port: int) -> dict[str, object]:
        await bootstrap(url, file, {"identity": f"127.0.0.1:{port}"})
        assert oct(file.stat().st_mode & 0o777) == "0o600"
        return dict(json.loads(file.read_text()))

    first = await started(1)
    assert first["name"] == "Local Operator"
    assert str(first["credential"]).startswith("po_")
    assert await started(1) == first
    assert await started(2) == first | {"services": {"identity": "127.0.0.1:2"}}
    soon = first | {"expires_at": (datetime.now(UTC) + timedelta(days=6)).isoformat()}
    file.write_text(json.dumps(soon))
    renewed = await started(2)
    assert renewed["credential"] != first["credential"]
    file.unlink()
    assert (await started(2))["credential"] != renewed["credential"]
