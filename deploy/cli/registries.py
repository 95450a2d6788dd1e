"""portico registry, portico tld: the registries behind the domains, and the rules of top-level domains."""

import json
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from deploy.cli import output
from deploy.cli.session import Json, Yes, confirm, connect
from portico.domains.v1 import operator_pb2 as pb
from portico.domains.v1.operator_pb2_grpc import DomainsOperatorServiceStub

app = typer.Typer(help="The registries.", no_args_is_help=True)
tlds = typer.Typer(help="Top-level domains and their rules.", no_args_is_help=True)

Tld = Annotated[str, typer.Argument(metavar="TLD")]


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the registries: whether they answer, open sessions, messages that wait."""
    operator = connect(context, as_json)
    stub = operator.stub(DomainsOperatorServiceStub, "domains")
    answer = operator.call(stub.ListRegistries, pb.ListRegistriesRequest())
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (
            one.name,
            pb.RegistryState.Name(one.state).removeprefix("REGISTRY_STATE_").lower(),
            str(one.sessions),
            output.moment(one, "polled_at"),
            str(one.queue_length),
            one.failure,
            " ".join(one.tlds),
        )
        for one in answer.registries
    ]
    heads = ("REGISTRY", "STATE", "SESSIONS", "POLLED", "WAITING", "FAILURE", "TLDS")
    output.table(heads, rows, "No registry is configured.")


@tlds.command("list")
def list_tlds(context: typer.Context, as_json: Json = False) -> None:
    """List the top-level domains; --json shows every rule."""
    operator = connect(context, as_json)
    answer = operator.call(operator.stub(DomainsOperatorServiceStub, "domains").ListTlds, pb.ListTldsRequest())
    if as_json:
        output.as_json(answer)
        return
    rows = [
        (
            one.tld,
            one.registry or "none",
            "yes" if one.rules.sold else "no",
            f"{one.rules.min_years}-{one.rules.max_years}",
            one.rules.auth_code_delivery.lower(),
            f"{one.rules.min_nameservers}-{one.rules.max_nameservers}",
            f"{one.rules.renew_grace_days}/{one.rules.redemption_days}/{one.rules.pending_delete_days}",
            one.rules.registrant_change.lower(),
        )
        for one in answer.tlds
    ]
    heads = (
        "TLD",
        "REGISTRY",
        "SOLD",
        "YEARS",
        "AUTH CODE",
        "NAMESERVERS",
        "GRACE/REDEMPTION/DELETE DAYS",
        "NEW HOLDER BY",
    )
    output.table(heads, rows, "There is no top-level domain.")


@tlds.command()
def show(context: typer.Context, tld: Tld) -> None:
    """Show the rules of one as JSON, which `set` takes."""
    operator = connect(context, False)
    answer = operator.call(operator.stub(DomainsOperatorServiceStub, "domains").ListTlds, pb.ListTldsRequest())
    found = next((one for one in answer.tlds if one.tld == tld.removeprefix(".")), None)
    if found is None:
        raise typer.BadParameter(f"there is no .{tld.removeprefix('.')}; see: portico tld list")
    output.print_json(MessageToDict(found.rules, preserving_proto_field_name=True))


Rules = Annotated[str, typer.Argument(help='JSON of the rules, {"redemption_days": 30}, or @FILE.')]


@tlds.command()
def add(context: typer.Context, tld: Tld, rules: Rules = "{}", yes: Yes = False, as_json: Json = False) -> None:
    """Add a top-level domain: with these rules, else the usual ones. It is sold once a rule says so and it has prices."""
    _save(context, pb.SetTldRulesRequest(tld=tld, rules=_read(rules), create=True), "Add", yes, as_json)


@tlds.command("set")
def set_(context: typer.Context, tld: Tld, rules: Rules, yes: Yes = False, as_json: Json = False) -> None:
    """Change rules of a top-level domain; what is not named stays."""
    wanted = _read(rules)
    changed = f"Change {', '.join(field.name for field, _ in wanted.ListFields())} of"
    _save(context, pb.SetTldRulesRequest(tld=tld, rules=wanted), changed, yes, as_json)


def _read(rules: str) -> pb.TldRules:
    try:
        text = Path(rules[1:]).read_text() if rules.startswith("@") else rules
        return ParseDict(json.loads(text), pb.TldRules())
    except (OSError, ValueError, ParseError) as error:
        raise typer.BadParameter(str(error)) from None


def _save(context: typer.Context, request: pb.SetTldRulesRequest, doing: str, yes: bool, as_json: bool) -> None:
    operator = connect(context, as_json)
    confirm(f"{doing} .{request.tld.removeprefix('.')} at {operator.where}?", yes)
    answer = operator.call(operator.stub(DomainsOperatorServiceStub, "domains").SetTldRules, request)
    if as_json:
        output.as_json(answer)
    else:
        output.print_json(MessageToDict(answer.tld.rules, preserving_proto_field_name=True))
