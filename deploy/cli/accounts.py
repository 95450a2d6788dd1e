"""portico account: open, look up, invite, lock, unlock."""

import uuid
from enum import Enum
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.output import After, Everything, First
from deploy.cli.session import Json, Yes, confirm, connect
from portico.identity.v1 import identity_pb2
from portico.identity.v1 import operator_pb2 as pb
from portico.identity.v1.operator_pb2_grpc import OperatorServiceStub

app = typer.Typer(help="Customers' accounts.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(help="Its number or id.", metavar="ACCOUNT")]


class Kind(Enum):
    COMPANY = "company"
    PERSON = "person"


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The subscriber's.")],
    owner_email: Annotated[str, typer.Option(help="Who owns the account; mailed how to sign in.")],
    owner_name: Annotated[str, typer.Option()],
    kind: Annotated[Kind, typer.Option()] = Kind.COMPANY,
    tax_number: Annotated[str, typer.Option()] = "",
    email: Annotated[str, typer.Option(help="The account's; the owner's without one.")] = "",
    phone: Annotated[str, typer.Option()] = "",
    country: Annotated[str, typer.Option(help="ISO 3166.")] = "HU",
    postal_code: Annotated[str, typer.Option()] = "",
    city: Annotated[str, typer.Option()] = "",
    street: Annotated[str, typer.Option()] = "",
    currency: Annotated[str, typer.Option(help="HUF, EUR or USD.")] = "HUF",
    locale: Annotated[str, typer.Option(help="hu or en.")] = "hu",
    request_id: Annotated[str, typer.Option(help="The same again opens no second account.")] = "",
    as_json: Json = False,
) -> None:
    """Open an account with its owner."""
    operator = connect(context, as_json)
    request = pb.CreateAccountRequest(
        request_id=request_id or uuid.uuid4().hex,
        kind=identity_pb2.AccountKind.Value(f"ACCOUNT_KIND_{kind.name}"),
        name=name,
        tax_number=tax_number,
        email=email,
        phone=phone,
        country=country,
        postal_code=postal_code,
        city=city,
        street=street,
        currency=currency,
        locale=locale,
        owner_email=owner_email,
        owner_name=owner_name,
    )
    answer = operator.call(operator.stub(OperatorServiceStub).CreateAccount, request)
    if as_json:
        output.as_json(answer)
        return
    typer.echo(f"{answer.account.number}  {answer.account.name}")
    how = "has been mailed how to set a password" if answer.owner_is_new else "signs in as before, and has been mailed"
    typer.echo(f"Its owner {answer.owner.email} {how}.")


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of the number, the name or the e-mail address.")] = "",
    locked: Annotated[bool, typer.Option("--locked", help="Locked ones alone.")] = False,
    first: First = 20,
    after: After = "",
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """List accounts, the newest first."""
    operator = connect(context, as_json)
    method = operator.stub(OperatorServiceStub).ListAccounts
    answer = output.pages(
        lambda page: operator.call(method, pb.ListAccountsRequest(search=search, locked=locked, page=page)),
        first,
        after,
        everything,
    )
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (one.number, one.name, one.email, str(one.contacts), output.moment(one, "since"), one.lock.reason)
        for one in answer.accounts
    ]
    output.table(("NUMBER", "NAME", "E-MAIL", "CONTACTS", "SINCE", "LOCKED"), rows, "No account matches.")
    output.more(answer.page)


@app.command()
def show(context: typer.Context, account: Account, as_json: Json = False) -> None:
    """Show an account with its contacts."""
    operator = connect(context, as_json)
    answer = operator.call(
        operator.stub(OperatorServiceStub).DescribeAccount, pb.DescribeAccountRequest(account=account)
    )
    if as_json:
        output.as_json(answer)
        return
    one = answer.account
    address = ", ".join(part for part in (f"{one.postal_code} {one.city}".strip(), one.street, one.country) if part)
    output.facts(
        [
            ("number", one.number),
            ("id", one.id),
            ("name", one.name),
            ("kind", identity_pb2.AccountKind.Name(one.kind).removeprefix("ACCOUNT_KIND_").lower()),
            ("tax number", one.tax_number),
            ("EU VAT id", one.eu_vat_id),
            ("e-mail", one.email),
            ("phone", one.phone),
            ("address", address),
            ("currency", one.currency),
            ("language", one.locale),
            ("since", output.moment(one, "since")),
            ("locked", answer.lock.reason and f"{output.moment(answer.lock, 'at')}: {answer.lock.reason}"),
        ]
    )
    typer.echo()
    rows = [
        (
            one.email,
            one.name,
            one.role,
            identity_pb2.ContactState.Name(one.state).removeprefix("CONTACT_STATE_").lower(),
            output.moment(one, "since"),
        )
        for one in answer.contacts
    ]
    output.table(("CONTACT", "NAME", "ROLE", "STATE", "SINCE"), rows, "It has no contact.")


@app.command()
def invite(
    context: typer.Context,
    account: Account,
    email: Annotated[str, typer.Argument(help="Whom; mailed a link, good once and for two weeks.")],
    role: Annotated[str, typer.Option(help="owner, accountant, technical or read_only.")],
    name: Annotated[str, typer.Option()] = "",
    message: Annotated[str, typer.Option(help="Your own words in the mail.")] = "",
    locale: Annotated[str, typer.Option(help="Of the mail: hu or en.")] = "hu",
    request_id: Annotated[str, typer.Option(help="The same again sends no second mail.")] = "",
    as_json: Json = False,
) -> None:
    """Invite somebody to become a contact of an account."""
    operator = connect(context, as_json)
    request = pb.InviteToAccountRequest(
        request_id=request_id or uuid.uuid4().hex,
        account=account,
        email=email,
        name=name,
        role=role,
        locale=locale,
        message=message,
    )
    answer = operator.call(operator.stub(OperatorServiceStub).InviteToAccount, request)
    if as_json:
        output.as_json(answer)
        return
    typer.echo(f"{answer.email} has been mailed an invitation to {account} as {answer.role}.")


@app.command()
def lock(
    context: typer.Context,
    account: Account,
    reason: Annotated[str, typer.Option(help="What its people are told, in their language.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Lock an account: nobody of it acts in it, and its owners are mailed. Again changes the reason."""
    operator = connect(context, as_json)
    confirm(f"Lock {account} at {operator.where} and mail its owners?", yes)
    answer = operator.call(
        operator.stub(OperatorServiceStub).LockAccount, pb.LockAccountRequest(account=account, reason=reason)
    )
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.account.number} {answer.account.name} is locked: {answer.account.lock.reason}")


@app.command()
def unlock(context: typer.Context, account: Account, as_json: Json = False) -> None:
    """Unlock an account: its people have their rights again."""
    operator = connect(context, as_json)
    answer = operator.call(operator.stub(OperatorServiceStub).UnlockAccount, pb.UnlockAccountRequest(account=account))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{answer.account.number} {answer.account.name} is not locked.")
