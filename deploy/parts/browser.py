"""Chromium: Debian's browser, for the tests that go through the pages as people do."""

import shutil
from pathlib import Path

from deploy.parts.machine import PartError, can_install, install
from deploy.progress import Progress, silent

PACKAGE = "chromium"
#: Its sandbox refuses root; and nothing calls home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


async def chromium(log: Path, progress: Progress = silent) -> str:
    """The browser's path; installed first where it is missing. PartError says why it cannot be had."""
    found = shutil.which(PACKAGE)
    if found is None:
        if not can_install():
            raise PartError(f"{PACKAGE} is not here: install it, or run as root or with sudo so that apt-get can")
        await install([PACKAGE], progress, log)
        found = shutil.which(PACKAGE)
    if found is None:
        raise PartError(f"apt-get installed {PACKAGE}, but there is no such program; see {log}")
    return found
