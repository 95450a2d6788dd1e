"""A paid invoice moves due dates: by calendar months, once, of this account's services only."""

import asyncio
from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.billing.v1 import billing_pb2, events_pb2
from portico.common.v1 import common_pb2
from portico.hosting.v1 import events_pb2 as hosting_events
from portico.hosting.v1 import hosting_pb2 as pb
from services.hosting.extensions import NothingToExtend, add_months
from tests.hosting.conftest import Shelf
from tests.serving import Serving, person


def paid(account: UUID, *lines: tuple[str, UUID, int]) -> events_pb2.InvoicePaid:
    invoice = billing_pb2.Invoice(
        id=str(uuid4()),
        number="SZ-2026-000042",
        lines=[
            billing_pb2.InvoiceLine(id=str(uuid4()), subject_type=kind, subject_id=str(subject), period_months=months)
            for kind, subject, months in lines
        ],
    )
    return events_pb2.InvoicePaid(invoice=invoice, account_id=str(account))


async def due(hosting: Serving, account: UUID, service_id: UUID) -> str:
    batch = pb.BatchGetServicesRequest(ids=[str(service_id)])
    (service,) = (await hosting.call(person(account, "hosting.read"), "BatchGetServices", batch)).services
    on: str = service.next_due_on
    return on


async def test_a_paid_line_moves_the_due_date_and_tells_of_it(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    service_id = await shelf.service(account, due=date(2026, 3, 15))
    event = paid(account, ("HostingService", service_id, 12), ("Domain", uuid4(), 12))
    await hosting.hear(event, account)
    assert await due(hosting, account, service_id) == "2027-03-15"
    (extended,) = await hosting.told(hosting_events.ServiceExtended, account)
    assert (extended.service_id, extended.due_before, extended.due_after, extended.invoice_id) == (
        str(service_id),
        "2026-03-15",
        "2027-03-15",
        event.invoice.id,
    )
    *planted, audit = await hosting.told(common_pb2.AuditRecorded, account)
    assert [e.action for e in planted] == ["hosting.created", "hosting.login_saved"]
    assert (audit.action, audit.actor.kind, audit.subject_id) == ("hosting.extended", "system", str(service_id))


async def test_a_repeated_event_moves_nothing(hosting: Serving, shelf: Shelf) -> None:
    account, message = uuid4(), uuid4()
    service_id = await shelf.service(account, due=date(2026, 3, 15))
    event = paid(account, ("HostingService", service_id, 1))
    await hosting.hear(event, account, message_id=message)
    await hosting.hear(event, account, message_id=message)
    await asyncio.gather(*(hosting.hear(event, account) for _ in range(5)))
    assert await due(hosting, account, service_id) == "2026-04-15"
    assert len(await hosting.told(hosting_events.ServiceExtended, account)) == 1


async def test_two_invoices_at_once_both_count(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    one, two = [await shelf.service(account, due=date(2026, 1, 1)) for _ in range(2)]
    events = [
        paid(account, *(("HostingService", service, 1) for service in order))
        for order in ((one, two), (two, one), (one, two))
    ]
    await asyncio.gather(*(hosting.hear(event, account) for event in events))
    assert [await due(hosting, account, service) for service in (one, two)] == ["2026-04-01"] * 2


async def test_the_agreed_day_comes_back_after_a_short_month(hosting: Serving, shelf: Shelf) -> None:
    account = uuid4()
    service_id = await shelf.service(account, due=date(2027, 1, 31))
    seen = []
    for _ in range(3):
        await hosting.hear(paid(account, ("HostingService", service_id, 1)), account)
        seen.append(await due(hosting, account, service_id))
    assert seen == ["2027-02-28", "2027-03-31", "2027-04-30"]


@pytest.mark.parametrize(("state", "mine"), [("ACTIVE", False), ("TERMINATED", True), ("FAILED", True)])
async def test_money_for_what_cannot_be_extended_is_not_swallowed(
    hosting: Serving, shelf: Shelf, state: str, mine: bool
) -> None:
    account, owner = uuid4(), uuid4()
    service_id = await shelf.service(account if mine else owner, state=state, due=date(2026, 1, 1))
    with pytest.raises(NothingToExtend):
        await hosting.hear(paid(account, ("HostingService", service_id, 1)), account)
    assert await due(hosting, account if mine else owner, service_id) == "2026-01-01"
    assert not await hosting.told(hosting_events.ServiceExtended, account)


@given(st.dates(date(2000, 1, 1), date(2200, 1, 1)), st.integers(1, 120), st.integers(1, 120))
def test_months_add_up_and_clamp_to_the_last_day(day: date, first: int, second: int) -> None:
    there = add_months(day, first, day.day)
    assert (there.year - day.year) * 12 + there.month - day.month == first
    assert there.day == day.day or (there.day < day.day and add_months(there, 0, 31) == there)
    assert add_months(there, second, day.day) == add_months(day, first + second, day.day)
