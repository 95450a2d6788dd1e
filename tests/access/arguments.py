"""Every argument of every field that a query reaches, one at a time: with a value of the own account, and with one that
belongs to another."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import get_named_type

from gateway.context import global_id, read_id
from gateway.errors import Problem
from tests.access import policies, values
from tests.access.canaries import account_id, object_id, owner_of
from tests.access.documents import Document, Pick, split
from tests.access.graph import GRAPH
from tests.access.standins import Member
from tests.access.walk import FOREIGN, OWN, Step, Walk, along

NOBODY = 9999
"""An account that does not exist."""


class Argued(NamedTuple):
    """A field with an argument given."""

    coordinate: str
    argument: str
    given: dict[str, Any]
    """The argument's value, and those of the arguments that the field needs beside it."""
    way: tuple[Step, ...]
    type_: str
    """Of the objects that come."""


async def every(walk: Walk) -> list[Argued]:
    """Every argument with a value that the gateway accepts."""
    found: list[Argued] = []
    for coordinate in GRAPH.coordinates:
        holder = coordinate.partition(".")[0]
        if holder not in walk.ways:
            continue  # reached through a mutation or a subscription only; their own tests send those
        for argument, one in GRAPH.field(coordinate).args.items():
            types = GRAPH.possible(GRAPH.field(coordinate))
            for type_ in types if GRAPH.abstract(GRAPH.field(coordinate)) else types[:1] or ("",):
                guesses = values.guesses(
                    one.type, argument, f"{coordinate}({argument}:)", walk.ids[OWN], f"{coordinate} {type_}"
                )
                found.append(await _accepted(walk, coordinate, argument, list(guesses), type_))
    return found


async def _accepted(walk: Walk, coordinate: str, argument: str, guesses: Sequence[Any], type_: str) -> Argued:
    way = walk.ways[coordinate.partition(".")[0]]
    beside = {
        name: values.some(coordinate, name, walk.ids[OWN]) for name in values.required(coordinate) if name != argument
    }
    answer: Any = None
    for guess in guesses:
        argued = Argued(coordinate, argument, {**beside, argument: guess}, way, type_)
        document = Document("trial", along(way, pick(argued, "asked", walk.thin(type_))))
        answer = await walk.http.ask(document, Member(OWN, policies.ALL))
        told = json.dumps(answer)
        if "errors" not in answer and (not GRAPH.abstract(GRAPH.field(coordinate)) or f'"{type_}"' in told):
            return argued
    raise AssertionError(
        f"{coordinate}({argument}:): none of {guesses[:5]} is accepted; say a good value in VALUES of "
        f"tests/access/values.py. Last answer: {answer}"
    )


def documents(name: str, argued: Iterable[Argued], walk: Walk) -> Iterator[Document]:
    """The fields with their arguments, as few documents as the gateway's limits allow."""
    by_way: dict[tuple[Step, ...], list[Pick]] = defaultdict(list)
    for number, one in enumerate(argued):
        by_way[one.way].append(pick(one, f"a{number}", walk.thin(one.type_)))
    roots = by_way.pop((), [])
    picks = [*roots, *(p for i, (way, held) in enumerate(by_way.items()) for p in along(way, *held, root=f"w{i}"))]
    for number, group in enumerate(split(picks), 1):
        yield Document(f"{name} {number}", group)


def pick(argued: Argued, alias: str, inside: tuple[Pick, ...]) -> Pick:
    return Pick(argued.coordinate, values.written(argued.given), {argued.type_: inside} if argued.type_ else {}, alias)


def document(walk: Walk, argued: Argued) -> Document:
    """One field with its argument, and what is in it two levels deep."""
    inside = walk.two_deep(argued.type_) if argued.type_ else ()
    asked = along(argued.way, pick(argued, "asked", inside))
    return Document(f"{argued.coordinate}({argued.argument}:)", asked)


def elsewhere(walk: Walk, argued: Argued, account: int) -> Argued | None:
    """The same with a value of another account, or of nobody's; None for an argument whose value belongs to no account."""
    text = next(
        t for t, s in walk.services.canaries.sources.items() if s.account == FOREIGN and t.startswith("canary:")
    )

    def theirs(type_: str, value: Any) -> Any:
        if type_ == "ID":
            return their_id(value, account)
        return text if is_text(type_, value) else value

    return exchanged(argued, theirs)


def is_text(type_: str, value: Any) -> bool:
    """Whether an argument's value is a text that could be any other."""
    return type_ in {"String", "DomainName"} and value not in values.VALUES.values()


def exchanged(argued: Argued, exchange: Callable[[str, Any], Any]) -> Argued | None:
    """The same with other values of scalars, by (scalar, value); None where none of them is another."""

    def put(type_: Any, value: Any) -> Any:
        named = get_named_type(type_)
        if isinstance(value, list):
            return [put(named, one) for one in value]
        if isinstance(value, dict) and named.name != "JSON":
            return {name: put(named.fields[name].type, one) for name, one in value.items()}
        return exchange(named.name, value)

    value = argued.given[argued.argument]
    other = put(GRAPH.field(argued.coordinate).args[argued.argument].type, value)
    return argued._replace(given={**argued.given, argued.argument: other}) if other != value else None


def their_id(id_: str, account: int) -> str:
    """The global id of the same kind of object in another account."""
    ref = read_id(id_, "id")
    prefix, dot, key = ref.key.rpartition(".")
    theirs = account_id(account) if ref.type == "Account" else object_id(account, 1)
    assert owner_of(key) is not None
    return global_id(ref.type, f"{prefix}{dot}{theirs}")


def is_id(text: str) -> bool:
    """Whether a text is a global id of the stand-ins' world."""
    try:
        return owner_of(read_id(text, "id").key.rpartition(".")[2]) is not None
    except Problem:
        return False


def ids_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(path, global id) of every id in variables."""
    if isinstance(value, str):
        if is_id(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from ids_in(one, (*path, key))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from ids_in(one, (*path, i))
