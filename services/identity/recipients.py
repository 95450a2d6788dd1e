"""Who gets the mail about something in an account: whoever may see it there, and wants to hear of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Tx
from services.identity import contact_store, email_store, notifications
from services.identity.people import Contact


@dataclass(frozen=True, slots=True)
class Subject:
    """What mail of a category is about: the permission to see it, and the schema coordinates that such mail tells."""

    permission: str
    tells: frozenset[str]


SUBJECTS: Mapping[str, Subject] = {
    "billing": Subject(
        "billing.read",
        frozenset(
            {
                "Account.invoices",
                "Invoice.number",
                "Invoice.gross",
                "Invoice.dueOn",
                "Invoice.lines",
                "InvoiceLine.description",
                "InvoiceLine.gross",
            }
        ),
    ),
    "service": Subject(
        "hosting.read", frozenset({"Account.hostingServices", "HostingService.label", "HostingService.nextDueAt"})
    ),
    "domain": Subject(
        "domains.read",
        frozenset({"Account.domains", "Domain.name", "Domain.unicodeName", "Domain.state", "Domain.expiresAt"}),
    ),
    "support": Subject("tickets.read", frozenset({"Account.tickets", "Ticket.number", "Ticket.subject"})),
}


async def of_account(
    tx: Tx, account_id: UUID, category: str, resources: Collection[UUID], now: datetime
) -> Sequence[Contact]:
    """Contacts that may see all these objects and have the category on; of essential mail that nobody else would get,
    the owners, whatever they have switched off."""
    contacts, off = await _contacts(tx, account_id, category, now)
    found = [c for c in contacts if c.id not in off and _may_see(c, SUBJECTS[category], resources, now)]
    return found or _owners(contacts, category)


async def of_order(
    tx: Tx, account_id: UUID, category: str, contact_id: UUID | None, now: datetime
) -> Sequence[Contact]:
    """The contact who ordered; when it is there no more, or wants no such mail, the first owner."""
    contacts, off = await _contacts(tx, account_id, category, now)
    found = [c for c in contacts if c.id == contact_id and c.id not in off]
    return found or _owners(contacts, category)[:1]


async def _contacts(tx: Tx, account_id: UUID, category: str, now: datetime) -> tuple[list[Contact], set[UUID]]:
    found = await contact_store.contacts_of_account(tx, account_id, None, revoked=False, most=0)
    contacts = [contact for contact in found if contact.state(now) == "active"]
    return contacts, await email_store.switched_off(tx, account_id, category)


def _owners(contacts: Sequence[Contact], category: str) -> list[Contact]:
    return [c for c in contacts if c.role == "owner"] if category in notifications.WARNINGS else []


def _may_see(contact: Contact, subject: Subject, resources: Collection[UUID], now: datetime) -> bool:
    if subject.tells & set(contact.denied_fields):
        return False
    reached: set[UUID] = set()
    for grant in contact.grants(now):
        if grant.permission == subject.permission:
            if grant.resources is None:
                return True
            reached |= grant.resources
    return bool(resources) and reached.issuperset(resources)
