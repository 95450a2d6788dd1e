"""What a registry contact says: a person or company as RFC 5733 takes them, checked field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.chassis import formats
from services.chassis.db import Row
from services.chassis.errors import DomainError, Invalid
from services.domains.epp import ContactData

MOST_CHARACTERS = 255
"""Of a line (RFC 5733 postalLineType)."""
MOST_STREET_LINES = 3


class FieldRequired(Invalid):
    """It cannot be empty."""

    reason = "FIELD_REQUIRED"


class TextInvalid(Invalid):
    """It holds line breaks or other characters that cannot be printed."""

    reason = "TEXT_INVALID"


class TextTooLong(Invalid):
    reason = "TEXT_TOO_LONG"


class CountryUnknown(Invalid):
    reason = "COUNTRY_UNKNOWN"


class PostalCodeInvalid(Invalid):
    reason = "POSTAL_CODE_INVALID"


class PhoneInvalid(Invalid):
    reason = "PHONE_INVALID"


class EmailInvalid(Invalid):
    reason = "EMAIL_INVALID"


class LocalPresenceRequired(DomainError):
    """The top-level domain's holders are of certain countries only."""

    reason = "LOCAL_PRESENCE_REQUIRED"


@dataclass(frozen=True, slots=True)
class Person:
    """`country` ISO 3166-1 alpha-2, `phone` as +36.525550101 or empty."""

    name: str
    org: str
    street: tuple[str, ...]
    city: str
    province: str
    postal_code: str
    country: str
    phone: str
    email: str

    def to_epp(self, handle: str, auth_info: str = "") -> ContactData:
        return ContactData(
            handle,
            name=self.name,
            org=self.org,
            street=self.street,
            city=self.city,
            province=self.province,
            postal_code=self.postal_code,
            country=self.country,
            voice=self.phone,
            email=self.email,
            auth_info=auth_info,
        )

    @classmethod
    def of_epp(cls, data: ContactData) -> "Person":
        return cls(
            name=data.name,
            org=data.org,
            street=data.street,
            city=data.city,
            province=data.province,
            postal_code=data.postal_code,
            country=data.country,
            phone=data.voice,
            email=data.email,
        )

    @classmethod
    def of_json(cls, kept: Mapping[str, Any] | Row) -> "Person":
        """From `to_json`, or from a row that holds all of it."""
        return cls(**{name: kept[name] for name in cls.__slots__ if name != "street"}, street=tuple(kept["street"]))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "street": list(self.street)}


def of_account(told: Row) -> Person:
    """The account itself, as a row of `registrants` has it."""
    return Person(
        name=told["name"],
        org=told["name"] if told["company"] else "",
        street=(told["street"],) if told["street"] else (),
        city=told["city"],
        province="",
        postal_code=told["postal_code"],
        country=told["country"],
        phone=formats.phone(told["phone"]) or "",
        email=told["email"],
    )


def local_presence(tld: Row, country: str, field: str, **about: str) -> LocalPresenceRequired | None:
    """What is wrong with a holder of this country under a top-level domain."""
    if not tld["local_presence"] or country in tld["local_presence"]:
        return None
    countries = ", ".join(tld["local_presence"])
    detail = f"holders under .{tld['tld']} are of {countries}"
    return LocalPresenceRequired(detail, field=field, tld=tld["tld"], country=country, countries=countries, **about)


def read(given: Person, field: str) -> tuple[Person, list[DomainError]]:
    """The data in its canonical spelling, and everything that is wrong with it; `field` is the request's path to it."""
    problems: list[DomainError] = []
    trimmed = replace(
        given,
        **{name: getattr(given, name).strip() for name in Person.__slots__ if name != "street"},
        street=tuple(line.strip() for line in given.street if line.strip()),
    )
    for name in Person.__slots__:
        problems += _text(name, getattr(trimmed, name), field)
    person = replace(trimmed, country=trimmed.country.upper(), postal_code=trimmed.postal_code.upper())
    if problems:
        return person, problems
    if not formats.is_country(person.country):
        detail = f"{person.country!r} is no country of ISO 3166"
        problems.append(CountryUnknown(detail, field=f"{field}.country", value=person.country))
    elif not formats.is_postal_code(person.postal_code, person.country):
        detail = f"{person.postal_code!r} is no postal code of {person.country}"
        about = {"value": person.postal_code, "country": person.country}
        problems.append(PostalCodeInvalid(detail, field=f"{field}.postal_code", **about))
    phone = formats.phone(person.phone)
    if phone is None:
        detail = f"{person.phone!r} is no telephone number"
        problems.append(PhoneInvalid(detail, field=f"{field}.phone", value=person.phone))
    if not formats.is_email(person.email):
        detail = f"{person.email!r} is no e-mail address"
        problems.append(EmailInvalid(detail, field=f"{field}.email", value=person.email))
    return replace(person, phone=phone or ""), problems


_OPTIONAL = {"org", "province", "postal_code"}


def _text(name: str, value: str | Sequence[str], field: str) -> list[DomainError]:
    lines = [value] if isinstance(value, str) else list(value)
    path = f"{field}.{name}"
    if not any(lines):
        return [] if name in _OPTIONAL else [FieldRequired("cannot be empty", field=path, name=name)]
    if len(lines) > MOST_STREET_LINES:
        return [TextTooLong(f"at most {MOST_STREET_LINES} lines", field=path, most=str(MOST_STREET_LINES), name=name)]
    if any(len(line) > MOST_CHARACTERS for line in lines):
        detail = f"at most {MOST_CHARACTERS} characters"
        return [TextTooLong(detail, field=path, most=str(MOST_CHARACTERS), name=name)]
    if not all(line.isprintable() for line in lines):
        return [TextInvalid("line breaks and control characters", field=path)]
    return []
