"""Errors with a stable reason, and how they cross gRPC: google.rpc.Status with ErrorInfo and BadRequest details."""

from collections.abc import Iterable
from typing import ClassVar

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2


class DomainError(Exception):
    """An expected refusal. `reason` is what clients may rely on; `detail` is for developers, in English.

    `field` is the request's field that is wrong ("names[1]"); `metadata` fills the message that people read.
    """

    reason: ClassVar[str] = "FAILED"
    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.FAILED_PRECONDITION

    def __init__(self, detail: str = "", *, field: str = "", **metadata: str) -> None:
        super().__init__(detail or self.reason)
        self.detail = detail or self.reason
        self.field = field
        self.metadata = metadata


class NotFound(DomainError):
    reason = "NOT_FOUND"
    status = grpc.StatusCode.NOT_FOUND


class Invalid(DomainError):
    reason = "INVALID"
    status = grpc.StatusCode.INVALID_ARGUMENT


class Conflict(DomainError):
    reason = "CONFLICT"
    status = grpc.StatusCode.ABORTED


class Exhausted(DomainError):
    reason = "EXHAUSTED"
    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(DomainError):
    reason = "UNAVAILABLE"
    status = grpc.StatusCode.UNAVAILABLE


class Unauthenticated(DomainError):
    reason = "UNAUTHENTICATED"
    status = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(DomainError):
    reason = "FORBIDDEN"
    status = grpc.StatusCode.PERMISSION_DENIED

    def __init__(self, permission: str) -> None:
        super().__init__(f"needs {permission}", permission=permission)


def to_status(error: DomainError, service: str) -> status_pb2.Status:
    """The rich status of an error; `service` becomes ErrorInfo's domain, "portico.billing"."""
    details = [error_details_pb2.ErrorInfo(reason=error.reason, domain=f"portico.{service}", metadata=error.metadata)]
    return _status(error.status, error.detail, details, [(error.field, error.detail)] if error.field else [])


def field_violations(violations: Iterable[tuple[str, str]], service: str) -> status_pb2.Status:
    """INVALID_ARGUMENT for fields that break their proto's rules: (path, what is wrong)."""
    found = list(violations)
    info = error_details_pb2.ErrorInfo(
        reason="INVALID", domain=f"portico.{service}", metadata={"field": found[0][0], "problem": found[0][1]}
    )
    detail = "; ".join(f"{field}: {problem}" for field, problem in found)
    return _status(grpc.StatusCode.INVALID_ARGUMENT, detail, [info], found)


def _status(
    code: grpc.StatusCode,
    message: str,
    infos: list[error_details_pb2.ErrorInfo],
    fields: list[tuple[str, str]],
) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    for info in infos:
        packed = any_pb2.Any()
        packed.Pack(info)
        status.details.append(packed)
    if fields:
        bad = error_details_pb2.BadRequest()
        for field, problem in fields:
            bad.field_violations.add(field=field, description=problem)
        packed = any_pb2.Any()
        packed.Pack(bad)
        status.details.append(packed)
    return status
