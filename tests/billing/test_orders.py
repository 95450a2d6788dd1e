"""What billing does about the domains service's events."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from portico.billing.v1 import billing_pb2 as pb
from portico.billing.v1 import events_pb2
from portico.domains.v1 import events_pb2 as domains_pb
from services.billing.parties import CustomerUnknown
from services.billing.stornos import NothingToCredit
from tests.billing.conftest import SELLER, Books
from tests.serving import Serving, person


def requested(account: UUID, *names: str, years: int = 1, locale: str = "hu") -> domains_pb.RegistrationRequested:
    items = [
        domains_pb.RegistrationItem(
            domain_id=str(uuid4()), name=name, unicode_name=name, tld=name.rpartition(".")[2], years=years
        )
        for name in names
    ]
    return domains_pb.RegistrationRequested(order_id=str(uuid4()), account_id=str(account), items=items, locale=locale)


def failed(order: domains_pb.RegistrationRequested, index: int) -> domains_pb.RegistrationFailed:
    item = order.items[index]
    return domains_pb.RegistrationFailed(
        domain_id=item.domain_id, order_id=order.order_id, account_id=order.account_id, name=item.name, locale="hu"
    )


async def invoices(billing: Serving, account: UUID, *kinds: "pb.InvoiceKind.ValueType") -> list[pb.Invoice]:
    listed = await billing.call(person(account, "billing.read"), "ListInvoices", pb.ListInvoicesRequest(kinds=kinds))
    return list(listed.invoices)


async def pay(billing: Serving, account: UUID) -> pb.Invoice:
    """Pays the account's only proforma; answers the final invoice."""
    (proforma,) = await invoices(billing, account, pb.INVOICE_KIND_PROFORMA)
    wanted = pb.PayInvoicesRequest(request_id=str(uuid4()), invoice_ids=[proforma.id], method=pb.PAYMENT_METHOD_CREDIT)
    answer = await billing.call(person(account, "billing.pay"), "PayInvoices", wanted)
    final: pb.Invoice = answer.invoices[1]
    return final


async def credit(billing: Serving, account: UUID) -> int:
    balance = await billing.call(person(account, "billing.read"), "GetBalance", pb.GetBalanceRequest())
    minor: int = balance.credit.minor
    return minor


async def test_an_order_gets_one_proforma_with_a_line_for_each_name(billing: Serving, books: Books) -> None:
    account = await books.customer()
    order, message = requested(account, "minta.hu", "minta.com", years=2), uuid4()
    await billing.hear(order, account, message_id=message)
    await billing.hear(order, account, message_id=message)
    await billing.hear(order, account)
    (proforma,) = await invoices(billing, account)
    today = SELLER.today(datetime.now(UTC))
    assert (proforma.kind, proforma.state) == (pb.INVOICE_KIND_PROFORMA, pb.INVOICE_STATE_OPEN)
    assert (proforma.issued_on, proforma.due_on) == (today.isoformat(), (today + timedelta(days=8)).isoformat())
    assert [(li.net.minor, li.vat_rate_bp, li.vat.minor, li.gross.minor) for li in proforma.lines] == [
        (5800, 2700, 1566, 7366),
        (9980, 2700, 2695, 12_675),
    ]
    assert proforma.gross.minor == 7366 + 12_675
    assert proforma.lines[0].description == "minta.hu domain regisztrációja, 2 év"
    assert [(li.subject_type, li.subject_id, li.period_months) for li in proforma.lines] == [
        ("Domain", item.domain_id, 24) for item in order.items
    ]
    (issued,) = await billing.told(events_pb2.ProformaIssued, account)
    assert (issued.invoice, issued.order_id, issued.locale) == (proforma, order.order_id, "hu")


async def test_texts_are_in_the_readers_language_and_amounts_in_the_customers_currency(
    billing: Serving, books: Books
) -> None:
    account = await books.customer(currency="EUR", locale="en")
    await billing.hear(requested(account, "sample.eu", locale="en"), account)
    (proforma,) = await invoices(billing, account)
    (line,) = proforma.lines
    assert line.description == "Registration of sample.eu, 1 year"
    assert (line.gross.minor, line.gross.currency) == (790 + 213, "EUR")


async def test_an_order_without_a_price_is_rejected_whole(billing: Serving, books: Books) -> None:
    account = await books.customer()
    order = requested(account, "minta.hu", "minta.nosuchtld")
    await billing.hear(order, account)
    assert not await invoices(billing, account)
    (rejected,) = await billing.told(events_pb2.OrderRejected, account)
    assert (rejected.order_id, rejected.reason) == (order.order_id, "PRICE_MISSING")
    assert "nosuchtld" in rejected.detail


async def test_an_order_of_an_unknown_account_waits_for_its_data(billing: Serving) -> None:
    account = uuid4()
    with pytest.raises(CustomerUnknown):
        await billing.hear(requested(account, "minta.hu"), account)
    assert not await billing.told(events_pb2.OrderRejected, account)


async def test_a_failed_registration_is_credited_once_with_a_storno(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 20_000)
    order = requested(account, "minta.hu", "minta.com")
    await billing.hear(order, account)
    final = await pay(billing, account)
    before = await credit(billing, account)
    await asyncio.gather(*(billing.hear(failed(order, 0), account) for _ in range(4)))
    (storno,) = await invoices(billing, account, pb.INVOICE_KIND_STORNO)
    assert storno.number.startswith("ST-")
    assert (storno.replaces_id, storno.state, storno.due.minor) == (final.id, pb.INVOICE_STATE_PAID, 0)
    assert (storno.net.minor, storno.vat.minor, storno.gross.minor) == (-2900, -783, -3683)
    assert [line.subject_id for line in storno.lines] == [order.items[0].domain_id]
    assert await credit(billing, account) == before + 3683
    (original,) = await invoices(billing, account, pb.INVOICE_KIND_INVOICE)
    assert (original.state, original.replaced_by_id, original.gross) == (
        pb.INVOICE_STATE_PAID,
        storno.id,
        final.gross,
    )
    (credited,) = await billing.told(events_pb2.InvoiceCredited, account)
    assert (credited.invoice, credited.original_id, credited.order_id) == (storno, final.id, order.order_id)


async def test_an_invoice_whose_every_line_is_taken_back_is_refunded(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 20_000)
    order = requested(account, "minta.hu", "minta.com")
    await billing.hear(order, account)
    await pay(billing, account)
    await asyncio.gather(*(billing.hear(failed(order, index), account) for index in (0, 1)))
    (original,) = await invoices(billing, account, pb.INVOICE_KIND_INVOICE)
    assert original.state == pb.INVOICE_STATE_REFUNDED
    assert len(await invoices(billing, account, pb.INVOICE_KIND_STORNO)) == 2
    assert await credit(billing, account) == 20_000


async def test_a_failure_of_an_unpaid_or_foreign_order_credits_nothing(billing: Serving, books: Books) -> None:
    account, stranger = await books.customer(), await books.customer()
    await books.top_up(account, 20_000)
    order = requested(account, "minta.hu")
    await billing.hear(order, account)
    with pytest.raises(NothingToCredit):
        await billing.hear(failed(order, 0), account)
    await pay(billing, account)
    foreign = failed(order, 0)
    foreign.account_id = str(stranger)
    with pytest.raises(NothingToCredit):
        await billing.hear(foreign, stranger)
    assert await credit(billing, stranger) == 0
    await billing.hear(failed(order, 0), account)
    assert await credit(billing, account) == 20_000
