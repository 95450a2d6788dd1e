"""A part from a container image, for machines without apt. Honest note: written without an engine to try it on."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.parts.child import Child
from deploy.parts.machine import PartError, plain_env


def available() -> bool:
    """Whether the docker command is here; whether its engine runs shows when it is used."""
    return shutil.which("docker") is not None


async def container(
    name: str,
    image: str,
    *,
    base: Path,
    stack_id: str,
    publish: Sequence[str],
    volume: str,
    secrets: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> Child:
    """A container in the foreground, published on loopback only, so that it starts and stops like any other child."""
    full = f"portico-{stack_id}-{name}"
    # One that a killed run left behind would hold the name and the ports.
    leftover = await asyncio.create_subprocess_exec(
        "docker", "rm", "-f", full, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await leftover.communicate()
    if leftover.returncode != 0 and b"No such container" not in said:
        raise PartError(
            f"{name} needs apt (as root or with sudo) or a running Docker engine: {said.decode(errors='replace')}"
        )
    command = ["docker", "run", "--rm", "--init", "--name", full, "-v", f"{full}:{volume}"]
    for ports in publish:
        command += ["-p", f"127.0.0.1:{ports}"]
    for key in secrets:
        # The value travels in the environment: arguments can be read by every user of the machine.
        command += ["-e", key]
    return Child(
        name,
        [*command, image, *arguments],
        base=base,
        env=plain_env(HOME=str(Path.home()), **secrets),
        grace=30,
    )
