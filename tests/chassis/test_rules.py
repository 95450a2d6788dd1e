"""The field rules of the protos, on messages that the protos have."""

from uuid import uuid4

import pytest
from google.protobuf.message import Message

from portico.billing.v1 import billing_pb2
from portico.common.v1 import common_pb2
from portico.tickets.v1 import tickets_pb2
from services.chassis.rules import violations

ID = str(uuid4())

LONG_CURSOR = common_pb2.PageRequest(before="x" * 1001)
BAD_STEP = common_pb2.OperationUpdated(
    operation=common_pb2.Operation(steps=[common_pb2.OperationStep(name="a"), common_pb2.OperationStep(detail="\0")])
)


def good_payment(**changed: object) -> billing_pb2.PayInvoicesRequest:
    fields: dict[str, object] = {"request_id": "request-1", "invoice_ids": [ID], "method": 1, **changed}
    return billing_pb2.PayInvoicesRequest(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_",
    [
        good_payment(),
        tickets_pb2.ListTicketsRequest(),
        tickets_pb2.ListTicketsRequest(search="ő" * 200, page=common_pb2.PageRequest(first=100)),
        tickets_pb2.BatchGetTicketsRequest(ids=[ID] * 1000),
        tickets_pb2.BatchGetTicketsRequest(ids=[ID.upper()]),
        tickets_pb2.GetDashboardRequest(limit=20),
    ],
)
def test_good_request_breaks_no_rule(request_: Message) -> None:
    assert list(violations(request_)) == []


@pytest.mark.parametrize(
    ("request_", "field", "problem"),
    [
        (good_payment(request_id=""), "request_id", "is required"),
        (good_payment(request_id="short"), "request_id", "must have at least 8 characters"),
        (good_payment(request_id="x" * 201), "request_id", "must have at most 200 characters"),
        (good_payment(request_id="request\0-1"), "request_id", "must not contain a zero byte"),
        (good_payment(invoice_ids=[]), "invoice_ids", "is required"),
        (good_payment(invoice_ids=[ID, ""]), "invoice_ids[1]", "is no UUID"),
        (good_payment(invoice_ids=[ID.replace("-", "")]), "invoice_ids[0]", "is no UUID"),
        (good_payment(method=0), "method", "is required"),
        (tickets_pb2.BatchGetTicketsRequest(ids=[ID] * 1001), "ids", "must have at most 1000 items"),
        (tickets_pb2.GetDashboardRequest(limit=-1), "limit", "must be at least 0"),
        (tickets_pb2.GetDashboardRequest(limit=21), "limit", "must be at most 20"),
        (tickets_pb2.ListTicketsRequest(page=common_pb2.PageRequest(last=0)), "page.last", "must be at least 1"),
        (tickets_pb2.ListTicketsRequest(page=LONG_CURSOR), "page.before", "must have at most 1000 characters"),
        (common_pb2.Money(currency="huf"), "currency", "is malformed"),
        (common_pb2.Money(currency="HUF\n"), "currency", "is malformed"),
        (BAD_STEP, "operation.steps[1].detail",
         "must not contain a zero byte"),
    ],
)  # fmt: skip
def test_broken_rule_names_the_field_and_the_problem(request_: Message, field: str, problem: str) -> None:
    assert list(violations(request_)) == [(field, problem)]
