"""Telling a person what a slow step is doing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

Progress = Callable[[str], None]


def silent(text: str) -> None:
    """A progress that says nothing."""


@contextlib.asynccontextmanager
async def step(progress: Progress, name: str, doing: str) -> AsyncIterator[None]:
    """Report a step when it ends, and every few seconds while it lasts."""
    began = time.monotonic()

    async def tick() -> None:
        await asyncio.sleep(2)
        while True:
            progress(f"  …  {name}: {doing} ({time.monotonic() - began:.0f} s)")
            await asyncio.sleep(5)

    ticking = asyncio.create_task(tick())
    try:
        yield
    except BaseException:
        progress(f"  ✗  {name}: failed while {doing} ({time.monotonic() - began:.1f} s)")
        raise
    finally:
        ticking.cancel()
    progress(f"  ✓  {name}: {doing} ({time.monotonic() - began:.1f} s)")
