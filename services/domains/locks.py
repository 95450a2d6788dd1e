"""The registrar lock: statuses of ours at the registry that keep a domain from being moved away (RFC 5731 2.3)."""

from datetime import datetime
from uuid import UUID

from services.chassis.actor import Actor, Scope
from services.chassis.db import Tx
from services.domains import changes, store, transforms
from services.domains.app import App
from services.domains.changes import Asked
from services.domains.epp import DomainInfo
from services.domains.transforms import Command, Task

COMMAND = "lock"
OPERATION = "DOMAIN_LOCK"


async def set_lock(app: App, actor: Actor, scope: Scope, domain_id: UUID, locked: bool, now: datetime) -> Asked:
    """Sets or clears what the TLD's lock consists of. Asking for what is so changes nothing."""
    async with app.db.transaction() as tx:
        domain = await changes.lock(tx, actor, scope, domain_id)
        statuses = sorted((await store.tld(tx, domain["tld"]))["lock_statuses"])
        if _is_so(locked, statuses, domain["statuses"]) and await changes.at_rest(tx, domain):
            return Asked(domain)
        operation_id = await changes.ask(
            tx,
            domain,
            COMMAND,
            {"locked": locked, "statuses": statuses},
            kind=OPERATION,
            steps=["registry_update"],
            actor=actor,
            now=now,
        )
    return Asked(domain, operation_id)


def _is_so(locked: bool, statuses: list[str], present: list[str] | tuple[str, ...]) -> bool:
    return set(statuses) <= set(present) if locked else not set(statuses) & set(present)


async def _send(task: Task) -> bool:
    info = await task.registry.info(task.domain["name"])
    present = set() if info is None else set(info.statuses)
    wanted = set(task.parameters["statuses"])
    added = sorted(wanted - present) if task.parameters["locked"] else []
    removed = [] if task.parameters["locked"] else sorted(wanted & present)
    if not added and not removed:
        return False
    done = await task.registry.update(
        task.domain["name"], add_statuses=added, rem_statuses=removed, cl_trid=task.cl_trid
    )
    return done.pending


def _carried_out(task: Task, info: DomainInfo) -> bool:
    return _is_so(task.parameters["locked"], task.parameters["statuses"], info.statuses)


async def _succeed(tx: Tx, task: Task, _info: DomainInfo | None) -> None:
    before = {"locked": "clientTransferProhibited" in task.domain["statuses"]}
    await changes.tell(
        tx, task.actor, task.domain, "domain.lock_changed", before=before, after={"locked": task.parameters["locked"]}
    )


async def _refuse(tx: Tx, task: Task, reason: str) -> None:
    await changes.log_refusal(tx, task, "domain.lock_refused", reason)


COMMANDS = {COMMAND: Command("registry_update", _send, transforms.shown_by_info(_carried_out), _succeed, _refuse)}
