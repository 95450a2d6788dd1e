"""The schema as printed for clients, and what it says about access. Nothing of gateway/access.py is used here: the proof
reads the rules where a client reads them, and decides about them by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    value_from_ast_untyped,
)

PRINTED = Path(__file__).parents[2] / "gateway" / "schema.graphql"
ROOTS = ("Query", "Mutation", "Subscription")
PROBE = "probe"
"""What the proof's own fields begin with: Account.probeDomain, for every object type, guards nothing (doors.probing)."""


class Rule(NamedTuple):
    """What @access says of a field: the permission ("domains.read") or, without one, "self" or "public"."""

    permission: str | None
    kind: str
    step_up: bool = False
    """Whether the person must have confirmed who it is just now, which the services check."""


@dataclass(frozen=True)
class Graph:
    """The printed schema."""

    schema: GraphQLSchema

    @cached_property
    def permissions(self) -> tuple[str, ...]:
        """Every permission: DOMAINS_READ is domains.read."""
        enum = self.schema.type_map["Permission"]
        assert isinstance(enum, GraphQLEnumType)
        return tuple(name.lower().replace("_", ".", 1) for name in enum.values)

    @cached_property
    def objects(self) -> Mapping[str, GraphQLObjectType]:
        """Every object type of ours, by name."""
        return {
            name: type_
            for name, type_ in self.schema.type_map.items()
            if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
        }

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Coordinate of every object's field, the probes too -> its rule. Fails naming a field that prints none."""
        return {f"{name}.{field}": _rule(name, field, one) for name, field, one in self._fields()}

    @cached_property
    def coordinates(self) -> tuple[str, ...]:
        """Every field of the schema."""
        return tuple(c for c in self.rules if not c.startswith(f"Account.{PROBE}"))

    def fields(self, type_: str) -> list[str]:
        """The names of a type's fields; probes left out."""
        return [name for name in self.objects[type_].fields if not name.startswith(PROBE) or type_ != "Account"]

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The object types that can be asked for by id."""
        node = self.schema.type_map["Node"]
        assert isinstance(node, GraphQLInterfaceType)
        return tuple(type_.name for type_ in self.schema.get_possible_types(node))

    def _fields(self) -> Iterator[tuple[str, str, GraphQLField]]:
        for name, type_ in self.objects.items():
            for field, one in type_.fields.items():
                yield name, field, one

    @cached_property
    def led_by(self) -> Mapping[str, set[frozenset[str]]]:
        """Object type -> the sets of permissions with which its objects can be reached."""
        found: dict[str, set[frozenset[str]]] = {root: {frozenset()} for root in ROOTS}
        todo: list[tuple[str, frozenset[str]]] = [(root, frozenset()) for root in ROOTS]
        while todo:
            type_, permissions = todo.pop()
            for name in self.fields(type_):
                rule, one = self.rules[f"{type_}.{name}"], self.field(f"{type_}.{name}")
                for inner in self.possible(one):
                    # What is found by its id needs the right to see any of its kind.
                    seen = self.rules[f"{inner}.id"].permission if self.abstract(one) else None
                    now = permissions | {p for p in (rule.permission, seen) if p}
                    if now not in found.setdefault(inner, set()):
                        found[inner].add(now)
                        todo.append((inner, now))
        return found

    def field(self, coordinate: str) -> GraphQLField:
        name, _, field = coordinate.partition(".")
        found: GraphQLField = self.objects[name].fields[field]
        return found

    def possible(self, one: GraphQLField) -> tuple[str, ...]:
        """The object types that a field's objects can be of; none for a leaf."""
        named = get_named_type(one.type)
        if is_leaf_type(named):
            return ()
        if is_abstract_type(named):
            return tuple(sorted(type_.name for type_ in self.schema.get_possible_types(named)))
        return (named.name,)

    def abstract(self, one: GraphQLField) -> bool:
        return is_abstract_type(get_named_type(one.type))


def _rule(type_: str, field: str, one: GraphQLField) -> Rule:
    printed = (one.ast_node.directives if one.ast_node else None) or ()
    directives = [directive for directive in printed if directive.name.value == "access"]
    assert len(directives) == 1, f"{type_}.{field} prints no @access: run `make schema`"
    said = {a.name.value: value_from_ast_untyped(a.value) for a in directives[0].arguments or ()}
    step_up = bool(said.pop("stepUp", False))
    [(name, value)] = said.items()
    if name == "permission":
        return Rule(str(value).lower().replace("_", ".", 1), "permission", step_up)
    assert value is True, f"{type_}.{field}: @access({name}: {value})"
    assert name in {"self", "public"}, f"{type_}.{field}: the proof does not know @access({name}:)"
    return Rule(None, name, step_up)


def _printed() -> GraphQLSchema:
    text = PRINTED.read_text(encoding="utf-8")
    types = [n for n, t in build_schema(text).type_map.items() if isinstance(t, GraphQLObjectType) and n[:2] != "__"]
    probes = " ".join(f"{PROBE}{name}: {name} @access(public: true)" for name in types if name not in ROOTS)
    return build_schema(f"{text} extend type Account {{ {probes} }}")


GRAPH = Graph(_printed())
