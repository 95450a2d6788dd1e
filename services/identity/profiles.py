"""What a subscriber's data must look like: normal forms, and the checks of numbers that have rules."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace

from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.hu import anum

from services.chassis import formats, money
from services.chassis.errors import Invalid
from services.identity.people import Profile

FIELDS = tuple(field.name for field in fields(Profile))
LOCKED_ONCE_SET: Mapping[str, str] = {
    "kind": "contract",
    "name": "contract",
    "country": "invoicing",
    "tax_number": "invoicing",
    "eu_vat_id": "invoicing",
    "currency": "invoicing",
}
"""Field -> why only the operator may change it once it holds something."""
_OPTIONAL = frozenset({"tax_number", "eu_vat_id", "phone"})
"""Those that may be emptied. Invoices and registries need the others."""

_EU = frozenset(state.upper() for state in vat.MEMBER_STATES - {"gr", "xi"}) | {"EL"}
"""The member states as VAT ids begin: Greece is EL."""
# County codes of the tax authority's offices: 02-20 and 22-44; 51 is that of the largest taxpayers.
_HU_TAX_NUMBER = re.compile(r"(\d{8})-?([1-5])-?(0[2-9]|1\d|20|2[2-9]|3\d|4[0-4]|51)", re.ASCII)
_GROUP_MEMBER = "4"
"""The VAT code of a group's member, whose EU VAT id is the group's."""
_TAX_NUMBER_ELSEWHERE = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{2,28}[A-Z0-9]", re.ASCII | re.IGNORECASE)


class FieldUnknown(Invalid):
    reason = "FIELD_UNKNOWN"


class FieldRequired(Invalid):
    """It cannot be emptied."""

    reason = "FIELD_REQUIRED"


class TextInvalid(Invalid):
    """It holds line breaks or other characters that cannot be printed."""

    reason = "TEXT_INVALID"


class KindUnknown(Invalid):
    reason = "KIND_UNKNOWN"


class CountryUnknown(Invalid):
    reason = "COUNTRY_UNKNOWN"


class CurrencyUnknown(Invalid):
    reason = "CURRENCY_UNKNOWN"


class LocaleUnknown(Invalid):
    reason = "LOCALE_UNKNOWN"


class EmailInvalid(Invalid):
    reason = "EMAIL_INVALID"


class PhoneInvalid(Invalid):
    reason = "PHONE_INVALID"


class PostalCodeInvalid(Invalid):
    reason = "POSTAL_CODE_INVALID"


class TaxNumberInvalid(Invalid):
    reason = "TAX_NUMBER_INVALID"


class EuVatIdInvalid(Invalid):
    reason = "EU_VAT_ID_INVALID"


class EuVatIdMismatch(Invalid):
    """A Hungarian EU VAT id is the first eight digits of the tax number."""

    reason = "EU_VAT_ID_MISMATCH"


def check_field(name: str) -> None:
    """FieldUnknown for what is no field of a profile."""
    if name not in FIELDS:
        raise FieldUnknown(f"there is no field {name}", field="field", value=name)


def normal(profile: Profile, given: Collection[str] = FIELDS) -> Profile:
    """The profile with the given fields in the form in which they are kept; an Invalid names the first that is wrong.

    Fields that were not given are looked at only where a given one has to fit them; a refusal that may be of such a one
    does not quote it, for who may change a profile need not be one who may read it.
    """
    found = profile
    for name in FIELDS:
        if name in given:
            found = replace(found, **{name: _normal(name, found)})
    # A postal code and a tax number have the form of their country.
    if "country" in given:
        for name in ("postal_code", "tax_number"):
            if name not in given:
                _normal(name, found)
    if {"tax_number", "eu_vat_id", "country"}.intersection(given):
        _check_match(found)
    return found


def email(value: str, field: str = "email") -> str:
    """An address that mail can be sent to, without the spaces around it; EmailInvalid."""
    address = value.strip()
    if not formats.is_email(address):
        raise EmailInvalid(f"{value!r} is no e-mail address", field=field, value=value[:100])
    return address


def one_line(value: str, field: str) -> str:
    """The text without the spaces around it; TextInvalid for one with line breaks or other control characters."""
    if not value.isprintable():
        raise TextInvalid("must be one line of text", field=field)
    return " ".join(value.split())


def _normal(name: str, profile: Profile) -> str:
    return _NORMAL[name](one_line(getattr(profile, name), name), profile)


def _one_of(name: str, known: Collection[str], error: type[Invalid]) -> Callable[[str, Profile], str]:
    def check(value: str, _profile: Profile) -> str:
        if value not in known:
            raise error(f"{value!r} is unknown", field=name, value=value)
        return value

    return check


def _text(value: str, _profile: Profile) -> str:
    return value


def _country(value: str, _profile: Profile) -> str:
    if not formats.is_country(value.upper()):
        raise CountryUnknown(f"{value!r} is no country of ISO 3166", field="country", value=value)
    return value.upper()


def _email(value: str, _profile: Profile) -> str:
    return email(value)


def _phone(value: str, _profile: Profile) -> str:
    if not value:
        return ""
    found = formats.phone(value)
    if found is None:
        raise PhoneInvalid(f"{value!r} is no telephone number", field="phone", value=value)
    return found


def _postal_code(value: str, profile: Profile) -> str:
    code = value.upper()
    if code and not formats.is_postal_code(code, profile.country):
        raise PostalCodeInvalid(f"no postal code of {profile.country}", field="postal_code", country=profile.country)
    return code


def _tax_number(value: str, profile: Profile) -> str:
    if not value:
        return ""
    if profile.country != "HU":
        if not _TAX_NUMBER_ELSEWHERE.fullmatch(value):
            raise TaxNumberInvalid("a tax number has 4 to 30 letters and digits", field="tax_number")
        return value
    match = _HU_TAX_NUMBER.fullmatch(value.replace(" ", ""))
    if match is None or not anum.is_valid(match[1]):
        raise TaxNumberInvalid("no Hungarian tax number", field="tax_number")
    return "-".join(match.groups())


def _eu_vat_id(value: str, _profile: Profile) -> str:
    if not value:
        return ""
    try:
        number = vat.validate(value)
    except ValidationError:
        number = ""
    number = re.sub("^GR", "EL", number)
    if number[:2] not in _EU:
        raise EuVatIdInvalid(f"{value!r} is no VAT id of a member state", field="eu_vat_id", value=value)
    return number


def _check_match(profile: Profile) -> None:
    tax, vat_id = profile.tax_number, profile.eu_vat_id
    if profile.country != "HU" or not tax or not vat_id.startswith("HU") or tax[9:10] == _GROUP_MEMBER:
        return
    if vat_id[2:] != tax[:8]:
        raise EuVatIdMismatch("the two do not belong together", field="eu_vat_id")


_NORMAL: Mapping[str, Callable[[str, Profile], str]] = {
    "kind": _one_of("kind", {"person", "company"}, KindUnknown),
    "name": _text,
    "email": _email,
    "country": _country,
    "currency": _one_of("currency", money.EXPONENTS, CurrencyUnknown),
    "locale": _one_of("locale", {"hu", "en"}, LocaleUnknown),
    "tax_number": _tax_number,
    "phone": _phone,
    "postal_code": _postal_code,
    "city": _text,
    "street": _text,
    "eu_vat_id": _eu_vat_id,
}


def required(changes: Mapping[str, str]) -> None:
    """FieldRequired for a field that a change would empty but must not."""
    for name, value in changes.items():
        if not value.strip() and name not in _OPTIONAL:
            raise FieldRequired(f"{name} cannot be empty", field=name, name=name)
