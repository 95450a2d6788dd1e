"""What an account owes and what it may spend."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.billing import store
from services.chassis.db import Queryable


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units. `credit` is None for whoever sees only named documents: it is no document's, but the account's."""

    currency: str
    outstanding: int
    overdue: int
    credit: int | None


async def of_account(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, today: date, *, currency: str | None = None
) -> Balance:
    """In the given currency, else the one that the account is billed in."""
    row = await store.balance(q, account_id, resources, currency, today)
    return Balance(row["currency"], row["outstanding"], row["overdue"], row["credit"] if resources is None else None)
