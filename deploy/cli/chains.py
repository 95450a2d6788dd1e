"""portico chain: whether the event log is as it was written."""

import uuid
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.session import Json, Session, connect
from portico.identity.v1 import operator_pb2 as pb
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

app = typer.Typer(help="The event log's chains of hashes.", no_args_is_help=True)

_HOUSE = {str(uuid.UUID(int=0)): "house"}
_BROKEN = 1
#: A chain of a million rows takes about half a minute.
_SECONDS = 600.0


@app.command()
def verify(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help='A number or id, or "house": what operators did to no account.')] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every account's, and the house's.")] = False,
    as_json: Json = False,
) -> None:
    """Recompute a chain, or all; the first broken row is named, and the exit code is 1."""
    if bool(account) == everything:
        raise typer.BadParameter("name an account, or say --all")
    operator = connect(context, as_json)
    told, broken = [], 0
    for name, ref in _chains(operator) if everything else [(account, account)]:
        verdict = _verify(operator, ref)
        broken += verdict.HasField("broken")
        if as_json:
            told.append({"account": name, "rows": verdict.rows, "broken": _row(verdict), "cause": verdict.cause})
        elif verdict.HasField("broken"):
            typer.echo(f"{name}: BROKEN at row {verdict.broken}: {verdict.cause} ({verdict.rows} rows before it fit)")
        else:
            typer.echo(f"{name}: {verdict.rows} rows, all fit")
    if as_json:
        output.print_json(told)
    elif broken and everything:
        typer.echo(f"{broken} chains are broken.", err=True)
    if broken:
        raise typer.Exit(_BROKEN)


def _chains(operator: Session) -> list[tuple[str, str]]:
    """(what it is called, its account) of each."""
    method = operator.stub(OperatorServiceStub).ListChains
    answer = output.pages(lambda page: operator.call(method, pb.ListChainsRequest(page=page)), 100, "", True)
    return [(one.number or _HOUSE.get(one.account_id, one.account_id), one.account_id) for one in answer.chains]


def _verify(operator: Session, ref: str) -> pb.VerifyChainResponse:
    method = operator.stub(OperatorServiceStub).VerifyChain
    return operator.call(method, pb.VerifyChainRequest(account=ref), seconds=_SECONDS)


def _row(verdict: pb.VerifyChainResponse) -> int | None:
    return verdict.broken if verdict.HasField("broken") else None
