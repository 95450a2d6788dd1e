"""portico field: what an account's people may change of its data."""

from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.accounts import Account
from deploy.cli.session import Json, Session, connect
from portico.identity.v1 import accounts_pb2, operator_pb2
from portico.identity.v1.accounts_pb2_grpc import AccountsServiceStub
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

app = typer.Typer(help="Locked fields of an account's data.", no_args_is_help=True)

Field = Annotated[str, typer.Argument(help="As the API names it: tax_number, name, …", metavar="FIELD")]


@app.command()
def lock(context: typer.Context, account: Account, field: Field, as_json: Json = False) -> None:
    """Keep the account's people from changing a field."""
    operator = connect(context, as_json)
    request = accounts_pb2.LockFieldRequest(account_id=_id(operator, account), field=field)
    answer = operator.call(operator.stub(AccountsServiceStub).LockField, request)
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.number}: {field} is locked.")


@app.command()
def unlock(context: typer.Context, account: Account, field: Field, as_json: Json = False) -> None:
    """Let them change it, once where it is locked by default."""
    operator = connect(context, as_json)
    request = accounts_pb2.UnlockFieldRequest(account_id=_id(operator, account), field=field)
    answer = operator.call(operator.stub(AccountsServiceStub).UnlockField, request)
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.number}: {field} can be changed.")


def _id(operator: Session, account: str) -> str:
    request = operator_pb2.DescribeAccountRequest(account=account)
    return operator.call(operator.stub(OperatorServiceStub).DescribeAccount, request).account.id
