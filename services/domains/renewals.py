"""More years for domains of ours: ordered by their owners, or by themselves ahead of the expiry.

What is paid for is a period: the years after the expiry that the order saw. The registry is told that expiry, so that a
repeat cannot renew twice (RFC 5731 section 3.2.3), and a renewal has come about when the expiry has moved that far.
"""

from datetime import datetime, timedelta
from uuid import UUID

from portico.common.v1 import common_pb2
from portico.domains.v1 import events_pb2, orders_pb2
from services.chassis import audit, idempotency, outbox, times
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError
from services.domains import order_items, orders, store, transforms
from services.domains.app import App
from services.domains.changes import DomainNotFound
from services.domains.epp import DomainInfo
from services.domains.order_items import Wanted
from services.domains.orders import DomainRepeated, Ordered, PeriodNotOffered
from services.domains.transforms import Command, Refused, Task

COMMAND = "renew"
_RENEWABLE = {"ACTIVE", "EXPIRED"}
_FORBIDDING = {"clientRenewProhibited", "serverRenewProhibited", "pendingDelete", "pendingTransfer", "redemptionPeriod"}
#: How much less than whole years a registry may add.
_SLACK = timedelta(days=7)
#: Domains of one order that nobody had to ask for.
_AT_ONCE = 1000


class DomainNotRenewable(DomainError):
    reason = "DOMAIN_NOT_RENEWABLE"


class RenewalAlreadyOrdered(DomainError):
    reason = "RENEWAL_ALREADY_ORDERED"


class RenewalTooLong(DomainError):
    """A registry keeps nobody's name for longer than so many years ahead."""

    reason = "RENEWAL_TOO_LONG"


def later(moment: datetime, years: int) -> datetime:
    """The same day some years later; 29 February becomes 28 where there is none."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


async def order(
    app: App, actor: Actor, scope: Scope, request: orders_pb2.RenewDomainsRequest, now: datetime
) -> Ordered:
    """Orders more years for domains; each that cannot be renewed is refused, the others go on. Nothing is charged yet."""
    years = request.years or 1
    async with app.db.transaction() as tx:
        first = await idempotency.claim(tx, actor.account_id, request.request_id, request)
        if first is None:
            ids = [UUID(id_) for id_ in request.domain_ids]
            found = {row["id"]: row for row in await store.lock_many(tx, actor.account_id, scope.resources, ids)}
            opened, tlds = await order_items.open_actions(tx, ids), await store.tlds(tx)
            wanted: list[Wanted] = []
            refusals: list[common_pb2.Refusal] = []
            for index, domain_id in enumerate(ids):
                row = found.get(domain_id)
                problem = _problem(row, years, tlds, opened.get(domain_id, set()), now)
                if problem is None and any(item.domain["id"] == domain_id for item in wanted):
                    problem = DomainRepeated("it is in the list already", name=row["unicode_name"] if row else "")
                if problem is None and row is not None:
                    wanted.append(Wanted(row, order_items.RENEW, years, row["expires_at"]))
                elif problem is not None:
                    refusals.append(
                        common_pb2.Refusal(
                            index=index, reason=problem.reason, field="domain_ids", metadata=problem.metadata
                        )
                    )
            first = await orders.keep(tx, actor, request.request_id, wanted, refusals, now)
    return await orders.recall_first(app, actor.account_id, first)


def _problem(row: Row | None, years: int, tlds: dict[str, Row], opened: set[str], now: datetime) -> DomainError | None:
    """Why a domain cannot be renewed now; None: it can."""
    if row is None:
        return DomainNotFound("no such domain")
    name = row["unicode_name"]
    if order_items.RENEW in opened or order_items.RESTORE in opened:
        return RenewalAlreadyOrdered("a renewal waits for payment, or for the registry", name=name)
    if row["state"] not in _RENEWABLE or _FORBIDDING & set(row["statuses"]):
        return DomainNotRenewable(f"it is {row['state']}, {row['statuses']}", name=name)
    tld = tlds.get(row["tld"])
    if tld is None:
        return DomainNotRenewable("its top-level domain is not sold any more", name=name)
    if years > tld["max_years"]:
        return PeriodNotOffered(
            f"at most {tld['max_years']} years", tld=row["tld"], min=str(tld["min_years"]), max=str(tld["max_years"])
        )
    if later(row["expires_at"], years) > later(now, tld["max_years"]) + timedelta(days=1):
        return RenewalTooLong(f"at most {tld['max_years']} years ahead", name=name, max=str(tld["max_years"]))
    return None


async def order_due(app: App, now: datetime) -> None:
    """The renewals that nobody has to ask for: one order for each account and day. A period is ordered so only once."""
    accounts = await app.db.fetch(
        f"""SELECT DISTINCT d.account_id FROM {_DUE}
              AND NOT EXISTS (SELECT FROM orders o WHERE o.account_id = d.account_id AND o.automatic_on = $2)""",  # noqa: S608
        now,
        now.date(),
    )
    for row in accounts:
        await _order_due_of(app, row["account_id"], now)


_DUE = """domains d JOIN tlds t ON t.tld = d.tld
    WHERE d.state = 'ACTIVE' AND d.auto_renew AND t.sold
      AND d.expires_at < $1::timestamptz + make_interval(days => t.renew_ahead_days)
      AND d.expires_at > $1::timestamptz + make_interval(days => t.renew_pay_days + 1)
      AND NOT d.statuses && '{clientRenewProhibited,serverRenewProhibited,pendingDelete,pendingTransfer}'
      AND NOT EXISTS (SELECT FROM order_items i WHERE i.domain_id = d.id AND i.action = 'RENEW'
                      AND (i.state IN ('ORDERED', 'PAID') OR i.period_start = d.expires_at
                           AND (i.automatic OR i.state = 'DONE')))"""


async def _order_due_of(app: App, account_id: UUID, now: datetime) -> None:
    actor = system("domains", account_id)
    async with app.db.transaction() as tx:
        order_id: UUID | None = await tx.fetchval(
            """INSERT INTO orders (account_id, actor, locale, created_at, automatic_on)
               VALUES ($1, $2, coalesce((SELECT locale FROM registrants WHERE account_id = $1), 'hu'), $3, $4)
               ON CONFLICT DO NOTHING RETURNING id""",
            account_id,
            actor.ref_json(),
            now,
            now.date(),
        )
        if order_id is None:
            return
        rows = await tx.fetch(
            f"""SELECT d.id, d.name, d.unicode_name, d.tld, d.expires_at, t.min_years, t.renew_pay_days FROM {_DUE}
                  AND d.account_id = $2 ORDER BY d.expires_at, d.id LIMIT {_AT_ONCE} FOR UPDATE OF d""",  # noqa: S608
            now,
            account_id,
        )
        if not rows:
            await tx.execute("DELETE FROM orders WHERE id = $1", order_id)
            return
        pay_by = min(row["expires_at"] - timedelta(days=row["renew_pay_days"]) for row in rows).date()
        wanted = [Wanted(row, order_items.RENEW, row["min_years"], row["expires_at"]) for row in rows]
        locale = await order_items.locale(tx, order_id)
        await order_items.place(tx, actor, order_id, wanted, locale, now, pay_by=pay_by, automatic=True)


async def start(tx: Tx, item: Row, _now: datetime) -> None:
    """Payment came: the registry is asked."""
    domain = await store.lock(tx, item["domain_id"])
    actor = transforms.actor_of(await order_items.actor_ref(tx, item["order_id"]), item["account_id"])
    parameters = {
        "item_id": str(item["id"]),
        "expires_at": item["period_start"].isoformat(),
        "years": item["years"],
    }
    await transforms.start(tx, domain, COMMAND, parameters, operation_id=item["operation_id"], actor=actor)


def _period(task: Task) -> tuple[datetime, datetime]:
    """The expiry that the order saw, and the one that it paid for."""
    start_ = datetime.fromisoformat(task.parameters["expires_at"])
    return start_, later(start_, task.parameters["years"])


def _carried_out(task: Task, info: DomainInfo) -> bool:
    return info.expires_at is not None and info.expires_at >= _period(task)[1] - _SLACK


async def _send(task: Task) -> bool:
    start_, _ = _period(task)
    info = await task.registry.info(task.domain["name"])
    if info is not None and _carried_out(task, info):
        return False
    if info is not None and info.expires_at is not None and info.expires_at.date() != start_.date():
        raise Refused("EXPIRY_CHANGED", f"the registry has {info.expires_at}, the order saw {start_}")
    renewed = await task.registry.renew(
        task.domain["name"], start_.date(), task.parameters["years"], cl_trid=task.cl_trid
    )
    return renewed.pending


async def _succeed(tx: Tx, task: Task, info: DomainInfo | None) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.RENEW)
    expires_at = info.expires_at if info is not None and info.expires_at is not None else _period(task)[1]
    if item is None:
        raise LookupError(f"no paid renewal of {task.domain['name']}")
    await tx.execute(
        """UPDATE domains SET expires_at = $2, state = CASE state WHEN 'EXPIRED' THEN 'ACTIVE' ELSE state END,
                  state_since = CASE state WHEN 'EXPIRED' THEN $3 ELSE state_since END
           WHERE id = $1""",
        task.domain["id"],
        expires_at,
        task.now,
    )
    await audit.record(
        tx,
        task.actor,
        "domain.renewed",
        subject=("Domain", task.domain["id"], task.domain["unicode_name"]),
        before={"expires_at": task.domain["expires_at"].isoformat()},
        after={"expires_at": expires_at.isoformat()},
    )
    event = events_pb2.DomainRenewed(
        domain_id=str(task.domain["id"]),
        order_id=str(item["order_id"]),
        account_id=str(item["account_id"]),
        name=item["name"],
        unicode_name=item["unicode_name"],
        expires_at=times.to_pb(expires_at),
    )
    await outbox.add(tx, event, account_id=item["account_id"], aggregate=task.domain["id"])
    await order_items.done(tx, item, task.now)


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    item = await order_items.paid_of(tx, task.domain["id"], order_items.RENEW)
    if item is not None:
        subject = ("Domain", task.domain["id"], task.domain["unicode_name"])
        await audit.record(tx, task.actor, "domain.renewal_failed", subject=subject, after={"reason": reason})
        await order_items.failed(tx, item, reason, "the registry did not renew it", task.now)


COMMANDS = {
    COMMAND: Command("registry_renew", _send, transforms.shown_by_info(_carried_out, "pendingRenew"), _succeed, _refuse)
}
