"""The proof's walk: the documents with what somebody with every right is told, which is what every other answer is
measured by."""

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from graphql import GraphQLSchema
from graphql.execution import Executor

from gateway import execution
from gateway.access import Table
from gateway.context import read_id
from gateway.documents import Documents
from gateway.service import Gateway
from tests.access import policies, values
from tests.access.documents import Document, Explorer, Pick, split
from tests.access.doors import Answer, Door, Inside, OverHttp, OverWebSocket, probing
from tests.access.graph import GRAPH, PROBE
from tests.access.policies import Policy
from tests.access.standins import Member, Services
from tests.access.values import plain_arguments
from tests.access.verdict import described, problems

OWN, FOREIGN = 1, 2
"""The accounts of the stand-ins' world: whoever asks belongs to the first."""

HELP = """If the gateway cannot read what a stand-in tells, say what it can read in FORMATS of tests/access/canaries.py; if it
cannot read an argument, in VALUES of tests/access/values.py."""

Step = tuple[str, str, str]
"""On the way to a type: a coordinate, its arguments as written, and the type of object there."""


@dataclass
class Walk:
    services: Services
    gateway: Gateway
    http: OverHttp
    websocket: OverWebSocket
    objects: dict[str, Any] = field(default_factory=dict)
    """Type -> one of its objects, as the gateway made it."""
    ids: dict[int, dict[str, str]] = field(default_factory=lambda: {OWN: {}, FOREIGN: {}})
    """Account -> type -> a global id that the gateway has shown to that account."""
    lists: list[Document] = field(default_factory=list)
    """Every field of every type that a query reaches without an id."""
    by_id: list[Document] = field(default_factory=list)
    """The same by id."""
    full: dict[tuple[str, str], Answer] = field(default_factory=dict)
    """(document's text, variables) -> what somebody with every right is told."""
    faults: list[str] = field(default_factory=list)
    """What went wrong inside the gateway since the last question."""
    full_inside: dict[str, Answer] = field(default_factory=dict)
    """Document's text -> what somebody with every right is told in process."""
    sound: set[tuple[str, str]] = field(default_factory=set)
    """(document's text, policy's name): with the rules as they are nothing is wrong with it in process."""
    given: dict[str, str] = field(default_factory=dict)
    """Coordinate -> its arguments as written, of fields that need an id."""
    _leading: dict[str, tuple[list[Document], Document | None]] = field(default_factory=dict)
    explorer: Explorer = field(default_factory=lambda: Explorer(plain_arguments))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keeps an object of every type that the gateway executes, and what it logs as a fault."""
        objects, faults = self.objects, self.faults

        class Recorder(Executor[Any]):
            def execute_field(self, parent_type: Any, source: Any, *more: Any) -> Any:
                if source is not None and not getattr(source, "refused", False):
                    objects.setdefault(parent_type.name, source)
                return super().execute_field(parent_type, source, *more)

        class Guarding(Recorder, execution.Guarded):
            pass

        class Faults(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.exc_info and record.exc_info[1]:
                    faults.append(f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}")

        handler = Faults()
        logging.getLogger("gateway").addHandler(handler)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(execution, "Executor", Recorder)
                patch.setattr(execution, "Guarded", Guarding)
                yield
        finally:
            logging.getLogger("gateway").removeHandler(handler)

    async def begin(self) -> None:
        """Makes the documents that a query can be, and asks for everything."""
        with self.recording():
            await self._begin()

    async def _begin(self) -> None:
        explorer = self.explorer
        roots = sorted(GRAPH.fields("Query"), key=lambda name: name != "account")  # most hangs there
        picks = [p for name in roots if (p := explorer.pick(f"Query.{name}", frozenset())) is not None]
        self.lists = [Document(f"query {i}", group) for i, group in enumerate(split(picks), 1)]
        for document in self.lists:
            for account in (OWN, FOREIGN):
                self._learn(account, document, await self.told(document, account=account))
        by_id = [p async for p in self._by_id(explorer)]
        self.by_id = [Document(f"query by id {i}", group) for i, group in enumerate(split(by_id), 1)]
        for document in self.by_id:
            await self.told(document)
        self.explorer.sparing = True

    @property
    def wide(self) -> list[Document]:
        """Every field of every type that a query reaches."""
        return [*self.lists, *self.by_id]

    async def told(self, document: Document, account: int = OWN, **variables: Any) -> Answer:
        """What somebody with every right in an account is told; fails when something of it is an error."""
        key = (document.text, f"{account}{json.dumps(variables)}")
        if key not in self.full:
            self.faults.clear()
            answer = await self.http.ask(document, Member(account, policies.ALL), **variables)
            assert "data" in answer, f"{answer}: {document.text}"
            errors = [(e.get("path", []), f"{e['message']} {e['extensions']}") for e in answer.get("errors", [])]
            shown = [
                f"{'.'.join(map(str, p))}: {text}\n    {document.narrowed(p).text[:600]}" for p, text in errors[:5]
            ]
            assert not errors, "\n".join(
                [f"{document.name} gives somebody with every right {len(errors)} errors:", *shown, *self.faults, HELP]
            )
            self.full[key] = answer
        return self.full[key]

    async def full_change(self, bundle: Any) -> Answer:
        """What somebody with every right is told of mutations. Their userErrors are the stand-ins' own."""
        key = (bundle.document.text, json.dumps(bundle.variables))
        if key not in self.full:
            self.full[key] = await self.http.ask(bundle.document, Member(OWN, policies.ALL), **bundle.variables)
        return self.full[key]

    def _learn(self, account: int, document: Document, answer: Answer) -> None:
        for pick, value in _objects(document.picks, answer["data"]):
            if isinstance(value, str) and pick.name == "id":
                self.ids[account].setdefault(read_id(value, "id").type, value)

    async def _by_id(self, explorer: Explorer) -> Any:
        """Every field that cannot do without an id, for every type of object that it answers."""
        for coordinate in GRAPH.coordinates:
            needed = values.required(coordinate) if not coordinate.startswith(("Mutation.", "Subscription.")) else {}
            if not any(values.takes_id(one) for one in needed.values()):
                continue
            holder = coordinate.partition(".")[0]
            assert holder in self.ways, f"{coordinate}: the proof knows no way to a {holder} that needs no id itself"
            way = self.ways[holder]
            for number, type_ in enumerate(GRAPH.possible(GRAPH.field(coordinate)) or ("",)):
                arguments = await self._accepted(coordinate, way, type_)
                self.given.setdefault(coordinate, arguments)
                seen = GRAPH.rules[f"{type_}.id"].permission if f"{type_}.id" in GRAPH.rules else None
                led = frozenset(p for c, _, _ in way if (p := GRAPH.rules[c].permission))
                led |= {p for p in (GRAPH.rules[coordinate].permission, seen) if p}
                inside = {type_: explorer.fields(type_, led, 2)} if type_ else {}
                pick = Pick(coordinate, arguments, inside, f"{type_[:1].lower()}{type_[1:]}{number}ById")
                for one in along(way, pick, root="way"):
                    yield one

    async def _accepted(self, coordinate: str, way: Sequence[Step], type_: str) -> str:
        """Arguments with which a field answers an object of this type."""
        options = {
            name: list(values.guesses(one.type, name, f"{coordinate}({name}:)", self.ids[OWN], f"{coordinate} {type_}"))
            for name, one in values.required(coordinate).items()
        }
        answer: Any = None
        for i in range(max(map(len, options.values()))):
            arguments = values.written({name: guess[min(i, len(guess) - 1)] for name, guess in options.items()})
            pick = Pick(coordinate, arguments, {type_: ()} if type_ else {}, "asked")
            document = Document("trial", along(way, pick))
            answer = await self.http.ask(document, Member(OWN, policies.ALL))
            if "errors" not in answer and (not type_ or f'"__typename": "{type_}"' in json.dumps(answer)):
                return arguments
        raise AssertionError(
            f"{coordinate}: no value of its arguments is accepted for a {type_ or 'value'}; say one in VALUES of "
            f"tests/access/values.py, as {coordinate}(argument:). Last answer: {answer}"
        )

    @cached_property
    def ways(self) -> Mapping[str, tuple[Step, ...]]:
        """Type -> a shortest way to its objects from Query."""
        found: dict[str, tuple[Step, ...]] = {"Query": ()}
        todo = deque(["Query"])
        while todo:
            type_ = todo.popleft()
            for name in GRAPH.fields(type_):
                one = GRAPH.field(coordinate := f"{type_}.{name}")
                given = plain_arguments(coordinate)
                for next_ in () if GRAPH.abstract(one) else GRAPH.possible(one):
                    if given is not None and next_ not in found:
                        found[next_] = (*found[type_], (coordinate, given, next_))
                        todo.append(next_)
        return found

    def _leading_to(self, type_: str) -> Iterator[tuple[Step, ...]]:
        """A way over every field whose objects are of this type, by the shortest way to that field."""
        if type_ == "Query":
            yield ()
        for coordinate in GRAPH.coordinates:
            one = GRAPH.field(coordinate)
            holder = coordinate.partition(".")[0]
            given = plain_arguments(coordinate)
            if given is not None and not GRAPH.abstract(one) and type_ in GRAPH.possible(one) and holder in self.ways:
                yield (*self.ways[holder], (coordinate, given, type_))
        if type_ in GRAPH.nodes and type_ in self.ids[OWN]:
            yield (("Query.node", values.written({"id": self.ids[OWN][type_]}), type_),)

    def two_deep(self, type_: str) -> tuple[Pick, ...]:
        """The plain fields of a type, and those of the objects in it."""
        found = list(self.explorer.plain(type_))
        for name in GRAPH.fields(type_):
            one = GRAPH.field(coordinate := f"{type_}.{name}")
            given = plain_arguments(coordinate)
            if given is not None and GRAPH.possible(one) and not GRAPH.abstract(one):
                [inner] = GRAPH.possible(one)
                found.append(Pick(coordinate, given, {inner: self.explorer.plain(inner)}))
        return tuple({pick.coordinate: pick for pick in found}.values())

    def thin(self, type_: str) -> tuple[Pick, ...]:
        """The first plain field of a type, or what leads to one."""
        found = self.explorer.plain(type_)[:1] if type_ else ()
        return tuple(pick.holding({t: picks[:1] for t, picks in pick.inside.items()}) for pick in found)

    def leading(self, type_: str) -> tuple[list[Document], Document | None]:
        """Every field of a type, by every field that leads to its objects, and by its probe (none for a root). What is
        in a field is hardly asked for: the fields themselves are what is looked at."""
        if type_ not in self._leading:
            fields = [
                Pick(
                    c,
                    self.given.get(c) or plain_arguments(c) or "",
                    {t: self.thin(t) for t in GRAPH.possible(GRAPH.field(c))},
                )
                for c in (f"{type_}.{name}" for name in GRAPH.fields(type_))
            ]
            picks = [p for i, way in enumerate(self._leading_to(type_)) for p in along(way, *fields, root=f"w{i}")]
            real = [Document(f"{type_} {i}", group) for i, group in enumerate(split(picks), 1)]
            probe: Document | None = None
            if type_ != "Query":
                # Each field through a probe of its own, so that one that is refused does not take the others with it.
                probes = (Pick(f"Account.{PROBE}{type_}", "", {type_: (one,)}, one.name) for one in fields)
                probe = Document(f"{type_} by itself", along(self.ways["Account"], *probes))
            self._leading[type_] = real, probe
        return self._leading[type_]

    def inside(self, changes: Mapping[str, Any] | None = None, without: str = "") -> Inside:
        """The engine in this process with probes: some rules changed, one of them removed."""
        core, table = self._probing
        changed = {c: rule for c, rule in {**table, **(changes or {})}.items() if c != without}
        return Inside(self.gateway, self.services, core, changed, documents=self._prepared)

    @cached_property
    def _probing(self) -> tuple[GraphQLSchema, Table]:
        return probing(self.objects)

    @cached_property
    def _prepared(self) -> Documents:
        return Documents(*self._probing)

    async def told_inside(self, document: Document) -> Answer:
        """What somebody with every right is told in process, where the probes are."""
        if document.text not in self.full_inside:
            self.full_inside[document.text] = await self.inside().ask(document, Member(OWN, policies.ALL))
        return self.full_inside[document.text]

    async def judge(
        self, door: Door, document: Document, policy: Policy, full: Answer | None = None, **variables: Any
    ) -> list[str]:
        """What is wrong with what a contact of the own account is told."""
        if full is None:
            full = await self.told(document, **variables)
        answer = await door.ask(document, Member(OWN, policy), **variables)
        sent = document.text + json.dumps(variables)
        found = problems(document, policy, full, answer, self.services.canaries, sent)
        return [described(document, policy, door.name, one) for one in found]


def along(way: Sequence[Step], *picks: Pick, root: str = "") -> tuple[Pick, ...]:
    """Fields at the end of a way; `root` names the first field of the way anew in the answer."""
    for number, (coordinate, arguments, type_) in enumerate(reversed(way), 1):
        picks = (Pick(coordinate, arguments, {type_: picks}, root if number == len(way) else ""),)
    return picks


def _objects(picks: Sequence[Pick], value: Any) -> Iterator[tuple[Pick, Any]]:
    """Every field of an answer with its value, lists spread out."""
    for pick in picks:
        told = value.get(pick.key)
        items = told if isinstance(told, list) else [told]
        for one in items:
            if pick.inside and isinstance(one, dict):
                yield from _objects(pick.inside[pick.of(one)], one)
            else:
                yield pick, one
