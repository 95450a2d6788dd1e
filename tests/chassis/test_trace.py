"""One trace from a call to the last thing that it set off."""

import secrets
from pathlib import Path
from uuid import uuid4

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deploy.parts import Parts
from portico.tickets.v1 import events_pb2, tickets_pb2
from services.chassis import jobs
from services.chassis.db import Tx
from tests.chassis.conftest import NewDatabase
from tests.chassis.echo import FULL_NAME, KEY, App, eventually, running
from tests.chassis.test_edge import Caller


async def test_one_trace_goes_through_call_event_consumer_and_job(
    database: NewDatabase, parts: Parts, jwks: Path, caller: Caller, spans: InMemorySpanExporter
) -> None:
    trace_id = secrets.token_hex(16)

    async def call_back(_job: jobs.LeasedJob, _app: App) -> None:
        return

    async def add_job(tx: Tx, event: events_pb2.TicketOpened) -> None:
        await jobs.add(tx, "call_back", {"ticket": event.ticket.id})

    async with running(
        await database("trace"), parts.rabbitmq.url, jwks, job_handlers={"call_back": call_back}
    ) as echo:
        echo.app.handle = add_job
        call = caller()
        call["metadata"] += (("traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-01"),)
        await echo.stub.BatchGetTickets(tickets_pb2.BatchGetTicketsRequest(ids=[str(uuid4())]), **call)

        async def names() -> bool:
            found = {
                span.name
                for span in spans.get_finished_spans()
                if span.context and span.context.trace_id == int(trace_id, 16)
            }
            return found >= {f"{FULL_NAME}/BatchGetTickets", f"consume {KEY}", "job call_back"}

        await eventually(names)
