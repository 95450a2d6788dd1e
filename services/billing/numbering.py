"""Document numbers: a series for each kind and year, without gaps."""

from dataclasses import dataclass
from uuid import UUID

from services.billing import store
from services.chassis.db import Tx

#: díjbekérő, számla, sztornó számla
PREFIXES = {"PROFORMA": "D", "INVOICE": "SZ", "STORNO": "ST"}


@dataclass(frozen=True, slots=True)
class Numbered:
    """A new document's id and its place in the series."""

    id: UUID
    series: str
    year: int
    serial: int

    @property
    def number(self) -> str:
        return f"{self.series}-{self.year}-{self.serial:06d}"


async def take(tx: Tx, kind: str, year: int, count: int) -> list[Numbered]:
    """The next `count` numbers of the kind's series in that year, in order.

    The series stays locked until the transaction ends: a rollback gives the numbers back, so take them late.
    """
    rows = await store.take_numbers(tx, PREFIXES[kind], year, count)
    return [Numbered(row["id"], PREFIXES[kind], year, row["serial"]) for row in rows]
