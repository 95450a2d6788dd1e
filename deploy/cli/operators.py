"""portico operator: colleagues and their credentials."""

from datetime import UTC
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.session import Json, Yes, confirm, connect
from deploy.cli.settings import keep_credential
from portico.identity.v1 import operator_pb2 as pb
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

app = typer.Typer(help="Operators and their credentials.", no_args_is_help=True)

Ips = Annotated[list[str] | None, typer.Option("--ip", help="Good from this address or network alone; repeatable.")]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What customers read in their event log.")],
    email: Annotated[str, typer.Argument()],
    ip: Ips = None,
    as_json: Json = False,
) -> None:
    """Make an operator and print the credential, once."""
    operator = connect(context, as_json)
    request = pb.CreateOperatorRequest(name=name, email=email, ips=ip or [])
    _print(operator.call(operator.stub(OperatorServiceStub).CreateOperator, request), as_json)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List operators by name."""
    operator = connect(context, as_json)
    answer = operator.call(operator.stub(OperatorServiceStub).ListOperators, pb.ListOperatorsRequest())
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (
            one.name,
            one.email,
            f"disabled {output.moment(one, 'disabled_at')}"
            if one.HasField("disabled_at")
            else output.moment(one, "credential_expires_at"),
            output.moment(one, "last_used_at"),
            ", ".join(one.ips),
        )
        for one in answer.operators
    ]
    output.table(("NAME", "E-MAIL", "CREDENTIAL ENDS", "LAST USED", "FROM"), rows, "There is no operator.")


@app.command()
def renew(
    context: typer.Context,
    ip: Ips = None,
    as_json: Json = False,
) -> None:
    """Get a credential in place of your present one, which ends; it goes into your configuration file.

    A colleague who lost its own gets one where yours came from: python -m services.identity operator renew NAME.
    """
    operator = connect(context, as_json)
    request = pb.RenewCredentialRequest(ips=ip or [])
    answer = operator.call(operator.stub(OperatorServiceStub).RenewCredential, request)
    file = operator.settings.file
    try:
        ends = answer.operator.credential_expires_at.ToDatetime(tzinfo=UTC)
        keep_credential(file, answer.secret, ends)
    except OSError as error:
        # The credential before has ended: without this one nobody would get in.
        typer.echo(f"portico: {file} could not be written ({error.strerror}); your credential is", err=True)
        _print(answer, as_json)
        raise typer.Exit(1) from None
    if as_json:
        output.as_json(answer.operator)
    else:
        typer.echo(f"{file} holds the new credential, good until {output.moment(answer.operator, _ENDS)}.")


@app.command()
def disable(
    context: typer.Context, name: Annotated[str, typer.Argument()], yes: Yes = False, as_json: Json = False
) -> None:
    """End an operator's credentials and sessions for good."""
    operator = connect(context, as_json)
    confirm(f"Disable {name} at {operator.where} for good?", yes)
    answer = operator.call(operator.stub(OperatorServiceStub).DisableOperator, pb.DisableOperatorRequest(name=name))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.name} is disabled.")


def whoami(context: typer.Context, as_json: Json = False) -> None:
    """Say who you are, where, and until when."""
    operator = connect(context, as_json)
    answer = operator.authenticate()
    if as_json:
        output.as_json(answer.operator)
        return
    output.facts(
        [
            ("operator", answer.operator.name),
            ("e-mail", answer.operator.email),
            ("identity at", operator.where),
            ("credential in", str(operator.settings.file)),
            ("credential ends", output.moment(answer, _ENDS)),
            ("good from", ", ".join(answer.operator.ips) or "anywhere"),
        ]
    )


_ENDS = "credential_expires_at"


def _print(made: pb.OperatorCredential, as_json: bool) -> None:
    if as_json:
        output.as_json(made)
        return
    ends = output.moment(made.operator, _ENDS)
    typer.echo(f"The credential of {made.operator.name}, good until {ends}, shown this once:", err=True)
    typer.echo(made.secret)
