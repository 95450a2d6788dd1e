"""What the parts need of this machine: a user to run as, a folder that user can reach, packages."""

import asyncio
import os
import pwd
import shutil
import stat
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.progress import Progress, step

# 60706-61183 is assigned to nobody on Debian and on systemd machines, and exists inside user namespaces too.
FREE_UIDS = range(60706, 61184)
# Root's own place, which no other user can prepare and no cleaner of temporary files empties.
SHELTER = Path("/var/lib/portico")

PLAIN_ENV = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


class PartError(Exception):
    """Something that the stack needs did not come up; the text is for a person."""


@dataclass(frozen=True)
class Account:
    """The unprivileged user that the parts run as when we are root."""

    uid: int
    gid: int


def plain_env(**more: str) -> dict[str, str]:
    """The environment of a child: what every program needs and what is given, nothing else of ours."""
    env = {key: os.environ[key] for key in PLAIN_ENV if key in os.environ}
    env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    env.setdefault("LANG", "C.UTF-8")
    return env | more


def choose_account(stack_id: str) -> Account | None:
    """A uid of this stack's own that belongs to nobody, so that no user has to be added; None when not root."""
    if os.geteuid() != 0:
        return None
    first = zlib.crc32(stack_id.encode()) % len(FREE_UIDS)
    for offset in range(len(FREE_UIDS)):
        uid = FREE_UIDS[(first + offset) % len(FREE_UIDS)]
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return Account(uid, uid)
    raise PartError("no free user id between 60706 and 61183")


def reachable(path: Path) -> bool:
    """Whether a stranger may walk to this path and enter it."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def data_root(base: Path, stack_id: str, account: Account | None) -> Path:
    """Where the parts keep their data: the base folder, or root's shelter when the base lies in a closed folder."""
    base.mkdir(parents=True, exist_ok=True, mode=0o711)
    if account is None:
        return base
    # Files in here are closed one by one (secrets.json, logs/); the part's user has only to pass through.
    base.chmod(0o711)
    if reachable(base):
        return base
    SHELTER.mkdir(mode=0o711, parents=True, exist_ok=True)
    SHELTER.chmod(0o711)
    root = SHELTER / stack_id
    root.mkdir(mode=0o711, exist_ok=True)
    # `make clean` reads it.
    (base / "data-is-at").write_text(f"{root}\n")
    return root


def own_folder(path: Path, account: Account | None) -> Path:
    """A folder that only the part's user may enter."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    own(path, account)
    return path


def own(path: Path, account: Account | None) -> None:
    """Give one path to the part's user."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def write_private(path: Path, text: str, account: Account | None = None) -> Path:
    """Write a file that only its owner may read; it is never open to others, not even while it is written."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    own(fresh, account)
    fresh.replace(path)
    return path


# A Debian package starts its service on every interface when installed. We want the program alone: policy-rc.d is
# Debian's way to say so, and disabling keeps it from starting at the next boot.
_INSTALL = """
set -e
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
if [ -d /run/systemd/system ]; then
  systemctl disable rabbitmq-server.service pdns.service epmd.socket epmd.service || true
fi
"""


def can_install() -> bool:
    """Whether apt is here and we may use it."""
    return shutil.which("apt-get") is not None and (os.geteuid() == 0 or shutil.which("sudo") is not None)


async def install(packages: Sequence[str], progress: Progress, log: Path) -> None:
    """Install Debian packages without starting their services."""
    command = ["sh", "-c", _INSTALL, "install", *packages]
    if os.geteuid() != 0:
        command = ["sudo", *command]
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with step(progress, "apt", f"installing {' '.join(packages)}"):
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
            code = await process.wait()
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise PartError(f"apt-get could not install {' '.join(packages)} (status {code}); see {log}\n{tail}")
