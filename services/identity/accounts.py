"""Accounts: the subscribers. Everything owned hangs off one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from portico.identity.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import Actor, Scope, system
from services.chassis.db import Database, Queryable, Tx
from services.chassis.errors import Conflict, DomainError, NotFound
from services.identity import account_store, contact_store, profiles, sessions
from services.identity.people import Account as Account
from services.identity.people import Profile as Profile
from services.identity.wire import account_to_pb


class AccountNotFound(NotFound):
    reason = "ACCOUNT_NOT_FOUND"


class FieldLocked(DomainError):
    """Only the operator may change it; `why` is the lock's reason."""

    reason = "FIELD_LOCKED"


async def create_account(
    tx: Tx,
    profile: Profile,
    *,
    by: Actor | None = None,
    id: UUID | None = None,  # noqa: A002
) -> Account:
    """A new account with the next number of the series ("P-10001"); the other services are told of it. `by` opened it.

    An Invalid of profiles.py when its data cannot be right. Fields that invoices and contracts stand on are locked.
    """
    account = await account_store.add_account(tx, id, profiles.normal(profile))
    account = await _lock_what_is_set(tx, account, profiles.LOCKED_ONCE_SET, account.since)
    await _tell(tx, account, account.since)
    await audit.record(
        tx,
        replace(by, account_id=account.id) if by else system("identity", account.id),
        "account.created",
        subject=("Account", account.id, account.number),
        after={"name": account.profile.name, "kind": account.profile.kind},
    )
    return account


async def get(q: Queryable, actor: Actor, scope: Scope) -> Account:
    """The actor's account."""
    return await _found(q, actor.account_id, scope.resources)


async def update_profile(
    db: Database, actor: Actor, scope: Scope, changes: Mapping[str, str], *, if_version: int, now: datetime
) -> Account:
    """Changes the given fields; "" empties one. Conflict when somebody else changed the account since `if_version`.

    FieldLocked, FieldRequired, or the Invalid of what is wrong; then nothing has changed. What was empty and is locked
    once set is locked by this.
    """
    async with db.transaction() as tx:
        await account_store.lock_account(tx, actor.account_id)
        account = await _found(tx, actor.account_id, scope.resources)
        if account.version != if_version:
            raise Conflict(f"the account is at version {account.version}", field="if_version")
        profiles.required(changes)
        before = account.profile
        wanted = profiles.normal(replace(before, **changes), changes)
        changed = [name for name in changes if getattr(wanted, name) != getattr(before, name)]
        for name in changed:
            if name in account.locks:
                raise FieldLocked(f"{name} is locked: {account.locks[name]}", field=name, name=name)
        if not changed:
            return account
        await account_store.save_profile(tx, account.id, wanted)
        account = replace(account, profile=wanted, version=account.version + 1)
        account = await _lock_what_is_set(tx, account, changed, now)
        await _tell(tx, account, now)
        await audit.record(
            tx,
            actor,
            "account.profile_changed",
            subject=("Account", account.id, account.number),
            before={name: getattr(before, name) for name in changed},
            after={name: getattr(wanted, name) for name in changed},
        )
    return account


async def lock_field(db: Database, actor: Actor, account_id: UUID, field: str, now: datetime) -> Account:
    """Only the operator may change the field from now on; FieldUnknown. One that is locked stays so for its reason."""
    profiles.check_field(field)
    async with db.transaction() as tx:
        await account_store.lock_account(tx, account_id)
        account = await _found(tx, account_id)
        if not await account_store.add_locks(tx, account_id, {field: "operator"}, now):
            return account
        await _record_lock(tx, actor, account, "account.field_locked", field)
        return replace(account, locks={**account.locks, field: "operator"})


async def unlock_field(db: Database, actor: Actor, account_id: UUID, field: str) -> Account:
    """The account's people may change the field; FieldUnknown. One that is free already stays so."""
    profiles.check_field(field)
    async with db.transaction() as tx:
        await account_store.lock_account(tx, account_id)
        account = await _found(tx, account_id)
        if await account_store.remove_lock(tx, account_id, field) is None:
            return account
        await _record_lock(tx, actor, account, "account.field_unlocked", field)
        return replace(account, locks={name: why for name, why in account.locks.items() if name != field})


async def set_default(db: Database, actor: Actor) -> None:
    """The actor's account is the user's first from now on; TokenMayNot for a program."""
    user_id, _ = sessions.own(actor)
    async with db.transaction() as tx:
        await contact_store.set_default_account(tx, user_id, actor.account_id)
        await audit.record(
            tx,
            actor,
            "user.default_account_set",
            subject=("User", user_id, actor.label),
            after={"account": actor.account_id},
        )


async def warnings(db: Database, actor: Actor, now: datetime) -> list[str]:
    """What is weak: NO_SECOND_FACTOR of the user; SINGLE_OWNER of the account, for who manages its contacts."""
    facts = await account_store.security_facts(db, actor.account_id, actor.user_id, now)
    found = []
    if actor.user_id is not None and not facts["has_factor"]:
        found.append("NO_SECOND_FACTOR")
    manages = any(g.permission == "contacts.manage" and g.resources is None for g in actor.grants)
    if manages and facts["owners"] == 1 and facts["contacts"] > 1:
        found.append("SINGLE_OWNER")
    return found


async def _found(q: Queryable, account_id: UUID, resources: list[UUID] | None = None) -> Account:
    account = await account_store.account(q, account_id, resources)
    if account is None:
        raise AccountNotFound("no such account")
    return account


async def _lock_what_is_set(tx: Tx, account: Account, names: Mapping[str, str] | list[str], now: datetime) -> Account:
    """Locks those of the fields that hold something now and are locked once they do."""
    reasons = {n: profiles.LOCKED_ONCE_SET[n] for n in names if n in profiles.LOCKED_ONCE_SET}
    reasons = {name: why for name, why in reasons.items() if getattr(account.profile, name)}
    added = await account_store.add_locks(tx, account.id, reasons, now) if reasons else []
    return replace(account, locks={**account.locks, **{name: reasons[name] for name in added}})


async def _record_lock(tx: Tx, actor: Actor, account: Account, action: str, field: str) -> None:
    there = replace(actor, account_id=account.id)
    await audit.record(tx, there, action, subject=("Account", account.id, account.number), after={"field": field})


async def _tell(tx: Tx, account: Account, now: datetime) -> None:
    event = events_pb2.AccountSaved(account=account_to_pb(account), occurred_at=times.to_pb(now))
    await outbox.add(tx, event, account_id=account.id, aggregate=account.id)
