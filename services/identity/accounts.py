"""Accounts: the subscribers. Everything owned hangs off one."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from portico.identity.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Database, Queryable, Tx
from services.chassis.errors import NotFound
from services.identity import store
from services.identity.people import Account as Account
from services.identity.people import Profile as Profile
from services.identity.wire import account_to_pb


class AccountNotFound(NotFound):
    reason = "ACCOUNT_NOT_FOUND"


async def create_account(
    tx: Tx,
    profile: Profile,
    *,
    by: Actor | None = None,
    id: UUID | None = None,  # noqa: A002
) -> Account:
    """A new account with the next number of the series ("P-10001"); the other services are told of it. `by` opened it."""
    account = await store.add_account(tx, id, profile)
    event = events_pb2.AccountSaved(account=account_to_pb(account), occurred_at=times.to_pb(account.since))
    await outbox.add(tx, event, account_id=account.id, aggregate=account.id)
    await audit.record(
        tx,
        replace(by, account_id=account.id) if by else system("identity", account.id),
        "account.created",
        subject=("Account", account.id, account.number),
        after={"name": profile.name, "kind": profile.kind},
    )
    return account


async def get(q: Queryable, actor: Actor, scope: Scope) -> Account:
    """The actor's account."""
    account = await store.account(q, actor.account_id, scope.resources)
    if account is None:
        raise AccountNotFound("no such account")
    return account


async def warnings(db: Database, actor: Actor, now: datetime) -> list[str]:
    """What is weak: NO_SECOND_FACTOR of the user; SINGLE_OWNER of the account, for who manages its contacts."""
    facts = await store.security_facts(db, actor.account_id, actor.user_id, now)
    found = []
    if actor.user_id is not None and not facts["has_factor"]:
        found.append("NO_SECOND_FACTOR")
    manages = any(g.permission == "contacts.manage" and g.resources is None for g in actor.grants)
    if manages and facts["owners"] == 1 and facts["contacts"] > 1:
        found.append("SINGLE_OWNER")
    return found
