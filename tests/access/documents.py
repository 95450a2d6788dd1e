"""Documents made from the schema: together they reach every field of every type, by every way that rights can differ on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import GraphQLOutputType, get_named_type, is_abstract_type

from gateway import limits
from tests.access.graph import GRAPH, PROBE
from tests.access.policies import Policy

MOST_FIELDS = 250
"""Of a document. The gateway takes more, but then each would touch nearly every right, and each right ask nearly all."""

Inside = Mapping[str, tuple["Pick", ...]]
"""Object type -> what is asked of it; several types where the field is of an interface."""


@dataclass(frozen=True)
class Pick:
    """A field in a document."""

    coordinate: str
    arguments: str = ""
    """As written: '(first: 1)'."""
    inside: Inside = field(default_factory=dict, hash=False)
    alias: str = ""

    @cached_property
    def name(self) -> str:
        return self.coordinate.partition(".")[2]

    @cached_property
    def key(self) -> str:
        """Its name in the answer."""
        return self.alias or self.name

    @cached_property
    def type(self) -> GraphQLOutputType:
        return GRAPH.field(self.coordinate).type

    @cached_property
    def abstract(self) -> bool:
        """Whether only the answer says of what type its objects are."""
        return is_abstract_type(get_named_type(self.type))

    def of(self, value: Mapping[str, Any]) -> str:
        """The type of one of its objects."""
        return str(value["__typename"]) if self.abstract else next(iter(self.inside))

    def holding(self, inside: Inside) -> "Pick":
        return Pick(self.coordinate, self.arguments, inside, self.alias)

    @cached_property
    def text(self) -> str:
        named = f"{self.alias}: {self.name}" if self.alias else self.name
        return f"{named}{self.arguments}{self._braces}"

    @property
    def _braces(self) -> str:
        if not GRAPH.possible(GRAPH.field(self.coordinate)):
            return ""
        if self.abstract:
            parts = [f"... on {type_} {{ {_join(picks)} }}" for type_, picks in self.inside.items() if picks]
            return f" {{ __typename {' '.join(parts)} }}"
        picks = next(iter(self.inside.values()), ())
        return f" {{ {_join(picks) or '__typename'} }}"

    def walk(self) -> Iterator["Pick"]:
        yield self
        for picks in self.inside.values():
            for one in picks:
                yield from one.walk()


def _narrowed(picks: Sequence[Pick], keys: Sequence[str]) -> tuple[Pick, ...]:
    if not keys:
        return tuple(picks)[:8]
    found = [pick for pick in picks if pick.key == keys[0]]
    inside = [{t: _narrowed(inner, keys[1:]) for t, inner in pick.inside.items()} for pick in found]
    return tuple(pick.holding({t: p for t, p in i.items() if p}) for pick, i in zip(found, inside, strict=True))


def _join(picks: Iterable[Pick]) -> str:
    return " ".join(one.text for one in picks)


@dataclass(frozen=True)
class Document:
    """An operation: "query", "mutation" or "subscription". `name` is what the failing message calls it."""

    name: str
    picks: tuple[Pick, ...] = field(hash=False)
    kind: str = "query"
    declares: str = ""
    """Of its variables: "($input: PayInvoicesInput!)"."""

    @cached_property
    def text(self) -> str:
        return f"{self.kind} {self.declares} {{ {_join(self.picks)} }}"

    def narrowed(self, path: Sequence[str | int]) -> "Document":
        """The same, asking for nothing but what leads to a path of its answer."""
        keys = [key for key in path if isinstance(key, str)]
        picks = _narrowed(self.picks, keys)
        used = [one for one in self.declares.strip("()").split(", ") if f"{one.split(':')[0]})" in _join(picks)]
        return Document(self.name, picks, self.kind, f"({', '.join(used)})" if used else "") if keys else self

    def tells_apart(self, policy: Policy) -> bool:
        """Whether it asks for anything by which a policy differs from having no right at all, or every right: what is
        told of the rest, those two are asked for."""
        return policy.odd is None or any(GRAPH.rules[c].permission == policy.odd for c in self.coordinates)

    @cached_property
    def probing(self) -> bool:
        """Whether it goes through a probe, which asks no service."""
        return any(c.startswith(f"Account.{PROBE}") for c in self.coordinates)

    @cached_property
    def coordinates(self) -> frozenset[str]:
        return frozenset(pick.coordinate for root in self.picks for pick in root.walk())


Arguments = Callable[[str], str | None]
"""The arguments to write behind a field, by its coordinate: "" for none, None when the field cannot be asked for here."""


@dataclass
class Explorer:
    """Walks the schema from its roots. A type's objects are asked for in full once per set of permissions that led to
    them, everywhere else for their plain fields. Sparing, once is enough whatever led to them: what a mutation answers
    cannot be cut into several documents."""

    arguments: Arguments
    sparing: bool = False
    _full: set[tuple[str, frozenset[str]]] = field(default_factory=set)

    def fields(self, type_: str, led_by: frozenset[str], depth: int) -> tuple[Pick, ...]:
        """Every field of a type; `led_by` are the permissions that were needed to get here."""
        self._full.add((type_, led_by))
        return tuple(
            pick for name in GRAPH.fields(type_) if (pick := self.pick(f"{type_}.{name}", led_by, depth)) is not None
        )

    def pick(
        self, coordinate: str, led_by: frozenset[str], depth: int = 0, arguments: str | None = None
    ) -> Pick | None:
        """A field with all that is inside; None when it cannot be asked for here."""
        given = arguments if arguments is not None else self.arguments(coordinate)
        if given is None:
            return None
        one = GRAPH.field(coordinate)
        types = GRAPH.possible(one)
        if not types:
            return Pick(coordinate, given)
        permission = GRAPH.rules[coordinate].permission
        now = led_by | {permission} if permission else led_by
        abstract = GRAPH.abstract(one)
        inside: dict[str, tuple[Pick, ...]] = {}
        for type_ in types:
            seen = GRAPH.rules.get(f"{type_}.id")
            there = now | {seen.permission} if abstract and seen and seen.permission else now
            if self._known(type_, there) or depth > limits.MAX_DEPTH - 6 or abstract:
                inside[type_] = self.plain(type_)
            else:
                inside[type_] = self.fields(type_, there, depth + 1)
        return Pick(coordinate, given, apart(inside))

    def _known(self, type_: str, led_by: frozenset[str]) -> bool:
        return any(type_ == one for one, _ in self._full) if self.sparing else (type_, led_by) in self._full

    def plain(self, type_: str, seen: frozenset[str] = frozenset()) -> tuple[Pick, ...]:
        """The plain fields of a type; of a type without any, what leads to the plain fields of the next."""
        names = GRAPH.fields(type_)
        leaves = tuple(
            Pick(c, given)
            for name in names
            if not GRAPH.possible(GRAPH.field(c := f"{type_}.{name}")) and (given := self.arguments(c)) is not None
        )
        if leaves or type_ in seen:
            return leaves
        found: list[Pick] = []
        for name in names:
            one = GRAPH.field(c := f"{type_}.{name}")
            if not GRAPH.abstract(one) and (given := self.arguments(c)) is not None:
                [inner] = GRAPH.possible(one)
                if picks := self.plain(inner, seen | {type_}):
                    found.append(Pick(c, given, {inner: picks}))
        return tuple(found)


def apart(inside: Inside) -> Inside:
    """Gives fields of one name that differ in type between the possible types names of their own (GraphQL wants that)."""
    if len(inside) < 2:
        return inside
    kinds: dict[str, set[str]] = {}
    for picks in inside.values():
        for pick in picks:
            kinds.setdefault(pick.name, set()).add(str(GRAPH.field(pick.coordinate).type))
    return {
        type_: tuple(
            Pick(p.coordinate, p.arguments, p.inside, f"{type_}_{p.name}") if len(kinds[p.name]) > 1 else p
            for p in picks
        )
        for type_, picks in inside.items()
    }


@dataclass(frozen=True)
class Size:
    fields: int
    aliases: int
    roots: int = 1

    @classmethod
    def of(cls, picks: Sequence[Pick]) -> "Size":
        every = [one for root in picks for one in root.walk()]
        return cls(len(every), sum(bool(one.alias) for one in every), len(picks))

    @property
    def fits(self) -> bool:
        return (
            self.fields <= MOST_FIELDS and self.aliases <= limits.MAX_ALIASES and self.roots <= limits.MAX_ROOT_FIELDS
        )


def split(picks: Iterable[Pick]) -> Iterator[tuple[Pick, ...]]:
    """The same fields in groups that are each within the gateway's limits of a document."""
    group: list[Pick] = []
    for pick in picks:
        for part in _halves(pick):
            if group and not Size.of([*group, part]).fits:
                yield tuple(group)
                group = []
            group.append(part)
    if group:
        yield tuple(group)


def _halves(pick: Pick) -> Iterator[Pick]:
    if Size.of([pick]).fits or not pick.inside:
        yield pick
        return
    for type_, picks in pick.inside.items():
        for group in split(picks):
            yield pick.holding({type_: group})
