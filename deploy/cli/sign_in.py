"""portico sign-in: the portal as a contact sees it."""

from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.accounts import Account
from deploy.cli.session import Json, connect
from deploy.cli.users import User
from portico.identity.v1 import operator_pb2 as pb
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub


def sign_in(
    context: typer.Context,
    account: Account,
    user: User,
    reason: Annotated[str, typer.Option(help='Why; the customer reads it: "ticket T-000123".')],
    as_json: Json = False,
) -> None:
    """Get a link that shows the portal as a contact sees it: to read only, good once within a minute, for half an hour.

    The customer's event log says that you came, and why.
    """
    operator = connect(context, as_json)
    answer = operator.call(
        operator.stub(OperatorServiceStub).SignInAsContact,
        pb.SignInAsContactRequest(account=account, user=user, reason=reason),
    )
    if as_json:
        output.as_json(answer)
        return
    typer.echo("Open it within a minute; it works once:", err=True)
    typer.echo(answer.url)
