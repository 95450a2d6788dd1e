"""Values for the arguments and inputs of the schema: something valid of every kind, found by trying where only the gateway
knows which (an ID may have to be a domain's)."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

from tests.access.graph import GRAPH

SCALARS: Mapping[str, Any] = {
    "String": "something",
    "Int": 2,
    "Float": 0.5,
    "Boolean": True,
    "DateTime": "2070-01-01T00:00:00Z",
    "Date": "2070-01-01",
    "Decimal": "1990",
    "DomainName": "minta.hu",
    "CurrencyCode": "HUF",
    "JSON": {"key": "value"},
}
"""A valid value of every scalar but ID."""

# Where only certain words are good: by coordinate, as Account.can(action:) or DomainFilter.search, or without the type
# before the dot for what means the same everywhere.
VALUES: Mapping[str, Any] = {
    "can(action:)": "domains.read",
    "idempotencyKey": "a-key-of-the-proof",
}

Ids = Mapping[str, str]
"""Object type -> a global id that the gateway has shown of it."""


class Word(str):
    """An enum's value, which is written without quotes."""


def guesses(type_: Any, name: str, where: str, ids: Ids, hint: str = "") -> Iterator[Any]:
    """Values to try for an argument or input field, the likeliest first. `where` is its coordinate.

    `hint`: words that may name the object meant, such as the mutation's name.
    """
    if is_non_null_type(type_):
        yield from guesses(type_.of_type, name, where, ids, hint)
        return
    if is_list_type(type_):
        for one in guesses(type_.of_type, name.removesuffix("s"), where, ids, hint):
            yield [one]
        return
    if (known := next((key for key in (where, where.rpartition(".")[2]) if key in VALUES), None)) is not None:
        yield VALUES[known]
    elif isinstance(type_, GraphQLEnumType):
        for value in type_.values:
            yield Word(value)
    elif isinstance(type_, GraphQLInputObjectType):
        yield from inputs(type_, ids, hint)
    elif type_.name == "ID":
        yield from _ids(name, ids, hint)
    else:
        assert type_.name in SCALARS, (
            f"{where}: the proof has no value of the scalar {type_.name}; add one to SCALARS in {__file__}"
        )
        yield SCALARS[type_.name]


def _ids(name: str, ids: Ids, hint: str) -> Iterator[str]:
    named, meant = name.removesuffix("Id").removesuffix("id").lower(), hint.lower()
    for type_ in sorted(ids, key=lambda t: (not (named and t.lower() in named), t.lower() not in meant, -len(t), t)):
        yield ids[type_]


def inputs(type_: GraphQLInputObjectType, ids: Ids, hint: str) -> Iterator[dict[str, Any]]:
    """Objects of an input type: with everything, with what is required, and with one or two of the rest; the likeliest
    value of each field first, then another of one field at a time."""
    required = [name for name, one in type_.fields.items() if is_required_input_field(one)]
    rest = [name for name in type_.fields if name not in required]
    options = {n: list(_some(one, n, f"{type_.name}.{n}", ids, hint)) for n, one in type_.fields.items()}
    choices = dict.fromkeys(((*rest,), (), *((n,) for n in rest), *combinations(rest, 2)))
    for chosen in choices:
        names = [n for n in (*required, *chosen) if options[n]]
        first = {n: options[n][0] for n in names}
        yield first
    for chosen in choices:
        names = [n for n in (*required, *chosen) if options[n]]
        first = {n: options[n][0] for n in names}
        for n in names:
            yield from ({**first, n: other} for other in options[n][1:])


def _some(one: GraphQLInputField | GraphQLArgument, name: str, where: str, ids: Ids, hint: str) -> Iterator[Any]:
    for i, value in enumerate(guesses(one.type, name, where, ids, hint)):
        if i == 40:
            return
        yield value


def required(coordinate: str) -> dict[str, GraphQLArgument]:
    """The arguments that a field cannot do without."""
    return {name: one for name, one in GRAPH.field(coordinate).args.items() if is_required_argument(one)}


def takes_id(one: GraphQLArgument | GraphQLInputField) -> bool:
    return get_named_type(one.type).name == "ID"


def some(coordinate: str, name: str, ids: Ids) -> Any:
    """A value of an argument that needs no trying."""
    one = GRAPH.field(coordinate).args[name]
    return next(guesses(one.type, name, f"{coordinate}({name}:)", ids, coordinate))


def written(values: Mapping[str, Any]) -> str:
    """Arguments as a document writes them: "(first: 2)"."""
    return f"({', '.join(f'{name}: {literal(value)}' for name, value in values.items())})" if values else ""


def literal(value: Any) -> str:
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {literal(v)}' for k, v in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


@cache
def plain_arguments(coordinate: str) -> str | None:
    """The arguments that a field needs, where they can be said without asking first."""
    needed = required(coordinate)
    if any(takes_id(one) for one in needed.values()):
        return None
    return written({name: some(coordinate, name, {}) for name in needed})
