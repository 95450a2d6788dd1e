"""Paying from credit: all or none, once, and nothing lost."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc

from portico.billing.v1 import billing_pb2 as pb
from portico.billing.v1 import events_pb2
from portico.common.v1 import common_pb2
from services.billing import payments
from tests.billing.conftest import Books
from tests.serving import Refused, Serving, person


def request(
    *invoice_ids: UUID, key: str = "", amount: int | None = None, currency: str = "HUF"
) -> pb.PayInvoicesRequest:
    money = None if amount is None else common_pb2.Money(minor=amount, currency=currency)
    return pb.PayInvoicesRequest(
        request_id=key or str(uuid4()),
        invoice_ids=map(str, invoice_ids),
        method=pb.PAYMENT_METHOD_CREDIT,
        amount=money,
    )


async def credit(billing: Serving, account: UUID) -> int:
    balance = await billing.call(person(account, "billing.read"), "GetBalance", pb.GetBalanceRequest())
    minor: int = balance.credit.minor
    return minor


async def pay(billing: Serving, account: UUID, wanted: pb.PayInvoicesRequest) -> pb.PayInvoicesResponse:
    answer: pb.PayInvoicesResponse = await billing.call(person(account, "billing.pay"), "PayInvoices", wanted)
    return answer


async def refusal(billing: Serving, account: UUID, wanted: pb.PayInvoicesRequest) -> Refused:
    return await billing.refused(person(account, "billing.pay"), "PayInvoices", wanted)


async def test_paying_a_proforma_issues_the_final_invoice_and_tells_of_it_once(billing: Serving, books: Books) -> None:
    account, order = await books.customer(), uuid4()
    await books.top_up(account, 10_000)
    proforma = await books.proforma(account, 2900, 4990, order_id=order)
    assert proforma.number.startswith("D-")
    assert (proforma.net, proforma.vat, proforma.gross) == (7890, 783 + 1347, 10_020)
    await books.top_up(account, 20)
    answer = await pay(billing, account, request(proforma.id, amount=10_020))
    paid, final = answer.invoices
    assert (paid.id, paid.state, paid.due.minor) == (str(proforma.id), pb.INVOICE_STATE_PAID, 0)
    assert (final.kind, final.state, final.due.minor) == (pb.INVOICE_KIND_INVOICE, pb.INVOICE_STATE_PAID, 0)
    assert final.number.startswith("SZ-")
    assert (paid.replaced_by_id, final.replaces_id) == (final.id, paid.id)
    assert paid.payments == final.payments
    assert [payment.amount.minor for payment in final.payments] == [10_020]
    assert [line.subject_id for line in final.lines] == [line.subject_id for line in paid.lines]
    assert (answer.balance.credit.minor, answer.balance.outstanding.minor) == (0, 0)
    (event,) = await billing.told(events_pb2.InvoicePaid, account)
    assert event.invoice == final
    assert (event.proforma_id, event.order_id, event.actor.kind) == (str(proforma.id), str(order), "user")
    recorded = {e.action: e for e in await billing.told(common_pb2.AuditRecorded, account)}
    assert set(recorded) == {"credit.topped_up", "invoice.paid", "invoice.issued"}
    assert (recorded["invoice.issued"].actor.kind, recorded["invoice.issued"].subject_label) == ("system", final.number)
    audit = recorded["invoice.paid"]
    assert (audit.action, audit.subject_label, audit.actor.label) == (
        "invoice.paid",
        proforma.number,
        "somebody@minta.example",
    )


async def test_repeating_a_request_changes_nothing_and_answers_the_same(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 10_000)
    proforma = await books.proforma(account)
    wanted = request(proforma.id)
    assert await pay(billing, account, wanted) == await pay(billing, account, wanted)
    assert await credit(billing, account) == 10_000 - 1270
    assert len(await billing.told(events_pb2.InvoicePaid, account)) == 1
    refused = await refusal(billing, account, request(proforma.id, key=wanted.request_id, amount=1270))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "IDEMPOTENCY_CONFLICT")


async def test_a_request_sent_many_times_at_once_pays_once_and_gets_one_answer(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 10_000)
    wanted = request((await books.proforma(account)).id)
    first, *others = await asyncio.gather(*(pay(billing, account, wanted) for _ in range(12)))
    assert all(other == first for other in others)
    assert await credit(billing, account) == 10_000 - 1270
    assert len(await billing.told(events_pb2.InvoicePaid, account)) == 1


async def test_the_same_key_of_two_accounts_is_two_requests(billing: Serving, books: Books) -> None:
    for _ in range(2):
        account = await books.customer()
        await books.top_up(account, 1270)
        await pay(billing, account, request((await books.proforma(account)).id, key="the same key"))
        assert await credit(billing, account) == 0


async def test_twenty_payers_of_one_proforma_debit_once(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 100_000)
    proforma = await books.proforma(account)
    calls = (billing.call(person(account, "billing.pay"), "PayInvoices", request(proforma.id)) for _ in range(20))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, pb.PayInvoicesResponse) for answer in answers) == 1
    refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refusals) == 19
    assert all("is PAID" in (error.details() or "") for error in refusals)
    assert await credit(billing, account) == 100_000 - 1270
    assert len(await billing.told(events_pb2.InvoicePaid, account)) == 1


async def test_payers_of_crossing_invoices_never_deadlock(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 100_000)
    one, two = await books.proforma(account), await books.proforma(account)
    orders = [(one.id, two.id), (two.id, one.id)] * 6
    answers = await asyncio.gather(*(pay(billing, account, request(*ids)) for ids in orders), return_exceptions=True)
    assert sum(isinstance(answer, pb.PayInvoicesResponse) for answer in answers) == 1
    assert {answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)} == {
        grpc.StatusCode.FAILED_PRECONDITION
    }
    assert await credit(billing, account) == 100_000 - 2 * 1270


async def test_credit_is_never_spent_twice_by_different_invoices(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 3 * 1270)
    proformas = [await books.proforma(account) for _ in range(6)]
    calls = (pay(billing, account, request(proforma.id)) for proforma in proformas)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, pb.PayInvoicesResponse) for answer in answers) == 3
    assert await credit(billing, account) == 0


async def test_too_little_credit_pays_none_and_says_how_much_is_missing(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 2000)
    one, two = await books.proforma(account), await books.proforma(account)
    wanted = request(one.id, two.id)
    refused = await refusal(billing, account, wanted)
    assert refused.reason == "INSUFFICIENT_CREDIT"
    assert refused.metadata == {"needed": "2540", "available": "2000", "currency": "HUF"}
    assert await credit(billing, account) == 2000
    assert not await billing.told(events_pb2.InvoicePaid, account)
    await books.top_up(account, 540)
    assert len((await pay(billing, account, wanted)).invoices) == 4


async def test_one_unknown_invoice_pays_none(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 2000)
    proforma = await books.proforma(account)
    refused = await refusal(billing, account, request(proforma.id, uuid4()))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "INVOICE_NOT_FOUND")
    assert await credit(billing, account) == 2000


async def test_naming_an_invoice_twice_pays_it_once(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 2000)
    proforma = await books.proforma(account)
    assert len((await pay(billing, account, request(proforma.id, proforma.id, amount=1270))).invoices) == 2
    assert await credit(billing, account) == 730


async def test_another_sum_than_what_is_due_is_refused(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 2000)
    proforma = await books.proforma(account)
    for wrong in (request(proforma.id, amount=1000), request(proforma.id, amount=1270, currency="EUR")):
        refused = await refusal(billing, account, wrong)
        assert (refused.reason, refused.fields) == ("AMOUNT_MISMATCH", ["amount"])
        assert refused.metadata == {"due": "1270", "currency": "HUF"}
    assert await credit(billing, account) == 2000


async def test_currencies_do_not_mix(billing: Serving, books: Books) -> None:
    account = await books.customer()
    forints = await books.proforma(account)
    async with billing.db.transaction() as tx:
        await tx.execute("UPDATE customers SET currency = 'EUR' WHERE account_id = $1", account)
    euros = await books.proforma(account)
    refused = await refusal(billing, account, request(forints.id, euros.id))
    assert (refused.reason, refused.fields) == ("CURRENCIES_MIXED", ["invoice_ids"])


async def test_a_final_invoice_cannot_be_paid_again(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 5000)
    final = (await pay(billing, account, request((await books.proforma(account)).id))).invoices[1]
    refused = await refusal(billing, account, request(UUID(final.id)))
    assert (refused.reason, refused.metadata["state"]) == ("INVOICE_NOT_OPEN", "PAID")


async def test_the_rest_of_a_partly_paid_proforma_is_due(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 5000)
    proforma = await books.proforma(account)
    async with billing.db.transaction() as tx:
        await payments.pay_part(tx, proforma, 270, datetime.now(UTC))
    dashboard = await billing.call(person(account, "billing.read"), "GetDashboard", pb.GetDashboardRequest())
    assert [(i.state, i.due.minor) for i in dashboard.invoices] == [(pb.INVOICE_STATE_PARTIALLY_PAID, 1000)]
    paid, final = (await pay(billing, account, request(proforma.id, amount=1000))).invoices
    assert [payment.amount.minor for payment in final.payments] == [270, 1000]
    assert (paid.paid.minor, final.paid.minor) == (1270, 1270)
    assert await credit(billing, account) == 5000 - 1270


async def test_an_overdue_invoice_says_so_everywhere_and_can_be_paid(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 5000)
    late = await books.proforma(account, now=datetime.now(UTC) - timedelta(days=30))
    fresh = await books.proforma(account)
    reader = person(account, "billing.read")
    dashboard = await billing.call(reader, "GetDashboard", pb.GetDashboardRequest())
    assert [(i.id, i.state) for i in dashboard.invoices] == [
        (str(late.id), pb.INVOICE_STATE_OVERDUE),
        (str(fresh.id), pb.INVOICE_STATE_OPEN),
    ]
    assert (dashboard.balance.outstanding.minor, dashboard.balance.overdue.minor) == (2540, 1270)
    for state, expected in ((pb.INVOICE_STATE_OVERDUE, late), (pb.INVOICE_STATE_OPEN, fresh)):
        listed = await billing.call(reader, "ListInvoices", pb.ListInvoicesRequest(states=[state]))
        assert [i.id for i in listed.invoices] == [str(expected.id)]
    await pay(billing, account, request(late.id))
    assert (await billing.call(reader, "GetBalance", pb.GetBalanceRequest())).overdue.minor == 0
