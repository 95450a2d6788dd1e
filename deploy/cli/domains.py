"""portico domain: a name's whole history, the registry asked anew, what was ordered and hangs."""

from enum import StrEnum
from typing import Annotated

import typer

from deploy.cli import output
from deploy.cli.session import Json, Yes, confirm, connect
from portico.common.v1 import common_pb2
from portico.domains.v1 import domains_pb2
from portico.domains.v1 import operator_pb2 as pb
from portico.domains.v1.operator_pb2_grpc import DomainsOperatorServiceStub

app = typer.Typer(help="Domains, of whichever account.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The domain, in Unicode or A-labels.", metavar="NAME")]


class Action(StrEnum):
    """What was ordered."""

    REGISTER = "register"
    TRANSFER = "transfer"
    RENEW = "renew"
    RESTORE = "restore"


Ordered = Annotated[Action | None, typer.Option(help="Needed where several things are under way for the name.")]


@app.command()
def show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show all that is known of a name: its row, commands, messages, drift, operations; earlier holders too."""
    operator = connect(context, as_json)
    stub = operator.stub(DomainsOperatorServiceStub, "domains")
    answer = operator.call(stub.ShowDomain, pb.ShowDomainRequest(name=name))
    if as_json:
        output.as_json(answer)
        return
    for one in answer.histories:
        _history(one)


@app.command()
def sync(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Ask the registry about a domain now, and bring our row to it."""
    operator = connect(context, as_json)
    stub = operator.stub(DomainsOperatorServiceStub, "domains")
    answer = operator.call(stub.SyncDomain, pb.SyncDomainRequest(name=name))
    if as_json:
        output.as_json(answer)
        return
    rows = [(one.field, one.ours, one.theirs) for one in answer.differences]
    output.table(("FIELD", "IT WAS", "THE REGISTRY HAS"), rows, "It is as the registry has it.")


@app.command()
def retry(context: typer.Context, name: Name, action: Ordered = None, as_json: Json = False) -> None:
    """Try what was ordered and paid of a name, and hangs, again at once."""
    operator = connect(context, as_json)
    stub = operator.stub(DomainsOperatorServiceStub, "domains")
    answer = operator.call(stub.RetryOrderItem, pb.RetryOrderItemRequest(name=name, action=_action(action)))
    if as_json:
        output.as_json(answer)
    else:
        typer.echo(f"{name}: {_said(answer.action)} is tried again.")


@app.command()
def fail(
    context: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="For the event log.")],
    action: Ordered = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End what was ordered and paid of a name, and hangs; its price is credited. Refused once the registry has done it.

    A transfer that the other registrar has not decided is cancelled at the registry first.
    """
    operator = connect(context, as_json)
    confirm(f"Give up what was ordered of {name} at {operator.where} and credit it?", yes)
    stub = operator.stub(DomainsOperatorServiceStub, "domains")
    answer = operator.call(
        stub.FailOrderItem, pb.FailOrderItemRequest(name=name, reason=reason, action=_action(action))
    )
    if as_json:
        output.as_json(answer)
    else:
        way = "is being cancelled at the registry, then credited" if answer.cancelling else "is given up, and credited"
        typer.echo(f"{name}: {_said(answer.action)} {way}.")


def _action(action: Action | None) -> domains_pb2.OrderAction.ValueType:
    return domains_pb2.OrderAction.Value(f"ORDER_ACTION_{action.name}" if action else "ORDER_ACTION_UNSPECIFIED")


def _said(action: domains_pb2.OrderAction.ValueType) -> str:
    """As the option takes it."""
    return domains_pb2.OrderAction.Name(action).removeprefix("ORDER_ACTION_").lower()


def _history(one: pb.DomainHistory) -> None:
    domain = one.domain
    output.facts(
        [
            ("name", domain.unicode_name),
            ("id", domain.id),
            ("account", one.account_id),
            ("state", domains_pb2.DomainState.Name(domain.state).removeprefix("DOMAIN_STATE_")),
            ("since", output.moment(one, "state_since")),
            ("statuses", " ".join(domain.statuses)),
            ("expires", output.moment(domain, "expires_at")),
            ("synced", output.moment(one, "synced_at")),
            ("due", output.moment(one, "due_at")),
            ("fee back until", output.moment(one.lifecycle, "add_grace_until")),
            ("renewable until", output.moment(one.lifecycle, "renewable_until")),
            ("restorable until", output.moment(one.lifecycle, "restorable_until")),
            ("deletes", output.moment(one.lifecycle, "deletes_at")),
            ("no transfer before", output.moment(one.lifecycle, "transfer_locked_until")),
            ("blocked", ", ".join(f"{p.action} ({p.blockers[0].code})" for p in one.lifecycle.permits if p.blockers)),
            ("failure", one.failure),
            ("order", one.order_id),
            ("zone", f"version {one.zone_version}, {one.zone_changes} changes" if one.zone_version else ""),
        ]
    )
    for head, rows in (
        ("COMMAND", [(i.command, i.outcome or "open", output.moment(i, "created_at"), i.detail) for i in one.intents]),
        ("MESSAGE", [(m.kind, m.text, output.moment(m, "at"), "") for m in one.messages]),
        ("DRIFT", [(d.difference.field, d.cause, output.moment(d, "found_at"), _told(d)) for d in one.drift]),
        ("OPERATION", [(o.kind, _state(o), output.moment(o, "started_at"), o.error_reason) for o in one.operations]),
    ):
        if rows:
            typer.echo()
            output.table((head, "", "AT", ""), rows, "")
    typer.echo()


def _told(drift: pb.Drift) -> str:
    return f"{drift.difference.ours} -> {drift.difference.theirs}"


def _state(operation: common_pb2.Operation) -> str:
    return common_pb2.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")
