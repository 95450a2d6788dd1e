"""What accounts, users and contacts look like to the rest of the service."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.actor import Grant
from services.chassis.db import Row
from services.identity import access


@dataclass(frozen=True, slots=True)
class User:
    """A login identity; `locale` is "hu" or "en". `email_bouncing`: mail to its address came back, and none was taken since."""

    id: UUID
    email: str
    name: str
    locale: str
    email_bouncing: bool = False

    @classmethod
    def of(cls, row: Row) -> "User":
        """From a row of users."""
        return cls(row["id"], row["email"], row["name"], row["locale"])


@dataclass(frozen=True, slots=True)
class Profile:
    """The subscriber's data. `kind` is "person" or "company"; `country` ISO 3166, `currency` ISO 4217."""

    kind: str
    name: str
    email: str
    country: str = "HU"
    currency: str = "HUF"
    locale: str = "hu"
    tax_number: str = ""
    phone: str = ""
    postal_code: str = ""
    city: str = ""
    street: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """`number` is what people call it: "P-10001"."""

    id: UUID
    number: str
    profile: Profile
    since: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """A user's membership in one account. `own` are the grants beside those of the role."""

    id: UUID
    account_id: UUID
    account_number: str
    account_name: str
    user: User
    role: str
    own: tuple[Grant, ...]
    denied_fields: tuple[str, ...]
    since: datetime

    def grants(self, now: datetime) -> tuple[Grant, ...]:
        """Everything it may at `now`."""
        return access.effective(self.role, self.own, now)
