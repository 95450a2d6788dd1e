"""Hosting services: what an account has bought, and until when it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis import audit
from services.chassis.actor import system
from services.chassis.db import Queryable, Row, Tx
from services.chassis.errors import NotFound
from services.chassis.pages import Page
from services.hosting import store
from services.hosting.plans import Plan

PENDING, ACTIVE, TERMINATED = "PENDING", "ACTIVE", "TERMINATED"


class PlanNotFound(NotFound):
    reason = "PLAN_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Service:
    """`domain` in A-labels, empty when none; `price` net, in minor units, per `period_months`."""

    id: UUID
    account_id: UUID
    label: str
    plan: Plan
    state: str
    domain: str
    next_due_on: date | None
    price: int
    currency: str
    period_months: int
    node: str
    started_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewService:
    """`state` is as in ServiceState, "ACTIVE"; `domain` in A-labels with `domain_unicode` beside, for the search."""

    account_id: UUID
    label: str
    plan_code: str
    state: str
    price: int
    currency: str
    period_months: int
    domain: str = ""
    domain_unicode: str = ""
    next_due_on: date | None = None
    node: str = ""
    started_at: datetime | None = None


async def create(tx: Tx, new: NewService, now: datetime) -> UUID:
    """Keeps a service and answers its id; PlanNotFound. Its due date's day of the month is kept for good."""
    service_id = await store.add_service(
        tx,
        account_id=new.account_id,
        label=new.label,
        plan_code=new.plan_code,
        state=new.state,
        domain=new.domain,
        domain_unicode=new.domain_unicode,
        next_due_on=new.next_due_on,
        price=new.price,
        currency=new.currency,
        period_months=new.period_months,
        node=new.node,
        started_at=new.started_at,
        now=now,
    )
    if service_id is None:
        raise PlanNotFound(f"no plan {new.plan_code}", field="plan_code")
    await audit.record(
        tx,
        system("hosting", new.account_id),
        "hosting.created",
        subject=("HostingService", service_id, new.label),
        after={"plan": new.plan_code, "state": new.state, "domain": new.domain, "next_due_on": new.next_due_on},
    )
    return service_id


async def by_ids(q: Queryable, account_id: UUID, resources: list[UUID] | None, ids: Sequence[UUID]) -> list[Service]:
    """The account's services of these ids in their order, unknown, foreign and out-of-reach ones left out."""
    found = {row["id"]: row for row in await store.services_by_ids(q, account_id, resources, ids)}
    return [_service(found[wanted]) for wanted in dict.fromkeys(ids) if wanted in found]


async def list_page(
    q: Queryable,
    account_id: UUID,
    resources: list[UUID] | None,
    *,
    states: Sequence[str],
    search: str,
    page: Page,
) -> tuple[list[Service], common_pb2.PageInfo]:
    """A page of the account's services by label; empty `states` mean all, `search` is part of label or domain."""
    rows = await store.service_page(q, account_id, resources, states, search.strip(), page)
    kept, info = page.cut(rows, key=lambda row: (row["label"], row["id"]))
    return [_service(row) for row in kept], info


@dataclass(frozen=True, slots=True)
class Overview:
    """`services` by label and `due` the soonest first, each cut to the limit; `total` counts what is not terminated."""

    services: list[Service]
    due: list[Service]
    total: int


async def overview(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, *, limit: int, today: date, due_within: timedelta
) -> Overview:
    """What the front page shows; what is due includes what is overdue."""
    rows = await store.first_services(q, account_id, resources, limit)
    due = await store.due_services(q, account_id, resources, today + due_within, limit)
    return Overview([_service(row) for row in rows], [_service(row) for row in due], rows[0]["total"] if rows else 0)


def _service(row: Row) -> Service:
    fields = dict(row)
    fields.pop("total", None)
    plan = Plan(**{name: fields.pop(f"plan_{name}") for name in ("id", "code", "name", "disk_mib", "traffic_mib")})
    return Service(**fields, plan=plan)
