"""portico dead: work that a service has given up."""

from enum import Enum
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.output import After, Everything, First
from deploy.cli.session import Json, Yes, confirm, connect
from portico.common.v1 import repair_pb2 as pb
from portico.common.v1.repair_pb2_grpc import RepairServiceStub

app = typer.Typer(help="Jobs and events that a service has given up.", no_args_is_help=True)


class Service(Enum):
    IDENTITY = "identity"
    DOMAINS = "domains"
    HOSTING = "hosting"
    BILLING = "billing"
    TICKETS = "tickets"


Named = Annotated[Service, typer.Argument()]


@app.command("list")
def list_(
    context: typer.Context,
    service: Named,
    first: First = 20,
    after: After = "",
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """List them with their causes, the newest first. Dead letters of the service's queue are among them."""
    operator = connect(context, as_json)
    method = operator.stub(RepairServiceStub, service.value).ListDeadJobs
    answer = output.pages(
        lambda page: operator.call(method, pb.ListDeadJobsRequest(page=page)), first, after, everything
    )
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (one.id, one.event or one.kind, one.account_id, str(one.attempts), output.moment(one, "created_at"), one.cause)
        for one in answer.jobs
    ]
    output.table(("ID", "WORK", "ACCOUNT", "TRIED", "SINCE", "CAUSE"), rows, f"{service.value} has given nothing up.")
    if answer.broker_away:
        typer.echo("The broker is away: there may be dead letters beside these.", err=True)
    output.more(answer.page)


@app.command()
def replay(
    context: typer.Context,
    service: Named,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every one that is given up now.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Try them again, with all attempts before them. Repair the cause first."""
    if bool(ids) == everything:
        raise typer.BadParameter("name ids, or say --all")
    operator = connect(context, as_json)
    if everything:
        confirm(f"Try everything again that {service.value} has given up?", yes)
    request = pb.ReplayDeadJobsRequest(ids=ids or [], all=everything)
    answer = operator.call(operator.stub(RepairServiceStub, service.value).ReplayDeadJobs, request)
    if as_json:
        output.as_json(answer)
        return
    typer.echo(f"{len(answer.ids)} will be tried again." if answer.ids else "None of them is given up.")
