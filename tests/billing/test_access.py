"""Who may call, and that nothing of another account shows."""

from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.message import Message

from portico.billing.v1 import billing_pb2 as pb
from portico.common.v1.common_pb2 import PageRequest
from tests.billing.conftest import Books
from tests.serving import Serving, holding_all_but, person

ID = str(uuid4())
PAY = {"request_id": "a-request", "invoice_ids": [ID], "method": pb.PAYMENT_METHOD_CREDIT}
CALLS: list[tuple[str, Message, str]] = [
    ("GetDashboard", pb.GetDashboardRequest(), "billing.read"),
    ("ListInvoices", pb.ListInvoicesRequest(), "billing.read"),
    ("BatchGetInvoices", pb.BatchGetInvoicesRequest(ids=[ID]), "billing.read"),
    ("GetBalance", pb.GetBalanceRequest(), "billing.read"),
    ("PayInvoices", pb.PayInvoicesRequest(**PAY), "billing.pay"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("method", "request_", "permission"), CALLS)
async def test_an_actor_without_the_right_is_refused(
    billing: Serving, method: str, request_: Message, permission: str
) -> None:
    refused = await billing.refused(holding_all_but(person(uuid4()), permission), method, request_)
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert refused.metadata == {"permission": permission}


@pytest.mark.parametrize("method", [call[0] for call in CALLS] + ["ListPrices"])
async def test_a_call_without_a_token_is_refused(billing: Serving, method: str) -> None:
    request = {"ListPrices": pb.ListPricesRequest(), **{name: message for name, message, _ in CALLS}}[method]
    assert (await billing.refused(None, method, request)).code == grpc.StatusCode.UNAUTHENTICATED


async def test_nothing_of_another_account_shows(billing: Serving, books: Books) -> None:
    anna, david = await books.customer(), await books.customer()
    await books.top_up(anna, 100_000)
    await books.top_up(david, 100_000)
    annas = await books.proforma(anna)
    stranger = person(david, "billing.read", "billing.pay")
    assert not (await billing.call(stranger, "GetDashboard", pb.GetDashboardRequest())).invoices
    assert not (await billing.call(stranger, "ListInvoices", pb.ListInvoicesRequest())).invoices
    batch = pb.BatchGetInvoicesRequest(ids=[str(annas.id)])
    assert not (await billing.call(stranger, "BatchGetInvoices", batch)).invoices
    assert (await billing.call(stranger, "GetBalance", pb.GetBalanceRequest())).outstanding.minor == 0
    foreign = await billing.refused(stranger, "PayInvoices", pay(annas.id))
    unknown = await billing.refused(stranger, "PayInvoices", pay(uuid4()))
    assert (foreign.code, foreign.reason, foreign.fields) == (unknown.code, unknown.reason, unknown.fields)
    assert (foreign.reason, foreign.fields) == ("INVOICE_NOT_FOUND", ["invoice_ids[0]"])


async def test_a_grant_on_named_invoices_reaches_only_those(billing: Serving, books: Books) -> None:
    account = await books.customer()
    await books.top_up(account, 100_000)
    shown, hidden = await books.proforma(account, 1000), await books.proforma(account, 2000)
    limited = person(account, "billing.read", "billing.pay", resources=frozenset({shown.id}))
    dashboard = await billing.call(limited, "GetDashboard", pb.GetDashboardRequest())
    listed = await billing.call(limited, "ListInvoices", pb.ListInvoicesRequest())
    both = pb.BatchGetInvoicesRequest(ids=[str(hidden.id), str(shown.id)])
    batch = await billing.call(limited, "BatchGetInvoices", both)
    for answer in (dashboard, listed, batch):
        assert [invoice.id for invoice in answer.invoices] == [str(shown.id)]
    balance = await billing.call(limited, "GetBalance", pb.GetBalanceRequest())
    assert balance == dashboard.balance
    assert balance.outstanding.minor == shown.gross
    assert not balance.HasField("credit")
    refused = await billing.refused(limited, "PayInvoices", pay(shown.id, hidden.id))
    assert (refused.reason, refused.fields) == ("INVOICE_NOT_FOUND", ["invoice_ids[1]"])
    paid = await billing.call(limited, "PayInvoices", pay(shown.id))
    assert [invoice.state for invoice in paid.invoices] == [pb.INVOICE_STATE_PAID] * 2


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("GetDashboard", pb.GetDashboardRequest(limit=-1), "limit"),
        ("GetDashboard", pb.GetDashboardRequest(limit=21), "limit"),
        ("ListInvoices", pb.ListInvoicesRequest(page=PageRequest(first=0)), "page.first"),
        ("ListInvoices", pb.ListInvoicesRequest(page=PageRequest(first=1000)), "page.first"),
        ("ListInvoices", pb.ListInvoicesRequest(page=PageRequest(last=101)), "page.last"),
        ("ListInvoices", pb.ListInvoicesRequest(page=PageRequest(after="nonsense")), "page.after"),
        ("ListInvoices", pb.ListInvoicesRequest(search="x" * 101), "search"),
        ("ListInvoices", pb.ListInvoicesRequest(states=[pb.INVOICE_STATE_UNSPECIFIED]), "states[0]"),
        ("ListInvoices", pb.ListInvoicesRequest(kinds=[pb.INVOICE_KIND_STORNO, 77]), "kinds[1]"),  # type: ignore[list-item]
        ("BatchGetInvoices", pb.BatchGetInvoicesRequest(), "ids"),
        ("BatchGetInvoices", pb.BatchGetInvoicesRequest(ids=[ID, "1 OR 1=1"]), "ids[1]"),
        ("PayInvoices", pb.PayInvoicesRequest(**{**PAY, "request_id": ""}), "request_id"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**{**PAY, "request_id": "short"}), "request_id"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**{**PAY, "invoice_ids": []}), "invoice_ids"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**{**PAY, "method": 0}), "method"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**{**PAY, "method": 9}), "method"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**PAY, amount={"minor": 5}), "amount.currency"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**PAY, amount={"minor": 0, "currency": "HUF"}), "amount.minor"),  # type: ignore[arg-type]
        ("PayInvoices", pb.PayInvoicesRequest(**PAY, amount={"minor": -1, "currency": "HUF"}), "amount.minor"),  # type: ignore[arg-type]
        ("ListPrices", pb.ListPricesRequest(currency="forint"), "currency"),
    ],
)
async def test_a_bad_field_is_named(billing: Serving, method: str, request_: Message, field: str) -> None:
    refused = await billing.refused(person(uuid4(), "billing.read", "billing.pay"), method, request_)
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == [field]


def pay(*invoice_ids: UUID) -> pb.PayInvoicesRequest:
    return pb.PayInvoicesRequest(
        request_id=str(uuid4()), invoice_ids=map(str, invoice_ids), method=pb.PAYMENT_METHOD_CREDIT
    )
