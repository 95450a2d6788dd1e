"""The roots of the graph."""

from typing import Any

import strawberry

from gateway.access import SELF, field
from gateway.context import Request, at_most
from gateway.graph import domains, prices
from gateway.graph.account import Account
from gateway.graph.billing import BillingMutations
from gateway.graph.common import CurrencyCode, DomainName, Node
from gateway.graph.contacts import ContactMutations
from gateway.graph.dns import ZoneMutations
from gateway.graph.domains import DomainAvailability, DomainMutations
from gateway.graph.factor_mutations import FactorMutations
from gateway.graph.management import ManagementMutations
from gateway.graph.notifications import NotificationMutations
from gateway.graph.orders import OrderMutations
from gateway.graph.passwords import PasswordMutations
from gateway.graph.profile import ProfileMutations
from gateway.graph.viewer import Viewer, ViewerMutations


async def node(info: strawberry.Info, id: strawberry.ID) -> Any:  # noqa: A002  # the argument's name in the schema
    return await _request(info).node(id)


async def nodes(info: strawberry.Info, ids: list[strawberry.ID]) -> Any:
    at_most(ids, 100, "ids")
    request = _request(info)
    # Coroutines, not results: each settles as its own list item, with its own error.
    return [request.node(id_, f"ids.{i}") for i, id_ in enumerate(ids)]


def viewer(info: strawberry.Info) -> Viewer:
    return Viewer.of(_request(info))


def account(info: strawberry.Info, id: strawberry.ID | None = None) -> Account | None:  # noqa: A002
    return Account.of(_request(info).acting(id))


async def domain_availability(info: strawberry.Info, names: list[DomainName]) -> list[DomainAvailability] | None:
    return await domains.availability(_request(info).acting(), names)


async def catalogue(info: strawberry.Info, currency: CurrencyCode | None = None) -> prices.Catalogue | None:
    return await prices.catalogue(_request(info).acting(), currency)


@strawberry.type
class Query:
    node: Node | None = field(SELF, node, description="An object by its global id.")
    nodes: list[Node | None] = field(
        SELF, nodes, description="Objects by global ids, in that order; null with an error for what is not found."
    )
    viewer: Viewer = field(SELF, viewer, description="The signed-in user.")
    account: Account | None = field(SELF, account, description="An account of the user; the default one without an id.")
    domain_availability: list[DomainAvailability] | None = field(
        SELF, domain_availability, description="Whether names are free at their registries, and the price; at most 50."
    )
    catalogue: prices.Catalogue | None = field(
        SELF, catalogue, description="The price list; in the account's currency without one."
    )


def _request(info: strawberry.Info) -> Request:
    request: Request = info.context
    return request


@strawberry.type
class Mutation(
    OrderMutations,
    DomainMutations,
    ManagementMutations,
    ZoneMutations,
    BillingMutations,
    ProfileMutations,
    ContactMutations,
    ViewerMutations,
    PasswordMutations,
    FactorMutations,
    NotificationMutations,
):
    pass
