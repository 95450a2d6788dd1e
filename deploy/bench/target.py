"""Where the running stack is, as it says itself in its folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil

SERVICES = ("identity", "domains", "hosting", "billing", "tickets")
SMALL, LARGE = "P-10001", "P-10003"


class NoStack(Exception):
    """There is no running stack, or not the demo in it; the text is for a person."""


@dataclass(frozen=True)
class Target:
    url: str
    #: Account number -> the API token of its owner.
    tokens: dict[str, str]
    #: Service -> host:port.
    addresses: dict[str, str]
    databases: dict[str, str]
    gateway: psutil.Process


def read(base: Path) -> Target:
    """From .run; NoStack says what is missing."""
    demo, ports, secrets = (_json(base / f"{name}.json") for name in ("demo", "ports", "secrets"))
    url = str(demo["url"])
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise NoStack(f"{url} is not this machine: the bench puts load on a stack of your own only")
    tokens: dict[str, str] = {}
    for person in demo["people"]:
        if person["role"] == "owner":
            tokens.setdefault(person["account"], person["token"])
    if SMALL not in tokens or LARGE not in tokens:
        raise NoStack(f"{base}/demo.json names no owner of {SMALL} and {LARGE}")
    return Target(
        url=url,
        tokens=tokens,
        addresses={service: f"127.0.0.1:{ports[service]}" for service in SERVICES},
        databases={service: _database(service, ports, secrets) for service in SERVICES},
        gateway=_process(base / "pids" / "gateway"),
    )


def _json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        raise NoStack(f"{file} is not there: start the stack with `make run` first") from None
    return content


def _database(service: str, ports: dict[str, Any], secrets: dict[str, Any]) -> str:
    """As the stack makes it: a role and a database of one name, on its own server or the operator's."""
    name = f"portico_{service}"
    server = urlsplit(os.environ.get("DATABASE_URL") or f"postgresql://127.0.0.1:{ports['postgres']}/")
    place = server.netloc.rpartition("@")[2]
    return urlunsplit((server.scheme, f"{name}:{secrets[f'database_{name}']}@{place}", f"/{name}", server.query, ""))


def _process(pid_file: Path) -> psutil.Process:
    try:
        return psutil.Process(int(pid_file.read_text().split()[0]))
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        raise NoStack(f"the gateway does not run ({pid_file}): start the stack with `make run` first") from None
