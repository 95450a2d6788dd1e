"""Issued documents stand, numbers have no gaps, lists page, and reading costs the same however much there is."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from portico.billing.v1 import billing_pb2 as pb
from portico.common.v1.common_pb2 import PageRequest
from services.billing import payments, proformas
from services.billing.invoices import Invoice
from services.billing.proformas import Item
from tests.billing.conftest import SELLER, Books
from tests.serving import Serving, person


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE invoices SET gross_minor = 1, net_minor = 1, vat_minor = 0 WHERE id = $1",
        "UPDATE invoices SET buyer = '{}' WHERE id = $1",
        "UPDATE invoices SET number = 'D-1999-000001' WHERE id = $1",
        "UPDATE invoices SET due_on = due_on + 1 WHERE id = $1",
        "DELETE FROM invoices WHERE id = $1",
        "UPDATE invoice_lines SET net_minor = 1 WHERE invoice_id = $1",
        "DELETE FROM invoice_lines WHERE invoice_id = $1",
        """INSERT INTO invoice_lines (invoice_id, position, description, quantity, net_minor, vat_rate_bp, vat_minor,
           gross_minor) VALUES ($1, 9, 'smuggled in', 1, 0, 2700, 0, 0)""",
        "UPDATE payments SET amount_minor = 1 WHERE proforma_id = $1",
        "DELETE FROM payments WHERE proforma_id = $1",
        "UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE $1::uuid IS NOT NULL",
        "DELETE FROM ledger_transactions WHERE $1::uuid IS NOT NULL",
        "UPDATE credit_balances SET balance_minor = balance_minor + 1 WHERE $1::uuid IS NOT NULL",
        "DELETE FROM credit_balances WHERE $1::uuid IS NOT NULL",
        "UPDATE invoices SET state = 'OPEN', paid_minor = 0, paid_at = NULL WHERE id = $1",
        "UPDATE invoices SET state = 'CANCELLED' WHERE id = $1",
        "UPDATE invoices SET paid_at = paid_at - interval '1 day' WHERE id = $1",
        "UPDATE invoices SET replaced_by_id = NULL WHERE id = $1",
        "UPDATE series SET last_number = last_number - 1 WHERE $1::uuid IS NOT NULL",
        "DELETE FROM series WHERE $1::uuid IS NOT NULL",
    ],
)
async def test_the_database_refuses_to_change_what_is_issued(billing: Serving, books: Books, sql: str) -> None:
    account = await books.customer()
    await books.top_up(account, 5000)
    proforma = await books.proforma(account)
    async with billing.db.transaction() as tx:
        await payments.settle(tx, SELLER, [proforma], datetime.now(UTC))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await billing.db.execute(sql, proforma.id)


@pytest.mark.parametrize("table", ["invoices CASCADE", "invoice_lines CASCADE", "payments", "ledger_entries"])
async def test_the_database_refuses_to_empty_the_books(billing: Serving, table: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await billing.db.execute(f"TRUNCATE {table}")


async def test_a_document_keeps_its_buyer_as_it_was(billing: Serving, books: Books) -> None:
    account = await books.customer()
    proforma = await books.proforma(account)
    await billing.db.execute("UPDATE customers SET name = 'Új Név Zrt.' WHERE account_id = $1", account)
    snapshot = await billing.db.fetchrow("SELECT buyer, seller FROM invoices WHERE id = $1", proforma.id)
    assert snapshot is not None
    assert (snapshot["buyer"]["name"], snapshot["seller"]["name"]) == ("Minta Kft.", SELLER.name)


async def test_numbers_have_no_gaps_under_parallel_issue_and_rollback(billing: Serving, books: Books) -> None:
    account = await books.customer()
    year = 1980  # a year of this test's own: the series begins at 1
    now = datetime(year, 6, 1, tzinfo=UTC)

    class Regret(Exception):
        pass

    async def issue(count: int, *, regretting: bool) -> list[Invoice]:
        try:
            async with billing.db.transaction() as tx:
                issued = await proformas.issue_many(tx, SELLER, account, [[Item("x", 100)]] * count, now)
                await asyncio.sleep(0.005)
                if regretting:
                    raise Regret
                return issued
        except Regret:
            return []

    await billing.db.execute("INSERT INTO vat_rates VALUES ('HU', '1970-01-01', 2500) ON CONFLICT DO NOTHING")
    batches = await asyncio.gather(*(issue(1 + n % 3, regretting=n % 4 == 0) for n in range(40)))
    numbers = sorted(document.number for batch in batches for document in batch)
    assert numbers == [f"D-{year}-{n:06d}" for n in range(1, len(numbers) + 1)]
    assert len(numbers) > 30


async def test_the_year_of_a_number_turns_at_the_sellers_midnight(billing: Serving, books: Books) -> None:
    account = await books.customer()
    before = await books.proforma(account, now=datetime(2019, 12, 31, 22, 30, tzinfo=UTC))
    after = await books.proforma(account, now=datetime(2019, 12, 31, 23, 30, tzinfo=UTC))
    assert (before.number[:7], after.number[:7]) == ("D-2019-", "D-2020-")
    assert (before.issued_on.isoformat(), after.issued_on.isoformat()) == ("2019-12-31", "2020-01-01")


async def issue_many(billing: Serving, account: UUID, count: int) -> list[Invoice]:
    """The oldest first, a minute apart."""
    start = datetime.now(UTC) - timedelta(minutes=count)
    found = []
    async with billing.db.transaction() as tx:
        for n in range(count):
            items = [Item(f"tétel {n}", 100 + n)]
            found.append(await proformas.issue(tx, SELLER, account, items, start + timedelta(minutes=n)))
    return found


async def test_pages_walk_the_list_both_ways_without_loss(billing: Serving, books: Books) -> None:
    account = await books.customer()
    newest_first = [str(document.id) for document in reversed(await issue_many(billing, account, 23))]
    reader = person(account, "billing.read")
    seen: list[str] = []
    after, more = "", True
    while more:
        request = pb.ListInvoicesRequest(page=PageRequest(first=5, after=after))
        page = await billing.call(reader, "ListInvoices", request)
        seen += [invoice.id for invoice in page.invoices]
        after, more = page.page.cursors[-1], page.page.has_next
    assert seen == newest_first
    back = await billing.call(reader, "ListInvoices", pb.ListInvoicesRequest(page=PageRequest(last=4, before=after)))
    assert [invoice.id for invoice in back.invoices] == newest_first[-5:-1]
    assert (back.page.has_previous, back.page.has_next) == (True, True)
    default = await billing.call(reader, "ListInvoices", pb.ListInvoicesRequest())
    assert len(default.invoices) == 20


async def test_search_finds_part_of_a_number_and_no_pattern(billing: Serving, books: Books) -> None:
    account = await books.customer()
    wanted = (await issue_many(billing, account, 3))[1]
    reader = person(account, "billing.read")
    for search, expected in ((wanted.number[-6:], 1), (wanted.number.lower(), 1), ("%", 0), ("_", 0), ("' OR 1=1", 0)):
        listed = await billing.call(reader, "ListInvoices", pb.ListInvoicesRequest(search=search))
        assert len(listed.invoices) == expected, search


READS: list[Callable[[list[Invoice]], tuple[str, object]]] = [
    lambda _: ("GetDashboard", pb.GetDashboardRequest(limit=20)),
    lambda _: ("ListInvoices", pb.ListInvoicesRequest(page=PageRequest(first=100))),
    lambda found: ("BatchGetInvoices", pb.BatchGetInvoicesRequest(ids=[str(document.id) for document in found])),
]


@pytest.mark.parametrize("read", READS)
async def test_reading_costs_the_same_statements_for_one_and_for_many(
    billing: Serving, books: Books, read: Callable[[list[Invoice]], tuple[str, pb.ListInvoicesRequest]]
) -> None:
    costs = []
    for count in (1, 40):
        account = await books.customer()
        found = await issue_many(billing, account, count)
        costs.append(await billing.statements(person(account, "billing.read"), *read(found)))
    assert costs[0] == costs[1] <= 4


async def test_prices_are_listed_by_currency(billing: Serving) -> None:
    anybody = person(uuid4())
    forints = await billing.call(anybody, "ListPrices", pb.ListPricesRequest())
    euros = await billing.call(anybody, "ListPrices", pb.ListPricesRequest(currency="EUR"))
    assert {price.net.currency for price in forints.prices} == {"HUF"}
    assert [(p.action, p.item, p.period_months) for p in forints.prices] == [
        (p.action, p.item, p.period_months) for p in euros.prices
    ]
    assert {p.item for p in euros.prices} == {"hu", "com", "net", "org", "eu", "info", "dev", "web-s", "web-m", "web-l"}
    assert not (await billing.call(anybody, "ListPrices", pb.ListPricesRequest(currency="USD"))).prices
