"""The field rules written in the protos (portico.common.v1.rules), checked at the edge of every service."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from portico.common.v1 import rules_pb2

Check = Callable[[Any, str], Iterator[tuple[str, str]]]


def violations(message: Message, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(field path, what is wrong) for every broken rule."""
    for check in _checks(message.DESCRIPTOR):
        yield from check(message, prefix)


@cache
def _checks(descriptor: Descriptor) -> tuple[Check, ...]:
    return tuple(_of_field(field) for field in descriptor.fields)


def _of_field(field: FieldDescriptor) -> Check:
    rules = field.GetOptions().Extensions[rules_pb2.rules]
    pattern = re.compile(rules.pattern) if rules.pattern else None
    name, is_message = field.name, field.message_type is not None
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry

    def check(message: Any, prefix: str) -> Iterator[tuple[str, str]]:
        path = prefix + name
        value = getattr(message, name)
        if field.is_repeated:
            yield from _length(value, path, "items")
            if is_map:
                return
            for index, item in enumerate(value):
                yield from _single(item, f"{path}[{index}]", item=True)
        elif is_message:
            if message.HasField(name):
                yield from violations(value, path + ".")
            elif rules.required:
                yield path, "is required"
        elif field.has_presence and not message.HasField(name):
            if rules.required:
                yield path, "is required"
        else:
            if rules.required and not value:
                yield path, "is required"
                return
            if isinstance(value, str):
                yield from _length(value, path, "characters")
            yield from _single(value, path, item=False)

    def _length(value: Any, path: str, unit: str) -> Iterator[tuple[str, str]]:
        if rules.required and not value:
            yield path, "is required"
        elif rules.HasField("min_len") and value and len(value) < rules.min_len:
            yield path, f"must have at least {rules.min_len} {unit}"
        elif rules.HasField("max_len") and len(value) > rules.max_len:
            yield path, f"must have at most {rules.max_len} {unit}"

    def _single(value: Any, path: str, *, item: bool) -> Iterator[tuple[str, str]]:
        if is_message:
            yield from violations(value, path + ".")
        elif isinstance(value, str):
            if "\0" in value:
                yield path, "must not contain a zero byte"
            elif item and rules.HasField("item_max_len") and len(value) > rules.item_max_len:
                yield path, f"must have at most {rules.item_max_len} characters"
            elif (value or item) and rules.uuid and not _is_uuid(value):
                yield path, "is no UUID"
            elif (value or item) and pattern and not pattern.fullmatch(value):
                yield path, "is malformed"
        elif isinstance(value, int):
            if rules.HasField("min") and value < rules.min:
                yield path, f"must be at least {rules.min}"
            elif rules.HasField("max") and value > rules.max:
                yield path, f"must be at most {rules.max}"

    return check


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
