"""Errors: gRPC statuses and refusals in, userErrors and GraphQL errors with stable codes out. Faults are masked."""

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import grpc
import strawberry
from google.rpc import error_details_pb2, status_pb2
from graphql import GraphQLError
from opentelemetry import trace

from gateway import messages
from gateway.access import Refusal
from gateway.messages import rules

log = logging.getLogger("gateway")


@strawberry.enum(description="Stable codes of userErrors; more may be added.")
class ErrorCode(Enum):
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    INVALID = "INVALID"
    CONFLICT = "CONFLICT"
    EXHAUSTED = "EXHAUSTED"
    FAILED = "FAILED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    DOMAIN_TAKEN = "DOMAIN_TAKEN"
    DOMAIN_INVALID = "DOMAIN_INVALID"
    DOMAIN_MIXED_SCRIPT = "DOMAIN_MIXED_SCRIPT"
    DOMAIN_CHARACTER_REFUSED = "DOMAIN_CHARACTER_REFUSED"
    DOMAIN_REPEATED = "DOMAIN_REPEATED"
    DOMAIN_NOT_FOUND = "DOMAIN_NOT_FOUND"
    DOMAIN_NOT_ACTIVE = "DOMAIN_NOT_ACTIVE"
    DOMAIN_ALREADY_ORDERED = "DOMAIN_ALREADY_ORDERED"
    PERIOD_NOT_OFFERED = "PERIOD_NOT_OFFERED"
    TLD_NOT_SOLD = "TLD_NOT_SOLD"
    REGISTRY_UNAVAILABLE = "REGISTRY_UNAVAILABLE"
    REGISTRY_REFUSED = "REGISTRY_REFUSED"
    REGISTRATION_GIVEN_UP = "REGISTRATION_GIVEN_UP"
    TRANSFER_GIVEN_UP = "TRANSFER_GIVEN_UP"
    RENEWAL_GIVEN_UP = "RENEWAL_GIVEN_UP"
    RESTORE_GIVEN_UP = "RESTORE_GIVEN_UP"
    HOLDER_DID_NOT_CONFIRM = "HOLDER_DID_NOT_CONFIRM"
    DOMAIN_ALREADY_HERE = "DOMAIN_ALREADY_HERE"
    TLD_NOT_TRANSFERABLE = "TLD_NOT_TRANSFERABLE"
    DOMAIN_NOT_REGISTERED = "DOMAIN_NOT_REGISTERED"
    AUTH_CODE_MISSING = "AUTH_CODE_MISSING"
    AUTH_CODE_INVALID = "AUTH_CODE_INVALID"
    AUTH_CODE_WRONG = "AUTH_CODE_WRONG"
    AUTH_CODE_THROTTLED = "AUTH_CODE_THROTTLED"
    DOMAIN_TRANSFER_LOCKED = "DOMAIN_TRANSFER_LOCKED"
    TRANSFER_TOO_EARLY = "TRANSFER_TOO_EARLY"
    TRANSFER_PENDING = "TRANSFER_PENDING"
    DOMAIN_BEING_DELETED = "DOMAIN_BEING_DELETED"
    TRANSFER_REJECTED = "TRANSFER_REJECTED"
    TRANSFER_CANCELLED = "TRANSFER_CANCELLED"
    TRANSFER_NOT_WAITING = "TRANSFER_NOT_WAITING"
    CSV_INVALID = "CSV_INVALID"
    LINE_INVALID = "LINE_INVALID"
    TOO_MANY_LINES = "TOO_MANY_LINES"
    DOMAIN_NOT_RENEWABLE = "DOMAIN_NOT_RENEWABLE"
    RENEWAL_ALREADY_ORDERED = "RENEWAL_ALREADY_ORDERED"
    RENEWAL_TOO_LONG = "RENEWAL_TOO_LONG"
    EXPIRY_CHANGED = "EXPIRY_CHANGED"
    DOMAIN_NOT_RESTORABLE = "DOMAIN_NOT_RESTORABLE"
    RESTORE_ALREADY_ORDERED = "RESTORE_ALREADY_ORDERED"
    ORDER_UNPAID = "ORDER_UNPAID"
    DOMAIN_LOCKED = "DOMAIN_LOCKED"
    DOMAIN_BUSY = "DOMAIN_BUSY"
    NAMESERVER_INVALID = "NAMESERVER_INVALID"
    NAMESERVER_REPEATED = "NAMESERVER_REPEATED"
    NAMESERVERS_TOO_FEW = "NAMESERVERS_TOO_FEW"
    NAMESERVERS_TOO_MANY = "NAMESERVERS_TOO_MANY"
    NAMESERVER_UNKNOWN = "NAMESERVER_UNKNOWN"
    GLUE_REQUIRED = "GLUE_REQUIRED"
    GLUE_NOT_ALLOWED = "GLUE_NOT_ALLOWED"
    ADDRESS_INVALID = "ADDRESS_INVALID"
    DNSSEC_IN_THE_WAY = "DNSSEC_IN_THE_WAY"
    DNSSEC_FOREIGN_NAMESERVERS = "DNSSEC_FOREIGN_NAMESERVERS"
    TOO_MANY_DOMAINS = "TOO_MANY_DOMAINS"
    REGISTRY_CONTACT_NOT_FOUND = "REGISTRY_CONTACT_NOT_FOUND"
    CONTACTS_NOT_READ = "CONTACTS_NOT_READ"
    CONTACT_NOT_EDITABLE = "CONTACT_NOT_EDITABLE"
    CONTACT_ON_OTHER_DOMAINS = "CONTACT_ON_OTHER_DOMAINS"
    REGISTRANT_CHANGE_BY_TRADE = "REGISTRANT_CHANGE_BY_TRADE"
    REGISTRANT_CHANGE_REFUSED = "REGISTRANT_CHANGE_REFUSED"
    LOCAL_PRESENCE_REQUIRED = "LOCAL_PRESENCE_REQUIRED"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    ZONE_NOT_FOUND = "ZONE_NOT_FOUND"
    ZONE_CONFLICT = "ZONE_CONFLICT"
    ZONE_VERSION_UNKNOWN = "ZONE_VERSION_UNKNOWN"
    ZONE_TOO_LARGE = "ZONE_TOO_LARGE"
    ZONE_LINE_INVALID = "ZONE_LINE_INVALID"
    RECORD_SET_NOT_FOUND = "RECORD_SET_NOT_FOUND"
    RECORD_SET_REPEATED = "RECORD_SET_REPEATED"
    RECORD_SET_TOO_LARGE = "RECORD_SET_TOO_LARGE"
    RECORD_NAME_INVALID = "RECORD_NAME_INVALID"
    RECORD_OUTSIDE_ZONE = "RECORD_OUTSIDE_ZONE"
    RECORD_TYPE_UNKNOWN = "RECORD_TYPE_UNKNOWN"
    RECORD_INVALID = "RECORD_INVALID"
    RECORD_SINGLE = "RECORD_SINGLE"
    TTL_OUT_OF_RANGE = "TTL_OUT_OF_RANGE"
    CNAME_NOT_ALONE = "CNAME_NOT_ALONE"
    CNAME_AT_APEX = "CNAME_AT_APEX"
    ALIAS_WITH_ADDRESS = "ALIAS_WITH_ADDRESS"
    NAMESERVERS_REQUIRED = "NAMESERVERS_REQUIRED"
    DS_WITHOUT_DELEGATION = "DS_WITHOUT_DELEGATION"
    TARGET_IS_ALIAS = "TARGET_IS_ALIAS"
    TARGET_WITHOUT_ADDRESS = "TARGET_WITHOUT_ADDRESS"
    PRICE_MISSING = "PRICE_MISSING"
    INSUFFICIENT_CREDIT = "INSUFFICIENT_CREDIT"
    INVOICE_NOT_FOUND = "INVOICE_NOT_FOUND"
    INVOICE_NOT_OPEN = "INVOICE_NOT_OPEN"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    AMOUNT_INVALID = "AMOUNT_INVALID"
    CURRENCIES_MIXED = "CURRENCIES_MIXED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    API_TOKEN_NOT_FOUND = "API_TOKEN_NOT_FOUND"
    TOKEN_MAY_NOT = "TOKEN_MAY_NOT"
    TOKEN_TOO_WIDE = "TOKEN_TOO_WIDE"
    TOKEN_EXPIRY_INVALID = "TOKEN_EXPIRY_INVALID"
    NETWORK_INVALID = "NETWORK_INVALID"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    SECRET_SHOWN_ALREADY = "SECRET_SHOWN_ALREADY"
    ACKNOWLEDGEMENT_REQUIRED = "ACKNOWLEDGEMENT_REQUIRED"
    NOTIFICATION_NOT_OPTIONAL = "NOTIFICATION_NOT_OPTIONAL"
    ACCOUNT_LOCKED = "ACCOUNT_LOCKED"
    READ_ONLY_SESSION = "READ_ONLY_SESSION"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    FIELD_LOCKED = "FIELD_LOCKED"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    TEXT_INVALID = "TEXT_INVALID"
    COUNTRY_UNKNOWN = "COUNTRY_UNKNOWN"
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN"
    LOCALE_UNKNOWN = "LOCALE_UNKNOWN"
    EMAIL_INVALID = "EMAIL_INVALID"
    PHONE_INVALID = "PHONE_INVALID"
    POSTAL_CODE_INVALID = "POSTAL_CODE_INVALID"
    TAX_NUMBER_INVALID = "TAX_NUMBER_INVALID"
    EU_VAT_ID_INVALID = "EU_VAT_ID_INVALID"
    EU_VAT_ID_MISMATCH = "EU_VAT_ID_MISMATCH"
    ALREADY_CONTACT = "ALREADY_CONTACT"
    ALREADY_INVITED = "ALREADY_INVITED"
    CONTACT_NOT_FOUND = "CONTACT_NOT_FOUND"
    CONTACT_REVOKED = "CONTACT_REVOKED"
    CONTACT_EXPIRY_INVALID = "CONTACT_EXPIRY_INVALID"
    ROLE_UNKNOWN = "ROLE_UNKNOWN"
    PERMISSION_UNKNOWN = "PERMISSION_UNKNOWN"
    GRANT_TOO_WIDE = "GRANT_TOO_WIDE"
    GRANT_NOT_LIMITABLE = "GRANT_NOT_LIMITABLE"
    GRANT_EXPIRY_INVALID = "GRANT_EXPIRY_INVALID"
    RESOURCES_EMPTY = "RESOURCES_EMPTY"
    TOO_MANY_RESOURCES = "TOO_MANY_RESOURCES"
    COORDINATE_INVALID = "COORDINATE_INVALID"
    FIELD_NOT_DENIABLE = "FIELD_NOT_DENIABLE"
    DENIAL_KEPT = "DENIAL_KEPT"
    LAST_OWNER = "LAST_OWNER"
    OWNER_ONLY = "OWNER_ONLY"
    TOO_MANY_CONTACTS = "TOO_MANY_CONTACTS"
    TOO_MANY_INVITATIONS = "TOO_MANY_INVITATIONS"
    INVITATION_OVER = "INVITATION_OVER"
    SIGN_IN_THROTTLED = "SIGN_IN_THROTTLED"
    FACTOR_REQUIRED = "FACTOR_REQUIRED"
    FACTOR_NOT_FOUND = "FACTOR_NOT_FOUND"
    PENDING_FACTOR_NOT_FOUND = "PENDING_FACTOR_NOT_FOUND"
    TOO_MANY_FACTORS = "TOO_MANY_FACTORS"
    NO_FACTOR = "NO_FACTOR"
    CODE_WRONG = "CODE_WRONG"
    SECURITY_KEY_REFUSED = "SECURITY_KEY_REFUSED"
    SECURITY_KEY_KNOWN = "SECURITY_KEY_KNOWN"
    NO_SECURITY_KEY = "NO_SECURITY_KEY"
    SECURITY_KEYS_UNAVAILABLE = "SECURITY_KEYS_UNAVAILABLE"
    PASSWORD_REQUIRED = "PASSWORD_REQUIRED"
    PASSWORD_TOO_SHORT_ALONE = "PASSWORD_TOO_SHORT_ALONE"
    PASSWORD_TOO_SHORT = "PASSWORD_TOO_SHORT"
    PASSWORD_TOO_LONG = "PASSWORD_TOO_LONG"
    PASSWORD_COMMON = "PASSWORD_COMMON"
    PASSWORD_PERSONAL = "PASSWORD_PERSONAL"
    PASSWORD_WRONG = "PASSWORD_WRONG"
    PASSWORD_UNCHANGED = "PASSWORD_UNCHANGED"
    VPN_PASSWORD_CHARACTERS = "VPN_PASSWORD_CHARACTERS"


class Problem(Exception):
    """Something to tell the client: a code, values for its message, and what else extensions carry."""

    def __init__(
        self, code: str, *, message: str = "", extensions: Mapping[str, Any] | None = None, **values: object
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or code
        """The key in messages.py, where it is not the code."""
        self.values = values
        self.extensions = dict(extensions or {})


def forbidden(refusal: Refusal) -> Problem:
    """A field or mutation that the contact may not use."""
    if refusal.lock:
        return Problem("ACCOUNT_LOCKED", reason=refusal.lock)
    if refusal.permission is None:
        return Problem(
            "FORBIDDEN", message="FIELD_DENIED", extensions={"permission": None}, coordinate=refusal.coordinate
        )
    name = refusal.permission.value
    return Problem("FORBIDDEN", extensions={"permission": name}, permission=name)


class ServiceError(Exception):
    """A service answered with an error, or did not answer."""

    def __init__(
        self,
        service: str,
        code: grpc.StatusCode,
        reason: str = "",
        detail: str = "",
        metadata: Mapping[str, str] | None = None,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{service}: {code.name} {reason} {detail}")
        self.service = service
        self.code = code
        self.reason = reason
        self.detail = detail
        self.metadata = dict(metadata or {})
        self.fields = list(fields)

    @classmethod
    def of(cls, service: str, error: grpc.aio.AioRpcError) -> "ServiceError":
        """Reads google.rpc.Status with ErrorInfo and BadRequest, where the service sent them."""
        made = cls(service, error.code(), detail=error.details() or "")
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin" and isinstance(value, bytes):
                for packed in status_pb2.Status.FromString(value).details:
                    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
                    if packed.Unpack(info):
                        made.reason, made.metadata = info.reason, dict(info.metadata)
                    elif packed.Unpack(bad):
                        made.fields = [(v.field, v.description) for v in bad.field_violations]
        return made

    @property
    def silent(self) -> bool:
        """Whether the service did not answer at all."""
        # A reason with UNAVAILABLE is an answer: something behind the service is away.
        return not self.reason and self.code in {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.CANCELLED,
        }


REFUSALS: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.PERMISSION_DENIED: "FORBIDDEN",
    grpc.StatusCode.NOT_FOUND: "NOT_FOUND",
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID",
    grpc.StatusCode.ABORTED: "CONFLICT",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "EXHAUSTED",
    grpc.StatusCode.FAILED_PRECONDITION: "FAILED",
    grpc.StatusCode.ALREADY_EXISTS: "CONFLICT",
    grpc.StatusCode.OUT_OF_RANGE: "INVALID",
}
"""Statuses that are the caller's to mend; every other status without a reason is a fault."""


def problem_of(error: ServiceError) -> Problem | None:
    """What to tell of a service's error; None for a fault, which is masked."""
    if error.silent or (error.code == grpc.StatusCode.UNAVAILABLE and error.reason not in messages.MESSAGES["en"]):
        return Problem("SERVICE_UNAVAILABLE", extensions={"service": error.service}, service=error.service)
    if error.code == grpc.StatusCode.UNAVAILABLE:
        return Problem(error.reason, extensions={"service": error.service}, **error.metadata)
    general = REFUSALS.get(error.code)
    if general is None:
        return None

    def detail(locale: str) -> str:
        return "; ".join(f"{_camel(f)}: {rules.in_words(d, locale)}" for f, d in error.fields) or error.detail

    if general == "INVALID" and error.reason in {"", "INVALID"}:
        return Problem("BAD_USER_INPUT", message="INVALID", detail=detail)
    code = error.reason or general
    values = {"detail": detail, **error.metadata}
    extensions: dict[str, Any] = {"service": error.service}
    if code == "FORBIDDEN":
        extensions = {"permission": error.metadata.get("permission")}
    return Problem(code, message="" if code in messages.MESSAGES["en"] else general, extensions=extensions, **values)


def trace_id() -> str:
    """The current trace's id, or a random one to quote."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else secrets.token_hex(16)


def to_json(error: GraphQLError, locale: str, default_code: str = "BAD_USER_INPUT") -> dict[str, Any]:
    """One entry of "errors". An exception that nobody meant is logged and masked; its trace id is all that leaves."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    answer: dict[str, Any] = {"message": error.message}
    if isinstance(cause, ServiceError):
        cause = problem_of(cause) or cause
    if isinstance(cause, Problem):
        answer["message"] = messages.text(cause.message, locale, cause.values)
        answer["extensions"] = {"code": cause.code, **cause.extensions}
    elif cause is None or isinstance(cause, GraphQLError):
        answer["extensions"] = {"code": default_code}
    else:
        number = trace_id()
        log.error("fault in a field", exc_info=cause, extra={"path": error.path, "fault_id": number})
        answer["message"] = messages.text("INTERNAL", locale, {"trace": number})
        answer["extensions"] = {"code": "INTERNAL", "traceId": number}
    if error.locations:
        answer["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        answer["path"] = error.path
    return answer


def problem_json(problem: Problem, locale: str) -> dict[str, Any]:
    """One entry of "errors" for a refusal of the whole request."""
    return {
        "message": messages.text(problem.message, locale, problem.values),
        "extensions": {"code": problem.code, **problem.extensions},
    }


_RENAMED = {"request_id": "idempotencyKey"}


def input_path(field: str) -> list[str]:
    """A proto field's path as the input's: "invoice_ids[1]" -> ["input", "invoiceIds", "1"]."""
    parts = [p for p in re.split(r"[.\[\]]+", field) if p]
    return ["input", *(_RENAMED.get(p, _camel(p)) for p in parts)]


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)


def error_code(reason: str) -> ErrorCode:
    """The userError's code of a service's reason; FAILED for one this version does not know."""
    return ErrorCode.__members__.get(reason, ErrorCode.FAILED)
