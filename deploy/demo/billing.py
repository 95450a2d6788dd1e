"""A year and a half of example documents, issued and paid by billing itself on the days that they tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from deploy.demo.customers import CUSTOMERS, MASIK, MINTA, NAGY, Customer
from deploy.demo.hosting import ALL, PLAN_NAMES, Hosting
from deploy.demo.names import domain_id, nagy_names
from services.billing import parties, payments, prices, proformas
from services.billing.invoices import Invoice
from services.billing.parties import Seller
from services.billing.payments import Amount
from services.billing.prices import PriceList
from services.billing.proformas import Item
from services.chassis.db import Database, Tx
from services.domains import names

#: What Minta may spend when all is done, in forints.
MINTA_CREDIT = 200_000
_NAGY_MONTHS, _NAGY_A_MONTH, _NAGY_LINES = 18, 7, 8
_HOSTING = {one.label: one for one in ALL}
_Lines = Callable[[str], Item]


@dataclass(frozen=True, slots=True)
class Issue:
    """Proformas issued together, `days_ago`; paid whole `paid_after` days, or partly, or not yet (None, 0)."""

    customer: Customer
    days_ago: int
    batches: Sequence[Sequence[Item]]
    paid_after: int | None = None
    part: int = 0


async def plant(db: Database, seller: Seller, hosting: Mapping[str, UUID], now: datetime) -> None:
    """300 documents and Minta's credit, unless they are there. In the order of their days, so that numbers rise."""
    async with db.transaction() as tx:
        if await tx.fetchval("SELECT EXISTS (SELECT FROM invoices WHERE account_id = $1)", MINTA.id):
            return
        for customer in CUSTOMERS:
            await parties.save(tx, _customer(customer), now)
        issues = _plan(await prices.price_list(tx, "HUF"), hosting)
        morning = now.replace(hour=6, minute=0, second=0, microsecond=0)
        # Payments of earlier issues come between later issues, each on its day.
        steps: list[tuple[int, int, Issue]] = [(-issue.days_ago, 1, issue) for issue in issues]
        steps += [(i.paid_after - i.days_ago, 0, i) for i in issues if i.paid_after is not None]
        open_documents: dict[int, list[Invoice]] = {}
        for day, issuing, issue in sorted(steps, key=lambda step: step[:2]):
            at = morning + timedelta(days=day)
            if issuing:
                issued = await proformas.issue_many(tx, seller, issue.customer.id, issue.batches, at)
                open_documents[id(issue)] = issued
                if issue.part:
                    for document in issued:
                        await _top_up(tx, issue.customer, issue.part, document.number, at)
                        await payments.pay_part(tx, document, issue.part, at)
            else:
                due = open_documents.pop(id(issue))
                at += timedelta(hours=5)
                await _top_up(tx, issue.customer, sum(document.due for document in due), due[0].number, at)
                await payments.settle(tx, seller, due, at)
        await _top_up(tx, MINTA, MINTA_CREDIT, "credit", now)


async def _top_up(tx: Tx, customer: Customer, minor: int, reference: str, at: datetime) -> None:
    await payments.top_up(tx, customer.id, Amount(minor, customer.currency), f"demo:{customer.number}:{reference}", at)


def _customer(customer: Customer) -> parties.Customer:
    return parties.Customer(
        account_id=customer.id,
        number=customer.number,
        name=customer.name,
        country=customer.country,
        currency=customer.currency,
        locale=customer.locale,
        tax_number=customer.tax_number,
        postal_code=customer.postal_code,
        city=customer.city,
        street=customer.street,
    )


def _plan(price_list: PriceList, hosting: Mapping[str, UUID]) -> list[Issue]:
    def service(label: str) -> Item:
        return _hosting_item(_HOSTING[label], hosting[label])

    def renewal(text: str) -> Item:
        return _renewal(names.parse(text), price_list)

    return [
        *_minta(service, renewal),
        Issue(MASIK, 4, [[service("Bemutatkozó oldal"), renewal("masik-bt.hu")]]),
        *_nagy(service, price_list),
    ]


def _minta(service: _Lines, renewal: _Lines) -> list[Issue]:
    """30 documents: 13 paid proformas with their invoices, and 4 that are not paid."""
    yearly = {
        11: [service("Levelezés")],
        9: [service("Dokumentumtár"), renewal("minta.hu")],
        7: [service("Régi honlap")],
        5: [renewal("minta-bolt.hu")],
        2: [service("Blog"), renewal("árvíztűrő.hu")],
    }
    paid = [
        Issue(MINTA, 30 * month + 12, [[service("Webáruház"), *yearly.get(month, [])]], paid_after=3)
        for month in range(13, 0, -1)
    ]
    return [
        *paid,
        Issue(MINTA, 40, [[service("Webáruház teszt")]]),
        Issue(MINTA, 6, [[service("Nyereményjáték")]], part=5_000),
        Issue(MINTA, 3, [[service("Webáruház"), renewal("minta.hu")]]),
        Issue(MINTA, 1, [[service("Cég weboldala")]]),
    ]


def _nagy(service: _Lines, price_list: PriceList) -> list[Issue]:
    """269 documents: each month some proformas of renewals, of which the last ones are not all paid."""
    batches = _nagy_batches(price_list)
    issues = []
    for month in range(_NAGY_MONTHS, 0, -1):
        bills = [next(batches) for _ in range(_NAGY_A_MONTH)]
        if month % 6 == 0:
            bills[0] = [service("Ügyféloldalak A–K"), service("Ügyféloldalak L–Z")]
        bills[1] = [*bills[1], service("Fejlesztői szerver")]
        issues.append(Issue(NAGY, 30 * month, bills, paid_after=4))
    return [
        *issues,
        Issue(NAGY, 27, [next(batches) for _ in range(5)]),
        Issue(NAGY, 5, [next(batches) for _ in range(2)], part=10_000),
        Issue(NAGY, 2, [next(batches) for _ in range(10)]),
    ]


def _nagy_batches(price_list: PriceList) -> Iterator[list[Item]]:
    held = nagy_names()
    for start in range(0, len(held), _NAGY_LINES):
        yield [_renewal(name, price_list) for name in held[start : start + _NAGY_LINES]]


def _renewal(name: names.Name, price_list: PriceList) -> Item:
    return Item(
        f"{name.unicode} domain megújítása, 1 év",
        price_list.net("DOMAIN_RENEW", name.tld, 12),
        "Domain",
        domain_id(name.ascii),
        12,
    )


def _hosting_item(of: Hosting, service_id: UUID) -> Item:
    period = "1 év" if of.months == 12 else f"{of.months} hónap"
    return Item(
        f"{PLAN_NAMES[of.plan]} tárhely ({of.label}), {period}", of.price, "HostingService", service_id, of.months
    )
