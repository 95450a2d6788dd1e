"""A few sessions, opened when they are needed, kept alive while they idle."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

from services.domains.epp.errors import EppUnavailable, EppUnknown
from services.domains.epp.session import Access, Session

KEEP_ALIVE = 120.0
"""Seconds of idling after which a session says hello; registries close after 5 to 10 minutes."""
PROVE_AFTER = 30.0
"""Seconds of idling after which a session must prove that it lives before it carries a command."""
BACKOFF, BACKOFF_MOST = 0.25, 30.0
"""Seconds without a new connection after the second failure in a row, doubling with each, and at most."""
SILENT_AFTER = 3
"""Waits for an answer that ended with none, with no answer between them, after which a registry counts as silent."""


class Pool:
    """Hands out each session to one task at a time; the one used last first, so that the others may be let go."""

    def __init__(self, access: Access, sessions: int) -> None:
        self._access = access
        self._slots = asyncio.Semaphore(sessions)
        self._idle: list[Session] = []
        self._keeper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._busy = 0
        self._failures = 0
        self._not_before = 0.0
        self._unanswered = 0
        self._silent_until = 0.0
        self._probing = False

    @property
    def sessions(self) -> int:
        """How many are open."""
        return self._busy + sum(session.usable for session in self._idle)

    @contextlib.asynccontextmanager
    async def session(self, within: float | None = None) -> AsyncIterator[Session]:
        """A session that was alive a moment ago; `within` so many seconds each for waiting and for connecting, as a command
        gets where it is left out. Raises EppUnavailable."""
        if self._closing.is_set():
            raise EppUnavailable("the registry client is closed")
        self._refuse_while_silent()
        try:
            async with asyncio.timeout(within or self._access.timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise EppUnavailable("every session is busy") from None
        try:
            self._refuse_while_silent()
            async with self._listening():
                session = await self._take(within)
                self._busy += 1
                try:
                    yield session
                finally:
                    self._busy -= 1
                    if self._closing.is_set():
                        session.abort()
                    elif session.usable:
                        self._unanswered = 0
                        self._idle.append(session)
        finally:
            self._slots.release()

    def _refuse_while_silent(self) -> None:
        """Where the registry lets us wait in vain, callers learn it at once, and one at a time tries it again: whoever waits
        there would hold up those who want another registry."""
        silent = self._unanswered >= SILENT_AFTER
        if silent and (self._probing or time.monotonic() < self._silent_until):
            raise EppUnavailable("no answer: the registry was silent a moment ago")

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Notes whether the registry let somebody wait in vain."""
        probing = self._unanswered >= SILENT_AFTER
        self._probing = self._probing or probing
        try:
            yield
        except (EppUnknown, EppUnavailable) as error:
            if isinstance(error.__cause__, TimeoutError):
                self._unanswered += 1
                pause = min(BACKOFF * 2.0 ** min(max(self._unanswered - SILENT_AFTER, 0), 20), BACKOFF_MOST)
                self._silent_until = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311
            raise
        finally:
            if probing:
                self._probing = False

    async def _take(self, within: float | None) -> Session:
        while self._idle:
            session = self._idle.pop()
            if not session.usable:
                session.abort()
            elif session.idle < PROVE_AFTER or await session.hello():
                return session
        session = await self._open(within)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="epp keep-alive")
        return session

    async def _open(self, within: float | None) -> Session:
        """Where the registry is away, callers learn it at once, and it is left in peace for ever longer."""
        if time.monotonic() < self._not_before:
            raise EppUnavailable("no connection: the registry was away a moment ago")
        try:
            session = await Session.open(self._access, within)
        except EppUnavailable:
            self._failures += 1
            if self._failures > 1:
                pause = min(BACKOFF * 2.0 ** min(self._failures - 2, 20), BACKOFF_MOST)
                self._not_before = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311
            raise
        self._failures = 0
        return session

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE / 4)
            for session in [s for s in self._idle if s.idle > KEEP_ALIVE or not s.usable]:
                # Still idle? The list may have changed while another session said hello.
                if session not in self._idle:
                    continue
                self._idle.remove(session)
                if session.usable and await session.hello():
                    # At the end that is used last: an extra session is not kept warm by work alone.
                    self._idle.insert(0, session)
                else:
                    session.abort()

    async def close(self) -> None:
        """Log out everywhere."""
        self._closing.set()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        sessions, self._idle = self._idle, []
        await asyncio.gather(*(session.logout() for session in sessions))
