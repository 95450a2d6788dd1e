"""The example tickets with their messages."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from deploy.demo import letters
from deploy.demo.customers import MASIK, MINTA, NAGY, Customer, demo_id
from deploy.demo.letters import Letter
from deploy.demo.names import domain_id, nagy_names
from services.chassis.db import Database, Tx
from services.domains import names

_NAGY_TICKETS = 59
_HOUSE = {"hu": "Portico ügyfélszolgálat", "en": "Portico support"}
#: Which of the account's people writes to a department; the owner to the others.
_WRITERS = {"billing": "accountant", "technical": "technical"}


@dataclass(frozen=True, slots=True)
class Ticket:
    customer: Customer
    letter: Letter
    opened_at: datetime
    related: tuple[str, UUID] | None

    @property
    def id(self) -> UUID:
        return demo_id("ticket", f"{self.customer.number}:{self.letter.subject}")

    @property
    def messages(self) -> list[tuple[str, str, str, datetime]]:
        """(author's kind, author's name, body, when)"""
        people = {person.role: person.name for person in self.customer.people}
        writer = people.get(_WRITERS.get(self.letter.department, ""), self.customer.people[0].name)
        house = _HOUSE["en" if self.letter.lines[0].isascii() else "hu"]
        return [
            ("customer" if line[0] == ">" else "operator", writer if line[0] == ">" else house, line[1:], at)
            for n, line in enumerate(self.letter.lines)
            for at in [self.opened_at + timedelta(minutes=47 * n * (n + 1))]
        ]


async def plant(db: Database, hosting: dict[str, UUID], now: datetime) -> None:
    """80 tickets, unless they are there: the oldest has the lowest number."""
    async with db.transaction() as tx:
        if not await tx.fetchval("SELECT EXISTS (SELECT FROM tickets WHERE account_id = $1)", MINTA.id):
            await _keep(tx, sorted(_all(hosting, now), key=lambda ticket: ticket.opened_at))


async def _keep(tx: Tx, tickets: list[Ticket]) -> None:
    await tx.executemany(
        """INSERT INTO tickets (id, account_id, subject, state, department_id, priority, related_type, related_id,
                                opened_at, updated_at, closed_at)
           SELECT $1, $2, $3, $4, d.id, $6, $7, $8, $9, $10, CASE WHEN $4 = 'CLOSED' THEN $10::timestamptz END
           FROM departments d WHERE d.code = $5""",
        [
            (
                ticket.id,
                ticket.customer.id,
                ticket.letter.subject,
                ticket.letter.state,
                ticket.letter.department,
                ticket.letter.priority,
                ticket.related[0] if ticket.related else "",
                ticket.related[1] if ticket.related else None,
                ticket.opened_at,
                ticket.messages[-1][3],
            )
            for ticket in tickets
        ],
    )
    await tx.copy_records_to_table(
        "messages",
        columns=("ticket_id", "author_kind", "author_name", "body", "sent_at"),
        records=[(ticket.id, *message) for ticket in tickets for message in ticket.messages],
    )


def _all(hosting: dict[str, UUID], now: datetime) -> Iterator[Ticket]:
    for n, letter in enumerate(letters.MINTA):
        yield Ticket(MINTA, letter, _opened(letter, n, now), _related(letter, hosting))
    yield Ticket(MASIK, letters.MASIK, _opened(letters.MASIK, 1, now), None)
    held = nagy_names()
    for n in range(_NAGY_TICKETS):
        name = held[n * 31].unicode
        form = letters.NAGY[n % len(letters.NAGY)]
        # Old ones have ended.
        letter = replace(
            form,
            subject=form.subject.format(name=name),
            lines=[line.format(name=name) for line in form.lines],
            state=form.state if n < 16 else "CLOSED",
            domain=name,
        )
        yield Ticket(NAGY, letter, _opened(letter, n, now), _related(letter, hosting))


def _opened(letter: Letter, n: int, now: datetime) -> datetime:
    days = 11 + n * 9 if letter.state == "CLOSED" else 1 + n % 16
    return now.replace(minute=n % 60, second=0, microsecond=0) - timedelta(days=days, hours=n % 5)


def _related(letter: Letter, hosting: dict[str, UUID]) -> tuple[str, UUID] | None:
    if letter.domain:
        return "Domain", domain_id(names.parse(letter.domain).ascii)
    return ("HostingService", hosting[letter.service]) if letter.service else None
