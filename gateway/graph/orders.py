"""Orders of domains: registering, bringing them here, renewing, getting them back."""

import base64
import binascii
from collections.abc import Sequence
from enum import Enum

import strawberry

from gateway import messages
from gateway.access import PUBLIC, Permission, access, field, needs
from gateway.context import Acting, at_most, global_id, read_id
from gateway.errors import ErrorCode, error_code
from gateway.graph import domains, prices
from gateway.graph.common import (
    Blocker,
    BlockerCode,
    DateTime,
    DomainName,
    Money,
    UserError,
    enum_map,
    moment,
    moment_of,
)
from gateway.graph.domains import Domain
from gateway.graph.mutations import Wrong, mutation, refused_field, refused_item
from gateway.graph.operations import Operation
from portico.domains.v1 import domains_pb2, orders_pb2


@strawberry.enum
class OrderAction(Enum):
    REGISTER = "REGISTER"
    TRANSFER = "TRANSFER"
    RENEW = "RENEW"
    RESTORE = "RESTORE"


ACTIONS = enum_map(domains_pb2.OrderAction, OrderAction, "ORDER_ACTION_")


@access(needs(Permission.DOMAINS_ORDER))
@strawberry.type
class OrderItem:
    acting: strawberry.Private[Acting]
    domain_id: strawberry.Private[str]
    name: DomainName
    action: OrderAction

    async def resolve_domain(self) -> Domain | None:
        return await domains.load(self.acting, self.domain_id) if self.domain_id else None

    domain: Domain | None = field(needs(Permission.DOMAINS_READ), resolve_domain)
    operation: Operation | None = field(needs(Permission.DOMAINS_READ))


@access(needs(Permission.DOMAINS_ORDER))
@strawberry.type(description="What was ordered; a proforma follows, payment starts the work.")
class Order:
    id: strawberry.ID
    created_at: DateTime
    items: list[OrderItem]

    @staticmethod
    def of(acting: Acting, pb: domains_pb2.Order) -> "Order":
        return Order(
            id=strawberry.ID(global_id("Order", pb.id)),
            created_at=moment(pb.created_at),
            items=[
                OrderItem(
                    acting=acting,
                    domain_id=i.domain_id,
                    name=DomainName(i.name),
                    action=ACTIONS.get(i.action, OrderAction.REGISTER),
                    operation=Operation.of(acting, "domains", i.operation) if i.HasField("operation") else None,
                )
                for i in pb.items
            ],
        )


@access(needs(Permission.DOMAINS_ORDER))
@strawberry.type(description="What can be said of a name's transfer before anything is paid.")
class TransferCheck:
    acting: strawberry.Private[Acting]
    tld: strawberry.Private[str]
    input: str = strawberry.field(description="The name as given.")
    name: DomainName | None
    line: int = strawberry.field(description="The line of the file, or the place in the list, from 1.")
    ok: bool
    code: ErrorCode | None = strawberry.field(description="Why not.")
    message: str | None
    blockers: list[Blocker] = strawberry.field(description="What keeps the name where it is, and until when.")
    asked: bool = strawberry.field(
        description="Whether the registry was asked. What there was no time for is asked after payment; what then cannot "
        "be moved is credited."
    )

    async def resolve_price(self) -> Money | None:
        return await prices.price_of(self.acting, "DOMAIN_TRANSFER", self.tld) if self.tld else None

    price: Money | None = field(needs(Permission.DOMAINS_ORDER), resolve_price, description="Net.")

    @staticmethod
    def of(acting: Acting, pb: orders_pb2.TransferCheck) -> "TransferCheck":
        return TransferCheck(
            acting=acting,
            tld=pb.tld,
            input=pb.input,
            name=DomainName(pb.name) if pb.name else None,
            line=pb.line,
            ok=pb.ok,
            code=error_code(pb.reason) if pb.reason else None,
            message=messages.text(pb.reason, acting.locale, dict(pb.metadata)) if pb.reason else None,
            blockers=[
                Blocker(
                    code=BlockerCode[one.reason],
                    message=messages.text(one.reason, acting.locale, _blocked(pb, one)),
                    until=moment_of(one, "until"),
                )
                for one in pb.blockers
            ],
            asked=pb.asked,
        )


def _blocked(pb: orders_pb2.TransferCheck, blocker: orders_pb2.TransferBlocker) -> dict[str, str]:
    values = {"name": pb.name, **pb.metadata}
    if blocker.HasField("until") and blocker.reason != pb.reason:
        values["until"] = f"{blocker.until.ToDatetime():%Y-%m-%d}"
    return values


@access(PUBLIC)
@strawberry.type
class OrderPayload:
    order: Order | None = None
    checks: list[TransferCheck] = field(
        needs(Permission.DOMAINS_ORDER),
        default_factory=list,
        description="Of transferDomains: each name of the list, in its order.",
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list)


@access(PUBLIC)
@strawberry.type
class TransferPayload:
    domain: Domain | None = field(needs(Permission.DOMAINS_READ), default=None)
    operation: Operation | None = field(needs(Permission.DOMAINS_READ), default=None)
    user_errors: list[UserError] = strawberry.field(default_factory=list)

    @staticmethod
    def of(acting: Acting, answer: orders_pb2.TransferResponse) -> "TransferPayload":
        return TransferPayload(
            domain=Domain.of(acting, answer.domain), operation=Operation.of(acting, "domains", answer.operation)
        )


@strawberry.input
class RegisterDomainsInput:
    names: list[DomainName] = strawberry.field(description="Unicode or A-labels, at most 10,000.")
    idempotency_key: str = strawberry.field(description="8 to 200 characters; the same key never orders twice.")
    years: int = 1
    auto_renew: bool = True
    nameservers: list[str] | None = strawberry.field(
        default=None,
        description="The house's own where left out. One inside a name itself needs addresses: setNameservers takes them, "
        "once the name is registered.",
    )
    account_id: strawberry.ID | None = None


@strawberry.input
class TransferItemInput:
    name: DomainName
    auth_code: str = strawberry.field(description="The code that the present registrar or registry gave.")


@strawberry.input
class TransferDomainsInput:
    items: list[TransferItemInput] | None = strawberry.field(default=None, description="At most 10,000.")
    csv: str | None = strawberry.field(
        default=None,
        description="Instead of items: a name and a code a line, separated by a comma, a semicolon or a tab; a heading is "
        "passed over. At most 10,000 lines.",
    )
    csv_base64: str | None = strawberry.field(
        default=None, description="The same as a file in base64, in UTF-8 or ISO 8859-2 (Latin-2)."
    )
    dry_run: bool = strawberry.field(default=False, description="Only the checks: free, and nothing is written.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="8 to 200 characters; the same key never orders twice. Needed unless dryRun."
    )
    account_id: strawberry.ID | None = None


@strawberry.input
class RetryTransferInput:
    domain_id: strawberry.ID
    auth_code: str
    account_id: strawberry.ID | None = None


@strawberry.input
class CancelTransferInput:
    domain_id: strawberry.ID
    account_id: strawberry.ID | None = None


@strawberry.input
class RenewDomainsInput:
    domain_ids: list[strawberry.ID] = strawberry.field(description="At most 1,000.")
    idempotency_key: str = strawberry.field(description="8 to 200 characters; the same key never orders twice.")
    years: int = 1
    account_id: strawberry.ID | None = None


@strawberry.input
class RestoreDomainInput:
    domain_id: strawberry.ID
    idempotency_key: str = strawberry.field(description="8 to 200 characters; the same key never orders twice.")
    account_id: strawberry.ID | None = None


async def register_domains(acting: Acting, input_: RegisterDomainsInput) -> OrderPayload:
    """Orders names. One that cannot be had, or not with these nameservers, is a userError of its own; the others go on."""
    at_most(input_.names, 10_000, "input.names")
    request = domains_pb2.RegisterDomainsRequest(
        request_id=input_.idempotency_key,
        names=input_.names,
        years=input_.years,
        auto_renew=input_.auto_renew,
        nameservers=input_.nameservers or [],
    )
    answer = await acting.write("domains", acting.clients.domains.RegisterDomains, request)
    return OrderPayload(
        order=Order.of(acting, answer.order) if answer.HasField("order") else None,
        user_errors=[
            refused_item(one, acting.locale) if one.field == "names" else refused_field(one, acting.locale)
            for one in answer.refusals
        ],
    )


async def transfer_domains(acting: Acting, input_: TransferDomainsInput) -> OrderPayload:
    """Orders the transfer of names to us, or tries it out. A name that cannot be moved is a userError; the others go on."""
    given = [name for name in ("items", "csv", "csv_base64") if getattr(input_, name)]
    if len(given) != 1:
        raise Wrong("INVALID", ["input", "items"], message="TRANSFER_LIST_MISSING")
    if not input_.dry_run and not input_.idempotency_key:
        raise Wrong("FIELD_REQUIRED", ["input", "idempotencyKey"], name="idempotencyKey")
    at_most(input_.items or [], 10_000, "input.items")
    request = orders_pb2.TransferDomainsRequest(
        request_id=input_.idempotency_key or "",
        items=[orders_pb2.TransferItem(name=one.name, auth_code=one.auth_code) for one in input_.items or ()],
        csv=input_.csv or "",
        csv_file=_file(input_.csv_base64) if input_.csv_base64 else b"",
        dry_run=input_.dry_run,
    )
    answer = await acting.write("domains", acting.clients.orders.TransferDomains, request)
    checks = [TransferCheck.of(acting, one) for one in answer.checks]
    return OrderPayload(
        order=Order.of(acting, answer.order) if answer.HasField("order") else None,
        checks=checks,
        user_errors=_user_errors(given[0], answer.checks, checks),
    )


def _file(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("CSV_INVALID", ["input", "csvBase64"], message="BASE64_INVALID") from None


def _user_errors(
    given: str, told: Sequence[orders_pb2.TransferCheck], checks: Sequence[TransferCheck]
) -> list[UserError]:
    """Items are named by their index, lines by their number."""
    parts = {"name": "name", "auth_code": "authCode"}
    found = []
    for pb, one in zip(told, checks, strict=True):
        if one.code is not None:
            place = ["items", str(one.line - 1)] if given == "items" else [_INPUTS[given], str(one.line)]
            path = ["input", *place, *([parts[pb.field]] if pb.field in parts else [])]
            found.append(UserError(code=one.code, message=one.message or "", field=path, blockers=one.blockers))
    return found


_INPUTS = {"csv": "csv", "csv_base64": "csvBase64"}


async def retry_transfer(acting: Acting, input_: RetryTransferInput) -> TransferPayload:
    """Gives another auth code to a transfer that waits for one."""
    id_ = read_id(input_.domain_id, "input.domainId", "Domain").key
    acting.require(Permission.DOMAINS_ORDER, "Mutation.retryTransfer", id_)
    request = orders_pb2.RetryTransferRequest(domain_id=id_, auth_code=input_.auth_code)
    return TransferPayload.of(acting, await acting.write("domains", acting.clients.orders.RetryTransfer, request))


async def cancel_transfer(acting: Acting, input_: CancelTransferInput) -> TransferPayload:
    """Takes a transfer back that waits for an auth code, or for the other registrar; its price is credited once it is. The
    operation's step registry_cancel says when that came too late."""
    id_ = read_id(input_.domain_id, "input.domainId", "Domain").key
    acting.require(Permission.DOMAINS_ORDER, "Mutation.cancelTransfer", id_)
    request = orders_pb2.CancelTransferRequest(domain_id=id_)
    return TransferPayload.of(acting, await acting.write("domains", acting.clients.orders.CancelTransfer, request))


async def renew_domains(acting: Acting, input_: RenewDomainsInput) -> OrderPayload:
    """Orders more years. A domain that cannot be renewed is a userError of its own; the others go on."""
    at_most(input_.domain_ids, 1000, "input.domainIds")
    request = orders_pb2.RenewDomainsRequest(
        request_id=input_.idempotency_key,
        domain_ids=[read_id(id_, f"input.domainIds.{i}", "Domain").key for i, id_ in enumerate(input_.domain_ids)],
        years=input_.years,
    )
    return _placed(acting, await acting.write("domains", acting.clients.orders.RenewDomains, request))


async def restore_domain(acting: Acting, input_: RestoreDomainInput) -> OrderPayload:
    """Orders a deleted domain back from its redemption period; a year's renewal with it where it has expired."""
    id_ = read_id(input_.domain_id, "input.domainId", "Domain").key
    acting.require(Permission.DOMAINS_ORDER, "Mutation.restoreDomain", id_)
    request = orders_pb2.RestoreDomainRequest(request_id=input_.idempotency_key, domain_id=id_)
    return _placed(acting, await acting.write("domains", acting.clients.orders.RestoreDomain, request))


def _placed(acting: Acting, answer: orders_pb2.PlaceOrderResponse) -> OrderPayload:
    return OrderPayload(
        order=Order.of(acting, answer.order) if answer.HasField("order") else None,
        user_errors=[refused_item(r, acting.locale) for r in answer.refusals],
    )


@strawberry.type
class OrderMutations:
    register_domains: OrderPayload = mutation(
        Permission.DOMAINS_ORDER, register_domains, RegisterDomainsInput, OrderPayload
    )
    transfer_domains: OrderPayload = mutation(
        Permission.DOMAINS_ORDER, transfer_domains, TransferDomainsInput, OrderPayload
    )
    retry_transfer: TransferPayload = mutation(
        Permission.DOMAINS_ORDER, retry_transfer, RetryTransferInput, TransferPayload
    )
    cancel_transfer: TransferPayload = mutation(
        Permission.DOMAINS_ORDER, cancel_transfer, CancelTransferInput, TransferPayload
    )
    renew_domains: OrderPayload = mutation(Permission.DOMAINS_ORDER, renew_domains, RenewDomainsInput, OrderPayload)
    restore_domain: OrderPayload = mutation(Permission.DOMAINS_ORDER, restore_domain, RestoreDomainInput, OrderPayload)
