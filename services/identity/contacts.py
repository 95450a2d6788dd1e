"""Contacts: a user's membership in one account, with its rights; how they are changed and ended.

Whoever changes contacts gives no more than it holds itself, only owners change owners, and one owner with every right
always stays. All of that is decided under the account's lock, on what is true then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import grpc

from services.chassis import audit
from services.chassis.actor import Actor, Grant, Scope
from services.chassis.db import Database, Tx
from services.chassis.errors import Conflict, DomainError, Invalid, NotFound, PermissionDenied
from services.identity import access, account_store, contact_store, invitation_store
from services.identity.emails import Post
from services.identity.letters import Letter
from services.identity.people import Contact

MOST = 200
"""Contacts of one account that are not revoked, invited ones too."""


class AlreadyContact(Conflict):
    reason = "ALREADY_CONTACT"


class ContactNotFound(NotFound):
    reason = "CONTACT_NOT_FOUND"


class ContactRevoked(DomainError):
    """It is over for good; who shall come back is invited again."""

    reason = "CONTACT_REVOKED"


class ContactExpiryInvalid(Invalid):
    reason = "CONTACT_EXPIRY_INVALID"


class LastOwner(DomainError):
    """Without it nobody could do everything in the account any more."""

    reason = "LAST_OWNER"


class OwnerOnly(DomainError):
    """Only an owner makes, changes and ends owners."""

    reason = "OWNER_ONLY"
    status = grpc.StatusCode.PERMISSION_DENIED


class GrantTooWide(DomainError):
    """A right that who gives it does not hold itself, or not for as long."""

    reason = "GRANT_TOO_WIDE"
    status = grpc.StatusCode.PERMISSION_DENIED


class DenialKept(DomainError):
    """Who gives is denied this field itself, so whom it gives rights is too."""

    reason = "DENIAL_KEPT"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class Rights:
    """What a contact is to hold; `expires_at` None is for good."""

    role: str
    grants: tuple[Grant, ...] = ()
    denied_fields: tuple[str, ...] = ()
    expires_at: datetime | None = None

    @classmethod
    def of(cls, contact: Contact) -> "Rights":
        return cls(contact.role, contact.own, contact.denied_fields, contact.expires_at)

    def told(self) -> dict[str, object]:
        """For the event log."""
        return {
            "role": self.role,
            "grants": access.dump(self.grants),
            "denied_fields": list(self.denied_fields),
            "expires_at": self.expires_at and self.expires_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What is None stays as it is; an expiry is (the new one,)."""

    role: str | None = None
    grants: Sequence[Grant] | None = None
    denied_fields: Sequence[str] | None = None
    expires_at: tuple[datetime | None] | None = None


async def add_contact(
    tx: Tx,
    actor: Actor,
    user_id: UUID,
    role: str,
    *,
    grants: Sequence[Grant] = (),
    denied_fields: Sequence[str] = (),
    expires_at: datetime | None = None,
    id: UUID | None = None,  # noqa: A002
) -> UUID:
    """Makes a user a contact of the actor's account; AlreadyContact, RoleUnknown, PermissionUnknown."""
    access.check_role(role)
    access.check_grants(grants)
    contact_id = await contact_store.add_contact(
        tx, id, actor.account_id, user_id, role, access.dump(grants), list(denied_fields), expires_at
    )
    if contact_id is None:
        raise AlreadyContact("the user is a contact of the account already")
    added = await contact_store.contact(tx, actor.account_id, contact_id, None)
    assert added is not None
    await audit.record(
        tx, actor, "contact.added", subject=("Contact", contact_id, added.user.email), after=Rights.of(added).told()
    )
    return contact_id


async def visible(db: Database, actor: Actor, now: datetime, *, revoked: bool = False) -> list[Contact]:
    """The contacts that the actor may see: those it manages, and its own; with `revoked` the latest of these too."""
    try:
        resources = actor.scope("contacts.manage", now).resources
    except PermissionDenied:
        resources = []
    if resources is not None and actor.contact_id is not None:
        resources = [*resources, actor.contact_id]
    return await contact_store.contacts_of_account(db, actor.account_id, resources, revoked=revoked, most=MOST)


async def own(db: Database, actor: Actor) -> Contact:
    """The actor's own; ContactNotFound for one that is nobody's."""
    found = None
    if actor.contact_id is not None:
        found = await contact_store.contact(db, actor.account_id, actor.contact_id, None)
    if found is None:
        raise ContactNotFound("the caller is no contact")
    return found


async def update(
    db: Database, post: Post, actor: Actor, scope: Scope, contact_id: UUID, change: Change, now: datetime
) -> Contact:
    """Changes a contact's rights, and tells it by mail; they hold everywhere within a second."""
    async with db.transaction() as tx:
        before, giver = await _locked(tx, actor, scope, contact_id, now)
        if before.revoked_at is not None:
            raise ContactRevoked("the contact is revoked; invite it again")
        old = Rights.of(before)
        new = _changed(old, change)
        if new == old:
            return before
        _check_form(new, now, expiry_given=change.expires_at is not None, grants_given=change.grants is not None)
        after = replace(
            before, role=new.role, own=new.grants, denied_fields=new.denied_fields, expires_at=new.expires_at
        )
        check_giver(giver, before, after, now)
        await _keep_an_owner(tx, before, after)
        await contact_store.save_rights(
            tx, contact_id, new.role, access.dump(new.grants), list(new.denied_fields), new.expires_at
        )
        await audit.record(
            tx,
            actor,
            "contact.changed",
            subject=("Contact", contact_id, before.user.email),
            before=_differing(old, new),
            after=_differing(new, old),
        )
        if before.joined:
            await post.write(tx, _rights_changed(actor, after, now), now)
    return after


async def revoke(db: Database, post: Post, actor: Actor, scope: Scope, contact_id: UUID, now: datetime) -> Contact:
    """Ends a contact, its sessions' rights and its API tokens with it, or withdraws its invitation."""
    async with db.transaction() as tx:
        before, giver = await _locked(tx, actor, scope, contact_id, now)
        if before.revoked_at is not None:
            return before
        after = replace(before, revoked_at=now)
        check_owner(giver, before)
        await _keep_an_owner(tx, before, after)
        await contact_store.revoke(tx, contact_id, now)
        await invitation_store.end(tx, contact_id, "withdrawn", now)
        await audit.record(
            tx,
            actor,
            "contact.revoked" if before.joined else "contact.invitation_withdrawn",
            subject=("Contact", contact_id, before.user.email),
            before=Rights.of(before).told(),
        )
        if before.joined:
            await post.write(tx, _access_ended(actor, after), now)
        ended = await contact_store.contact(tx, actor.account_id, contact_id, None)
        assert ended is not None
    return ended


async def giver_of(tx: Tx, actor: Actor, now: datetime) -> Contact | None:
    """Who changes contacts, as it is now and with no more than its credential may; None for the operator.

    PermissionDenied when the actor's own right is gone meanwhile.
    """
    if actor.contact_id is None:
        return None
    contact = await contact_store.contact(tx, actor.account_id, actor.contact_id, None)
    if contact is None or "contacts.manage" not in {grant.permission for grant in contact.grants(now)}:
        raise PermissionDenied("contacts.manage")
    held = access.narrowed(actor.grants, contact.rights(now), now)
    whole = {grant.permission for grant in held if grant.resources is None} >= access.PERMISSIONS
    # An owner whose session holds less acts as no owner.
    return replace(contact, own=held, role="owner" if contact.role == "owner" and whole else "custom")


def check_giver(giver: Contact | None, before: Contact | None, after: Contact, now: datetime) -> None:
    """GrantTooWide, DenialKept or OwnerOnly when the giver would make `after` of `before` (None: of nobody)."""
    if giver is None:
        return
    check_owner(giver, *([before] if before else []), after)
    kept = before.rights(now) if before else ()
    wider = access.exceeding(after.rights(now), [*giver.rights(now), *kept])
    if wider is not None:
        raise GrantTooWide(
            f"the giver does not hold {wider.permission} as far", field="grants", permission=wider.permission
        )
    for coordinate in giver.denied_fields:
        freed = before is None or coordinate in before.denied_fields
        if freed and coordinate not in after.denied_fields:
            raise DenialKept(f"{coordinate} is denied to the giver", field="denied_fields", coordinate=coordinate)


def check_owner(giver: Contact | None, *touched: Contact) -> None:
    """OwnerOnly when somebody else than an owner touches one."""
    if giver is not None and giver.role != "owner" and any(contact.role == "owner" for contact in touched):
        raise OwnerOnly("only an owner may", field="role")


def check_new(rights: Rights, now: datetime) -> None:
    """RoleUnknown, PermissionUnknown, ContactExpiryInvalid and the others of access.py: what nobody can be given."""
    _check_form(rights, now, expiry_given=True, grants_given=True)


def _check_form(rights: Rights, now: datetime, *, expiry_given: bool, grants_given: bool) -> None:
    access.check_role(rights.role)
    if grants_given:
        access.check_given(rights.grants, now)
    access.check_coordinates(rights.denied_fields)
    if expiry_given and rights.expires_at is not None and rights.expires_at <= now:
        raise ContactExpiryInvalid("must lie in the future", field="expires_at")


async def _locked(
    tx: Tx, actor: Actor, scope: Scope, contact_id: UUID, now: datetime
) -> tuple[Contact, Contact | None]:
    """(the contact, who changes it), under the account's lock."""
    await account_store.lock_account(tx, actor.account_id)
    giver = await giver_of(tx, actor, now)
    contact = await contact_store.contact(tx, actor.account_id, contact_id, scope.resources)
    if contact is None:
        raise ContactNotFound("no such contact in the account", field="id")
    return contact, giver


async def _keep_an_owner(tx: Tx, before: Contact, after: Contact) -> None:
    goes = before.keeps_account and not after.keeps_account
    if goes and await contact_store.count_keepers(tx, before.account_id) <= 1:
        raise LastOwner("the account would be left without an owner", field="id")


def _changed(old: Rights, change: Change) -> Rights:
    return Rights(
        old.role if change.role is None else change.role,
        old.grants if change.grants is None else tuple(change.grants),
        old.denied_fields if change.denied_fields is None else tuple(sorted(set(change.denied_fields))),
        old.expires_at if change.expires_at is None else change.expires_at[0],
    )


def _differing(one: Rights, other: Rights) -> dict[str, object]:
    there = other.told()
    return {name: value for name, value in one.told().items() if value != there[name]}


def _rights_changed(actor: Actor, contact: Contact, now: datetime) -> Letter:
    values = {
        "account": f"{contact.account_name} ({contact.account_number})",
        "by": actor.label,
        "role": contact.role,
        "permissions": sorted({grant.permission for grant in contact.grants(now)}),
        "expires_at": contact.expires_at,
        "denied": len(contact.denied_fields),
    }
    return _letter("rights_changed", f"rights_changed:{contact.id}:{now.isoformat()}", contact, values)


def _access_ended(actor: Actor, contact: Contact) -> Letter:
    values = {"account": f"{contact.account_name} ({contact.account_number})", "by": actor.label}
    return _letter("access_ended", f"access_ended:{contact.id}", contact, values)


def _letter(name: str, occasion: str, contact: Contact, values: Mapping[str, object]) -> Letter:
    user = contact.user
    return Letter(name, occasion, "security", user.email, user.name, user.locale, values, user_id=user.id)
