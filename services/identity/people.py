"""What accounts, users and contacts look like to the rest of the service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.chassis.actor import Grant
from services.chassis.db import Row
from services.identity import access

NOBODY = UUID(int=0)
"""The id of the user of a contact that nobody has joined yet: an invitation."""


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
    eu_vat_id: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """`number` is what people call it: "P-10001". `locks`: profile field -> why only the operator may change it."""

    id: UUID
    number: str
    profile: Profile
    since: datetime
    version: int
    locks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invitation:
    """How somebody was asked to become a contact; `outcome` is empty while it is open."""

    sent_at: datetime
    expires_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class Lock:
    """An operator has locked an account or a user; `reason` is written for the customer."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A user's membership in one account, or the invitation to it. `own` are the grants beside those of the role; `lock`
    is the account's."""

    id: UUID
    account_id: UUID
    account_number: str
    account_name: str
    user: User
    role: str
    own: tuple[Grant, ...]
    denied_fields: tuple[str, ...]
    since: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    invitation: Invitation | None = None
    lock: Lock | None = None

    @property
    def joined(self) -> bool:
        """Whether there is a user; before, `user` says what the invitation does."""
        return self.user.id != NOBODY

    def state(self, now: datetime) -> str:
        """ "invited", "active", "expired" (it, or its invitation) or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if not self.joined:
            return "expired" if self.invitation is None or self.invitation.expires_at <= now else "invited"
        return "active"

    def grants(self, now: datetime) -> tuple[Grant, ...]:
        """Everything it may at `now`: nothing in a locked account."""
        counts = self.state(now) == "active" and self.lock is None
        return access.effective(self.role, self.own, now) if counts else ()

    def rights(self, now: datetime) -> tuple[Grant, ...]:
        """What it holds, or will once it accepts: each grant until the contact itself ends at the latest."""
        return access.until(access.effective(self.role, self.own, now), self.expires_at)

    @property
    def keeps_account(self) -> bool:
        """Whether it is an owner for good and with every right: one such contact stays in each account."""
        lasting = self.joined and self.revoked_at is None and self.expires_at is None
        return lasting and self.role == "owner" and not self.denied_fields
