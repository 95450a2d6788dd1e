"""What a contact may see and do: the permissions, the @access directive on every field, and a contact's policy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple, TypeVar, cast

import strawberry
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema_directive import Location

from portico.identity.v1 import identity_pb2

T = TypeVar("T")


@strawberry.enum(description="What a grant allows: domains.read is DOMAINS_READ.")
class Permission(Enum):
    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"
    CONTACTS_MANAGE = "contacts.manage"
    LOG_READ = "log.read"
    EMAILS_READ = "emails.read"
    DOMAINS_READ = "domains.read"
    DOMAINS_MANAGE = "domains.manage"
    DOMAINS_ORDER = "domains.order"
    DOMAINS_AUTHCODE = "domains.authcode"
    DNS_READ = "dns.read"
    DNS_WRITE = "dns.write"
    HOSTING_READ = "hosting.read"
    HOSTING_MANAGE = "hosting.manage"
    HOSTING_CREDENTIALS = "hosting.credentials"
    HOSTING_ORDER = "hosting.order"
    BILLING_READ = "billing.read"
    BILLING_PAY = "billing.pay"
    TICKETS_READ = "tickets.read"
    TICKETS_WRITE = "tickets.write"


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="access",
    description=(
        "What a field needs. permission: a grant in the account. self: a signed-in user, nothing more. "
        "public: nothing of its own, the field that leads here decides. "
        "stepUp: also that the person has just confirmed who it is; an API token never can."
    ),
)
class Access:
    permission: Permission | None = strawberry.UNSET
    self_: bool | None = strawberry.directive_field(name="self", default=strawberry.UNSET)
    public: bool | None = strawberry.UNSET
    step_up: bool | None = strawberry.UNSET


SELF = Access(self_=True)
PUBLIC = Access(public=True)


def needs(permission: Permission, *, step_up: bool = False) -> Access:
    """The declaration of a field that needs a permission."""
    return Access(permission=permission, step_up=True) if step_up else Access(permission=permission)


def field(rule: Access, resolver: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A GraphQL field with its declared access."""
    options = {"directives": [rule], **options}
    return strawberry.field(resolver=resolver, **options) if resolver else strawberry.field(**options)


def access(rule: Access) -> Callable[[type[T]], type[T]]:
    """The access of every field of a type that does not declare its own."""

    def apply(cls: type[T]) -> type[T]:
        for one in cast(Any, cls).__strawberry_definition__.fields:
            if declared(one.directives) is None:
                one.directives = [*one.directives, rule]
        return cls

    return apply


def declared(directives: Iterable[object]) -> Access | None:
    return next((d for d in directives if isinstance(d, Access)), None)


class SchemaAccessError(Exception):
    """The schema does not say who may see something, or says it in a way that would blank too much."""


Table = Mapping[str, Access]
"""Schema coordinate ("Domain.zone") -> its access. What is not in it is refused."""

ROOTS = ("Query", "Mutation", "Subscription")


def table_of(schema: GraphQLSchema) -> Table:
    """The access of every field. Raises SchemaAccessError, naming the coordinate, when one is missing or unsafe."""
    table: dict[str, Access] = {}
    for type_ in schema.type_map.values():
        if type_.name.startswith("__") or not hasattr(type_, "fields") or is_input_object_type(type_):
            continue
        for name, one in type_.fields.items():
            definition = one.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            rule = declared(definition.directives) if definition else None
            if rule is None:
                raise SchemaAccessError(f"{type_.name}.{name} declares no @access")
            if sum(bool(x) for x in (rule.permission, rule.self_, rule.public)) != 1:
                raise SchemaAccessError(f"{type_.name}.{name}: @access takes exactly one of permission, self, public")
            table[f"{type_.name}.{name}"] = rule
    _check_nullability(schema, table)
    return table


def _check_nullability(schema: GraphQLSchema, table: Table) -> None:
    """A refused field is null, so one that needs another permission than what led to its object must be nullable:
    else a missing right would blank the parent too. Mutations and subscriptions refuse before they start."""
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    todo: list[tuple[GraphQLObjectType, Permission | None]] = [(root, None) for root in roots if root]
    seen: set[tuple[str, Permission | None]] = set()
    while todo:
        type_, led_by = todo.pop()
        if (type_.name, led_by) in seen:
            continue
        seen.add((type_.name, led_by))
        for name, one in type_.fields.items():
            rule = table[f"{type_.name}.{name}"]
            permission = rule.permission or None
            differs = permission is not None and permission != led_by
            if differs and is_non_null_type(one.type) and type_.name not in ROOTS[1:]:
                raise SchemaAccessError(
                    f"{type_.name}.{name} needs {permission.value if permission else ''} but is non-null, while "
                    f"{type_.name} is reached under {led_by.value if led_by else 'no permission'}: make it nullable"
                )
            named = get_named_type(one.type)
            if is_abstract_type(named) and not _item_nullable(one) and type_.name not in ROOTS[1:]:
                raise SchemaAccessError(
                    f"{type_.name}.{name} leads to objects of several permissions: make it nullable"
                )
            # Objects behind an interface are checked as themselves, so nothing is reached through it here.
            if is_object_type(named):
                todo.append((named, led_by if rule.public else permission))


def _item_nullable(one: GraphQLField) -> bool:
    type_: GraphQLOutputType = one.type
    while is_non_null_type(type_) or is_list_type(type_):
        if is_non_null_type(type_) and not is_list_type(type_.of_type):
            return False
        type_ = type_.of_type
    return True


@dataclass(frozen=True, slots=True)
class Fields:
    """What the schema says of its fields: their access, and which of them can be denied to a contact."""

    table: Table
    deniable: frozenset[str]

    @classmethod
    def of(cls, schema: GraphQLSchema, table: Table) -> "Fields":
        """Deniable is a nullable field with a permission of its own: without it the rest of the answer still stands."""
        return cls(
            table,
            frozenset(
                f"{type_.name}.{name}"
                for type_ in schema.type_map.values()
                if is_object_type(type_) and type_.name not in ROOTS
                for name, one in type_.fields.items()
                if not is_non_null_type(one.type) and (rule := table.get(f"{type_.name}.{name}")) and rule.permission
            ),
        )


class Refusal(NamedTuple):
    """Why a field is refused: the permission that is missing, or None when the field is denied to the contact. `lock` is
    why the whole account is locked, where it is."""

    coordinate: str
    permission: Permission | None
    lock: str = ""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Policy:
    """What one contact may see and do in one account, at one moment. Deny wins over every grant."""

    grants: Mapping[Permission, frozenset[str] | None]
    """Permission -> ids of the resources it is limited to; None is all of them."""
    denied_fields: frozenset[str]
    refused: Mapping[str, Refusal]
    """Coordinates that are refused wherever they appear."""
    limited: Mapping[str, frozenset[str]]
    """Coordinates whose permission is held for these resources only."""
    lock: str = ""
    """Why the account is locked: then nothing of it is allowed. Empty when it is not."""

    def allows(self, permission: Permission, resource: str | None = None) -> bool:
        """Whether the contact holds it: at all, or for a resource."""
        if permission not in self.grants:
            return False
        only = self.grants[permission]
        return resource is None or only is None or resource in only

    def refusal(self, coordinate: str, permission: Permission) -> Refusal:
        """That of a permission that is not held."""
        return Refusal(coordinate, permission, self.lock)


Key = tuple[frozenset[tuple[str, frozenset[str]]], frozenset[str], str]


class Policies:
    """Makes policies from contacts; equal rights share one Policy, so decisions per document can be kept."""

    def __init__(self, table: Table, capacity: int = 2000) -> None:
        self.table = table
        self._capacity = capacity
        self._made: dict[Key, Policy] = {}

    def of(self, contact: identity_pb2.Contact, lock: str = "", now: datetime | None = None) -> Policy:
        """The policy of a contact; grants that have run out are left out, and all of them in a locked account."""
        at = (now or datetime.now(UTC)).timestamp()
        live = frozenset(
            (g.permission, frozenset(g.resources))
            for g in contact.grants
            if not lock and (not g.HasField("expires_at") or g.expires_at.seconds > at)
        )
        key = (live, frozenset(contact.denied_fields), lock)
        policy = self._made.pop(key, None) or self._make(*key)
        self._made[key] = policy  # re-inserted: the dict's order is the order of use
        if len(self._made) > self._capacity:
            del self._made[next(iter(self._made))]
        return policy

    def _make(self, live: frozenset[tuple[str, frozenset[str]]], denied: frozenset[str], lock: str) -> Policy:
        grants: dict[Permission, frozenset[str] | None] = {}
        known = {p.value: p for p in Permission}
        for name, resources in live:
            permission = known.get(name)
            if permission is None:
                continue
            before = grants.get(permission, frozenset())
            grants[permission] = None if not resources or before is None else before | resources
        refused: dict[str, Refusal] = {c: Refusal(c, None, lock) for c in denied}
        limited: dict[str, frozenset[str]] = {}
        for coordinate, rule in self.table.items():
            permission = rule.permission or None
            if permission is None or coordinate in refused:
                continue
            if permission not in grants:
                refused[coordinate] = Refusal(coordinate, permission, lock)
            elif (only := grants[permission]) is not None:
                limited[coordinate] = only
        return Policy(grants, denied, refused, limited, lock)
