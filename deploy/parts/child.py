"""A child process that never outlives its parent."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.parts.machine import Account, PartError

LOG_LIMIT = 20_000_000
LEFTOVER_GRACE = 10.0


def _started_at(pid: int) -> str | None:
    """The kernel's start time of a living process: with the pid it names one process and no later one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] == "Z" else fields[19]


class Child:
    """One process: its log, its pid file, and how it is stopped."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        base: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
        grace: float = 15.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self.log = base / "logs" / f"{name}.log"
        self._pid_file = base / "pids" / name
        self._cwd = cwd
        self._account = account
        self._stop_signal = stop_signal
        self._death_signal = death_signal
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int | None:
        """The pid while the process lives."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How the last run ended, None while it lasts."""
        return self._process.poll() if self._process is not None else None

    async def start(self) -> None:
        """Start the process; one that a killed run left behind is waited for, then killed."""
        if self.running:
            return
        await self._end_leftover()
        for folder in (self.log.parent, self._pid_file.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as out:
            self._log_from = out.tell()
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops things in order.
            self._process = subprocess.Popen(
                [*self._wrapper(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self._cwd,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._process.pid} {_started_at(self._process.pid)}")

    def _wrapper(self) -> list[str]:
        """Setpriv binds the child's life to ours and drops root, without running Python code after a fork."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            if self._account is not None:
                raise PartError("setpriv (package util-linux) is needed to start the parts as another user than root")
            return []
        wrapper = [setpriv, "--pdeathsig", self._death_signal.name.removeprefix("SIG")]
        if self._account is not None:
            wrapper += [f"--reuid={self._account.uid}", f"--regid={self._account.gid}", "--clear-groups"]
        return [*wrapper, "--"]

    async def _end_leftover(self) -> None:
        try:
            pid_text, _, began = self._pid_file.read_text().partition(" ")
            pid = int(pid_text)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + LEFTOVER_GRACE
        while began and _started_at(pid) == began:
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                deadline += LEFTOVER_GRACE
            await asyncio.sleep(0.05)

    async def wait(self) -> int:
        """Wait for the end of the process."""
        if self._process is None:
            return 0
        while (code := self._process.poll()) is None:
            await asyncio.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)
        return code

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL or SIGTERM wait for the end."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            await self.wait()

    async def stop(self) -> None:
        """Ask for a graceful end; force it when the grace is over."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(self._stop_signal)
            try:
                await asyncio.wait_for(self.wait(), self._grace)
            except TimeoutError:
                self._process.kill()
        await self.wait()

    def tail(self, lines: int = 40) -> str:
        """The last lines that this run has logged."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_from if self._log_from <= size else 0, size - 40_000))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def failure(self, why: str) -> PartError:
        """An error that shows what the process said."""
        code = self.returncode
        ended = "" if code is None else f" (it ended with status {code})"
        return PartError(f"{self.name}: {why}{ended}\n--- the end of {self.log}\n{self.tail()}\n---")
