"""The gateway in this process, under uvicorn on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from gateway import app
from gateway.limits import MAX_BODY
from gateway.settings import Settings


@asynccontextmanager
async def gateway(addresses: Mapping[str, str], public_url: str = "") -> AsyncIterator[tuple[Starlette, str]]:
    """The application and its host:port, before services at these addresses."""
    # Named TCP, else asyncio waits for the client's acknowledgement before it sends the rest: 40 ms a request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings(
        host="127.0.0.1",
        port=port,
        public_url=public_url or f"http://127.0.0.1:{port}",
        amqp_url="amqp://127.0.0.1:1/",
        addresses=addresses,
        timing=True,
        trusted_proxies="",
        log_level="INFO",
        traces_file=None,
        otlp_endpoint=None,
    )
    application = app.create(settings)
    config = uvicorn.Config(
        application,
        ws="websockets-sansio",
        ws_max_size=MAX_BODY,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            assert not running.done(), "the gateway did not start"
            await asyncio.sleep(0.01)
        yield application, f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running
