"""Domain names: Unicode in, A-labels stored, both shown (IDNA 2008, RFC 5890-5892, with UTS 46 mapping)."""

from dataclasses import dataclass

import idna

from services.chassis.errors import Invalid


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
    stripped = text.strip().rstrip(".")
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
