"""What the billing service's RPCs and consumers are handed."""

from dataclasses import dataclass

from services.billing.parties import Seller
from services.chassis.db import Database


@dataclass(frozen=True)
class App:
    db: Database
    seller: Seller
