"""The schema, assembled. `python -m gateway.schema` prints it; gateway/schema.graphql is that output, checked in."""

import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

import strawberry
from graphql import GraphQLSchema, Undefined, is_interface_type, is_object_type
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.access import Permission, Table, table_of
from gateway.context import NodeKind
from gateway.graph import account, billing, dns, domains, hosting, operations, tickets
from gateway.graph.common import SCALARS
from gateway.graph.query import Mutation, Query
from gateway.graph.subscriptions import Subscription

NODES: Mapping[str, NodeKind] = {
    "Account": NodeKind(None, account.load),
    "Domain": NodeKind(Permission.DOMAINS_READ, domains.load),
    "Zone": NodeKind(Permission.DNS_READ, dns.load),
    "HostingService": NodeKind(Permission.HOSTING_READ, hosting.load),
    "Invoice": NodeKind(Permission.BILLING_READ, billing.load),
    "Ticket": NodeKind(Permission.TICKETS_READ, tickets.load),
    "Operation": NodeKind(Permission.DOMAINS_READ, operations.load),
}
"""Every type that implements Node: how it is found, and the permission to see any."""


def build(
    query: type = Query, mutation: type | None = Mutation, subscription: type | None = Subscription
) -> strawberry.Schema:
    """Raises SchemaAccessError when a field does not say who may see it."""
    schema = strawberry.Schema(
        query,
        mutation,
        subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    for type_ in schema._schema.type_map.values():
        for one in getattr(type_, "fields", {}).values():
            for argument in getattr(one, "args", {}).values():
                _leave_out(argument)
            _leave_out(one)
    table_of(schema._schema)
    return schema


def _leave_out(argument: Any) -> None:
    """`first: Int = null` says no more than `first: Int`."""
    if getattr(argument, "default_value", Undefined) is None:
        argument.default_value = Undefined


def executable(schema: strawberry.Schema) -> tuple[GraphQLSchema, Table]:
    """The graphql-core schema and the access of its fields, with plain fields reading attributes directly."""
    core = schema._schema
    table = table_of(core)
    for type_ in core.type_map.values():
        if type_.name.startswith("__") or not (is_object_type(type_) or is_interface_type(type_)):
            continue
        for one in type_.fields.values():
            definition = one.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if definition.is_basic_field:
                one.resolve = _attribute(definition.python_name)
    return core, table


def _attribute(name: str) -> Callable[..., Any]:
    get = operator.attrgetter(name)
    return lambda source, _info: get(source)


if __name__ == "__main__":
    sys.stdout.write(build().as_str() + "\n")
