"""What the registry thinks of a name, a period and a date."""

import re
from datetime import UTC, datetime

from deploy.sandbox.registry.wire import DOMAIN, HOST, Element, RefusedError, find, require

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
LONGEST = {"hu": 5}
"""Years that may be bought at once and held at most; ten elsewhere."""
TRANSFER_ADDS = {"hu": 0, "eu": 0}
"""Years that a transfer adds to a name; one elsewhere."""
CODES_BY_MAIL = frozenset({"hu"})
"""Zones of which the registry mails each new auth code to the holder."""


def host_name(value: str) -> str:
    """Lower case, letters-digits-hyphens. Raises 2005."""
    name = value.lower()
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(LABEL.match(label) for label in labels):
        raise RefusedError(2005, "Not a host name", (HOST, "name", value))
    return name


def domain_name(value: str, tlds: frozenset[str]) -> str:
    """A second-level name under a zone that this registry runs. Raises 2005, 2306."""
    name = value.lower()
    labels = name.split(".")
    if len(labels) < 2 or not all(LABEL.match(label) for label in labels):
        raise RefusedError(2005, "Not a domain name", (DOMAIN, "name", value))
    if labels[-1] not in tlds or len(labels) != 2:
        raise RefusedError(2306, "This registry does not run that zone", (DOMAIN, "name", value))
    return name


def zone_of(name: str) -> str:
    """The last label."""
    return name.rsplit(".", 1)[1]


def longest(name: str) -> int:
    """Years."""
    return LONGEST.get(zone_of(name), 10)


def period(body: Element, name: str, default: int = 1) -> int:
    """The years asked for. Raises 2004 outside what the zone sells, 2306 for anything but whole years."""
    element = find(body, "period")
    if element is None:
        return default
    try:
        count = int(require(body, "period"))
    except ValueError:
        raise RefusedError(2005, "Not a period", (DOMAIN, "period", element.text or "")) from None
    if element.get("unit") == "m":
        if count % 12:
            raise RefusedError(2306, "Whole years only", (DOMAIN, "period", str(count)))
        count //= 12
    if not 1 <= count <= longest(name):
        raise RefusedError(2004, f"1 to {longest(name)} years", (DOMAIN, "period", str(count)))
    return count


def later(moment: datetime, years: int) -> datetime:
    """The same day years later; 29 February becomes the 28th."""
    moment = moment.astimezone(UTC)
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
