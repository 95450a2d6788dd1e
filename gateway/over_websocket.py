"""GraphQL over WebSocket, the graphql-transport-ws protocol: connection_init, subscribe, next, error, complete, ping, pong.

A frame that breaks the protocol closes its own socket with the protocol's code; nothing that a client sends is a fault.
"""

import asyncio
import logging
import time
from contextlib import aclosing, suppress
from typing import Any

import orjson
from graphql import ExecutionResult, OperationType
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway import messages
from gateway.clients import Calls
from gateway.context import Request
from gateway.documents import Document, DocumentError, Operation
from gateway.errors import Problem, ServiceError, problem_json, problem_of, to_json, trace_id
from gateway.execution import closing
from gateway.limits import MAX_BODY, MAX_FRAME
from gateway.over_http import Asked, Refused, body_of, parameters
from gateway.service import Gateway, client_ip, locale_of, same_origin
from gateway.sessions import KEPT_SECONDS, BadCredential, Credential, Session, bearer, credential_of

log = logging.getLogger("gateway")

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
RECHECK_SECONDS = 1.0
"""How soon identity is asked again when it did not answer about a credential."""
BLIND_SECONDS = 30.0
"""How long a socket stays open while identity does not answer about its credential."""
MAX_OPERATIONS = 50
MAX_ID = 200


class Closing(Exception):
    """The socket is to be closed with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Connection:
    """One socket: its session, and its operations by the client's ids."""

    def __init__(self, gateway: Gateway, socket: WebSocket) -> None:
        self._gateway = gateway
        self._socket = socket
        self._ip = client_ip(socket)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._credential: Credential | None = None
        self._session: Session | None = None
        self._initialised = asyncio.Event()
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """From the handshake to the close."""
        if PROTOCOL not in self._socket.scope.get("subprotocols", []):
            await self._socket.accept()
            await self._socket.close(4406, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        await self._socket.accept(subprotocol=PROTOCOL)
        reader = asyncio.current_task()
        failed: list[Closing] = []

        def stop(reason: Closing) -> None:
            failed.append(reason)
            if reader:
                reader.cancel()

        watch = asyncio.create_task(self._watch(stop))
        try:
            while True:
                frame, size = await self._receive()
                await (self._handle(frame) if size <= MAX_FRAME else self._refuse(frame))
        except Closing as closing_:
            failed.append(closing_)
        except WebSocketDisconnect:
            pass
        except asyncio.CancelledError:
            if not failed or reader is None:
                raise
            reader.uncancel()  # it was the watch's way of waking this task up
        finally:
            watch.cancel()
            for task in list(self._operations.values()):
                task.cancel()
            await asyncio.gather(watch, *self._operations.values(), return_exceptions=True)
        if failed and self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self._socket.close(failed[0].code, failed[0].reason[:120])

    async def _watch(self, stop: Any) -> None:
        """Closes the socket of a client that never introduces itself, and of one whose credential is no longer good."""
        try:
            # Not wait_for: it can lose a cancellation that comes with the event, and then this task would never end.
            async with asyncio.timeout(INIT_SECONDS):
                await self._initialised.wait()
        except TimeoutError:
            stop(Closing(4408, "Connection initialisation timeout"))
            return
        pause = 0.0
        while True:
            # As soon as the answer that others may have fetched meanwhile is too old to be believed.
            left = self._session.read_at + KEPT_SECONDS - time.monotonic() if self._session else 0.0
            await asyncio.sleep(max(left, pause, 0.02))
            pause = 0.0
            try:
                await self._request()
            except Closing as reason:
                stop(reason)
                return
            except ServiceError:
                pause = RECHECK_SECONDS  # asked again; _request() gives up after BLIND_SECONDS

    async def _receive(self) -> tuple[dict[str, Any], int]:
        """(the next message, its length in characters)"""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        text = message.get("text")
        if text is None:
            raise Closing(4400, "Only text frames are understood")
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise Closing(4400, "A message is not valid JSON") from None
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            raise Closing(4400, "A message must be an object with a type")
        return frame, len(text)

    async def _refuse(self, frame: dict[str, Any]) -> None:
        """A message that is too large: an operation is told so by its id, and the others go on."""
        if frame["type"] != "subscribe" or not self._initialised.is_set():
            raise Closing(4400, f"A message is over {MAX_FRAME} characters")
        id_ = self._id(frame)
        if id_ in self._operations:
            raise Closing(4409, f"Subscriber for {id_[:60]} already exists")
        text = (
            f"A message is over {MAX_FRAME} characters: send it by HTTP, POST to this address, up to {MAX_BODY} bytes."
        )
        problem = {"message": text, "extensions": {"code": "BODY_TOO_LARGE"}}
        await self._send({"id": id_, "type": "error", "payload": [problem]})

    async def _handle(self, frame: dict[str, Any]) -> None:
        kind, payload = frame["type"], frame.get("payload")
        if kind in {"connection_init", "ping", "pong"} and payload is not None and not isinstance(payload, dict):
            raise Closing(4400, f"The payload of {kind} must be an object")
        if kind == "connection_init":
            await self._init(payload or {})
        elif kind == "ping":
            await self._send({"type": "pong", **({"payload": payload} if payload is not None else {})})
        elif kind == "subscribe":
            self._subscribe(self._id(frame), payload)
        elif kind == "complete":
            task = self._operations.pop(self._id(frame), None)
            if task:
                task.cancel()
        elif kind != "pong":
            raise Closing(4400, "Unknown message type")

    @staticmethod
    def _id(frame: dict[str, Any]) -> str:
        id_ = frame.get("id")
        if not isinstance(id_, str) or not 0 < len(id_) <= MAX_ID:
            raise Closing(4400, f"A message needs an id: a string of 1 to {MAX_ID} characters")
        return id_

    async def _init(self, payload: dict[str, Any]) -> None:
        if self._initialised.is_set():
            raise Closing(4429, "Too many initialisation requests")
        header = next((v for k, v in payload.items() if k.lower() == "authorization"), None)
        try:
            if header is not None:
                self._credential = bearer(header) if isinstance(header, str) else bearer("")
            else:
                self._credential = credential_of(self._socket.headers)
        except BadCredential:
            raise Closing(4403, "Forbidden: the token is not valid") from None
        if self._credential is None:
            raise Closing(4401, "Unauthorized: send a token in connection_init, or sign in")
        if self._credential.cookie and not same_origin(self._socket):
            raise Closing(4403, "Forbidden: a cookie is good for this site's own pages only")
        try:
            await self._request()
        except ServiceError:
            raise Closing(1013, "Try again later: sign-in does not answer") from None
        self._initialised.set()
        await self._send({"type": "connection_ack"})

    async def _request(self) -> Request:
        """A fresh request with the rights of this moment. Raises Closing when the credential is no longer good."""
        if self._credential is None:
            raise Closing(4401, "Unauthorized")
        calls = Calls()
        try:
            self._session = await self._gateway.session(self._credential, self._ip, calls)
        except BadCredential:
            raise Closing(4403, "Forbidden: the token or session is no longer valid") from None
        except ServiceError:
            if self._session is None:
                raise
            if time.monotonic() - self._session.read_at > BLIND_SECONDS:
                raise Closing(1013, "Try again later: sign-in does not answer") from None
        return self._gateway.request(self._session, locale_of(self._socket.headers, self._session), self._ip, calls)

    def _subscribe(self, id_: str, payload: Any) -> None:
        if not self._initialised.is_set():
            raise Closing(4401, "Unauthorized: connection_init comes first")
        if id_ in self._operations:
            raise Closing(4409, f"Subscriber for {id_[:60]} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            raise Closing(4429, f"Too many operations: at most {MAX_OPERATIONS} at once")
        if not isinstance(payload, dict):
            raise Closing(4400, "The payload of subscribe must be an object")
        task = asyncio.create_task(self._operate(id_, payload))
        self._operations[id_] = task
        task.add_done_callback(lambda done: self._operations.get(id_) is done and self._operations.pop(id_))

    async def _operate(self, id_: str, payload: dict[str, Any]) -> None:
        """Runs one operation; whatever goes wrong is an error of this id alone."""
        locale = locale_of(self._socket.headers, self._session)
        try:
            asked = parameters(payload)
            document = self._gateway.documents.prepare(asked.query)
            operation = document.operation(asked.operation_name)
            if operation.kind is OperationType.SUBSCRIPTION:
                problems = await self._stream(id_, asked, document, operation)
            else:
                problems = await self._once(id_, asked, document, operation)
        except Refused as refused:
            problems = [{"message": refused.message, "extensions": {"code": refused.code}}]
        except DocumentError as error:
            problems = [to_json(e, locale, error.code) for e in error.errors]
        except Problem as problem:
            problems = [problem_json(problem, locale)]
        except Closing:
            return  # the watch closes the socket
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            log.debug("websocket: the client is gone", extra={"cause": str(error)})
            return
        except ServiceError as error:
            known = problem_of(error)
            problems = [problem_json(known, locale) if known else self._fault(error, locale)]
        except Exception as error:  # noqa: BLE001  # masked and logged; never a stack trace
            problems = [self._fault(error, locale)]
        if problems:
            await self._send({"id": id_, "type": "error", "payload": problems})
        else:
            await self._send({"id": id_, "type": "complete"})

    async def _once(self, id_: str, asked: Asked, document: Document, operation: Operation) -> list[dict[str, Any]]:
        request = await self._request()
        result = await self._gateway.engine.run(document, operation, asked.variables, request)
        return await self._next(id_, result, request.locale)

    async def _stream(self, id_: str, asked: Asked, document: Document, operation: Operation) -> list[dict[str, Any]]:
        engine, request = self._gateway.engine, await self._request()
        stream = await engine.subscribe(document, operation, asked.variables, request)
        if isinstance(stream, ExecutionResult):
            return [to_json(e, request.locale) for e in stream.errors or ()]
        async with aclosing(closing(stream)) as payloads:
            async for payload in payloads:
                fresh = await self._request()
                try:
                    result = await engine.event(document, operation, asked.variables, fresh, payload)
                except ServiceError as error:
                    # One event that cannot be shown now; the subscription goes on.
                    problem = problem_of(error)
                    if problem is None:
                        raise
                    await self._send(
                        {
                            "id": id_,
                            "type": "next",
                            "payload": {"errors": [problem_json(problem, fresh.locale)], "data": None},
                        }
                    )
                    continue
                if result is not None:
                    await self._send(
                        {"id": id_, "type": "next", "payload": body_of(result.data, result.errors, fresh.locale)}
                    )
        return []

    async def _next(self, id_: str, result: ExecutionResult, locale: str) -> list[dict[str, Any]]:
        if result.data is None and result.errors and all(not e.path for e in result.errors):
            return [to_json(e, locale) for e in result.errors]
        await self._send({"id": id_, "type": "next", "payload": body_of(result.data, result.errors, locale)})
        return []

    async def _send(self, frame: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(orjson.dumps(frame).decode())

    @staticmethod
    def _fault(error: Exception, locale: str) -> dict[str, Any]:
        number = trace_id()
        log.error("fault in an operation over WebSocket", exc_info=error, extra={"fault_id": number})
        return {
            "message": messages.text("INTERNAL", locale, {"trace": number}),
            "extensions": {"code": "INTERNAL", "traceId": number},
        }
