"""The parts that the stack stands on."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.logs import show
from deploy.parts import PartError, Parts, Ports, Secrets
from deploy.parts.child import Child
from deploy.parts.machine import plain_env
from deploy.parts.secrets import actor_keys

Make = Callable[..., Awaitable[str]]


def test_secrets_stay_the_same_and_are_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = Secrets(file).get("broker")
    assert Secrets(file).get("broker") == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_public_actor_keys_hold_nothing_private(tmp_path: Path) -> None:
    private, public = actor_keys(tmp_path)
    (key,) = json.loads(public.read_text())["keys"]
    assert key["crv"] == "Ed25519"
    assert key["kid"]
    assert "d" not in key
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_text()
    assert actor_keys(tmp_path)[0].read_text() == before


def test_port_is_kept_between_runs_and_changed_when_taken(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    port = Ports(file).get("postgres")
    assert Ports(file).get("postgres") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert Ports(file).get("postgres") != port


async def test_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from deploy.parts.child import Child\n"
        "async def main():\n"
        "    child = Child('sleeper', ['sleep', '60'], base=pathlib.Path(sys.argv[1]), env={'PATH': '/usr/bin:/bin'})\n"
        "    await child.start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await asyncio.sleep(0.2)
    parent.kill()
    await parent.wait()
    for _ in range(100):
        try:
            # A zombie that nobody has reaped yet is dead enough.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


async def test_failure_shows_what_the_process_said(tmp_path: Path) -> None:
    child = Child("talker", ["sh", "-c", "echo no such thing; exit 3"], base=tmp_path, env=plain_env())
    await child.start()
    assert await child.wait() == 3
    assert "status 3" in str(child.failure("it did not come up"))
    assert "no such thing" in str(child.failure("it did not come up"))


def test_log_line_is_compact_and_cannot_drive_the_terminal() -> None:
    record = {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "ERROR",
        "message": "bad \x1b[2J name",
        "domain": "x.example",
    }
    line = show("domains", json.dumps(record), colour=36, colours=False)
    assert line.startswith("03:04:05 domains     error")
    assert line.endswith("domain=x.example")
    assert "\x1b" not in line


def test_own_name_server_needs_its_key(run_dir: Path) -> None:
    with pytest.raises(PartError, match="POWERDNS_API_KEY"):
        Parts(run_dir / "own", settings={"POWERDNS_URL": "http://127.0.0.1:1"})


async def test_a_role_enters_its_own_database_and_no_other(database: Make) -> None:
    mine, other = await database("mine"), await database("other")
    connection = await asyncpg.connect(mine)
    try:
        assert await connection.fetchval("SELECT uuidv7() IS NOT NULL")
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.execute("CREATE EXTENSION pg_trgm")
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(mine.rpartition("/")[0] + "/" + other.rpartition("/")[2])


async def test_name_server_refuses_a_wrong_key(parts: Parts) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{parts.powerdns.url}/api/v1/servers", headers={"X-API-Key": "wrong"})
    assert answer.status_code == 401


async def test_parts_listen_on_loopback_only(parts: Parts) -> None:
    wanted = {f"{parts.ports.get(name):04X}" for name in ("postgres", "amqp", "amqp_dist", "epmd", "dns", "dns_api")}
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {row[1].split(":")[0] for row in listening if row[3] == "0A" and row[1].split(":")[1] in wanted}
    assert addresses == {"0100007F"}
