"""Types that every area uses: scalars, money, nodes, connections, userErrors."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any, Generic, NewType, TypeVar

import strawberry
from google.protobuf.timestamp_pb2 import Timestamp
from graphql import GraphQLError

from gateway.access import PUBLIC, access
from gateway.errors import ErrorCode
from portico.common.v1 import common_pb2
from services.chassis import money

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

DateTime = NewType("DateTime", str)
Date = NewType("Date", str)
Decimal = NewType("Decimal", str)
DomainName = NewType("DomainName", str)
CurrencyCode = NewType("CurrencyCode", str)
Json = NewType("Json", object)


def _same(value: Any) -> Any:
    return value


def _text(what: str, good: Callable[[str], bool]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not good(value):
            shown = repr(value) if isinstance(value, str | int | float) and len(str(value)[:80]) < 80 else "the value"
            raise GraphQLError(f"{shown} is not {what}.")
        return value

    return parse


def _is_date(value: str) -> bool:
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


SCALARS: Mapping[object, Any] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment, RFC 3339, in UTC: 2026-03-01T08:00:00Z.",
        serialize=_same,
        parse_value=_text("a moment in RFC 3339", lambda v: bool(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{5,18}Z", v))),
    ),
    Date: strawberry.scalar(
        name="Date", description="A day, ISO 8601: 2026-03-01.", serialize=_same, parse_value=_text("a date", _is_date)
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as a string, never a float: "1990" or "19.90".',
        serialize=_same,
        parse_value=_text("a decimal number in a string", lambda v: bool(re.fullmatch(r"-?\d{1,18}(\.\d{1,6})?", v))),
    ),
    DomainName: strawberry.scalar(
        name="DomainName",
        description="A domain name; Unicode or A-labels are accepted, A-labels are answered.",
        serialize=_same,
        # Whether it is a name that can exist is the domains service's to say, per name and with its reason.
        parse_value=_text("a domain name", lambda v: len(v) <= 1000),
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="A currency, ISO 4217: HUF, EUR.",
        serialize=_same,
        parse_value=_text("a currency code", lambda v: v in money.EXPONENTS),
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=_same, parse_value=_same),
}


def moment(stamp: Timestamp) -> DateTime:
    return DateTime(stamp.ToJsonString())


def moment_of(message: Any, name: str) -> DateTime | None:
    """A message's timestamp field; None where it is unset."""
    return DateTime(getattr(message, name).ToJsonString()) if message.HasField(name) else None


def day(value: str) -> Date | None:
    return Date(value) if value else None


def enum_map(proto: Any, enum: type[E], prefix: str) -> dict[int, E]:
    """Proto enum number -> GraphQL enum. Raises when the two do not name the same values."""
    names = {v.number: v.name.removeprefix(prefix) for v in proto.DESCRIPTOR.values if v.number}
    if set(names.values()) != set(enum.__members__):
        raise AssertionError(f"{enum.__name__} and {proto.DESCRIPTOR.full_name} differ")
    return {number: enum[name] for number, name in names.items()}


def numbers(values: Sequence[E] | None, table: Mapping[int, E]) -> list[Any]:
    """GraphQL enum values as the proto's numbers."""
    back = {value: number for number, value in table.items()}
    return [back[v] for v in values or ()]


@access(PUBLIC)
@strawberry.type(description="An amount with its currency.")
class Money:
    amount: Decimal
    currency: CurrencyCode

    @staticmethod
    def of(pb: common_pb2.Money) -> "Money":
        return Money(amount=Decimal(money.to_decimal(pb.minor, pb.currency)), currency=CurrencyCode(pb.currency))


def money_of(message: Any, name: str) -> Money | None:
    """A message's money field; None where it is unset."""
    return Money.of(getattr(message, name)) if message.HasField(name) else None


@strawberry.input
class MoneyInput:
    amount: Decimal
    currency: CurrencyCode


@access(PUBLIC)
@strawberry.interface(description="Anything with a global id.")
class Node:
    id: strawberry.ID


@access(PUBLIC)
@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@access(PUBLIC)
@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@access(PUBLIC)
@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


def connection(nodes: list[T], page: common_pb2.PageInfo) -> Connection[T]:
    cursors = list(page.cursors)
    return Connection(
        edges=[Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)],
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


@strawberry.enum
class BlockerCode(Enum):
    FORBIDDEN = "FORBIDDEN"
    GRANT_EXPIRED = "GRANT_EXPIRED"
    RESOURCE_NOT_GRANTED = "RESOURCE_NOT_GRANTED"
    FIELD_DENIED = "FIELD_DENIED"
    TOKEN_NARROWER = "TOKEN_NARROWER"  # noqa: S105
    TOKEN_MAY_NOT = "TOKEN_MAY_NOT"  # noqa: S105
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    CONTACT_INVITED = "CONTACT_INVITED"
    CONTACT_EXPIRED = "CONTACT_EXPIRED"
    CONTACT_REVOKED = "CONTACT_REVOKED"
    NOT_FOUND = "NOT_FOUND"
    DOMAIN_LOCKED = "DOMAIN_LOCKED"
    DNSSEC_IN_THE_WAY = "DNSSEC_IN_THE_WAY"
    DNSSEC_FOREIGN_NAMESERVERS = "DNSSEC_FOREIGN_NAMESERVERS"
    DOMAIN_NOT_THERE_YET = "DOMAIN_NOT_THERE_YET"
    DOMAIN_EXPIRED = "DOMAIN_EXPIRED"
    DOMAIN_IN_REDEMPTION = "DOMAIN_IN_REDEMPTION"
    DOMAIN_PENDING_DELETE = "DOMAIN_PENDING_DELETE"
    DOMAIN_ENDED = "DOMAIN_ENDED"
    DOMAIN_NOT_IN_REDEMPTION = "DOMAIN_NOT_IN_REDEMPTION"
    RESTORE_PENDING = "RESTORE_PENDING"
    DOMAIN_TRANSFER_PENDING = "DOMAIN_TRANSFER_PENDING"
    REGISTRY_ACTION_PENDING = "REGISTRY_ACTION_PENDING"
    REGISTRY_PROHIBITS = "REGISTRY_PROHIBITS"
    REGISTRAR_PROHIBITS = "REGISTRAR_PROHIBITS"
    RENEWAL_TOO_EARLY = "RENEWAL_TOO_EARLY"
    RENEWAL_TOO_LATE = "RENEWAL_TOO_LATE"
    RENEWAL_ALREADY_ORDERED = "RENEWAL_ALREADY_ORDERED"
    RESTORE_ALREADY_ORDERED = "RESTORE_ALREADY_ORDERED"
    TRANSFER_LOCK_PERIOD = "TRANSFER_LOCK_PERIOD"
    REGISTRANT_CHANGE_BY_TRADE = "REGISTRANT_CHANGE_BY_TRADE"
    REGISTRANT_CHANGE_REFUSED = "REGISTRANT_CHANGE_REFUSED"
    TLD_WITHOUT_DNSSEC = "TLD_WITHOUT_DNSSEC"
    DOMAIN_TRANSFER_LOCKED = "DOMAIN_TRANSFER_LOCKED"
    TRANSFER_TOO_EARLY = "TRANSFER_TOO_EARLY"
    TRANSFER_PENDING = "TRANSFER_PENDING"
    AUTH_CODE_THROTTLED = "AUTH_CODE_THROTTLED"
    DOMAIN_BEING_DELETED = "DOMAIN_BEING_DELETED"
    ACCOUNT_LOCKED = "ACCOUNT_LOCKED"


@access(PUBLIC)
@strawberry.type(description="Why something cannot be done now, until when, and what would clear it.")
class Blocker:
    code: BlockerCode
    message: str
    since: DateTime | None = strawberry.field(default=None, description="When it began: when a right ran out.")
    until: DateTime | None = None
    resolved_by: str | None = strawberry.field(
        default=None, description="The mutation that would clear it, perhaps by somebody with more rights."
    )
    subject: Node | None = None


@access(PUBLIC)
@strawberry.type(description="The answer to may-I-do-this for the object that carries it.")
class Permit:
    action: str
    allowed: bool
    blockers: list[Blocker]
    confirmed_by_holder: bool = strawberry.field(
        default=False,
        description="Of a domain's permits: the registry will write to the holder, who has to confirm it there.",
    )


@access(PUBLIC)
@strawberry.type(description="An expected refusal: a stable code, the input field it is about, a message for people.")
class UserError:
    code: ErrorCode
    message: str
    field: list[str] | None = None
    blockers: list[Blocker] = strawberry.field(default_factory=list)
