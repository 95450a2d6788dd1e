"""Money adds up, whatever the amounts and whatever the order of what happens."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portico.billing.v1 import billing_pb2 as pb
from portico.domains.v1 import events_pb2 as domains_pb
from services.billing import invoices, ledger, payments
from services.billing.ledger import Movement
from services.billing.payments import Amount
from services.chassis import money
from tests.billing.conftest import SELLER, Books
from tests.serving import Serving, person

AMOUNTS = st.integers(min_value=-(10**12), max_value=10**12)
EASY = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@given(AMOUNTS, st.lists(st.integers(min_value=0, max_value=10**6), min_size=1).filter(any))
def test_allocated_parts_sum_to_the_whole_and_stay_within_one_unit_of_their_share(
    total: int, weights: list[int]
) -> None:
    parts = money.allocate(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


@given(AMOUNTS, st.integers(min_value=0, max_value=10_000))
def test_vat_is_within_half_a_unit_and_a_storno_takes_back_exactly_the_same(net: int, rate_bp: int) -> None:
    vat = money.vat(net, rate_bp)
    assert abs(vat * 10_000 - net * rate_bp) * 2 <= 10_000
    assert money.vat(-net, rate_bp) == -vat


@EASY
@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=12))
async def test_a_documents_totals_are_the_sums_of_its_lines(billing: Serving, nets: list[int]) -> None:
    books = Books(billing)
    document = await books.proforma(await books.customer(), *nets)
    assert document.net == sum(nets) == sum(line.net for line in document.lines)
    assert document.vat == sum(money.vat(net, 2700) for net in nets) == sum(line.vat for line in document.lines)
    assert document.gross == document.net + document.vat == sum(line.gross for line in document.lines)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["top up", "issue", "issue", "pay", "pay", "pay part", "fail"]),
        st.integers(min_value=1, max_value=9000),
    ),
    min_size=8,
    max_size=30,
)


class Life:
    """An account to which things happen, and what its credit ought to be."""

    def __init__(self, billing: Serving, account: UUID) -> None:
        self.billing, self.books, self.account = billing, Books(billing), account
        self.credit = 0
        self.failed: set[UUID] = set()

    async def documents(self) -> list[invoices.Invoice]:
        today = SELLER.today(datetime.now(UTC))
        rows = await self.billing.db.fetch("SELECT id FROM invoices WHERE account_id = $1 ORDER BY id", self.account)
        return await invoices.by_ids(self.billing.db, self.account, None, [row["id"] for row in rows], today)

    async def act(self, what: str, number: int) -> None:
        if what == "top up":
            await self.books.top_up(self.account, 4 * number)
            self.credit += 4 * number
        elif what == "issue":
            await self.books.proforma(self.account, *([number] * (1 + number % 3)), order_id=uuid4())
        elif what == "fail":
            await self._fail(number)
        elif payable := [document for document in await self.documents() if document.payable]:
            document = payable[number % len(payable)]
            amount = document.due if what == "pay" else 1 + number % document.due
            if amount == document.due:
                await self._pay(document)
            elif amount <= self.credit:
                async with self.billing.db.transaction() as tx:
                    await payments.pay_part(tx, document, amount, datetime.now(UTC))
                self.credit -= amount

    async def _pay(self, document: invoices.Invoice) -> None:
        request = pb.PayInvoicesRequest(
            request_id=str(uuid4()), invoice_ids=[str(document.id)], method=pb.PAYMENT_METHOD_CREDIT
        )
        payer = person(self.account, "billing.pay")
        if document.due > self.credit:
            assert (await self.billing.refused(payer, "PayInvoices", request)).reason == "INSUFFICIENT_CREDIT"
        else:
            await self.billing.call(payer, "PayInvoices", request)
            self.credit -= document.due

    async def _fail(self, number: int) -> None:
        paid = [document for document in await self.documents() if document.kind == invoices.INVOICE]
        lines = [(document, line) for document in paid for line in document.lines]
        if not lines:
            return
        document, line = lines[number % len(lines)]
        assert line.subject_id is not None
        event = domains_pb.RegistrationFailed(
            domain_id=str(line.subject_id), order_id=str(document.order_id), account_id=str(self.account)
        )
        await self.billing.hear(event, self.account)
        if line.subject_id not in self.failed:
            self.failed.add(line.subject_id)
            self.credit += line.gross


@EASY
@given(ACTS)
async def test_the_ledger_balances_whatever_happens(billing: Serving, acts: list[tuple[str, int]]) -> None:
    life = Life(billing, await Books(billing).customer())
    await life.act("top up", 5000)
    for what, number in acts:
        await life.act(what, number)
    assert await ledger_balance(billing, life.account, ledger.CUSTOMER_CREDIT) == -life.credit
    kept = await billing.db.fetchval(
        "SELECT sum(balance_minor) FROM credit_balances WHERE account_id = $1", life.account
    )
    assert (kept or 0) == life.credit
    documents = await life.documents()
    # What was paid of proformas that no invoice follows yet is an advance: the books owe it.
    advances = sum(d.paid for d in documents if d.kind == invoices.PROFORMA and d.replaced_by_id is None)
    assert await ledger_balance(billing, life.account, ledger.RECEIVABLE) == -advances
    assert (
        await billing.db.fetchval(
            "SELECT count(*) FROM (SELECT FROM ledger_entries GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0)"
        )
        == 0
    )


async def ledger_balance(billing: Serving, account: UUID, kind: str) -> int:
    total: int = await billing.db.fetchval(
        """SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM ledger_entries e
           JOIN ledger_accounts a ON a.id = e.ledger_account_id WHERE a.account_id = $1 AND a.kind = $2""",
        account,
        kind,
    )
    return total


async def test_a_movement_that_does_not_balance_does_not_commit(billing: Serving) -> None:
    account = uuid4()
    lopsided = Movement(f"test:{account}", account, "HUF", ((ledger.BANK, 100), (ledger.CUSTOMER_CREDIT, -99)))
    with pytest.raises(asyncpg.CheckViolationError):
        async with billing.db.transaction() as tx:
            await ledger.post(tx, [lopsided], datetime.now(UTC))
    assert await ledger_balance(billing, account, ledger.CUSTOMER_CREDIT) == 0


async def test_credit_below_zero_is_refused_by_the_database_itself(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 100)
    overdraft = Movement(f"test:{account}", account, "HUF", ((ledger.CUSTOMER_CREDIT, 101), (ledger.RECEIVABLE, -101)))
    with pytest.raises(asyncpg.CheckViolationError):
        async with billing.db.transaction() as tx:
            await ledger.post(tx, [overdraft], datetime.now(UTC))


async def test_one_bank_reference_tops_up_once(billing: Serving, books: Books) -> None:
    account, reference = await books.customer(), str(uuid4())
    for again in (False, True):
        try:
            async with billing.db.transaction() as tx:
                await payments.top_up(tx, account, Amount(500, "HUF"), reference, datetime.now(UTC))
        except asyncpg.UniqueViolationError:
            assert again
    assert await ledger_balance(billing, account, ledger.CUSTOMER_CREDIT) == -500


@pytest.mark.parametrize("minor", [0, -1])
async def test_a_top_up_of_nothing_is_refused(billing: Serving, books: Books, minor: int) -> None:
    with pytest.raises(payments.AmountInvalid):
        await books.top_up(await books.customer(), minor)
