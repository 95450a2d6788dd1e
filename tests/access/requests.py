"""Requests that keep the rules of their proto, made from its descriptors."""

import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any, cast
from uuid import uuid4

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import Phase, find, settings
from hypothesis.strategies import from_regex

from portico.common.v1 import rules_pb2
from services.chassis import rules
from tests.access.standins import methods

SOON = 1_893_456_000
"""The beginning of 2030, in seconds."""


def valid(method: str, *ids: str) -> Message:
    """A request of an RPC with what it cannot do without, and these ids wherever it takes ids. Fails naming a field
    whose rules the proof cannot keep."""
    made = message_factory.GetMessageClass(methods()[method].input_type)()
    _fill(made, ids)
    broken = list(rules.violations(made))
    assert not broken, f"{method}: the proof makes no valid request, {broken}; teach it in {__file__}"
    return made


def id_fields(of: Descriptor, nesting: int = 5) -> Iterator[FieldDescriptor]:
    """The fields of a message, and of those in it, that hold ids."""
    for field in of.fields:
        if _rules(field).uuid:
            yield field
        elif field.message_type is not None and nesting:
            yield from id_fields(field.message_type, nesting - 1)


def _rules(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[rules_pb2.rules]


def _fill(message: Message, ids: tuple[str, ...]) -> None:
    for field in cast(Descriptor, message.DESCRIPTOR).fields:
        asked = _rules(field)
        holds_ids = asked.uuid or (field.message_type is not None and any(id_fields(field.message_type)))
        at_least = asked.HasField("min") and asked.min > 0 and not field.has_presence and not field.is_repeated
        if not asked.required and not at_least and not (holds_ids and ids):
            continue
        if field.is_repeated:
            many = getattr(message, field.name)
            if field.message_type is not None:
                _message(many.add(), ids)
            elif asked.uuid:
                many.extend(ids[: asked.max_len or None] or [_NOBODYS])
            else:
                many.extend(_scalar(field, asked, ids) for _ in range(max(asked.min_len, 1)))
        elif field.message_type is not None:
            _message(getattr(message, field.name), ids)
        else:
            setattr(message, field.name, _scalar(field, asked, ids))


_NOBODYS = "00000000-0000-4000-8000-000000000000"


def _message(message: Message, ids: tuple[str, ...]) -> None:
    message.SetInParent()
    if isinstance(message, Timestamp):
        message.seconds = SOON
    else:
        _fill(message, ids)


@cache
def _matching(pattern: str) -> str:
    """The first text that comes up; a shorter one is not looked for."""
    simply = settings(phases=[Phase.generate], database=None)
    return find(from_regex(re.compile(pattern), fullmatch=True), lambda _: True, settings=simply, random=Random(0))


def _scalar(field: FieldDescriptor, asked: Any, ids: tuple[str, ...]) -> Any:
    if field.name == "request_id":
        return uuid4().hex  # another request under the same id would be told so
    if field.enum_type is not None:
        return next(value.number for value in field.enum_type.values if value.number)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return True
    if field.cpp_type != field.CPPTYPE_STRING:
        return max(asked.min, 1)
    if asked.uuid:
        return ids[0] if ids else _NOBODYS
    text = "something"
    if asked.pattern and not re.fullmatch(asked.pattern, text):
        text = _matching(asked.pattern)
    most = (asked.item_max_len if field.is_repeated else asked.max_len) or len(text)
    made = text.ljust(0 if field.is_repeated else asked.min_len, "x")[:most] if not asked.pattern else text
    return made.encode() if field.type == field.TYPE_BYTES else made
