"""What operators do about accounts: open one with its owner, look them up, lock and unlock."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from google.protobuf.message import Message

from services.chassis import audit, idempotency
from services.chassis.actor import Actor, Scope
from services.chassis.db import Database, Row, Tx, like
from services.chassis.pages import Page
from services.identity import (
    account_store,
    accounts,
    contact_store,
    contacts,
    invitations,
    operator_store,
    password_resets,
    store,
    users,
)
from services.identity.accounts import AccountNotFound
from services.identity.app import App
from services.identity.contacts import Rights
from services.identity.invitations import Guest, Sender
from services.identity.letters import Letter
from services.identity.operators import HOUSE
from services.identity.people import Account, Contact, Profile, User

FIRST_LINK_LIFE = timedelta(days=7)
"""A new owner does not wait for the mail as somebody does who has just asked for it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """`new`: the owner had no user before."""

    account: Account
    owner: User
    new: bool


async def open_account(
    app: App,
    operator: Actor,
    request: Message,
    request_id: str,
    profile: Profile,
    owner_email: str,
    owner_name: str,
    now: datetime,
) -> Opened:
    """A new account with its owner, who is mailed: with a link to set a password, where the address is nobody's yet."""
    key = f"{operator.id}:{request_id}"
    async with app.db.transaction() as tx:
        kept = await idempotency.claim(tx, operator.account_id, key, request)
        if kept is not None:
            return await _reload(tx, kept)
        account = await accounts.create_account(tx, profile, by=operator)
        known = await store.user_by_email(tx, owner_email.strip())
        if known is not None:
            user_id = known["id"]
        else:
            # Nobody knows this password: the owner sets one of its own with the link.
            user_id = await users.create_user(
                tx,
                app.hasher,
                email=owner_email,
                password=secrets.token_urlsafe(32),
                name=owner_name.strip(),
                locale=profile.locale,
            )
        await contacts.add_contact(tx, replace(operator, account_id=account.id), user_id, "owner")
        answer = {"account_id": str(account.id), "user_id": str(user_id), "new": known is None}
        await idempotency.keep(tx, operator.account_id, key, answer)
        opened = await _reload(tx, answer)
        values = {
            "number": account.number,
            "account": profile.name,
            "days": FIRST_LINK_LIFE.days,
            "new": opened.new,
            "url": app.public_url,
        }
        letter = _letter("account_opened", str(account.id), account.id, opened.owner, values)
        if opened.new:
            letter = replace(letter, secret=await password_resets.link(app, tx, user_id, now + FIRST_LINK_LIFE))
        await app.post.write(tx, letter, now)
    return opened


async def page(db: Database, search: str, locked: bool, page: Page, now: datetime) -> list[Row]:
    """The newest accounts; one row more than the page."""
    return await operator_store.accounts(db, like(search), locked, now, page)


async def describe(db: Database, ref: str, now: datetime) -> tuple[Account, Row, list[Contact]]:
    """(account, its summary, its contacts); AccountNotFound."""
    found = await operator_store.account(db, ref, now)
    account = await account_store.account(db, found["id"], None) if found else None
    if found is None or account is None:
        raise AccountNotFound(f"there is no account {ref}", field="account")
    return account, found, await contact_store.contacts_of_account(db, account.id, None, revoked=False, most=0)


async def invite(
    app: App, operator: Actor, request: Message, ref: str, guest: Guest, role: str, *, request_id: str, now: datetime
) -> Contact:
    """Invites somebody into an account, as its owners could; AccountNotFound, and what invitations.invite refuses."""
    account, _, _ = await describe(app.db, ref, now)
    return await invitations.invite(
        app.db,
        Sender(app.post, app.public_url),
        replace(operator, account_id=account.id),
        Scope(None),
        request,
        guest,
        Rights(role),
        request_id=f"{operator.id}:{request_id}",
        now=now,
    )


async def chain(db: Database, ref: str) -> UUID:
    """Whose event log is meant: an account's by number or id, or "house"; AccountNotFound."""
    found = HOUSE if ref == "house" else await operator_store.chain(db, ref)
    if found is None:
        raise AccountNotFound(f"there is no account {ref}", field="account")
    return found


async def lock(app: App, operator: Actor, ref: str, reason: str, now: datetime) -> Row:
    """Nobody of the account acts in it any more; its owners are mailed. Locked before: the reason changes. The summary;
    AccountNotFound."""
    reason = reason.strip()
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        if found["lock_reason"] != reason:
            await operator_store.set_account_lock(tx, found["id"], found["locked_at"] or now, reason)
            before = {"reason": found["lock_reason"]} if found["locked_at"] else None
            await _record(tx, operator, "account.locked", found, before=before, after={"reason": reason})
            await _tell_owners(tx, app, "account_locked", found, {"reason": reason}, now)
        return await _hold(tx, ref, now)


async def unlock(app: App, operator: Actor, ref: str, now: datetime) -> Row:
    """Its people have their rights again, and its owners are mailed. The summary; AccountNotFound."""
    async with app.db.transaction() as tx:
        found = await _hold(tx, ref, now)
        if found["locked_at"] is not None:
            await operator_store.set_account_lock(tx, found["id"], None, "")
            await _record(tx, operator, "account.unlocked", found, before={"reason": found["lock_reason"]})
            await _tell_owners(tx, app, "account_unlocked", found, {}, now)
        return await _hold(tx, ref, now)


async def _hold(tx: Tx, ref: str, now: datetime) -> Row:
    found = await operator_store.hold_account(tx, ref, now)
    if found is None:
        raise AccountNotFound(f"there is no account {ref}", field="account")
    return found


async def _record(
    tx: Tx,
    operator: Actor,
    action: str,
    account: Row,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    there = replace(operator, account_id=account["id"])
    subject = ("Account", account["id"], account["number"])
    await audit.record(tx, there, action, subject=subject, before=before, after=after)


async def _tell_owners(tx: Tx, app: App, name: str, account: Row, values: dict[str, object], now: datetime) -> None:
    values = {"number": account["number"], "account": account["name"], "url": app.public_url, **values}
    people: Sequence[Contact] = await contact_store.contacts_of_account(tx, account["id"], None, revoked=False, most=0)
    for contact in people:
        if contact.role == "owner" and contact.state(now) == "active":
            letter = _letter(name, f"{account['id']}:{now.isoformat()}", account["id"], contact.user, values)
            await app.post.write(tx, letter, now)


def _letter(name: str, occasion: str, account_id: UUID, user: User, values: dict[str, object]) -> Letter:
    return Letter(
        name,
        f"{name}:{occasion}:{user.id}",
        "service",
        user.email,
        user.name,
        user.locale,
        values,
        user_id=user.id,
        account_id=account_id,
    )


async def _reload(tx: Tx, kept: dict[str, object]) -> Opened:
    account = await account_store.account(tx, UUID(str(kept["account_id"])), None)
    if account is None:
        raise AccountNotFound("the account is no more")
    owner = await store.user(tx, UUID(str(kept["user_id"])))
    return Opened(account, User(owner["id"], owner["email"], owner["name"], owner["locale"]), bool(kept["new"]))
