"""portico client: the apps that sign people in here by OAuth and OpenID Connect."""

import uuid
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.output import After, Everything, First
from deploy.cli.session import Json, Yes, confirm, connect
from portico.identity.v1 import oauth_pb2 as pb
from portico.identity.v1.oauth_pb2_grpc import OAuthServiceStub

app = typer.Typer(help="OAuth clients: apps that sign people in here.", no_args_is_help=True)


@app.command()
def register(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people are shown.")],
    redirect_uri: Annotated[list[str], typer.Option(help="Where the browser may be sent back to; can be repeated.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="The most it may ask for: openid, profile, email, offline_access, permissions, all; repeated."
        ),
    ],
    first_party: Annotated[bool, typer.Option("--first-party", help="Ours: nobody is asked for consent.")] = False,
    confidential: Annotated[bool, typer.Option("--confidential", help="It can keep a secret: a server.")] = False,
    request_id: Annotated[str, typer.Option(help="The same again registers no second client.")] = "",
    as_json: Json = False,
) -> None:
    """Register a client; the secret of a confidential one is shown this once."""
    operator = connect(context, as_json)
    request = pb.RegisterOAuthClientRequest(
        request_id=request_id or uuid.uuid4().hex,
        name=name,
        redirect_uris=redirect_uri,
        scopes=scope,
        first_party=first_party,
        confidential=confidential,
    )
    answer = operator.call(operator.stub(OAuthServiceStub).RegisterOAuthClient, request)
    if as_json:
        output.as_json(answer)
        return
    output.facts([("client_id", answer.client.id), ("client_secret", answer.secret)])


@app.command("list")
def list_(
    context: typer.Context, first: First = 20, after: After = "", everything: Everything = False, as_json: Json = False
) -> None:
    """List clients, the newest first; disabled ones too."""
    operator = connect(context, as_json)
    method = operator.stub(OAuthServiceStub).ListOAuthClients
    answer = output.pages(
        lambda page: operator.call(method, pb.ListOAuthClientsRequest(page=page)), first, after, everything
    )
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (
            one.id,
            one.name,
            "confidential" if one.confidential else "public",
            "yes" if one.first_party else "",
            " ".join(one.redirect_uris),
            output.moment(one, "disabled_at"),
        )
        for one in answer.clients
    ]
    output.table(("CLIENT ID", "NAME", "KIND", "OURS", "REDIRECT URIS", "DISABLED"), rows, "No client is registered.")
    output.more(answer.page)


@app.command()
def disable(
    context: typer.Context,
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End a client for good, with every session that it has."""
    operator = connect(context, as_json)
    confirm(f"Disable the client {client_id} at {operator.where}, for good?", yes)
    request = pb.DisableOAuthClientRequest(client_id=client_id)
    answer = operator.call(operator.stub(OAuthServiceStub).DisableOAuthClient, request)
    if as_json:
        output.as_json(answer)
    else:
        typer.echo("The client is disabled.")


@app.command()
def rotate_key(
    context: typer.Context,
    request_id: Annotated[str, typer.Option(help="The same again rotates once.")] = "",
    as_json: Json = False,
) -> None:
    """Sign ID tokens with the next key from now on, as when one may have leaked. It happens by itself every month."""
    operator = connect(context, as_json)
    request = pb.RotateSigningKeyRequest(request_id=request_id or uuid.uuid4().hex)
    answer = operator.call(operator.stub(OAuthServiceStub).RotateSigningKey, request)
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.key_id} signs now.")
