"""The one-command stack: `make run`."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.logs import follow
from deploy.parts import PartError
from deploy.parts.ports import is_free
from deploy.stack import ROOT, Stack

BACKOFF_FIRST, BACKOFF_MOST = 0.5, 30.0
# A process that has lived this long was healthy: its next crash starts from the shortest wait.
HEALTHY_AFTER = 60.0


def say(text: str = "") -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def only_one(base: Path) -> Iterator[None]:
    """Hold the folder: two stacks on the same data would destroy it."""
    base.mkdir(parents=True, exist_ok=True, mode=0o711)
    with (base / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SystemExit(
                f"Portico already runs from this folder (process {file.read().strip() or 'unknown'}). "
                "Stop that one with Ctrl-C, or use it."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def gateway_port() -> int:
    """PORT from the environment, checked before anything slow begins."""
    text = os.environ.get("PORT", "8000")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"PORT must be a number from 1 to 65535, not {text!r}")
    port = int(text)
    if not is_free(port):
        raise SystemExit(
            f"Port {port} of 127.0.0.1 is in use by another program. Try: PORT={port % 65535 + 1} make run"
        )
    return port


async def supervise(stack: Stack, name: str) -> None:
    """Start a process again whenever it ends, waiting longer each time it ends soon."""
    pause = BACKOFF_FIRST
    while True:
        began = time.monotonic()
        child = stack.child(name)
        if child is None:
            # The operator's own server: not ours to restart.
            await asyncio.Event().wait()
            return
        code = await child.wait()
        if time.monotonic() - began > HEALTHY_AFTER:
            pause = BACKOFF_FIRST
        while True:
            say(f"{time.strftime('%H:%M:%S')} {name:<11} ended with status {code}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_MOST)
            try:
                await stack.start(name)
                break
            except PartError as error:
                code = child.returncode or 0
                say(f"{time.strftime('%H:%M:%S')} {name:<11} {str(error).splitlines()[0]}")
        say(f"{time.strftime('%H:%M:%S')} {name:<11} is back")


def welcome(stack: Stack, seconds: float) -> None:
    """What a newcomer needs: where it is, who may sign in, what to try."""
    say(f"\nPortico is ready after {seconds:.1f} s:  {stack.url}\n")
    people = stack.demo.get("people", [])
    for person in people:
        say(f"  {person['email']:<22} {person.get('role', ''):<10} password {person['password']}")
        say(f"  {'':<22} {'':<10} token    {person['token']}")
    say("\nTry:")
    say(f"  {stack.url}/graphql  in a browser: GraphiQL with ready queries")
    if people:
        say(
            f"  curl -s {stack.url}/graphql -H 'Content-Type: application/json' \\\n"
            f"    -H 'Authorization: Bearer {people[0]['token']}' -d '{{\"query\":\"{{ __typename }}\"}}'"
        )
    config = "" if stack.base == ROOT / ".run" else f"--config {_short(stack.operator_file)} "
    say(f"  deploy/portico {config}account list  as the operator; deploy/portico --help tells more")
    if (dns := stack.parts.powerdns.dns_port) is not None:
        say(f"  dig @127.0.0.1 -p {dns} NAME  asks the name server")
    if "mail" in stack.processes:
        say(
            f"  {_short(stack.mail_folder)}/  the e-mails that were sent: none leaves this machine, each is shown below"
        )
    say(f"\nLogs, data, secrets: {_short(stack.base)}/    Ctrl-C stops everything; `make run` resumes it.\n")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


async def run(base: Path, port: int) -> None:
    """Bring the stack up, watch it, and stop it when asked to."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    main_task = asyncio.current_task()
    up = False

    def stop() -> None:
        stopping.set()
        if not up and main_task is not None:
            main_task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    began = time.monotonic()
    say("Starting Portico")
    stack = Stack(
        base,
        progress=say,
        port=port,
        log_level=os.environ.get("LOG_LEVEL", "INFO"),
        smtp_url=os.environ.get("SMTP_URL") or None,
    )
    try:
        await stack.up()
    except asyncio.CancelledError:
        # Stack.up has stopped what it had started.
        say("Stopped before it was ready.")
        return
    up = True
    welcome(stack, time.monotonic() - began)
    names = (*stack.parts.all, *stack.processes)
    files = [(name, base / "logs" / f"{name}.log") for name in stack.processes]
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    tasks = [asyncio.create_task(supervise(stack, name)) for name in names]
    tasks.append(asyncio.create_task(follow(files, say, colours=colours)))
    waiting = asyncio.create_task(stopping.wait())
    # A task that watches ends only by an error of ours, which is shown once everything has stopped.
    ended, _ = await asyncio.wait((*tasks, waiting), return_when=asyncio.FIRST_COMPLETED)
    failures = [error for task in ended if (error := task.exception()) is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    say("\nStopping; the data stays.")
    await stack.down()
    if failures:
        raise failures[0]
    say("Stopped.")


def main() -> None:
    """Run from the repository's folder."""
    base = Path(os.environ.get("PORTICO_RUN_DIR") or ROOT / ".run")
    try:
        with only_one(base):
            asyncio.run(run(base, gateway_port()))
    except PartError as error:
        raise SystemExit(f"\n{error}\n\nPortico did not start: {str(error).splitlines()[0]}") from None


if __name__ == "__main__":
    main()
