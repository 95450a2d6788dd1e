"""The sandbox registry as a subprocess, and the official EPP schemas when this machine has them."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from services.domains.epp import Registry, frames

ROOT = Path(__file__).resolve().parents[1]
PASSWORDS = {"portico": "portico-epp", "other": "other-epp"}
TLDS = ("hu", "com", "net", "org", "eu", "info", "dev")


@dataclass(frozen=True)
class Sandbox:
    """A running registry."""

    port: int
    control_port: int
    ca_file: Path

    def client(
        self, timeout: float = 20.0, *, tlds: Sequence[str] = TLDS, name: str = "sandbox", registrar: str = "portico"
    ) -> Registry:
        """Ours, as the services use it; or another registrar's."""
        return Registry(
            "127.0.0.1",
            self.port,
            registrar=registrar,
            password=PASSWORDS[registrar],
            ca_file=self.ca_file,
            timeout=timeout,
            name=name,
            tlds=tlds,
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control listener; its JSON. Raises for 4xx."""
        with httpx.Client(trust_env=False, timeout=10) as client:
            answer = client.request(method, f"http://127.0.0.1:{self.control_port}{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def fault(self, action: str, **wish: Any) -> None:
        """Ask for something to go wrong (once, unless `times` says otherwise)."""
        self.control("POST", "/faults", {"action": action, **wish})

    def seed(self, name: str, **fields: Any) -> Any:
        """Put a domain as it is."""
        return self.control("PUT", f"/domains/{name}", fields)

    def log(self, command: str, name: str) -> list[dict[str, Any]]:
        """The commands of this kind that were received for a name."""
        return list(self.control("GET", f"/log?command={command}&name={name}"))


@contextmanager
def registry(folder: Path, *arguments: str) -> Iterator[Sandbox]:
    """Start a sandbox registry that keeps its files in `folder`, and stop it at the end."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "deploy.sandbox.registry", "--port", "0", "--control-port", "0"]
    command += ["--tls-dir", str(folder / "tls"), "--ready-file", str(ready)]
    command += [f"--registrar={name}={password}" for name, password in PASSWORDS.items()]
    process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sandbox registry did not start")
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        yield Sandbox(said["port"], said["control_port"], Path(said["ca_file"]))
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def recording() -> Iterator[list[tuple[str, bytes]]]:
    """Every frame that our EPP client writes and reads meanwhile: (direction, XML)."""
    seen: list[tuple[str, bytes]] = []
    read, framed = frames.read_frame, frames.framed

    async def reading(reader: asyncio.StreamReader) -> bytes:
        seen.append(("received", xml := await read(reader)))
        return xml

    def framing(xml: bytes) -> bytes:
        seen.append(("sent", xml))
        return framed(xml)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "read_frame", reading)
        patch.setattr(frames, "framed", framing)
        yield seen


@cache
def epp_schema() -> etree.XMLSchema | None:
    """The official schemas, from EPP_SCHEMAS or beside the repository; None when they are absent."""
    folder = Path(os.environ.get("EPP_SCHEMAS") or ROOT.parent / "shared" / "schemas" / "epp").resolve()
    files = [file for file in sorted(folder.glob("*.xsd")) if file.name != "epp.xsd"]
    if not files:
        return None
    imports = []
    for file in files:
        found = re.search(r'targetNamespace\s*=\s*"([^"]+)"', file.read_text())
        if found:
            imports.append(f'<import namespace="{found[1]}" schemaLocation="{file.as_uri()}"/>')
    # Eppcom first: libxml2 resolves the later imports, which name no location, by what it has already read.
    imports.sort(key=lambda line: ("eppcom" not in line, "epp-1.0" not in line, "host-1.0" not in line))
    driver = f'<schema xmlns="http://www.w3.org/2001/XMLSchema">{"".join(imports)}</schema>'
    return etree.XMLSchema(etree.fromstring(driver))


def invalid(frames: list[tuple[str, bytes]]) -> list[str]:
    """What the schema has against these (direction, XML) frames."""
    schema = epp_schema()
    if schema is None:
        return []
    wrong = []
    for direction, xml in frames:
        document = etree.fromstring(xml)
        if not schema.validate(document):
            wrong.append(f"{direction} {schema.error_log} {xml.decode()[:600]}")
    return wrong
