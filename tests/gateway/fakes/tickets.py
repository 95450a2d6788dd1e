"""Tickets."""

from typing import Any

from portico.tickets.v1 import tickets_pb2, tickets_pb2_grpc
from tests.gateway.fakes.fake import Fake, page_of
from tests.gateway.fakes.world import uid


def ticket(number: int, **values: Any) -> tickets_pb2.Ticket:
    made = tickets_pb2.Ticket(
        id=uid(40_000 + number),
        number=f"T-{number:06}",
        subject="Hello",
        state=tickets_pb2.TICKET_STATE_OPEN,
        priority=tickets_pb2.PRIORITY_NORMAL,
        department=tickets_pb2.Department(id=uid(2), code="domains", name_hu="Domainek", name_en="Domains"),
        **values,
    )
    made.opened_at.FromJsonString("2026-01-01T00:00:00Z")
    made.updated_at.FromJsonString("2026-01-01T00:00:00Z")
    return made


class Tickets(Fake, tickets_pb2_grpc.TicketsServiceServicer):
    async def GetDashboard(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "GetDashboard"), [])
        return tickets_pb2.GetDashboardResponse(tickets=found, open_total=len(found))

    async def ListTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "ListTickets"), [])
        part, info = page_of(found, request.page)
        return tickets_pb2.ListTicketsResponse(tickets=part, page=info)

    async def BatchGetTickets(self, request: Any, context: Any) -> Any:
        found = self.world.tickets.get(await self.enter(request, context, "BatchGetTickets"), [])
        return tickets_pb2.BatchGetTicketsResponse(tickets=[t for t in found if t.id in set(request.ids)])

    async def ListMessages(self, request: Any, context: Any) -> Any:
        await self.enter(request, context, "ListMessages")
        return tickets_pb2.ListMessagesResponse()
