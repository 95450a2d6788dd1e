"""The running stack, seen from outside."""

from collections.abc import AsyncIterator

import pytest

from deploy.stack import Stack
from tests.flows.portal import Person, Portal


@pytest.fixture(scope="session")
async def portal(stack: Stack) -> AsyncIterator[Portal]:
    portal = Portal(stack)
    yield portal
    await portal.close()


@pytest.fixture
def anna(portal: Portal) -> Person:
    """The owner of Minta Kft."""
    return portal.person("anna")


@pytest.fixture
def bela(portal: Portal) -> Person:
    """Its accountant."""
    return portal.person("bela")


@pytest.fixture
def david(portal: Portal) -> Person:
    """The owner of another account."""
    return portal.person("david")
