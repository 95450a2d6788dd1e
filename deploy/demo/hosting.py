"""The example hosting services and where their panels are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from deploy.demo.customers import CUSTOMERS, MASIK, MINTA, NAGY, Customer
from services.chassis.db import Database
from services.domains import names
from services.hosting import logins, services
from services.hosting.logins import PanelLogin
from services.hosting.services import NewService

_PRICES = {("web-s", 1): 990, ("web-s", 12): 9_900, ("web-m", 12): 19_900, ("web-l", 1): 3_990, ("web-l", 12): 39_900}
PLAN_NAMES = {"web-s": "Web S", "web-m": "Web M", "web-l": "Web L"}


@dataclass(frozen=True, slots=True)
class Hosting:
    """`due_in` and `age` in days; a negative `due_in` is overdue."""

    customer: Customer
    label: str
    plan: str
    months: int
    domain: str
    due_in: int
    age: int
    state: str = "ACTIVE"

    @property
    def price(self) -> int:
        """Net, in forints, per period."""
        return _PRICES[self.plan, self.months]


ALL = (
    Hosting(MINTA, "Cég weboldala", "web-m", 12, "minta.hu", 23, 1_070),
    Hosting(MINTA, "Webáruház", "web-l", 1, "minta-bolt.hu", 9, 690),
    Hosting(MINTA, "Webáruház teszt", "web-s", 1, "minta-bolt.hu", -32, 480, "SUSPENDED"),
    Hosting(MINTA, "Blog", "web-s", 12, "árvíztűrő.hu", 318, 47),
    Hosting(MINTA, "Levelezés", "web-m", 12, "minta.hu", 141, 950),
    Hosting(MINTA, "Dokumentumtár", "web-s", 12, "minta.hu", 266, 830),
    Hosting(MINTA, "Nyereményjáték", "web-s", 12, "minta-bolt.hu", 74, 290, "CANCELLING"),
    Hosting(MINTA, "Régi honlap", "web-s", 12, "minta.hu", 97, 1_360),
    Hosting(MASIK, "Bemutatkozó oldal", "web-s", 12, "masik-bt.hu", 155, 575),
    Hosting(NAGY, "Ügyféloldalak A–K", "web-l", 12, "", 18, 1_420),
    Hosting(NAGY, "Ügyféloldalak L–Z", "web-l", 12, "", 201, 1_260),
    Hosting(NAGY, "Fejlesztői szerver", "web-l", 1, "", 11, 610),
)


async def plant(db: Database, now: datetime) -> dict[str, UUID]:
    """All example services, unless they are there; label -> id."""
    async with db.transaction() as tx:
        found = await tx.fetch("SELECT label, id FROM services WHERE account_id = ANY($1)", [c.id for c in CUSTOMERS])
        if found:
            return {row["label"]: row["id"] for row in found}
        planted: dict[str, UUID] = {}
        for n, one in enumerate(ALL, start=1):
            name = names.parse(one.domain) if one.domain else None
            started_at = datetime(now.year, now.month, now.day, 9, 0, tzinfo=UTC) - timedelta(days=one.age)
            node = f"web{n % 3 + 1}.portico.example"
            new = NewService(
                account_id=one.customer.id,
                label=one.label,
                plan_code=one.plan,
                state=one.state,
                price=one.price,
                currency=one.customer.currency,
                period_months=one.months,
                domain=name.ascii if name else "",
                domain_unicode=name.unicode if name else "",
                next_due_on=now.date() + timedelta(days=one.due_in),
                node=node,
                started_at=started_at,
            )
            planted[one.label] = service_id = await services.create(tx, new, started_at)
            login = PanelLogin(service_id, f"https://{node}:8443/", f"{one.customer.handle}{n:02d}", node)
            await logins.save(tx, login)
        return planted
