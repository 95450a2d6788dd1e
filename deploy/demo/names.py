"""The example domain names: what they are called, since when, until when, and what their zones say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from deploy.demo.customers import MASIK, MINTA, NAGY, Customer, demo_id
from services.domains import names
from services.domains.records import RecordSet

NAGY_TOTAL = 2_000
#: Of the agency's names, the first ones by name have their zone with us; the others are on its own nameservers.
NAGY_ZONES = 20
NAGY_NAMESERVERS = ("ns1.nagy.example", "ns2.nagy.example")
_TRADES = (
    "pékség", "cukrászda", "virágbolt", "könyvesbolt", "fodrászat", "autószerviz", "gumiszerviz", "ablaktisztítás",
    "asztalos", "lakatos", "villanyszerelés", "vízszerelés", "fűtésszerelés", "festés", "burkolás", "kertépítés",
    "szobafestő", "ingatlan", "albérlet", "nyomda", "fotó", "esküvő", "catering", "pizza", "kávézó", "étterem",
    "borászat", "sörfőzde", "méz", "zöldség", "biobolt", "állatorvos", "kutyakozmetika", "jóga", "edzőterem",
    "nyelviskola", "zeneiskola", "óvoda", "fogászat", "optika", "patika", "masszázs", "szálloda", "panzió", "kemping",
    "utazás", "kerékpár", "költöztetés", "takarítás", "könyvelés",
)  # fmt: skip
_TOWNS = (
    "budapest", "debrecen", "szeged", "miskolc", "pécs", "győr", "nyíregyháza", "kecskemét", "székesfehérvár",
    "szombathely", "szolnok", "tatabánya", "kaposvár", "békéscsaba", "zalaegerszeg", "sopron", "eger", "nagykanizsa",
    "dunaújváros", "hódmezővásárhely", "cegléd", "baja", "salgótarján", "vác", "gödöllő", "szekszárd", "pápa", "gyula",
    "hajdúböszörmény", "esztergom", "ajka", "kiskunfélegyháza", "makó", "mosonmagyaróvár", "siófok", "szentendre",
    "keszthely", "tata", "komló", "paks",
)  # fmt: skip
_PLAIN = str.maketrans("áéíóöőúüű", "aeiooouuu")
_TLDS = ("hu", "hu", "hu", "hu", "hu", "hu", "com", "eu", "hu", "org")


@dataclass(frozen=True, slots=True)
class Holding:
    """A registered domain. `zone` is what our nameservers serve beside NS; None: its zone is somewhere else."""

    customer: Customer
    name: names.Name
    registered_at: datetime
    expires_at: datetime
    auto_renew: bool
    locked: bool
    nameservers: tuple[str, ...]
    zone: tuple[RecordSet, ...] | None

    @property
    def id(self) -> UUID:
        return domain_id(self.name.ascii)


def domain_id(ascii_name: str) -> UUID:
    return demo_id("domain", ascii_name)


def nagy_names() -> list[names.Name]:
    """The agency's customers: a trade in a town, every tenth with its accents."""
    found = []
    for n in range(NAGY_TOTAL):
        town, trade = divmod(n, len(_TRADES))
        label = f"{_TRADES[trade]}-{_TOWNS[town]}"
        if n % 10 != 4:
            label = label.translate(_PLAIN)
        found.append(names.parse(f"{label}.{_TLDS[n * 7 % 10]}"))
    return found


def holdings(now: datetime, nameservers: tuple[str, ...]) -> list[Holding]:
    """All example domains as of now; one of Minta's is soon to expire."""
    now = now.replace(minute=0, second=0, microsecond=0)
    of = [
        _holding(MINTA, names.parse(text), now, days, years, nameservers, locked=locked, zone=True)
        for text, days, years, locked in (
            ("minta.hu", 41, 6, True),
            ("minta-bolt.hu", 212, 3, False),
            ("árvíztűrő.hu", 318, 1, False),
        )
    ]
    of.append(_holding(MASIK, names.parse("masik-bt.hu"), now, 155, 2, nameservers, locked=False, zone=True))
    held = nagy_names()
    zoned = set(sorted(name.ascii for name in held)[:NAGY_ZONES])
    for n, name in enumerate(held):
        own = name.ascii in zoned
        # 37 has no factor in common with 360: the days are spread evenly over the year to come.
        days, years = n * 37 % 360 + 3, n % 7 + 1
        hosts = nameservers if own else NAGY_NAMESERVERS
        of.append(_holding(NAGY, name, now - timedelta(minutes=n), days, years, hosts, locked=n % 3 == 0, zone=own))
    return of


def _holding(
    customer: Customer,
    name: names.Name,
    now: datetime,
    days: int,
    years: int,
    nameservers: tuple[str, ...],
    *,
    locked: bool,
    zone: bool,
) -> Holding:
    expires_at = now + timedelta(days=days)
    if (expires_at.month, expires_at.day) == (2, 29):
        expires_at -= timedelta(days=1)
    registered_at = expires_at.replace(year=expires_at.year - years)
    if registered_at > now:
        registered_at = now - timedelta(days=1)
    records = _records(name.ascii, rich=customer is MINTA) if zone else None
    return Holding(customer, name, registered_at, expires_at, days > 20, locked, nameservers, records)


def _records(name: str, *, rich: bool) -> tuple[RecordSet, ...]:
    """A usual zone in the addresses of the documentation ranges (RFC 5737, RFC 3849)."""
    zone = f"{name}."
    sets = [
        RecordSet(zone, "A", 3600, ("192.0.2.10",)),
        RecordSet(f"www.{zone}", "CNAME", 3600, (zone,)),
        RecordSet(zone, "MX", 3600, (f"10 mail.{zone}",)),
        RecordSet(f"mail.{zone}", "A", 3600, ("192.0.2.25",)),
        RecordSet(zone, "TXT", 3600, ('"v=spf1 mx -all"',)),
    ]
    if rich:
        sets += [
            RecordSet(zone, "AAAA", 3600, ("2001:db8::10",)),
            RecordSet(zone, "CAA", 3600, ('0 issue "letsencrypt.org"',)),
            RecordSet(f"_dmarc.{zone}", "TXT", 3600, (f'"v=DMARC1; p=quarantine; rua=mailto:dmarc@{name}"',)),
            RecordSet(f"ftp.{zone}", "CNAME", 3600, (zone,)),
            RecordSet(f"teszt.{zone}", "A", 300, ("198.51.100.7",)),
        ]
    return tuple(sets)
