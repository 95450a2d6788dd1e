"""The price list, and the prices that other areas show of it."""

import strawberry

from gateway.access import PUBLIC, Permission, access
from gateway.context import Acting
from gateway.graph.common import CurrencyCode, Money
from portico.billing.v1 import billing_pb2
from portico.identity.v1 import identity_pb2


@access(PUBLIC)
@strawberry.type
class Price:
    action: str = strawberry.field(
        description="DOMAIN_REGISTER, DOMAIN_RENEW, DOMAIN_TRANSFER, DOMAIN_RESTORE or HOSTING."
    )
    item: str = strawberry.field(description="The top-level domain, or the plan's code.")
    period_months: int
    net: Money


@access(PUBLIC)
@strawberry.type
class Catalogue:
    currency: CurrencyCode
    prices: list[Price]


async def account_of(acting: Acting) -> identity_pb2.Account:
    """The account's data; one RPC however many fields ask."""

    async def ask() -> identity_pb2.Account:
        return await acting.read("identity", acting.clients.identity.GetAccount, identity_pb2.GetAccountRequest())

    return await acting.once("account", ask)


async def listed(acting: Acting, currency: str) -> list[billing_pb2.Price]:
    """The price list in a currency; one RPC however many fields ask."""

    async def ask() -> list[billing_pb2.Price]:
        request = billing_pb2.ListPricesRequest(currency=currency)
        return list((await acting.read("billing", acting.clients.billing.ListPrices, request)).prices)

    return await acting.once(f"prices {currency}", ask)


async def currency_of(acting: Acting) -> str:
    """The account's currency; the house's default (empty) for a contact who may not read the account's data."""
    return (await account_of(acting)).currency if acting.policy.allows(Permission.ACCOUNT_READ) else ""


async def price_of(acting: Acting, action: str, item: str) -> Money | None:
    """Net price of a year in the account's currency; None where it has none."""
    for price in await listed(acting, await currency_of(acting)):
        if price.action == action and price.item == item and price.period_months == 12:
            return Money.of(price.net)
    return None


async def catalogue(acting: Acting, currency: str | None) -> Catalogue:
    wanted = currency or await currency_of(acting)
    found = await listed(acting, wanted)
    return Catalogue(
        currency=CurrencyCode(found[0].net.currency if found else wanted or "HUF"),
        prices=[Price(action=p.action, item=p.item, period_months=p.period_months, net=Money.of(p.net)) for p in found],
    )
