"""Parsed, measured and validated documents, kept by their text, with what access decides about each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    parse,
    validate,
)

from gateway.access import Policy, Table
from gateway.limits import MAX_TOKENS, TooCostly, check_cost


class DocumentError(Exception):
    """The document cannot be executed as sent: a stable code and GraphQL errors to show."""

    def __init__(self, code: str, errors: list[GraphQLError], *, well_formed: bool = True) -> None:
        super().__init__(errors[0].message)
        self.code = code
        self.errors = errors
        self.well_formed = well_formed


@dataclass(eq=False, slots=True)
class Operation:
    """One operation of a document: what it touches, and per policy whether it needs a guard."""

    node: OperationDefinitionNode
    coordinates: frozenset[str]
    root_fields: frozenset[str]
    known: bool
    """Every coordinate declares its access."""
    verdicts: WeakKeyDictionary[Policy, bool] = field(default_factory=WeakKeyDictionary)

    @property
    def kind(self) -> OperationType:
        return self.node.operation

    @property
    def anonymous(self) -> bool:
        """Whether it asks for nothing but the schema itself."""
        return all(name.startswith("__") for name in self.root_fields)

    def free(self, policies: Iterable[Policy]) -> bool:
        """Whether nothing in it could be refused to any of the policies, so that it runs without a guard."""
        return self.known and all(self._free(policy) for policy in policies)

    def _free(self, policy: Policy) -> bool:
        verdict = self.verdicts.get(policy)
        if verdict is None:
            verdict = self.coordinates.isdisjoint(policy.refused) and self.coordinates.isdisjoint(policy.limited)
            self.verdicts[policy] = verdict
        return verdict


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    ast: DocumentNode
    operations: dict[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The operation to run; raises DocumentError when the name does not say which."""
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            text = "The document holds several operations: operationName must say which one to run."
        elif name in self.operations:
            return self.operations[name]
        else:
            text = f"Unknown operation named {name!r}: the document holds {_names(self.operations)}."
        raise DocumentError("OPERATION_RESOLUTION_FAILURE", [GraphQLError(text)], well_formed=False)


def _names(operations: dict[str | None, Operation]) -> str:
    return ", ".join(repr(name) if name else "an operation without a name" for name in operations)


class Documents:
    """Prepares documents and keeps the ready ones by text, at most `capacity` characters of them."""

    def __init__(self, schema: GraphQLSchema, table: Table, capacity: int = 2_000_000) -> None:
        self._schema = schema
        self._table = table
        self._capacity = capacity
        self._size = 0
        self._kept: dict[str, Document] = {}

    def prepare(self, text: str) -> Document:
        """Parses, measures, validates. Raises DocumentError."""
        found = self._kept.pop(text, None)
        if found is None:
            try:
                found = self._prepare(text)
            except RecursionError:
                raise DocumentError(
                    "DOCUMENT_TOO_COSTLY", [GraphQLError("The document is nested too deeply.")]
                ) from None
            self._size += len(text)
        self._kept[text] = found  # re-inserted: the dict's order is the order of use
        while self._size > self._capacity and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._size -= len(oldest)
        return found

    def _prepare(self, text: str) -> Document:
        try:
            ast = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLSyntaxError as error:
            raise DocumentError("GRAPHQL_PARSE_FAILED", [error]) from None
        if not any(isinstance(d, OperationDefinitionNode) for d in ast.definitions):
            empty = GraphQLError("The document holds no operation.")
            raise DocumentError("GRAPHQL_PARSE_FAILED", [empty], well_formed=False)
        try:
            check_cost(ast)
        except TooCostly as error:
            raise DocumentError("DOCUMENT_TOO_COSTLY", [error]) from None
        errors = validate(self._schema, ast, max_errors=20)
        if errors:
            raise DocumentError("GRAPHQL_VALIDATION_FAILED", errors)
        return Document(ast, dict(self._operations(ast)))

    def _operations(self, ast: DocumentNode) -> Iterable[tuple[str | None, Operation]]:
        fragments = {d.name.value: d for d in ast.definitions if isinstance(d, FragmentDefinitionNode)}
        walk = _Coordinates(self._schema, fragments)
        for node in ast.definitions:
            if isinstance(node, OperationDefinitionNode):
                root = self._schema.get_root_type(node.operation)
                found, roots = walk.of(node.selection_set, root) if root else (set(), set())
                known = all(c in self._table for c in found)
                yield node.name.value if node.name else None, Operation(node, frozenset(found), frozenset(roots), known)


class _Coordinates:
    """The schema coordinates that a selection can touch; each fragment is walked once."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._walked: dict[str, tuple[set[str], set[str]]] = {}

    def of(self, node: SelectionSetNode, parent: GraphQLNamedType) -> tuple[set[str], set[str]]:
        """(every coordinate below, the names of the fields on the selection itself)."""
        found: set[str] = set()
        here: set[str] = set()
        for one in node.selections:
            if isinstance(one, FieldNode):
                name = one.name.value
                here.add(name)
                if name.startswith("__"):
                    continue  # the schema itself
                for type_ in self._possible(parent):
                    found.add(f"{type_.name}.{name}")
                if one.selection_set:
                    definition = parent.fields[name]  # type: ignore[attr-defined]  # validation has passed
                    found |= self.of(one.selection_set, get_named_type(definition.type))[0]
            elif isinstance(one, FragmentSpreadNode):
                self._merge(found, here, self._fragment(one.name.value))
            elif isinstance(one, InlineFragmentNode):
                condition = one.type_condition
                type_or_none = self._schema.get_type(condition.name.value) if condition else parent
                self._merge(found, here, self.of(one.selection_set, type_or_none or parent))
        return found, here

    def _fragment(self, name: str) -> tuple[set[str], set[str]]:
        if name not in self._walked:
            definition = self._fragments[name]
            type_ = self._schema.get_type(definition.type_condition.name.value)
            self._walked[name] = self.of(definition.selection_set, type_) if type_ else (set(), set())
        return self._walked[name]

    @staticmethod
    def _merge(found: set[str], here: set[str], more: tuple[set[str], set[str]]) -> None:
        found |= more[0]
        here |= more[1]

    def _possible(self, type_: GraphQLNamedType) -> Iterable[GraphQLNamedType]:
        if is_abstract_type(type_):
            return self._schema.get_possible_types(type_)
        return (type_,) if isinstance(type_, GraphQLObjectType) else ()
