"""A TCP proxy that can be cut: how a test takes a server away without touching the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards to one target. `cut` drops every connection and refuses new ones until `mend`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        #: Bytes after which each connection is dropped; None: never.
        self.limit: int | None = None

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Drops the connections there are; new ones are let in."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            back_reader, back_writer = await asyncio.open_connection(*self._target)
            self._writers.add(back_writer)
            await asyncio.gather(self._pump(reader, back_writer), self._pump(back_reader, writer, self.limit))
            self._writers.discard(back_writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None = None) -> None:
        passed = 0
        with suppress(OSError):
            while data := await reader.read(65536 if limit is None else 64):
                passed += len(data)
                if limit is not None and passed > limit:
                    writer.transport.abort()
                    break
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()


@asynccontextmanager
async def before(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL, and the URL through it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    proxy = Proxy(parts.hostname, parts.port)
    await proxy.mend()
    userinfo = parts.netloc.rpartition("@")[0]
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{userinfo}@127.0.0.1:{proxy.port}"))
    finally:
        await proxy.cut()
