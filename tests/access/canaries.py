"""What the stand-in services tell: every value unique and traceable to the RPC, the field and the account it came from.

A message is filled through its descriptor, so a field that is new in a proto is told, and watched, without a word here.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.access.graph import GRAPH

ITEMS = 2
"""How many every list holds."""
MAX_NESTING = 8
"""Messages in messages that are filled; deeper ones stay empty, so that recursive messages end."""


class Source(NamedTuple):
    """Where a value came from."""

    account: int
    method: str
    """Of the RPC: "/portico.billing.v1.BillingService/ListInvoices"; the message's name for an event."""
    path: str


def account_id(account: int) -> str:
    return f"acc0acc0-{account:04}-4000-8000-000000000000"


def object_id(account: int, index: int) -> str:
    """The id of every account's index-th object, of whatever type: so that whatever points at something finds it."""
    return f"0b1ec700-{account:04}-4000-8000-{index:012}"


@cache
def owner_of(id_: str) -> int | None:
    """The account of an id made here."""
    match = re.fullmatch(r"(?:acc0acc0|0b1ec700)-(\d{4})-4000-8000-\d{12}", id_)
    return int(match[1]) if match else None


def index_of(id_: str) -> int:
    return int(id_.rpartition("-")[2])


@dataclass(frozen=True)
class Place:
    """A scalar field about to be filled."""

    source: Source
    index: int
    """Of the object that it belongs to, in its list."""
    field: FieldDescriptor
    salt: str

    @property
    def number(self) -> int:
        """Ten digits, unique, and a 32-bit number."""
        digest = blake2b(f"{self.source}{self.salt}".encode(), digest_size=8).digest()
        number = 1_000_000_000 + int.from_bytes(digest) % 1_147_483_640
        return number if number % 10 else number + 1

    @property
    def text(self) -> str:
        return f"canary:{self.source.account}:{self.source.path}:{self.number}"


Format = Callable[[Place], str | int]

# A field whose value the gateway reads, instead of only passing it on, holds one of what it understands. Keyed by the
# field's full name, or by its last word for what means the same everywhere.
FORMATS: dict[str, Format] = {
    "account_id": lambda at: account_id(at.source.account),
    "currency": lambda at: "HUF",
    "permission": lambda at: GRAPH.permissions[(at.index - 1) % len(GRAPH.permissions)],
    "permissions": lambda at: GRAPH.permissions[(at.index - 1) % len(GRAPH.permissions)],
    "locale": lambda at: "en",
    "category": lambda at: ("billing", "support", "service", "domain")[(at.index - 1) % 4],
    "json": lambda at: f'{{"canary": "{at.text}"}}',
    "on": lambda at: str((datetime(2100, 1, 1, tzinfo=UTC) + timedelta(days=at.number % 200_000)).date()),
    "id": lambda at: object_id(at.source.account, at.index),
    "portico.common.v1.Operation.kind": lambda at: "DOMAIN_REGISTRATION",
    "portico.common.v1.OperationUpdated.service": lambda at: "domains",
    "portico.tickets.v1.Message.author_kind": lambda at: "customer",
    "portico.domains.v1.DomainBlocker.code": lambda at: "DOMAIN_LOCKED",
    "portico.domains.v1.TransferBlocker.reason": lambda at: "TRANSFER_PENDING",
    "portico.identity.v1.AuthenticateResponse.credential_kind": lambda at: "session",
    "portico.identity.v1.SecurityWarning.code": lambda at: "SINGLE_OWNER",
    # So that the prices of a top-level domain are found in the price list.
    "portico.domains.v1.Domain.tld": lambda at: "hu",
    "portico.domains.v1.Availability.tld": lambda at: "hu",
    "portico.billing.v1.Price.action": lambda at: ("DOMAIN_REGISTER", "DOMAIN_RENEW")[(at.index - 1) % 2],
    "portico.billing.v1.Price.item": lambda at: "hu",
    "portico.billing.v1.Price.period_months": lambda at: 12,
}


def format_of(field: FieldDescriptor) -> Format | None:
    """The most telling entry: "subject_id" is an "id", "issued_on" a day."""
    return FORMATS.get(field.full_name) or FORMATS.get(field.name) or FORMATS.get(field.name.rpartition("_")[2])


class Canaries:
    """Fills messages and remembers which text came from where."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self._found: dict[int, frozenset[str]] = {}

    def fill(self, message: Message, source: Source, index: int = 1, salt: str = "", depth: int = 0) -> None:
        """Sets every field, but of alternatives (oneof) the first."""
        alternatives: set[str] = set()
        for field in cast(Descriptor, message.DESCRIPTOR).fields:
            oneof = field.containing_oneof
            if oneof is not None and len(oneof.fields) > 1:
                if oneof.name in alternatives:
                    continue
                alternatives.add(oneof.name)
            path = f"{message.DESCRIPTOR.full_name.removeprefix('portico.')}.{field.name}"
            self._set(message, field, source._replace(path=path), index, f"{salt}/{field.name}", depth)
        self._point(message, source, index)

    def _set(self, message: Message, field: FieldDescriptor, source: Source, index: int, salt: str, depth: int) -> None:
        of = field.message_type
        if of is not None and of.GetOptions().map_entry:
            if (
                of.fields_by_name["value"].message_type is None
                and of.fields_by_name["key"].cpp_type == of.fields[0].CPPTYPE_STRING
            ):
                at = Place(source, index, of.fields_by_name["value"], salt)
                getattr(message, field.name)["canary"] = self._scalar(at)
            return
        if field.is_repeated:
            many = getattr(message, field.name)
            for i in range(1, ITEMS + 1):
                if of is None:
                    many.append(self._scalar(Place(source, i, field, f"{salt}[{i}]")))
                elif depth < MAX_NESTING:
                    self._message(many.add(), source, i, f"{salt}[{i}]", depth)
        elif of is None:
            setattr(message, field.name, self._scalar(Place(source, index, field, salt)))
        elif depth < MAX_NESTING:
            self._message(getattr(message, field.name), source, index, salt, depth)

    def _message(self, message: Message, source: Source, index: int, salt: str, depth: int) -> None:
        message.SetInParent()
        if isinstance(message, Timestamp):
            number = Place(source, index, message.DESCRIPTOR.fields[0], salt).number
            message.seconds = (
                2_300_000_000 + number
            )  # the years 2074 to 2110: nothing has run out, nothing is a day above
            self.sources[message.ToJsonString()] = source
        elif message.DESCRIPTOR.full_name.startswith("portico."):
            self.fill(message, source, index, salt, depth + 1)

    def _scalar(self, at: Place) -> Any:
        field = at.field
        formatted = format_of(field) if field.enum_type is None else None
        if formatted is not None and (
            isinstance(value := formatted(at), str) == (field.cpp_type == field.CPPTYPE_STRING)
        ):
            if isinstance(value, str) and field.name.rpartition("_")[2] in {"on", "json"}:
                self.sources[value if at.text not in value else at.text] = at.source
            return value
        if field.enum_type is not None:
            return next(v.number for v in field.enum_type.values if v.number)
        if field.cpp_type == field.CPPTYPE_STRING:
            self.sources[at.text] = at.source
            return at.text.encode() if field.type == field.TYPE_BYTES else at.text
        if field.cpp_type == field.CPPTYPE_BOOL:
            return True
        self.sources[str(at.number)] = at.source
        return at.number / 10**10 if field.cpp_type in {field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT} else at.number

    @staticmethod
    def _point(message: Any, source: Source, index: int) -> None:
        """A type beside an id ("subject_type", "subject_id") names a type that can be asked for by id."""
        fields = message.DESCRIPTOR.fields_by_name
        for name in fields:
            if name.endswith("_type") and f"{name[:-5]}_id" in fields:
                plain = [n for n in GRAPH.nodes if n not in {"Account", "Operation"}]  # ids of another form
                salted = blake2b(f"{source.method}{name}".encode(), digest_size=2).digest()
                setattr(message, name, plain[(int.from_bytes(salted) + index) % len(plain)])

    def found(self, text: str) -> frozenset[str]:
        """The canaries and the ids of ours in a text, those inside global ids too."""
        key = hash(text)
        if key not in self._found:
            mine = (t for t in _tokens(text) if t in self.sources or owner_of(t.rpartition(":")[2]))
            self._found[key] = frozenset(mine)
        return self._found[key]


_TOKEN = re.compile(
    r"canary:\d+:[\w.]+:\d{10}"
    r"|[0-9a-f]{8}-\d{4}-4000-8000-\d{12}"
    r"|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?"
    r"|(?<!\d)\d{10}(?!\d)"
)
_ID = re.compile(r"[A-Za-z0-9_-]{50,100}")
_TYPED = re.compile(r"[A-Z][A-Za-z]*:(?:[a-z]+\.)?[0-9a-f]{8}-\d{4}-4000-8000-\d{12}")


def _tokens(text: str) -> Iterator[str]:
    yield from _TOKEN.findall(text)
    for encoded in set(_ID.findall(text)):
        try:
            decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        yield from _TYPED.findall(decoded)
