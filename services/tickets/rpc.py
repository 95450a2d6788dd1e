"""portico.tickets.v1.TicketsService: between protos and use cases, nothing else."""

from uuid import UUID

from portico.tickets.v1 import tickets_pb2 as pb
from portico.tickets.v1 import tickets_pb2_grpc
from services.chassis import pages, times
from services.chassis.grpc import Call, requires
from services.tickets import store
from services.tickets.app import App
from services.tickets.tickets import to_pb


class TicketsRpc(tickets_pb2_grpc.TicketsServiceServicer):
    def __init__(self, app: App) -> None:
        self.db = app.db

    @requires("tickets.read")
    async def GetDashboard(self, req: pb.GetDashboardRequest, call: Call) -> pb.GetDashboardResponse:
        account, resources = call.actor.account_id, call.scope.resources
        async with self.db.transaction(isolation="repeatable_read") as tx:
            rows = await store.newest_open(tx, account, resources, req.limit or 5)
            total = await store.open_total(tx, account, resources)
        return pb.GetDashboardResponse(tickets=map(to_pb, rows), open_total=total)

    @requires("tickets.read")
    async def ListTickets(self, req: pb.ListTicketsRequest, call: Call) -> pb.ListTicketsResponse:
        rows, info = await store.list_tickets(
            self.db,
            call.actor.account_id,
            call.scope.resources,
            states=[pb.TicketState.Name(state).removeprefix("TICKET_STATE_") for state in req.states],
            search=req.search,
            page=pages.read(req.page),
        )
        return pb.ListTicketsResponse(tickets=map(to_pb, rows), page=info)

    @requires("tickets.read")
    async def BatchGetTickets(self, req: pb.BatchGetTicketsRequest, call: Call) -> pb.BatchGetTicketsResponse:
        ids = [UUID(text) for text in req.ids]
        rows = await store.by_ids(self.db, call.actor.account_id, call.scope.resources, ids)
        return pb.BatchGetTicketsResponse(tickets=map(to_pb, rows))

    @requires("tickets.read")
    async def ListMessages(self, req: pb.ListMessagesRequest, call: Call) -> pb.ListMessagesResponse:
        ids = [UUID(text) for text in req.ticket_ids]
        found = await store.message_pages(
            self.db, call.actor.account_id, call.scope.resources, ids, pages.read(req.page)
        )
        return pb.ListMessagesResponse(
            pages=[
                pb.MessagePage(
                    ticket_id=str(ticket_id),
                    messages=[
                        pb.Message(
                            id=str(row["id"]),
                            ticket_id=str(ticket_id),
                            author_kind=row["author_kind"],
                            author_name=row["author_name"],
                            body=row["body"],
                            sent_at=times.to_pb(row["sent_at"]),
                        )
                        for row in rows
                    ],
                    page=info,
                )
                for ticket_id, rows, info in found
            ]
        )
