"""Runs operations: the plain way, or guarded where access could refuse something. Subscriptions, event by event."""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, cast

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.execute import create_source_event_stream

from gateway.access import Policy, Refusal, Table
from gateway.context import Request
from gateway.documents import Document, Operation
from gateway.errors import forbidden


class Guarded(Executor[Policy | None]):
    """Refuses fields one by one. The position context is the policy of the account that the object belongs to."""

    table: Table
    policies: tuple[Policy, ...]

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Any,
        position_context: Policy | None,
    ) -> Any:
        acting = getattr(source, "acting", None)
        policy = position_context if acting is None else acting.policy
        name = field_details_list[0].node.name.value
        if not name.startswith("__") and not parent_type.name.startswith("__"):
            refusal = self._refusal(f"{parent_type.name}.{name}", source, policy)
            if refusal is not None:
                definition = self.schema.get_field(parent_type, name)
                if definition is not None:
                    self.handle_field_error(forbidden(refusal), definition.type, field_details_list, path)
                    return None
        return super().execute_field(parent_type, source, field_details_list, path, policy)

    def execute_collected_subfields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        new_defer_usages: Any,
        position_context: Policy | None,
    ) -> Any:
        # The base class starts every object anew; here the policy goes on to the objects inside.
        return self.execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def _refusal(self, coordinate: str, source: Any, policy: Policy | None) -> Refusal | None:
        rule = self.table.get(coordinate)
        if rule is None:
            return Refusal(coordinate, None)
        if coordinate.startswith(("Mutation.", "Subscription.")) or getattr(source, "refused", False):
            # A mutation checks its right before it starts, and its answer says so; a refused payload holds nothing.
            return None
        if policy is None:
            # Above any account: only what every membership denies is refused.
            denied = [p.refused.get(coordinate) for p in self.policies]
            if rule.permission:
                return next((d for d in denied if d), Refusal(coordinate, rule.permission))
            return denied[0] if denied and all(denied) else None
        if (refusal := policy.refused.get(coordinate)) is not None:
            return refusal
        only = policy.limited.get(coordinate)
        resource = getattr(source, "resource", None) if only is not None else None
        if only is not None and resource is not None and resource not in only:
            return Refusal(coordinate, rule.permission or None)
        return None


class Payload(Protocol):
    """What a subscription's resolver yields; it becomes an object with the rights of the moment."""

    async def build(self, request: Request) -> Any: ...


class Engine:
    """Executes prepared operations on the schema."""

    def __init__(self, schema: GraphQLSchema, table: Table) -> None:
        self._schema = schema
        self._table = table

    def _executor(
        self, document: Document, operation: Operation, variables: Mapping[str, Any] | None, request: Request | None
    ) -> Executor[Any] | list[GraphQLError]:
        policies = request.session.policies if request else ()
        kind: type[Executor[Any]] = Executor if operation.free(policies) else Guarded
        name = operation.node.name.value if operation.node.name else None
        made = kind.build(
            self._schema, document.ast, None, request, dict(variables or {}), name, max_coercion_errors=10
        )
        if isinstance(made, Guarded):
            made.table, made.policies = self._table, policies
        return made

    async def run(
        self, document: Document, operation: Operation, variables: Mapping[str, Any] | None, request: Request | None
    ) -> ExecutionResult:
        """A query or mutation. `request` is None for what asks for the schema only. data is None on a request error."""
        executor = self._executor(document, operation, variables, request)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        result = executor.execute_operation()
        return cast(ExecutionResult, await result if inspect.isawaitable(result) else result)

    async def subscribe(
        self, document: Document, operation: Operation, variables: Mapping[str, Any] | None, request: Request
    ) -> AsyncIterator[Payload] | ExecutionResult:
        """The payloads of a subscription, or why there are none."""
        executor = self._executor(document, operation, variables, request)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        stream = create_source_event_stream(executor)
        found: Any = await stream if inspect.isawaitable(stream) else stream
        return cast("AsyncIterator[Payload] | ExecutionResult", found)

    async def event(
        self,
        document: Document,
        operation: Operation,
        variables: Mapping[str, Any] | None,
        request: Request,
        payload: Payload,
    ) -> ExecutionResult | None:
        """One answer of a subscription. None when the contact may not see what the event is about."""
        node = await payload.build(request)
        if node is None:
            return None
        executor = self._executor(document, operation, variables, request)
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        result = executor.build_per_event_executor(node).execute_operation(False)
        return cast(ExecutionResult, await result if inspect.isawaitable(result) else result)


async def closing(stream: AsyncIterator[Payload]) -> AsyncGenerator[Payload, None]:
    """The stream's payloads; the stream is closed with this generator, so its subscription ends at once."""
    async with aclosing(cast(AsyncGenerator[Payload, None], stream)) as payloads:
        async for payload in payloads:
            yield payload
