"""Which VAT rate a sale bears. Reverse charge, the one-stop shop and exports belong here, and only here."""

from datetime import date

from services.billing import store
from services.billing.parties import Seller
from services.chassis.db import Queryable


async def rate_bp(q: Queryable, seller: Seller, buyer_country: str, day: date) -> int:
    """The VAT rate in basis points (2700 = 27 %) on that day: the buyer's country's if we know one, else the seller's.

    Below the European distance-selling threshold the seller's rate is the right one for consumers abroad.
    """
    rates = await store.vat_rates(q, [buyer_country, seller.country], day)
    found = rates.get(buyer_country, rates.get(seller.country))
    if found is None:
        raise LookupError(f"no VAT rate of {buyer_country} or {seller.country} on {day}")
    return found
