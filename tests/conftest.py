"""The real parts and the whole stack, started once per run, and only when a test asks for them."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from deploy.parts import PartError, Parts
from deploy.parts.browser import chromium
from deploy.stack import Stack

#: Where the tests stand that need the stack.
_NEED_STACK = ("tests/flows/", "tests/deploy/", "tests/access/test_services.py", "tests/access/test_stack.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests stay together; those that need the stack share one worker, so that one stack is started."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stack" if file.startswith(_NEED_STACK) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """A folder for this run; pytest's own is closed to the user that the parts run as."""
    base = Path(tempfile.mkdtemp(prefix="portico-test-"))
    if os.geteuid() == 0:
        base.chmod(0o711)
    yield base
    if "PORTICO_KEEP_TEST_DIR" not in os.environ:
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
async def parts(run_dir: Path) -> AsyncIterator[Parts]:
    """PostgreSQL, RabbitMQ and PowerDNS, real and private."""
    # The developer's own servers are not for tests: `settings` is empty.
    parts = Parts(run_dir, fsync=False, settings={})
    try:
        await parts.start()
    except PartError as error:
        pytest.fail(f"the parts did not come up\n{error}", pytrace=False)
    yield parts
    await parts.stop()


@pytest.fixture(scope="session")
async def stack(parts: Parts, run_dir: Path) -> AsyncIterator[Stack]:
    """The five services, the registries, the gateway and the demo data, on the same parts. Holders confirm at once: a test
    that has one wait wishes for it."""
    stack = Stack(run_dir, parts=parts, fsync=False, confirm_seconds=0)
    try:
        await stack.up()
    except PartError as error:
        pytest.fail(f"the stack did not come up\n{error}", pytrace=False)
    yield stack
    await stack.down()


@pytest.fixture(scope="session")
async def database(parts: Parts) -> Callable[..., Awaitable[str]]:
    """Makes an empty database of its own role each time it is called and answers its URL."""
    numbers = itertools.count(1)

    async def make(name: str = "test") -> str:
        return await parts.postgres.create_database(f"{name}_{next(numbers)}")

    return make


@pytest.fixture(scope="session")
async def browser_path(run_dir: Path) -> str:
    """Chromium, installed the first time."""
    try:
        return await chromium(run_dir / "apt.log")
    except PartError as error:
        pytest.fail(f"the browser did not come up\n{error}", pytrace=False)
