"""What a contact may be told, decided by the proof itself from the printed rules, and whether an answer keeps to it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLList, GraphQLNonNull

from tests.access.canaries import Canaries
from tests.access.documents import Document, Pick
from tests.access.graph import GRAPH
from tests.access.policies import Policy
from tests.access.servicers import guards

Path = tuple[str | int, ...]
_NULLED = object()
"""Null where null is not allowed: the object around it is null."""

REFUSED: list[dict[str, object]] = [{"code": "FORBIDDEN", "message": "", "field": None, "blockers": []}]
"""The userErrors of a refused mutation."""


class Problem(NamedTuple):
    """What is wrong, and where in the answer; nowhere in particular for what is found in its text."""

    text: str
    path: Path = ()


@dataclass
class Verdict:
    """What one policy may be told of an answer that everything was told in."""

    data: Any
    refused: dict[Path, tuple[str, str | None]] = field(default_factory=dict)
    """Path -> (coordinate, missing permission or None where it is denied) of every refused field."""
    blanked: list[Path] = field(default_factory=list)
    """Paths that are null because something inside is refused and may not be null."""


class Judge:
    """Prunes the full answer of a document to what a policy allows."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def of(self, document: Document, full: Mapping[str, Any]) -> Verdict:
        """`full`: the data that somebody with every right is told."""
        self._verdict = Verdict(None)
        root = document.kind.title()
        data = self._object(document.picks, full, None, ()) if full is not None else None
        if data is _NULLED:
            self._verdict.blanked.append(())
        self._verdict.data = None if data is _NULLED else data
        assert root in GRAPH.objects
        return self._verdict

    def _object(self, picks: Sequence[Pick], value: Mapping[str, Any], resource: str | None, path: Path) -> Any:
        made: dict[str, Any] = {key: value[key] for key in ("__typename",) if key in value}
        nulled = False
        for pick in picks:
            there = (*path, pick.key)
            if self._refuses_change(pick.coordinate):
                told: Any = dict.fromkeys(p.key for p in next(iter(pick.inside.values())))
                told["userErrors"] = REFUSED
            elif self._refuses(pick.coordinate, resource, there):
                told = _NULLED if isinstance(pick.type, GraphQLNonNull) else None
            elif pick.inside or value[pick.key] is None:
                told = self._value(pick, pick.type, value[pick.key], resource, there)
            else:
                told = value[pick.key]
            nulled |= told is _NULLED
            made[pick.key] = told
        return _NULLED if nulled else made

    def _refuses_change(self, coordinate: str) -> bool:
        """A mutation is refused before it begins, and its answer says so."""
        rule = GRAPH.rules[coordinate]
        denied = coordinate in self._policy.denied
        return coordinate.startswith("Mutation.") and (denied or not self._policy.holds(rule.permission))

    def _refuses(self, coordinate: str, resource: str | None, path: Path) -> bool:
        rule = GRAPH.rules[coordinate]
        if coordinate.startswith(("Mutation.", "Subscription.")):
            return False  # decided before anything is told
        if coordinate in self._policy.denied:
            self._verdict.refused[path] = (coordinate, None)
            return True
        if not self._policy.holds(rule.permission, resource):
            self._verdict.refused[path] = (coordinate, rule.permission)
            return True
        return False

    def _value(self, pick: Pick, type_: Any, value: Any, resource: str | None, path: Path) -> Any:
        """The allowed part of a value; _NULLED when it is null and may not be."""
        if isinstance(type_, GraphQLNonNull):
            told = self._value(pick, type_.of_type, value, resource, path)
            return _NULLED if told is None else told
        if value is None:
            return None
        if isinstance(type_, GraphQLList):
            items = [self._value(pick, type_.of_type, one, resource, (*path, i)) for i, one in enumerate(value)]
            if any(item is _NULLED for item in items):
                self._verdict.blanked.append(path)
                return None
            return items
        if not pick.inside:
            return value
        named = pick.of(value)
        if pick.abstract:
            seen = GRAPH.rules[f"{named}.id"].permission
            if not self._policy.holds(seen):
                self._verdict.refused[path] = (named, seen)
                return None
        told = self._object(pick.inside[named], value, resource_of(named, value, resource), path)
        if told is _NULLED:
            self._verdict.blanked.append(path)
            return None
        return told


_KEY = re.compile(r"[A-Z][A-Za-z]*:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def resource_of(type_: str, value: Mapping[str, Any], outer: str | None) -> str | None:
    """The id that a grant may be limited to: of an object that can be asked for by a plain id, else of what holds it."""
    from gateway.context import read_id  # how ids are written is no rule of access

    id_ = value.get("id")
    if type_ not in GRAPH.nodes or type_ == "Account" or not isinstance(id_, str):
        return outer if type_ not in GRAPH.nodes else None
    key = read_id(id_, "id").key
    return key if re.fullmatch(_KEY, f"X:{key}") else None


def problems(
    document: Document,
    policy: Policy,
    full: Mapping[str, Any],
    answer: Mapping[str, Any],
    canaries: Canaries,
    sent: str = "",
) -> Iterator[Problem]:
    """What is wrong with an answer.

    `full` is the answer of somebody with every right; `sent` what the client itself wrote.
    """
    text = json.dumps(answer, ensure_ascii=False)
    found = canaries.found(text)
    if not document.probing:
        yield from _unguarded(found, policy, canaries)
    refusable = any(c in policy.denied or not policy.holds(GRAPH.rules[c].permission, "") for c in document.coordinates)
    if answer == full and not refusable:
        return
    verdict = Judge(policy).of(document, full["data"])
    known = {tuple(e["path"]): e["extensions"]["code"] for e in full.get("errors", []) if "path" in e}
    yield from _errors(verdict, answer, known)
    yield from _difference(document, verdict, answer.get("data"), canaries)
    told = canaries.found(json.dumps([verdict.data, full.get("errors")], ensure_ascii=False))
    for leak in sorted(found - told - canaries.found(sent)):
        source = canaries.sources.get(leak)
        if not _of_the_grants(leak, policy):
            where = f", of {source.method}, {source.path}, account {source.account}" if source else ""
            yield Problem(f"{leak!r} leaks{where}")


def _unguarded(found: Iterable[str], policy: Policy, canaries: Canaries) -> Iterator[Problem]:
    """What the services would not have told. It asks no rule of the schema, so a wrong rule does not hide it."""
    for token in sorted(found):
        source = canaries.sources.get(token)
        permission = guards().get(source.method) if source else None
        if source and permission and not policy.holds(permission):
            yield Problem(f"{token!r} is shown, but {source.method} needs {permission}")


def _of_the_grants(token: str, policy: Policy) -> bool:
    """Whether it is the id of a resource that the contact's own rights name."""
    return any(token.endswith(one) for only in policy.grants.values() for one in only or ())


def _errors(verdict: Verdict, answer: Mapping[str, Any], known: Mapping[Path, str]) -> Iterator[Problem]:
    seen: set[Path] = set()
    for error in answer.get("errors", []):
        path, extensions = tuple(error.get("path", ())), error.get("extensions", {})
        seen.add(path)
        if path in verdict.refused:
            coordinate, permission = verdict.refused[path]
            if (extensions.get("code"), extensions.get("permission")) != ("FORBIDDEN", permission):
                yield Problem(f"{coordinate} is refused with {extensions}, not for {permission}", path)
        elif known.get(path) != extensions.get("code"):
            yield Problem(f"is refused, but should not be: {extensions} {error.get('message')}", path)
    for path, (coordinate, permission) in verdict.refused.items():
        inside = [blank for blank in verdict.blanked if path[: len(blank)] == blank]
        # What else is wrong inside something that is null already may stay unsaid, but not everything.
        if path not in seen and not any(told[: len(blank)] == blank for blank in inside for told in seen):
            need = f"needs {permission}" if permission else "is denied"
            yield Problem(f"{coordinate} {need}, but no FORBIDDEN says so", path)


def _difference(document: Document, verdict: Verdict, data: Any, canaries: Canaries) -> Iterator[Problem]:
    def compare(picks: Sequence[Pick], expected: Mapping[str, Any], actual: Mapping[str, Any], path: Path) -> Any:
        for pick in picks:
            yield from same(pick, expected[pick.key], actual[pick.key], (*path, pick.key))

    def same(pick: Pick, expected: Any, actual: Any, path: Path) -> Iterator[Problem]:
        if expected is REFUSED:
            if [error.get("code") for error in actual] != ["FORBIDDEN"]:
                yield Problem(f"the mutation is not refused: {json.dumps(actual)[:200]}", path)
        elif expected is None:
            # Null to somebody with every right, and not refused here: it speaks of the contact's own rights ("what is
            # missing to edit this"). Were it anything that a service told, it would be found as a leak.
            hidden = path in verdict.refused or any(path[: len(blank)] == blank for blank in verdict.blanked)
            if actual is not None and hidden:
                yield Problem(f"{pick.coordinate} is shown, but may not be: {json.dumps(actual)[:200]}", path)
        elif actual is None:
            yield Problem(f"{pick.coordinate} is allowed, but null", path)
        elif isinstance(expected, list):
            # A list of the contact's own rights differs; a list of what the services told may not. What speaks of rights
            # may stand behind what they told ("and you may not").
            more = json.dumps(actual[len(expected) :])
            if (len(actual) < len(expected) and canaries.found(json.dumps(expected))) or canaries.found(more):
                yield Problem(f"{pick.coordinate} holds {len(actual)} instead of {len(expected)}", path)
            for i, (one, other) in enumerate(zip(expected, actual, strict=False)):
                yield from same(pick, one, other, (*path, i))
        elif pick.inside:
            named = pick.of(expected)
            if pick.abstract and actual.get("__typename") != named:
                yield Problem(f"{pick.coordinate} is a {actual.get('__typename')}, not a {named}", path)
            else:
                yield from compare(pick.inside[named], expected, actual, path)

    if (verdict.data is None) != (data is None):
        yield Problem(f"data is {'there' if data is not None else 'missing'}")
    elif data is not None:
        yield from compare(document.picks, verdict.data, data, ())


def described(document: Document, policy: Policy, door: str, problem: Problem) -> str:
    """A problem for people: where, for whom, by which way, and a document that shows it."""
    where, shown = ".".join(map(str, problem.path)), document.narrowed(problem.path)
    return f"{door}, policy {policy.name}: {where} {problem.text}\n    {document.name[:100]}: {shown.text[:600]}"
