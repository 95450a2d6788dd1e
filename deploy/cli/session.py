"""A signed-in operator: calls with a deadline and an actor token, and refusals that become exit codes."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn, TypeVar

import grpc
import typer
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from deploy.cli import settings
from deploy.cli.settings import Settings, SettingsError
from portico.identity.v1 import operator_pb2
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

REFUSED, NOT_SIGNED_IN, AWAY = 3, 4, 5
SECONDS = 10.0
_REMIND_BEFORE = timedelta(days=7)
#: How long an actor token is used, of the at least nine seconds that identity gives it.
_TOKEN_SECONDS = 4.0

S = TypeVar("S")
R = TypeVar("R", bound=Message)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts; errors too.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Session:
    """The operator of the configuration file. `as_json` says how errors are told."""

    def __init__(self, conf: Settings, as_json: bool) -> None:
        self.settings = conf
        self._json = as_json
        self._channels: dict[str, grpc.Channel] = {}
        self._token = ""
        self._token_from = float("-inf")
        self._reminded = False

    @property
    def where(self) -> str:
        """Which Portico it is, for people to be sure."""
        return self.settings.address("identity")

    def stub(self, kind: Callable[[grpc.Channel], S], service: str = "identity") -> S:
        """Of a gRPC service that `service` serves."""
        if service not in self._channels:
            try:
                address = self.settings.address(service)
            except SettingsError as error:
                self.fail(NOT_SIGNED_IN, "SETTINGS", str(error))
            options = [("grpc.enable_http_proxy", 0)]
            self._channels[service] = (
                grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
                if self.settings.tls
                else grpc.insecure_channel(address, options)
            )
        return kind(self._channels[service])

    def call(self, method: "Callable[..., R]", request: Message, *, seconds: float = SECONDS) -> R:
        """The answer; a refusal is told and ends the command."""
        if time.monotonic() - self._token_from > _TOKEN_SECONDS:
            self.authenticate()
        try:
            return method(request, timeout=seconds, metadata=[("authorization", f"Bearer {self._token}")])
        except grpc.RpcError as error:
            self._refused(error)

    def authenticate(self) -> operator_pb2.AuthenticateOperatorResponse:
        """Signs in."""
        request = operator_pb2.AuthenticateOperatorRequest(credential=self.settings.credential)
        asked_at = time.monotonic()
        try:
            answer = self.stub(OperatorServiceStub).AuthenticateOperator(request, timeout=SECONDS)
        except grpc.RpcError as error:
            self._refused(error)
        self._token = answer.actor_token
        self._token_from = asked_at
        ends = answer.credential_expires_at.ToDatetime(tzinfo=UTC)
        if not self._reminded and ends - datetime.now(UTC) < _REMIND_BEFORE:
            self._reminded = True
            typer.echo(f"portico: your credential ends on {ends:%Y-%m-%d}: portico operator renew", err=True)
        return answer

    def fail(self, code: int, reason: str, detail: str, fields: dict[str, str] | None = None) -> NoReturn:
        """Tells why on standard error and ends the command."""
        if self._json:
            told: dict[str, Any] = {"reason": reason, "detail": detail} | ({"fields": fields} if fields else {})
            typer.echo(json.dumps({"error": told}, ensure_ascii=False), err=True)
        else:
            typer.echo(f"portico: {detail} ({reason})", err=True)
        raise typer.Exit(code)

    def _refused(self, error: grpc.RpcError) -> NoReturn:
        call: Any = error  # every error of a call is one itself
        reason, fields = "", {}
        status = rpc_status.from_call(call)
        for packed in status.details if status else ():
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if packed.Unpack(info):
                reason = info.reason
            elif packed.Unpack(bad):
                fields = {one.field: one.description for one in bad.field_violations}
        code, detail = call.code(), call.details()
        if code == grpc.StatusCode.UNAUTHENTICATED:
            self.fail(NOT_SIGNED_IN, reason, f"{self.settings.file}: {detail}")
        if not reason and code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
            self.fail(AWAY, code.name, f"no answer from the service ({detail})")
        self.fail(REFUSED, reason or code.name, detail, fields)


def connect(context: typer.Context, as_json: bool) -> Session:
    """The session of a command."""
    try:
        return Session(settings.read(context.obj), as_json)
    except SettingsError as error:
        typer.echo(json.dumps({"error": {"detail": str(error)}}) if as_json else f"portico: {error}", err=True)
        raise typer.Exit(NOT_SIGNED_IN) from None


def confirm(question: str, yes: bool) -> None:
    """Asks unless told not to; no answer is a no, and ends the command with 1."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
