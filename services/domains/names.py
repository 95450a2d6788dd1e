"""Domain names: Unicode in, A-labels stored, both shown (IDNA 2008, RFC 5890-5892, with UTS 46 mapping)."""

import re
from dataclasses import dataclass

import idna

from services.chassis.errors import Invalid

#: What UTS 46 takes for a full stop.
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


class DomainInvalid(Invalid):
    reason = "DOMAIN_INVALID"


@dataclass(frozen=True, slots=True)
class Name:
    """`ascii` is in A-labels, lower case, without a trailing dot."""

    ascii: str
    unicode: str
    tld: str


def parse(text: str) -> Name:
    """A second-level name below a top-level domain; DomainInvalid says what is wrong with it."""
    stripped = _DOTS.sub(".", text.strip()).removesuffix(".")
    if not stripped:
        raise DomainInvalid("the name is empty", name=text[:255])
    try:
        ascii_name = idna.encode(stripped, uts46=True, std3_rules=True, transitional=False).decode().lower()
        unicode_name = idna.decode(ascii_name)
    except (idna.IDNAError, UnicodeError) as error:
        raise DomainInvalid(str(error)[:200], name=text[:255]) from None
    labels = ascii_name.split(".")
    if len(labels) != 2 or labels[1].isdigit():
        raise DomainInvalid("a name to register is one label and a top-level domain", name=text[:255])
    return Name(ascii_name, unicode_name, labels[1])


def host(text: str) -> str | None:
    """A nameserver's name as typed, in A-labels, lower case, without a trailing dot; None for what cannot be one."""
    stripped = _DOTS.sub(".", text.strip()).removesuffix(".").lower()
    try:
        ascii_name = idna.encode(stripped, uts46=True, std3_rules=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return ascii_name if is_host(ascii_name) else None


def is_host(text: str) -> bool:
    """Whether it can be a nameserver: letters, digits and hyphens, lower case, three labels or more, no trailing dot."""
    return _HOST.fullmatch(text) is not None
