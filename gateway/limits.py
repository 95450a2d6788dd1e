"""What a request may cost: the size of its body, and one linear pass over its document before validation."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_BODY = 2_000_000
"""Bytes of a request body over HTTP: a zone file of 10,000 records fits in its variables. A WebSocket message is read as
far, to know whose it is."""
MAX_DISCARDED = 8_000_000
"""Bytes of a body over its limit that are read and thrown away, so that its sender can be told."""
MAX_FORM = 100_000
"""Bytes of a page's form."""
MAX_FRAME = 100_000
"""Characters of a WebSocket message that is carried out."""
MAX_DOCUMENT = 100_000
"""Characters of a GraphQL document."""
MAX_DEPTH = 15
MAX_FIELDS = 1000
MAX_ALIASES = 100
MAX_DIRECTIVES = 100
MAX_ROOT_FIELDS = 20
MAX_TOKENS = 10_000
MAX_REPEATS = 10
"""Fields of one response name side by side, fragments spread out; validation compares them in pairs."""


class BodyTooLarge(Exception):
    """The body is over its limit."""


async def read_body(stream: AsyncIterator[bytes], content_length: str | None, limit: int = MAX_BODY) -> bytes:
    """The whole body; BodyTooLarge when it is over the limit.

    It is then read to its end all the same, up to MAX_DISCARDED more: most clients look for an answer only once they have
    sent everything, and would see nothing but a broken connection.
    """
    most = limit + MAX_DISCARDED
    if content_length and content_length.isdigit() and int(content_length) > most:
        raise BodyTooLarge
    body, read = bytearray(), 0
    async for chunk in stream:
        read += len(chunk)
        if read <= limit:
            body += chunk
        elif read > most:
            break
    if read > limit:
        raise BodyTooLarge
    return bytes(body)


class Cost(NamedTuple):
    """The size of a document with its fragments spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0


class TooCostly(GraphQLError):
    """The document is over a limit; the message names it."""


Names = dict[str, int]
"""Response names on one level, fragments spread out, and how often each stands there."""


class _Pass:
    """Measures each fragment once, so the work grows with the text, not with what it would expand to."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.measured: dict[str, tuple[Cost, Names]] = {}
        self.open: set[str] = set()

    def selections(self, node: SelectionSetNode | None) -> tuple[Cost, Names]:
        if node is None:
            return Cost(), {}
        depth = fields = aliases = directives = here = 0
        names: Names = {}
        for one in node.selections:
            if isinstance(one, FieldNode):
                more = {(one.alias or one.name).value: 1}
                inner = self.selections(one.selection_set)[0]
                inner = inner._replace(
                    depth=inner.depth + 1,
                    fields=inner.fields + 1,
                    aliases=inner.aliases + (one.alias is not None),
                    root_fields=1,
                )
            elif isinstance(one, FragmentSpreadNode):
                inner, more = self.fragment(one)
            else:
                inner, more = self.selections(getattr(one, "selection_set", None))
            for name, times in more.items():
                names[name] = names.get(name, 0) + times
                if names[name] > MAX_REPEATS:
                    raise TooCostly(f"The field {name!r} is repeated over {MAX_REPEATS} times in one selection.", one)
            depth = max(depth, inner.depth)
            fields += inner.fields
            aliases += inner.aliases
            directives += inner.directives + len(one.directives or ())
            here += inner.root_fields
        return Cost(depth, fields, aliases, directives, here), names

    def fragment(self, spread: FragmentSpreadNode) -> tuple[Cost, Names]:
        name = spread.name.value
        if name in self.open:
            raise TooCostly(f"Fragment {name!r} spreads itself.", spread)
        if name not in self.measured:
            definition = self.fragments.get(name)
            if definition is None:
                return Cost(), {}  # validation names it
            self.open.add(name)
            self.measured[name] = self.selections(definition.selection_set)
            self.open.discard(name)
        return self.measured[name]


def check_cost(document: DocumentNode) -> Cost:
    """The highest cost of the document's operations. Raises TooCostly, naming the limit, or on a fragment cycle."""
    measure = _Pass(document)
    most = Cost()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            cost, _ = measure.selections(definition.selection_set)
            cost = cost._replace(directives=cost.directives + len(definition.directives or ()))
            _compare(cost, definition)
        elif isinstance(definition, FragmentDefinitionNode):
            measure.open.add(definition.name.value)
            cost, _ = measure.selections(definition.selection_set)
            measure.open.discard(definition.name.value)
            # A fragment alone has no root; used or not, validation will walk it.
            cost = cost._replace(root_fields=0)
            _compare(cost, definition)
        else:
            continue
        most = Cost(*(max(a, b) for a, b in zip(most, cost, strict=True)))
    return most


def _compare(cost: Cost, node: OperationDefinitionNode | FragmentDefinitionNode) -> None:
    for what, value, limit in (
        ("levels deep", cost.depth, MAX_DEPTH),
        ("fields", cost.fields, MAX_FIELDS),
        ("aliases", cost.aliases, MAX_ALIASES),
        ("directives", cost.directives, MAX_DIRECTIVES),
        ("root fields", cost.root_fields, MAX_ROOT_FIELDS),
    ):
        if value > limit:
            raise TooCostly(f"The document is too costly: {_short(value)} {what}, at most {limit} are allowed.", node)


def _short(value: int) -> str:
    """Chained fragments count to numbers of hundreds of digits, which Python would refuse to print."""
    return str(value) if value < 10**9 else "over 1000000000"
