"""Who the example customers are. Companies, people and tax numbers are invented: no tax number begins with 99."""

from dataclasses import dataclass
from uuid import NAMESPACE_DNS, UUID, uuid5

_NAMESPACE = uuid5(NAMESPACE_DNS, "demo.portico.example")


def demo_id(kind: str, name: str) -> UUID:
    """The same id for the same thing in every installation."""
    return uuid5(_NAMESPACE, f"{kind}:{name}")


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    role: str
    locale: str = "hu"

    @property
    def id(self) -> UUID:
        return demo_id("user", self.email)


@dataclass(frozen=True, slots=True)
class Customer:
    """A company account; its first person is an owner."""

    number: str
    name: str
    tax_number: str
    email: str
    phone: str
    postal_code: str
    city: str
    street: str
    #: What its panel accounts begin with.
    handle: str
    people: tuple[Person, ...]
    country: str = "HU"
    currency: str = "HUF"
    locale: str = "hu"

    @property
    def id(self) -> UUID:
        return demo_id("account", self.number)


MINTA = Customer(
    number="P-10001",
    name="Minta Kft.",
    tax_number="99000013-2-09",
    email="iroda@minta.example",
    phone="+36.525550101",
    postal_code="4024",
    city="Debrecen",
    street="Minta utca 12.",
    handle="minta",
    people=(
        Person("anna@minta.example", "Minta Anna", "owner"),
        Person("bela@minta.example", "Könyvelő Béla", "accountant"),
        Person("csaba@minta.example", "Technikus Csaba", "technical"),
    ),
)
MASIK = Customer(
    number="P-10002",
    name="Másik Bt.",
    tax_number="99000020-1-08",
    email="iroda@masik.example",
    phone="+36.965550102",
    postal_code="9021",
    city="Győr",
    street="Példa köz 3.",
    handle="masik",
    people=(Person("david@masik.example", "Másik Dávid", "owner"),),
)
NAGY = Customer(
    number="P-10003",
    name="Nagy Ügynökség Kft.",
    tax_number="99000037-2-43",
    email="iroda@nagy.example",
    phone="+36.15550103",
    postal_code="1117",
    city="Budapest",
    street="Példa sétány 8. II. em. 4.",
    handle="nagy",
    people=(Person("eszter@nagy.example", "Ügynök Eszter", "owner"),),
)
CUSTOMERS = (MINTA, MASIK, NAGY)
