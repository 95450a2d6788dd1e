"""Invitations: a mail with a link, good once and for two weeks, that makes whoever has the address a contact.

What it will be stands in its contact from the beginning and can be changed there; until it is accepted it counts for
nothing. Every way an invitation ends is decided under the account's lock, so exactly one of several wins.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import grpc
from google.protobuf.message import Message

from services.chassis import audit, idempotency
from services.chassis.actor import Actor, Scope
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.errors import Conflict, DomainError, Exhausted, NotFound, PermissionDenied
from services.identity import (
    access,
    account_store,
    contact_store,
    contacts,
    credentials,
    invitation_store,
    password_rules,
    profiles,
    secret,
    store,
    users,
)
from services.identity.contacts import AlreadyContact, ContactNotFound, Rights
from services.identity.emails import Post
from services.identity.letters import Letter
from services.identity.passwords import Hasher
from services.identity.people import Contact, User

LIFE = timedelta(days=14)
#: So that the house's mail cannot be made to pester people.
_MAILS_A_DAY = 100
_SENDS = 5


class AlreadyInvited(Conflict):
    reason = "ALREADY_INVITED"


class TooManyContacts(Exhausted):
    reason = "TOO_MANY_CONTACTS"


class TooManyInvitations(Exhausted):
    """Of the account within a day, or of one invitation that is sent again and again."""

    reason = "TOO_MANY_INVITATIONS"


class InvitationUnknown(NotFound):
    """Never sent, or sent again since with another link."""

    reason = "INVITATION_UNKNOWN"


class InvitationOver(DomainError):
    """`outcome`: accepted, declined or withdrawn."""

    reason = "INVITATION_OVER"


class InvitationExpired(DomainError):
    reason = "INVITATION_EXPIRED"


class InvitationForOther(DomainError):
    """It is for another address than that of who is signed in."""

    reason = "INVITATION_FOR_OTHER"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class Sender:
    """What an invitation mail is made with: its link begins with the portal's own address."""

    post: Post
    public_url: str


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is invited. `locale` is that of the mail, whatever a user with the address reads: who invites must not learn
    whether there is one. `message` is the inviter's own."""

    email: str
    name: str
    locale: str
    message: str


async def invite(
    db: Database,
    sender: Sender,
    actor: Actor,
    scope: Scope,
    request: Message,
    guest: Guest,
    rights: Rights,
    *,
    request_id: str,
    now: datetime,
) -> Contact:
    """Invites somebody; AlreadyContact, AlreadyInvited, TooManyContacts, and what contacts.check_* refuse.

    The same request_id again sends nothing and answers the contact that there is.
    """
    if scope.resources is not None:
        # Who manages only some contacts cannot add to them.
        raise PermissionDenied("contacts.manage")
    guest = replace(
        guest,
        email=profiles.email(guest.email),
        name=profiles.one_line(guest.name, "name"),
        message=_text(guest.message),
    )
    rights = replace(rights, denied_fields=tuple(sorted(set(rights.denied_fields))))
    key = f"{actor.contact_id}:{request_id}"
    async with db.transaction() as tx:
        kept = await idempotency.claim(tx, actor.account_id, key, request)
        if kept is not None:
            return await _contact(tx, actor.account_id, UUID(kept["contact_id"]))
        await account_store.lock_account(tx, actor.account_id)
        giver = await contacts.giver_of(tx, actor, now)
        contacts.check_new(rights, now)
        known = await store.user_by_email(tx, guest.email)
        await _check_room(tx, actor.account_id, guest.email, known, now)
        contact_id = await contact_store.add_contact(
            tx,
            None,
            actor.account_id,
            None,
            rights.role,
            access.dump(rights.grants),
            list(rights.denied_fields),
            rights.expires_at,
        )
        assert contact_id is not None
        link = secret.make(secret.INVITATION)
        await invitation_store.add(
            tx,
            contact_id,
            actor.account_id,
            guest.email,
            guest.name,
            guest.locale,
            guest.message,
            actor.contact_id,
            secret.digest(link),
            now,
            now + LIFE,
        )
        made = await _contact(tx, actor.account_id, contact_id)
        contacts.check_giver(giver, None, made, now)
        await audit.record(
            tx, actor, "contact.invited", subject=("Contact", contact_id, guest.email), after=rights.told()
        )
        await _send(tx, sender, actor, made, link, guest.message, 1, now)
        await idempotency.keep(tx, actor.account_id, key, {"contact_id": str(contact_id)})
    return made


async def resend(db: Database, sender: Sender, actor: Actor, scope: Scope, contact_id: UUID, now: datetime) -> Contact:
    """Sends an open invitation again with a new link and its whole time; InvitationOver, TooManyInvitations."""
    async with db.transaction() as tx:
        await account_store.lock_account(tx, actor.account_id)
        giver = await contacts.giver_of(tx, actor, now)
        contact = await contact_store.contact(tx, actor.account_id, contact_id, scope.resources)
        invitation = await invitation_store.of_contact(tx, contact_id) if contact else None
        if contact is None:
            raise ContactNotFound("no such contact in the account", field="id")
        if invitation is None or invitation["outcome"] is not None:
            outcome = invitation["outcome"] if invitation else "accepted"
            raise InvitationOver("there is no open invitation", field="id", outcome=outcome)
        contacts.check_owner(giver, contact)
        if invitation["sends"] >= _SENDS or await _sent_today(tx, actor.account_id, now) >= _MAILS_A_DAY:
            raise TooManyInvitations("too many invitation mails", field="id")
        link = secret.make(secret.INVITATION)
        sends = await invitation_store.renew(tx, contact_id, secret.digest(link), now, now + LIFE)
        contact = await _contact(tx, actor.account_id, contact_id)
        await audit.record(tx, actor, "contact.invited_again", subject=("Contact", contact_id, contact.user.email))
        await _send(tx, sender, actor, contact, link, invitation["message"], sends, now)
    return contact


async def open_invitation(q: Queryable, link: str, now: datetime) -> Row:
    """The invitation of a link's secret; InvitationUnknown, InvitationOver, InvitationExpired."""
    row = await invitation_store.by_secret(q, secret.digest(link)) if link.startswith(secret.INVITATION) else None
    if row is None:
        raise InvitationUnknown("no such invitation")
    if row["outcome"] is not None:
        raise InvitationOver("the invitation is over", outcome=row["outcome"])
    ends = row["contact_expires_at"]
    if row["expires_at"] <= now or (ends is not None and ends <= now):
        raise InvitationExpired("the invitation has run out")
    return row


async def accept(db: Database, post: Post, link: str, session: str, *, ip: str, now: datetime) -> str:
    """Makes who is signed in a contact and answers the account's name; InvitationForOther, AlreadyContact."""
    user = await credentials.person(db, session, now=now)
    async with db.transaction() as tx:
        row = await _locked(tx, link, now)
        if row["user_id"] != user.id:
            raise InvitationForOther("the invitation is for somebody else", email=row["email"])
        await _join(tx, post, row, user, ip, now)
    return str(row["account_name"])


async def join(
    db: Database,
    hasher: Hasher,
    post: Post,
    link: str,
    *,
    name: str,
    locale: str,
    password: str,
    ip: str,
    now: datetime,
) -> str:
    """Makes a new user with the invited address a contact and answers that address; EmailTaken, or what password_rules.py
    says."""
    row = await open_invitation(db, link, now)
    if row["user_id"] is not None:
        raise users.EmailTaken(f"{row['email']} is taken", field="email")
    name = profiles.one_line(name, "name")
    password_rules.check(password, email=row["email"], name=name, has_second_factor=False)
    async with db.transaction() as tx:
        row = await _locked(tx, link, now)
        user_id = await users.create_user(tx, hasher, email=row["email"], password=password, name=name, locale=locale)
        await _join(tx, post, row, User(user_id, row["email"], name, locale), ip, now)
    return str(row["email"])


async def decline(db: Database, post: Post, link: str, *, ip: str, now: datetime) -> None:
    """Ends an invitation for good, on the word of who has its link."""
    async with db.transaction() as tx:
        row = await _locked(tx, link, now)
        await invitation_store.end(tx, row["contact_id"], "declined", now)
        await contact_store.revoke(tx, row["contact_id"], now)
        # Nobody has signed in, so it is the address that acts.
        actor = Actor("user", "", row["email"], row["account_id"], ip=ip)
        await audit.record(
            tx, actor, "contact.invitation_declined", subject=("Contact", row["contact_id"], row["email"])
        )
        await _tell_inviter(tx, post, "invitation_declined", row, row["name"] or row["email"], now)


def _text(message: str) -> str:
    lines = message.strip().splitlines()
    if not all(line.isprintable() for line in lines):
        raise profiles.TextInvalid("must be text", field="message")
    return "\n".join(lines)


async def _check_room(tx: Tx, account_id: UUID, email: str, known: Row | None, now: datetime) -> None:
    if known is not None and await contact_store.has_contact(tx, account_id, known["id"]):
        raise AlreadyContact(f"{email} is a contact of the account already", field="email", email=email)
    if await invitation_store.is_invited(tx, account_id, email):
        raise AlreadyInvited(f"{email} is invited already", field="email", email=email)
    if await contact_store.count_contacts(tx, account_id) >= contacts.MOST:
        raise TooManyContacts(f"there are {contacts.MOST} contacts already", limit=str(contacts.MOST))
    if await _sent_today(tx, account_id, now) >= _MAILS_A_DAY:
        raise TooManyInvitations("too many invitation mails")


async def _sent_today(tx: Tx, account_id: UUID, now: datetime) -> int:
    return await invitation_store.count_sent(tx, account_id, now - timedelta(days=1))


async def _contact(tx: Tx, account_id: UUID, contact_id: UUID) -> Contact:
    found = await contact_store.contact(tx, account_id, contact_id, None)
    if found is None:
        raise ContactNotFound("the contact is no more")
    return found


async def _locked(tx: Tx, link: str, now: datetime) -> Row:
    """The open invitation; nobody else accepts, declines or withdraws it before this transaction ends."""
    row = await open_invitation(tx, link, now)
    await account_store.lock_account(tx, row["account_id"])
    return await open_invitation(tx, link, now)


async def _join(tx: Tx, post: Post, row: Row, user: User, ip: str, now: datetime) -> None:
    account_id, contact_id = row["account_id"], row["contact_id"]
    if await contact_store.has_contact(tx, account_id, user.id):
        raise AlreadyContact("the user is a contact of the account already", email=user.email)
    await contact_store.set_user(tx, contact_id, user.id)
    await invitation_store.end(tx, contact_id, "accepted", now)
    actor = Actor("user", str(user.id), user.email, account_id, user.id, contact_id, user.locale, ip)
    joined = await _contact(tx, account_id, contact_id)
    await audit.record(
        tx,
        actor,
        "contact.invitation_accepted",
        subject=("Contact", contact_id, user.email),
        after=Rights.of(joined).told(),
    )
    await _tell_inviter(tx, post, "invitation_accepted", row, user.name, now)


async def _send(
    tx: Tx, sender: Sender, actor: Actor, contact: Contact, link: str, message: str, sends: int, now: datetime
) -> None:
    guest = contact.user
    values = {
        "account": contact.account_name,
        "inviter": await _name(tx, actor),
        "role": contact.role,
        "message": message,
        "expires_at": now + LIFE,
    }
    letter = Letter(
        "invitation",
        f"invitation:{contact.id}:{sends}",
        "service",
        guest.email,
        guest.name or guest.email,
        guest.locale,
        values,
        account_id=contact.account_id,
        secret=f"{sender.public_url}/invitation?token={link}",
    )
    await sender.post.write(tx, letter, now)


async def _name(tx: Tx, actor: Actor) -> str:
    """Who invites, as the guest knows it; empty for the operator."""
    if actor.contact_id is None:
        return ""
    contact = await _contact(tx, actor.account_id, actor.contact_id)
    return f"{contact.user.name} ({contact.user.email})"


async def _tell_inviter(tx: Tx, post: Post, letter: str, row: Row, guest: str, now: datetime) -> None:
    if row["inviter_user_id"] is None:
        return
    values = {"account": row["account_name"], "guest": guest, "email": row["email"], "role": row["role"]}
    await post.write(
        tx,
        Letter(
            letter,
            f"{letter}:{row['contact_id']}",
            "service",
            row["inviter_email"],
            row["inviter_name"],
            row["inviter_locale"],
            values,
            user_id=row["inviter_user_id"],
            account_id=row["account_id"],
        ),
        now,
    )
