"""A client of one connection that costs next to nothing: the machine's cores are for what is measured."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

_TIMING = re.compile(r'rpc;desc="(\d+)", sql;desc="(\d+)"(?:, cpu;dur=([\d.]+))?')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SERVER_TIMING = re.compile(rb"\r\nserver-timing: *([^\r]+)", re.IGNORECASE)


class Failed(Exception):
    """The gateway's answer was not the whole document."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the gateway says in Server-Timing."""

    rpcs: int
    sql: int


class Client:
    """Sends one document over and over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def connect(cls, url: str) -> Self:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        return cls(reader, writer, parts.netloc)

    def request(self, document: str, token: str, variables: Mapping[str, object] | None = None) -> bytes:
        """The bytes of a request, made once."""
        body = json.dumps({"query": document, "variables": variables or {}}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(self, request: bytes) -> tuple[bytes, bytes]:
        """The answer's head and body; Failed unless it is 200 without errors."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        if not head.startswith(b"HTTP/1.1 200") or body.startswith(b'{"errors"'):
            raise Failed(f"the gateway answered {head.split(bytes([13]))[0].decode()}: {body[:600].decode()}")
        return head, body

    async def measured(self, request: bytes) -> tuple[dict[str, Any], Cost]:
        """The answer's data and what it cost; Failed when the gateway does not tell (TIMING=1)."""
        head, body = await self.send(request)
        header = _SERVER_TIMING.search(head)
        found = _TIMING.search(header[1].decode()) if header else None
        if found is None:
            raise Failed("the gateway sends no Server-Timing: start it with TIMING=1")
        return json.loads(body)["data"], Cost(int(found[1]), int(found[2]))

    def close(self) -> None:
        self._writer.close()
