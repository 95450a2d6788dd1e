"""Passwords: argon2id with OWASP's parameters (46 MiB, one pass, one lane; 46 ms where it was measured)."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2


class Hasher:
    """Hashes in threads, few at once: each takes 46 MiB and a core.

    The threads are its own: those that all share may be waiting for a slow mail server.
    """

    def __init__(self, *, memory_kib: int = 46 * 1024, passes: int = 1, at_once: int = AT_ONCE) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(at_once, "argon2")
        # Checked when there is no such user, so that the answer takes the same time; nobody knows what it hashes.
        self._decoy = self._argon2.hash(unicodedata.normalize("NFKC", "no user has this hash"))

    async def hash(self, password: str) -> str:
        """The encoded hash, parameters included."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._argon2.hash, normal(password))

    async def matches(self, encoded: str | None, password: str) -> bool:
        """Whether it is the password; with None always False, after the same work."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._matches, encoded, normal(password))

    async def run(self, hashed: Callable[[str], str], password: str) -> str:
        """A hash of another kind, in the same few threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hashed, password)

    def outdated(self, encoded: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(encoded)

    def _matches(self, encoded: str | None, password: str) -> bool:
        try:
            self._argon2.verify(self._decoy if encoded is None else encoded, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None


def normal(password: str) -> str:
    """The form that counts and is hashed."""
    # One keyboard sends "é" as one character, another as two (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)
