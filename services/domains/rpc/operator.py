"""portico.domains.v1.DomainsOperatorService: between protos and use cases, nothing else."""

from dataclasses import replace
from typing import Any

from portico.domains.v1 import domains_pb2, operator_pb2_grpc
from portico.domains.v1 import operator_pb2 as pb
from services.chassis import operations, times
from services.chassis.actor import Actor
from services.chassis.db import Row
from services.chassis.errors import DomainError
from services.chassis.grpc import Call, requires
from services.domains import history, interventions, lifecycle, registry_store, store, sync, tld_rules
from services.domains.app import App
from services.domains.changes import DomainNotFound
from services.domains.epp import EppError, Registry
from services.domains.names import spelled
from services.domains.orders import RegistryUnavailable
from services.domains.rpc.domains import state_to_pb
from services.domains.rpc.domains import to_pb as domain_to_pb
from services.domains.rpc.lifecycle import to_pb as lifecycle_to_pb

PERMISSION = "operator"
_DAYS_IF_ANY = ("confirmation_days", "contact_verified_days")
_LISTS = ("required_contacts", "local_presence", "confirmed_changes", "idn_scripts", "lock_statuses")


class DomainNotHeld(DomainError):
    """No registry holds it for us: it is on its way, or at its end."""

    reason = "DOMAIN_NOT_HELD"


class OperatorRpc(operator_pb2_grpc.DomainsOperatorServiceServicer):
    def __init__(self, app: App) -> None:
        self.app = app
        self.db = app.db

    @requires(PERMISSION)
    async def ListRegistries(self, _: pb.ListRegistriesRequest, __: Call) -> pb.ListRegistriesResponse:
        found = await registry_store.registries(self.db)
        return pb.ListRegistriesResponse(
            registries=[_registry(registry, found.get(registry.name)) for registry in self.app.registries]
        )

    @requires(PERMISSION)
    async def ListTlds(self, _: pb.ListTldsRequest, __: Call) -> pb.ListTldsResponse:
        return pb.ListTldsResponse(tlds=[self._tld(row) for row in await registry_store.list_tlds(self.db)])

    @requires(PERMISSION)
    async def SetTldRules(self, req: pb.SetTldRulesRequest, call: Call) -> pb.SetTldRulesResponse:
        changed: dict[str, Any] = {}
        for name in registry_store.RULES:
            if req.rules.HasField(name):  # type: ignore[arg-type]
                value = getattr(req.rules, name)
                changed[name] = list(value.values) if name in _LISTS else value
        changed |= {name: None for name in _DAYS_IF_ANY if changed.get(name) == 0}
        locks = None
        if req.rules.HasField("locks"):
            locks = [
                {"kind": one.kind, "from_date": one.from_date, "days": one.days} for one in req.rules.locks.periods
            ]
        row = await tld_rules.change(self.db, call.actor, req.tld, changed, locks, create=req.create)
        return pb.SetTldRulesResponse(tld=self._tld(row))

    @requires(PERMISSION)
    async def SyncDomain(self, req: pb.SyncDomainRequest, call: Call) -> pb.SyncDomainResponse:
        domain = await self._live(req.name)
        if domain["state"] not in lifecycle.HELD:
            raise DomainNotHeld(f"it is {domain['state']}", field="name", state=domain["state"])
        try:
            differences = await sync.sync_now(self.app, domain, call.now)
        except EppError as error:
            raise RegistryUnavailable(f"the registry does not tell: {error}") from error
        now = await store.get(self.db, domain["id"])
        assert now is not None
        return pb.SyncDomainResponse(
            state=state_to_pb(now["state"]),
            differences=[pb.Difference(field=field, ours=ours, theirs=theirs) for field, ours, theirs in differences],
        )

    @requires(PERMISSION)
    async def RetryOrderItem(self, req: pb.RetryOrderItemRequest, call: Call) -> pb.RetryOrderItemResponse:
        item = await interventions.find(self.db, spelled(req.name), _action(req.action))
        await interventions.retry(self.app, item, _for(call.actor, item))
        return pb.RetryOrderItemResponse(domain_id=str(item["domain_id"]), action=_action_to_pb(item))

    @requires(PERMISSION)
    async def FailOrderItem(self, req: pb.FailOrderItemRequest, call: Call) -> pb.FailOrderItemResponse:
        item = await interventions.find(self.db, spelled(req.name), _action(req.action))
        ended = await interventions.fail(self.app, item, _for(call.actor, item), req.reason, call.now)
        return pb.FailOrderItemResponse(
            domain_id=str(item["domain_id"]), action=_action_to_pb(item), cancelling=not ended
        )

    @requires(PERMISSION)
    async def ShowDomain(self, req: pb.ShowDomainRequest, call: Call) -> pb.ShowDomainResponse:
        name = spelled(req.name)
        found = await history.of_name(self.db, name.ascii, call.now)
        if not found:
            raise DomainNotFound(f"no domain {name.ascii}", field="name", name=name.unicode)
        return pb.ShowDomainResponse(histories=map(_history, found))

    def _tld(self, row: Row) -> pb.Tld:
        registries = self.app.registries
        name = registries.of(row["tld"]).name if registries.runs(row["tld"]) else ""
        return pb.Tld(tld=row["tld"], rules=_rules(row), registry=name)

    async def _live(self, text: str) -> Row:
        """The house's present domain of this name, whoever's it is."""
        name = spelled(text)
        held = await registry_store.held(self.db, name.ascii)
        domain = await store.get(self.db, held["id"]) if held is not None else None
        if domain is None:
            raise DomainNotFound(f"no domain {name.ascii}", field="name", name=name.unicode)
        return domain


def _for(operator: Actor, owned: Row) -> Actor:
    """What an operator does to what is a customer's stands in that customer's event log."""
    return replace(operator, account_id=owned["account_id"])


def _action(action: domains_pb2.OrderAction.ValueType) -> str:
    """Empty when it is not said."""
    return domains_pb2.OrderAction.Name(action).removeprefix("ORDER_ACTION_") if action else ""


def _action_to_pb(item: Row) -> domains_pb2.OrderAction.ValueType:
    return domains_pb2.OrderAction.Value(f"ORDER_ACTION_{item['action']}")


def _registry(registry: Registry, found: Row | None) -> pb.Registry:
    one = pb.Registry(
        name=registry.name,
        sessions=registry.sessions,
        tlds=sorted(registry.tlds),
        state=pb.REGISTRY_STATE_UNKNOWN,
    )
    if found is not None:
        one.state = pb.REGISTRY_STATE_AWAY if found["failed_at"] else pb.REGISTRY_STATE_UP
        one.MergeFrom(
            pb.Registry(
                polled_at=times.to_pb(found["polled_at"]),
                queue_length=found["queue_length"],
                failed_at=times.to_pb(found["failed_at"]),
                failure=found["failure"],
            )
        )
    return one


def _rules(row: Row) -> pb.TldRules:
    rules = pb.TldRules(locks=pb.LockPeriodList(periods=[pb.LockPeriod(**one) for one in row["locks"]]))
    for name in registry_store.RULES:
        if name in _LISTS:
            getattr(rules, name).CopyFrom(pb.StringList(values=row[name]))
        else:
            # A registry that makes no verification, or says no last moment, has no days of it: _DAYS_IF_ANY.
            setattr(rules, name, 0 if row[name] is None else row[name])
    return rules


def _history(one: history.History) -> pb.DomainHistory:
    domain = one.domain
    return pb.DomainHistory(
        domain=domain_to_pb(domain),
        account_id=str(domain["account_id"]),
        state_since=times.to_pb(domain["state_since"]),
        synced_at=times.to_pb(domain["synced_at"]),
        due_at=times.to_pb(domain["due_at"]),
        failure=domain["failure"],
        order_id=str(domain["order_id"]) if domain["order_id"] else "",
        intents=[
            pb.RegistryIntent(
                id=str(row["id"]),
                command=row["command"],
                outcome=row["outcome"],
                detail=row["detail"],
                created_at=times.to_pb(row["created_at"]),
                said_at=times.to_pb(row["said_at"]),
                settled_at=times.to_pb(row["settled_at"]),
            )
            for row in one.intents
        ],
        messages=[
            pb.RegistryMessage(
                id=row["id"],
                kind=row["kind"],
                text=row["text"],
                at=times.to_pb(row["at"]),
                received_at=times.to_pb(row["received_at"]),
                xml=row["xml"],
            )
            for row in one.messages
        ],
        drift=[
            pb.Drift(
                difference=pb.Difference(field=row["field"], ours=row["ours"], theirs=row["theirs"]),
                cause=row["cause"],
                settled=row["settled"],
                found_at=times.to_pb(row["found_at"]),
            )
            for row in one.drift
        ],
        operations=map(operations.to_pb, one.operations),
        zone_changes=one.zone_changes,
        zone_version=one.zone_version,
        lifecycle=lifecycle_to_pb(domain["id"], one.derived),
    )
