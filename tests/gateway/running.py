"""A gateway under uvicorn on loopback, in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvicorn

from gateway import app
from gateway.limits import MAX_BODY
from gateway.service import Gateway
from gateway.settings import Settings


@asynccontextmanager
async def running(addresses: Mapping[str, str]) -> AsyncIterator[tuple[Gateway, str]]:
    """The gateway's parts and its host:port; `addresses` are the services' by name. It has no broker."""
    # Named TCP, else asyncio waits for the client's acknowledgement before it sends the rest: 40 ms a request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    told = {"PUBLIC_URL": f"http://{address}", "AMQP_URL": "amqp://127.0.0.1:1/", "TIMING": "1"}
    application = app.create(Settings.read(told | {f"{name.upper()}_ADDRESS": at for name, at in addresses.items()}))
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
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            assert not serving.done(), "the gateway did not start"
            await asyncio.sleep(0.01)
        yield application.state.gateway, address
    finally:
        server.should_exit = True
        await serving
