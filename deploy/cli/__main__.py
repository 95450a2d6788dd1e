"""The groups of commands, and what they have in common."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import accounts, chains, clients, dead, domains, fields, operators, registries, sign_in, users
from deploy.cli.settings import CONFIG

_HELP = "\n\n".join(
    (
        "The operator's command over Portico's gRPC services.",
        "It signs in with the credential in a configuration file: --config, else PORTICO_CONFIG, else "
        "~/.config/portico/operator.json, else the .run/operator.json that `make run` has written. Your first one comes "
        "from `python -m services.identity operator create NAME EMAIL` on the machine that has identity's database "
        "settings, a colleague's from `portico operator create`.",
        "An ACCOUNT is a number (P-10001) or an id, a USER an e-mail address or an id. Times are UTC.",
        "Exit codes: 0 done; 1 not confirmed, or a chain is broken; 2 wrong usage; 3 refused, with the reason; 4 your "
        "credential is not good; 5 a service does not answer.",
    )
)

app = typer.Typer(name="portico", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(accounts.app, name="account")
app.add_typer(fields.app, name="field")
app.add_typer(users.app, name="user")
app.add_typer(clients.app, name="client")
app.add_typer(domains.app, name="domain")
app.add_typer(registries.app, name="registry")
app.add_typer(registries.tlds, name="tld")
app.add_typer(chains.app, name="chain")
app.add_typer(dead.app, name="dead")
app.add_typer(operators.app, name="operator")
app.command("sign-in")(sign_in.sign_in)
app.command("whoami")(operators.whoami)


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(envvar=CONFIG, help="The configuration file.")] = None,
) -> None:
    context.obj = config


if __name__ == "__main__":
    app(prog_name="portico")
