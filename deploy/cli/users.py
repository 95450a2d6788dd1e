"""portico user: look up, lock, unlock, sign out, reset second factors."""

from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.output import After, Everything, First
from deploy.cli.session import Json, Yes, confirm, connect
from portico.identity.v1 import operator_pb2 as pb
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

app = typer.Typer(help="Login identities.", no_args_is_help=True)

User = Annotated[str, typer.Argument(help="Its e-mail address or id.", metavar="USER")]


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of the name or the e-mail address.")] = "",
    locked: Annotated[bool, typer.Option("--locked", help="Locked ones alone.")] = False,
    first: First = 20,
    after: After = "",
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """List users, the newest first."""
    operator = connect(context, as_json)
    method = operator.stub(OperatorServiceStub).ListUsers
    answer = output.pages(
        lambda page: operator.call(method, pb.ListUsersRequest(search=search, locked=locked, page=page)),
        first,
        after,
        everything,
    )
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (
            one.user.email,
            one.user.name,
            str(one.accounts),
            str(one.factors),
            str(one.sessions),
            output.moment(one, "since"),
            one.lock.reason,
        )
        for one in answer.users
    ]
    heads = ("E-MAIL", "NAME", "ACCOUNTS", "FACTORS", "SESSIONS", "SINCE", "LOCKED")
    output.table(heads, rows, "No user matches.")
    output.more(answer.page)


@app.command()
def lock(
    context: typer.Context,
    user: User,
    reason: Annotated[str, typer.Option(help="What the user is told, in its language.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Lock a user: signed out everywhere, let in no more, nor its API tokens. Again changes the reason."""
    operator = connect(context, as_json)
    confirm(f"Lock {user} at {operator.where} and mail it?", yes)
    answer = operator.call(operator.stub(OperatorServiceStub).LockUser, pb.LockUserRequest(user=user, reason=reason))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.user.user.email} is locked: {answer.user.lock.reason}")


@app.command()
def unlock(context: typer.Context, user: User, as_json: Json = False) -> None:
    """Unlock a user: it may sign in again."""
    operator = connect(context, as_json)
    answer = operator.call(operator.stub(OperatorServiceStub).UnlockUser, pb.UnlockUserRequest(user=user))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.user.user.email} is not locked.")


@app.command()
def sign_out(context: typer.Context, user: User, yes: Yes = False, as_json: Json = False) -> None:
    """End all sessions of a user, and mail it."""
    operator = connect(context, as_json)
    confirm(f"Sign {user} out everywhere at {operator.where}?", yes)
    answer = operator.call(operator.stub(OperatorServiceStub).EndUserSessions, pb.EndUserSessionsRequest(user=user))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.ended} sessions ended." if answer.ended else "There was no open session.")


@app.command()
def reset_factors(context: typer.Context, user: User, yes: Yes = False, as_json: Json = False) -> None:
    """Take a user's second factors away, and mail it. Be sure who asked you to."""
    operator = connect(context, as_json)
    confirm(f"Remove every second factor of {user} at {operator.where}?", yes)
    answer = operator.call(operator.stub(OperatorServiceStub).ResetFactors, pb.ResetFactorsRequest(user=user))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.removed} second factors removed." if answer.removed else "There was no second factor.")
