"""The tickets service through gRPC, on its own real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2 as domains_events
from portico.tickets.v1 import events_pb2, tickets_pb2, tickets_pb2_grpc
from services.chassis import times
from services.tickets.app import App
from services.tickets.events import CONSUMES
from services.tickets.rpc import TicketsRpc
from services.tickets.tickets import open_ticket
from tests.serving import Database, Serving, holding_all_but, person, serving


@pytest.fixture(scope="session")
async def tickets(database: Database, run_dir: Path) -> AsyncIterator[Serving]:
    async with serving(
        "tickets",
        await database("tickets"),
        run_dir,
        make_app=App,
        register=lambda server, app: tickets_pb2_grpc.add_TicketsServiceServicer_to_server(TicketsRpc(app), server),
        make_stub=tickets_pb2_grpc.TicketsServiceStub,
        consumes=CONSUMES,
    ) as running:
        yield running


def completed(account: UUID, *, failed: bool = False, locale: str = "hu") -> domains_events.OrderCompleted:
    at = datetime(2027, 11, 23, tzinfo=UTC)
    return domains_events.OrderCompleted(
        order_id=str(uuid4()),
        account_id=str(account),
        outcomes=[
            domains_events.OrderOutcome(
                domain_id=str(uuid4()),
                name="pelda.hu",
                unicode_name="pelda.hu",
                registered=not failed,
                reason="DOMAIN_TAKEN" if failed else "",
                expires_at=None if failed else times.to_pb(at),
            )
        ],
        locale=locale,
    )


async def test_an_order_of_ten_thousand_names_gets_a_ticket_that_can_be_read(tickets: Serving) -> None:
    account = uuid4()
    event = completed(account)
    at = times.to_pb(datetime(2027, 11, 23, tzinfo=UTC))
    for n in range(9_999):
        name, good = f"{'x' * 50}{n}.hu", n % 2 == 0
        event.outcomes.add(
            domain_id=str(uuid4()),
            name=name,
            unicode_name=name,
            registered=good,
            reason="" if good else "DOMAIN_TAKEN",
            expires_at=at if good else None,
        )
    await tickets.hear(event, account)
    reader = person(account, "tickets.read")
    [ticket] = (await tickets.call(reader, "ListTickets", tickets_pb2.ListTicketsRequest())).tickets
    request = tickets_pb2.ListMessagesRequest(ticket_ids=[ticket.id])
    [page] = (await tickets.call(reader, "ListMessages", request)).pages
    assert "pelda.hu (lejárat: 2027. 11. 23.)" in page.messages[0].body
    assert "– és további 4901" in page.messages[0].body
    assert "– és további 4899" in page.messages[0].body


async def opened(tickets: Serving, account: UUID, subject: str, minute: int = 0) -> UUID:
    now = datetime(2026, 11, 1, 12, minute, tzinfo=UTC)
    async with tickets.db.transaction() as tx:
        made = await open_ticket(
            tx,
            person(account, "tickets.write"),
            subject=subject,
            body=f"body of {subject}",
            department="technical",
            now=now,
            author=("customer", "Anna"),
        )
    assert made is not None
    return made


async def test_a_completed_order_opens_one_ticket_however_often_it_is_heard_of(tickets: Serving) -> None:
    account = uuid4()
    event = completed(account)
    await tickets.hear(event, account)
    await tickets.hear(event, account)
    answer = await tickets.call(person(account, "tickets.read"), "ListTickets", tickets_pb2.ListTicketsRequest())
    [ticket] = answer.tickets
    assert ticket.subject == "Domainregisztráció: pelda.hu"
    assert ticket.state == tickets_pb2.TICKET_STATE_ANSWERED
    assert ticket.related_id == event.outcomes[0].domain_id
    messages = await tickets.call(
        person(account, "tickets.read"), "ListMessages", tickets_pb2.ListMessagesRequest(ticket_ids=[ticket.id])
    )
    assert "2027. 11. 23." in messages.pages[0].messages[0].body
    assert len(await tickets.told(events_pb2.TicketOpened, account)) == 1


async def test_a_failed_registration_leaves_the_ticket_open_and_says_why_in_english(tickets: Serving) -> None:
    account = uuid4()
    await tickets.hear(completed(account, failed=True, locale="en"), account)
    reader = person(account, "tickets.read")
    answer = await tickets.call(reader, "GetDashboard", tickets_pb2.GetDashboardRequest())
    [ticket] = answer.tickets
    assert (ticket.state, answer.open_total) == (tickets_pb2.TICKET_STATE_OPEN, 1)
    messages = await tickets.call(reader, "ListMessages", tickets_pb2.ListMessagesRequest(ticket_ids=[ticket.id]))
    assert "somebody else registered it" in messages.pages[0].messages[0].body


async def test_a_cancelled_transfer_is_not_told_of_as_a_failure(tickets: Serving) -> None:
    account = uuid4()
    event = completed(account, failed=True)
    event.outcomes[0].action, event.outcomes[0].reason = "TRANSFER", "TRANSFER_CANCELLED"
    event.outcomes.add(domain_id=str(uuid4()), unicode_name="mas.hu", action="TRANSFER", reason="TRANSFER_REJECTED")
    await tickets.hear(event, account)
    reader = person(account, "tickets.read")
    [ticket] = (await tickets.call(reader, "GetDashboard", tickets_pb2.GetDashboardRequest())).tickets
    messages = await tickets.call(reader, "ListMessages", tickets_pb2.ListMessagesRequest(ticket_ids=[ticket.id]))
    _, cancelled, failed, _ = messages.pages[0].messages[0].body.split("\n\n")
    assert cancelled == "A következők átregisztrációját visszavonták, díjukat visszaírtuk az egyenlegére:\n– pelda.hu"
    assert failed.endswith("\n– mas.hu: a jelenlegi regisztrátor elutasította")


async def test_pages_walk_the_whole_list_newest_first_and_search_finds_by_part_and_number(tickets: Serving) -> None:
    account = uuid4()
    ids = [await opened(tickets, account, f"Levelezés {n}", n) for n in range(7)]
    reader, seen, after = person(account, "tickets.read"), [], ""
    while True:
        page = common_pb2.PageRequest(first=3, after=after)
        answer = await tickets.call(reader, "ListTickets", tickets_pb2.ListTicketsRequest(page=page))
        seen += [ticket.id for ticket in answer.tickets]
        if not answer.page.has_next:
            break
        after = answer.page.cursors[-1]
    assert seen == [str(one) for one in reversed(ids)]
    found = await tickets.call(reader, "ListTickets", tickets_pb2.ListTicketsRequest(search="levelezés 3"))
    assert [ticket.id for ticket in found.tickets] == [str(ids[3])]
    none = await tickets.call(reader, "ListTickets", tickets_pb2.ListTicketsRequest(search="%"))
    assert not none.tickets
    states = [tickets_pb2.TICKET_STATE_CLOSED]
    assert not (await tickets.call(reader, "ListTickets", tickets_pb2.ListTicketsRequest(states=states))).tickets


REQUESTS = {
    "GetDashboard": tickets_pb2.GetDashboardRequest(),
    "ListTickets": tickets_pb2.ListTicketsRequest(),
    "BatchGetTickets": tickets_pb2.BatchGetTicketsRequest(ids=[str(uuid4())]),
    "ListMessages": tickets_pb2.ListMessagesRequest(ticket_ids=[str(uuid4())]),
}


@pytest.mark.parametrize("method", REQUESTS)
async def test_each_call_refuses_who_lacks_the_right_and_who_has_no_token(tickets: Serving, method: str) -> None:
    nobody = holding_all_but(person(uuid4()), "tickets.read")
    refused = await tickets.refused(nobody, method, REQUESTS[method])
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert refused.metadata == {"permission": "tickets.read"}
    assert (await tickets.refused(None, method, REQUESTS[method])).code is grpc.StatusCode.UNAUTHENTICATED


async def test_another_account_and_a_limited_grant_see_only_their_own(tickets: Serving) -> None:
    account = uuid4()
    first, second = await opened(tickets, account, "első"), await opened(tickets, account, "második")
    both = [str(first), str(second)]
    stranger = person(uuid4(), "tickets.read")
    limited = person(account, "tickets.read", resources=frozenset({first}))
    get, read = tickets_pb2.BatchGetTicketsRequest(ids=both), tickets_pb2.ListMessagesRequest(ticket_ids=both)
    assert not (await tickets.call(stranger, "BatchGetTickets", get)).tickets
    assert not (await tickets.call(stranger, "ListMessages", read)).pages
    assert [t.id for t in (await tickets.call(limited, "BatchGetTickets", get)).tickets] == [str(first)]
    assert [p.ticket_id for p in (await tickets.call(limited, "ListMessages", read)).pages] == [str(first)]
    dashboard = await tickets.call(limited, "GetDashboard", tickets_pb2.GetDashboardRequest())
    assert dashboard.open_total == 1


async def test_the_messages_of_many_tickets_cost_one_statement(tickets: Serving) -> None:
    account = uuid4()
    ids = [str(await opened(tickets, account, f"sok {n}")) for n in range(12)]
    reader = person(account, "tickets.read")
    few = await tickets.statements(reader, "ListMessages", tickets_pb2.ListMessagesRequest(ticket_ids=ids[:2]))
    many = await tickets.statements(reader, "ListMessages", tickets_pb2.ListMessagesRequest(ticket_ids=ids))
    assert few == many == 1


async def test_bad_fields_are_named(tickets: Serving) -> None:
    reader = person(uuid4(), "tickets.read")
    page = common_pb2.PageRequest(first=0)
    refused = await tickets.refused(reader, "ListTickets", tickets_pb2.ListTicketsRequest(page=page))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["page.first"])
    request = tickets_pb2.BatchGetTicketsRequest(ids=["x"])
    assert (await tickets.refused(reader, "BatchGetTickets", request)).fields == ["ids[0]"]
    cursor = common_pb2.PageRequest(after="bm9uc2Vuc2U")
    forged = await tickets.refused(reader, "ListTickets", tickets_pb2.ListTicketsRequest(page=cursor))
    assert forged.reason == "CURSOR_INVALID"
