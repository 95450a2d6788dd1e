"""Changes that wait for the holder: which ones of which zones, until when, and how soon the played holder confirms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lxml import etree

from deploy.sandbox.registry import wire
from deploy.sandbox.registry.names import zone_of
from deploy.sandbox.registry.store import Domain, at, iso

CHANGES = ("registration", "registrant", "nameservers", "dnssec")


@dataclass(frozen=True)
class Confirmations:
    """`seconds` until the played holder confirms by itself: None never, 0 before the command is answered. What nobody has
    confirmed `within` seconds lapses."""

    zones: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Zone -> which of CHANGES."""
    seconds: float | None = None
    within: float = 14 * 86_400

    def wanted(self, before: Domain | None, after: Domain) -> list[str]:
        """What of a command has to be confirmed; one part is enough to hold all of it."""
        if before is None:
            made = {"registration"}
        else:
            differs = {
                "registrant": before.registrant != after.registrant,
                "nameservers": sorted(before.nameservers) != sorted(after.nameservers),
                "dnssec": sorted(before.ds) != sorted(after.ds),
            }
            made = {change for change, so in differs.items() if so}
        return self._of(after.name, made)

    def of_contact(self, before: dict[str, Any], after: dict[str, Any], held: Iterable[str]) -> list[str]:
        """The names, of those that the contact holds, whose zone takes another name of the holder for another holder."""
        if people(before) == people(after):
            return []
        return [name for name in held if self._of(name, {"registrant"})]

    def _of(self, name: str, made: set[str]) -> list[str]:
        return [change for change in CHANGES if change in made & self.zones.get(zone_of(name), frozenset())]

    def request(self, now: datetime, *, held: bool) -> dict[str, str]:
        """What a pending action keeps of it. `held`: a test wishes to decide it, so time does nothing."""
        if held:
            return {"confirms": "", "lapses": ""}
        confirms = "" if self.seconds is None else iso(now + timedelta(seconds=self.seconds))
        return {"confirms": confirms, "lapses": iso(now + timedelta(seconds=self.within))}


def read(options: Iterable[str]) -> dict[str, frozenset[str]]:
    """Of ["hu=registration,dnssec"]. ValueError names what is no change."""
    zones = {}
    for option in options:
        zone, _, changes = option.partition("=")
        wanted = frozenset(changes.split(","))
        if unknown := sorted(wanted - set(CHANGES)):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(CHANGES)}")
        zones[zone.lower()] = wanted
    return zones


def people(contact: dict[str, Any]) -> set[tuple[str | None, str, str]]:
    """(kind of postal form, name, organisation) of each form."""
    forms = [etree.fromstring(xml) for xml in contact["fields"].get("postalInfo", [])]
    return {(one.get("type"), wire.text_of(one, "name") or "", wire.text_of(one, "org") or "") for one in forms}


def by_itself(action: dict[str, Any]) -> bool:
    """Of one that is due: whether the played holder confirmed; otherwise it has lapsed."""
    confirms, lapses = action["confirmation"]["confirms"], action["confirmation"]["lapses"]
    return bool(confirms) and at(confirms) <= at(lapses)


def verdict(action: dict[str, Any], *, approve: bool, lapsed: bool = False) -> str:
    """How a pending action has ended, in words."""
    if "confirmation" not in action:
        return "completed" if approve else "refused"
    if lapsed:
        return "not confirmed by the holder in time"
    return "confirmed by the holder" if approve else "refused by the holder"


def letter(name: str, changes: list[str], request: dict[str, str]) -> str:
    """What the registry writes to the holder."""
    until = f" until {request['lapses']}" if request["lapses"] else ""
    return f"Please confirm{until}: {', '.join(changes)} of {name}."
