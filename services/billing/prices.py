"""The price list: net amounts by what is done, to what, for how long, in which currency."""

from dataclasses import dataclass

from services.billing import store
from services.chassis.db import Queryable
from services.chassis.errors import DomainError


class PriceMissing(DomainError):
    reason = "PRICE_MISSING"


@dataclass(frozen=True, slots=True)
class Price:
    """`action` is DOMAIN_REGISTER, DOMAIN_RENEW, DOMAIN_TRANSFER, DOMAIN_RESTORE or HOSTING; `item` a top-level domain
    or a plan."""

    action: str
    item: str
    period_months: int
    currency: str
    net: int


class PriceList:
    """Every price in one currency."""

    def __init__(self, currency: str, prices: list[Price]) -> None:
        self.currency = currency
        self.prices = prices
        self._net = {(price.action, price.item, price.period_months): price.net for price in prices}

    def net(self, action: str, item: str, period_months: int) -> int:
        """Minor units, net. A period without a price of its own costs its years one by one; PriceMissing otherwise."""
        whole = self._net.get((action, item, period_months))
        if whole is not None:
            return whole
        year = self._net.get((action, item, 12))
        if year is None or period_months <= 0 or period_months % 12:
            raise PriceMissing(
                f"no price for {action} {item}, {period_months} months, in {self.currency}", action=action, item=item
            )
        return year * (period_months // 12)


async def price_list(q: Queryable, currency: str) -> PriceList:
    """What is sold in this currency; an empty list when nothing is."""
    return PriceList(currency, [Price(**dict(row)) for row in await store.prices(q, currency)])
