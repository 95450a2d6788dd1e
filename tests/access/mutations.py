"""Every mutation with an input that the gateway accepts, and what it calls of the services."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from gateway import limits
from tests.access import policies, values
from tests.access.documents import Document, Pick, Size
from tests.access.graph import GRAPH
from tests.access.policies import Policy
from tests.access.standins import Call, Member
from tests.access.walk import OWN, Walk


@dataclass(frozen=True)
class Change:
    """A mutation that goes through. `methods`: the RPCs that it came to."""

    coordinate: str
    pick: Pick
    arguments: Mapping[str, Any]
    methods: frozenset[str]

    def document(self) -> Document:
        return Document(self.coordinate, (self.pick,), "mutation", _declares(self.coordinate))

    def refused_to(self, policy: Policy) -> bool:
        return self.coordinate in policy.denied or not policy.holds(GRAPH.rules[self.coordinate].permission)


def _declares(coordinate: str, prefix: str = "") -> str:
    names = [f"${prefix}{name}: {one.type}" for name, one in GRAPH.field(coordinate).args.items()]
    return f"({', '.join(names)})" if names else ""


def _given(coordinate: str, prefix: str = "") -> str:
    names = [f"{name}: ${prefix}{name}" for name in GRAPH.field(coordinate).args]
    return f"({', '.join(names)})" if names else ""


async def every(walk: Walk) -> list[Change]:
    """All mutations. Fails naming one whose input the proof cannot make."""
    return [await _accepted(walk, f"Mutation.{name}") for name in GRAPH.fields("Mutation")]


async def _accepted(walk: Walk, coordinate: str) -> Change:
    arguments = GRAPH.field(coordinate).args
    [payload] = GRAPH.possible(GRAPH.field(coordinate))
    needed = frozenset({permission} if (permission := GRAPH.rules[coordinate].permission) else ())
    pick = Pick(coordinate, _given(coordinate), {payload: walk.explorer.fields(payload, needed, 1)})
    assert "userErrors" in GRAPH.objects[payload].fields, f"{coordinate} answers no userErrors: how would it refuse?"
    document = Document(coordinate, (pick,), "mutation", _declares(coordinate))
    guesses = [
        values.guesses(one.type, name, f"{coordinate}({name}:)", walk.ids[OWN], coordinate)
        for name, one in arguments.items()
    ]
    answer: Any = None
    for given in product(*guesses):
        variables = dict(zip(arguments, given, strict=True))
        walk.services.calls.clear()
        answer = await walk.http.ask(document, Member(OWN, policies.ALL), **variables)
        if "errors" not in answer and walk.services.calls and _went_through(answer["data"][pick.key]):
            methods = frozenset(call.method for call in walk.services.calls)
            return Change(coordinate, pick, variables, methods)
    raise AssertionError(
        f"{coordinate}: no input is accepted; say what is good for its fields in VALUES of tests/access/values.py, as "
        f"InputType.field or by the field's name. Last answer to {json.dumps(variables)}: {answer} {walk.faults}"
    )


def _went_through(payload: Mapping[str, Any]) -> bool:
    """What else the stand-ins say is FAILED, as a reason that the gateway has never heard of."""
    return all(error["code"] == "FAILED" for error in payload["userErrors"])


@dataclass(frozen=True)
class Bundle:
    """Several mutations in one document."""

    changes: Sequence[Change]
    document: Document
    variables: Mapping[str, Any]


def bundles(changes: Sequence[Change]) -> Iterator[Bundle]:
    """All of them, as few documents as the gateway's limits allow."""
    group: list[Change] = []
    for change in changes:
        fits = Size.of([c.pick for c in (*group, change)]).fields <= limits.MAX_FIELDS // 2
        if group and not (fits and len(group) < limits.MAX_ROOT_FIELDS):
            yield _bundle(group)
            group = []
        group.append(change)
    if group:
        yield _bundle(group)


def _bundle(group: Sequence[Change]) -> Bundle:
    picks: list[Pick] = []
    declares: list[str] = []
    variables: dict[str, Any] = {}
    for i, change in enumerate(group):
        picks.append(Pick(change.coordinate, _given(change.coordinate, f"m{i}_"), change.pick.inside, f"m{i}"))
        declares += filter(None, [_declares(change.coordinate, f"m{i}_").strip("()")])
        variables |= {f"m{i}_{name}": value for name, value in change.arguments.items()}
    names_ = ", ".join(change.coordinate for change in group)
    return Bundle(
        list(group),
        Document(names_, tuple(picks), "mutation", f"({', '.join(declares)})" if declares else ""),
        variables,
    )


def too_far(changes: Sequence[Change], policy: Policy, calls: Sequence[Call]) -> Iterator[str]:
    """RPCs that a refused mutation came to all the same."""
    allowed = {method for change in changes if not change.refused_to(policy) for method in change.methods}
    for change in changes:
        for call in calls:
            if change.refused_to(policy) and call.method in change.methods - allowed:
                yield f"{change.coordinate} is refused to policy {policy.name}, but {call.method} was called"


def with_value(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """The same variables, another value at a path."""
    if not path:
        return new
    key, *rest = path
    if isinstance(value, Mapping):
        return {k: with_value(one, tuple(rest), new) if k == key else one for k, one in value.items()}
    return [with_value(one, tuple(rest), new) if i == key else one for i, one in enumerate(value)]
