"""Who sells and who buys, and the snapshots of both that documents carry."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.billing import store
from services.chassis.config import ConfigError
from services.chassis.db import Queryable, Tx
from services.chassis.errors import DomainError


class CustomerUnknown(DomainError):
    """Identity has not told of the account yet; whoever asked may try again."""

    reason = "CUSTOMER_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Seller:
    """The company that issues. Days (issued on, overdue) are those of its time zone."""

    name: str
    tax_number: str
    country: str
    postal_code: str
    city: str
    street: str
    bank_account: str
    time_zone: ZoneInfo

    @classmethod
    def read(cls, file: Path) -> "Seller":
        """From a JSON file with these fields; ConfigError names what is wrong."""
        try:
            fields = json.loads(file.read_text())
            return cls(**{**fields, "time_zone": ZoneInfo(fields["time_zone"])})
        except (OSError, ValueError, TypeError, KeyError, ZoneInfoNotFoundError) as error:
            raise ConfigError(f"SELLER_FILE {file}: {error!r}") from error

    def today(self, now: datetime) -> date:
        return now.astimezone(self.time_zone).date()

    def snapshot(self) -> dict[str, str]:
        return {
            "name": self.name,
            "tax_number": self.tax_number,
            "country": self.country,
            "postal_code": self.postal_code,
            "city": self.city,
            "street": self.street,
            "bank_account": self.bank_account,
        }


@dataclass(frozen=True, slots=True)
class Customer:
    """The account as documents show it; `currency` is what it is billed in, `locale` ("hu", "en") its language."""

    account_id: UUID
    number: str
    name: str
    country: str
    currency: str
    locale: str
    tax_number: str = ""
    postal_code: str = ""
    city: str = ""
    street: str = ""

    def snapshot(self) -> dict[str, str]:
        return {
            "number": self.number,
            "name": self.name,
            "tax_number": self.tax_number,
            "country": self.country,
            "postal_code": self.postal_code,
            "city": self.city,
            "street": self.street,
        }


async def save(tx: Tx, customer: Customer, now: datetime) -> None:
    """Keeps what is known of an account now; documents issued before keep their snapshot."""
    await store.save_customer(
        tx, customer.account_id, {**customer.snapshot(), "currency": customer.currency, "locale": customer.locale}, now
    )


async def customer(q: Queryable, account_id: UUID) -> Customer:
    """The account's customer data; CustomerUnknown when there is none."""
    row = await store.customer(q, account_id)
    if row is None:
        raise CustomerUnknown(f"nothing is known of account {account_id}", account_id=str(account_id))
    return Customer(**dict(row))
