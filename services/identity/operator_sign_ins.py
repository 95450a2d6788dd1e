"""An operator looks at the portal through a contact's eyes: a link, good once, for a short session that can only read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, Grant
from services.chassis.db import Database
from services.chassis.errors import NotFound
from services.identity import access, contact_store, operator_store, secret, users
from services.identity.accounts import AccountNotFound
from services.identity.app import App
from services.identity.contacts import ContactNotFound
from services.identity.operator_users import UserNotFound
from services.identity.sessions import IDLE, NewSession

READS = ("account.read", "billing.read", "dns.read", "domains.read", "hosting.read", "tickets.read")
"""All that such a session may, as far as the contact itself may."""
LINK_LIFE = timedelta(seconds=60)
LIFE = timedelta(minutes=30)


class SignInLinkInvalid(NotFound):
    """Unknown, used or over: the answer does not tell which."""

    reason = "SIGN_IN_LINK_INVALID"


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    expires_at: datetime


async def offer(app: App, operator: Actor, account_ref: str, user_ref: str, reason: str, now: datetime) -> Link:
    """The link; AccountNotFound, UserNotFound, ContactNotFound, UserLocked."""
    account = await operator_store.account(app.db, account_ref, now)
    if account is None:
        raise AccountNotFound(f"there is no account {account_ref}", field="account")
    user = await operator_store.user(app.db, user_ref, now, now - IDLE)
    if user is None:
        raise UserNotFound(f"there is no user {user_ref}", field="user")
    users.check_lock(user)
    contacts = await contact_store.memberships(app.db, user["id"], None, now)
    contact = next((one for one in contacts if one.account_id == account["id"]), None)
    if contact is None:
        raise ContactNotFound(f"{user['email']} is no contact of {account['number']}", field="user")
    code, expires_at = secret.make(secret.SIGN_IN_LINK), now + LINK_LIFE
    async with app.db.transaction() as tx:
        await operator_store.add_sign_in(
            tx, secret.digest(code), UUID(operator.id), contact.id, reason.strip(), now, expires_at
        )
    return Link(f"{app.public_url}/operator?code={code}", expires_at)


async def redeem(db: Database, code: str, *, ip: str, user_agent: str, now: datetime) -> NewSession:
    """Opens the link's session and tells the account's log; SignInLinkInvalid."""
    made = NewSession(secret.make(secret.SESSION), now + LIFE)
    async with db.transaction() as tx:
        link = await operator_store.redeem_sign_in(tx, secret.digest(code), now)
        if link is None:
            raise SignInLinkInvalid("the link is not good, or not any more")
        await operator_store.add_session(
            tx,
            secret.digest(made.secret),
            link["user_id"],
            link["contact_id"],
            link["operator"],
            access.dump(map(Grant, READS)),
            ip,
            user_agent,
            now,
            made.expires_at,
        )
        operator = Actor(
            kind="operator",
            id=str(link["operator_id"]),
            label=link["operator"],
            account_id=link["account_id"],
            ip=ip,
        )
        await audit.record(
            tx,
            operator,
            "operator.signed_in_as_contact",
            subject=("Contact", link["contact_id"], link["email"]),
            after={"reason": link["reason"], "until": made.expires_at},
        )
    return made
