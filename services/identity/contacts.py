"""Contacts: a user's membership in one account, with its rights."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, Grant
from services.chassis.db import Database, Tx
from services.chassis.errors import Conflict, PermissionDenied
from services.identity import access, store
from services.identity.people import Contact


class AlreadyContact(Conflict):
    reason = "ALREADY_CONTACT"


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
    contact_id = await store.add_contact(
        tx, id, actor.account_id, user_id, role, access.dump(grants), list(denied_fields), expires_at
    )
    if contact_id is None:
        raise AlreadyContact("the user is a contact of the account already")
    email = await store.email_of_user(tx, user_id)
    await audit.record(
        tx,
        actor,
        "contact.added",
        subject=("Contact", contact_id, email),
        after={"role": role, "grants": access.dump(grants), "denied_fields": list(denied_fields)},
    )
    return contact_id


async def visible(db: Database, actor: Actor, now: datetime) -> list[Contact]:
    """The contacts that the actor may see: those it manages, and its own."""
    try:
        resources = actor.scope("contacts.manage", now).resources
    except PermissionDenied:
        resources = []
    if resources is not None and actor.contact_id is not None:
        resources = [*resources, actor.contact_id]
    return await store.contacts_of_account(db, actor.account_id, resources, now)
