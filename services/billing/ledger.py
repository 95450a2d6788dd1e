"""The double-entry ledger underneath: a debit is positive, a credit negative, every transaction sums to 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.billing import store
from services.chassis.db import Tx

BANK = "BANK"
CUSTOMER_CREDIT = "CUSTOMER_CREDIT"
RECEIVABLE = "RECEIVABLE"
REVENUE = "REVENUE"
VAT_PAYABLE = "VAT_PAYABLE"
#: Kinds that exist once for each customer account; the others are the company's own.
_OF_CUSTOMER = frozenset({CUSTOMER_CREDIT, RECEIVABLE})


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction: `key` says what happened, once; `amounts` are (ledger account kind, minor units)."""

    key: str
    account_id: UUID
    currency: str
    amounts: tuple[tuple[str, int], ...]
    invoice_id: UUID | None = None


async def post(tx: Tx, movements: Sequence[Movement], now: datetime) -> None:
    """Books the movements. The database refuses, at commit, one that does not balance, and a key used before;
    and, at once, credit below zero."""
    entries = [
        (n, kind, m.account_id if kind in _OF_CUSTOMER else None, m.currency, amount)
        for n, m in enumerate(movements)
        for kind, amount in m.amounts
        if amount
    ]
    if not entries:
        return
    moved = sorted({n for n, *_ in entries})
    accounts = await store.ledger_accounts(
        tx, sorted({(kind, owner, currency) for _, kind, owner, currency, _ in entries}, key=str)
    )
    ids = await store.add_ledger_transactions(tx, [(movements[n].key, movements[n].invoice_id) for n in moved], now)
    await store.add_ledger_entries(
        tx,
        [
            (ids[movements[n].key], accounts[kind, owner, currency], amount, currency)
            for n, kind, owner, currency, amount in entries
        ],
    )


async def lock_credit(tx: Tx, account_id: UUID, currency: str) -> int:
    """What the account may spend, minor units; nobody else spends it until the transaction ends."""
    return await store.lock_credit(tx, account_id, currency)
