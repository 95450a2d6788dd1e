"""What a subscriber's data must look like."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.hu import anum

from services.chassis.errors import DomainError, Invalid
from services.identity import profiles
from services.identity.people import Profile

MINTA = Profile("company", "Minta Kft.", "iroda@minta.example", tax_number="99000013-2-09")


def saved(name: str, value: str, **others: str) -> str:
    """The field's kept form."""
    found: str = getattr(profiles.normal(replace(MINTA, **others, **{name: value})), name)
    return found


def refused(name: str, value: str, **others: str) -> tuple[str, str]:
    with pytest.raises(DomainError) as error:
        profiles.normal(replace(MINTA, **others, **{name: value}))
    return error.value.reason, error.value.field


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("tax_number", "99000013-2-09", "99000013-2-09"),
        ("tax_number", " 99000013 2 51", "99000013-2-51"),
        ("tax_number", "99000013244", "99000013-2-44"),
        ("tax_number", "", ""),
        ("eu_vat_id", "hu 99000013", "HU99000013"),
        ("eu_vat_id", "DE136695976", "DE136695976"),
        ("eu_vat_id", "ATU57194903", "ATU57194903"),
        ("eu_vat_id", "EL 094259216", "EL094259216"),
        ("eu_vat_id", "GR094259216", "EL094259216"),
        ("postal_code", "4024", "4024"),
        ("postal_code", "", ""),
        ("phone", "+36.525550101", "+36.525550101"),
        ("phone", "06 52 555-0101", "+36.525550101"),
        ("phone", "+36 30 555 0101", "+36.305550101"),
        ("phone", "+43.15550101", "+43.15550101"),
        ("country", "at", "AT"),
        ("name", "  Minta   Kft. ", "Minta Kft."),
        ("email", " a.b+c@minta.example ", "a.b+c@minta.example"),
    ],
)
def test_data_is_kept_in_its_normal_form(name: str, value: str, kept: str) -> None:
    others = {"tax_number": ""} if name == "country" else {}
    assert saved(name, value, **others) == kept


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("tax_number", "99000014-2-09", "TAX_NUMBER_INVALID"),  # check digit
        ("tax_number", "99000013-6-09", "TAX_NUMBER_INVALID"),  # VAT code
        ("tax_number", "99000013-2-01", "TAX_NUMBER_INVALID"),  # county
        ("tax_number", "99000013-2-21", "TAX_NUMBER_INVALID"),
        ("tax_number", "99000013-2-45", "TAX_NUMBER_INVALID"),
        ("tax_number", "99000013", "TAX_NUMBER_INVALID"),
        ("tax_number", "９９000013-2-09", "TAX_NUMBER_INVALID"),
        ("eu_vat_id", "HU99000014", "EU_VAT_ID_INVALID"),
        ("eu_vat_id", "99000013", "EU_VAT_ID_INVALID"),
        ("eu_vat_id", "GB980780684", "EU_VAT_ID_INVALID"),  # no member state
        ("eu_vat_id", "XI980780684", "EU_VAT_ID_INVALID"),
        ("eu_vat_id", "DE136695977", "EU_VAT_ID_INVALID"),
        ("eu_vat_id", "HU12892312", "EU_VAT_ID_MISMATCH"),
        ("postal_code", "0999", "POSTAL_CODE_INVALID"),
        ("postal_code", "40244", "POSTAL_CODE_INVALID"),
        ("postal_code", "H-4024", "POSTAL_CODE_INVALID"),
        ("phone", "525550101", "PHONE_INVALID"),
        ("phone", "+36.1", "PHONE_INVALID"),
        ("phone", "+36.5255501011", "PHONE_INVALID"),
        ("phone", "+999.1234567890123", "PHONE_INVALID"),
        ("country", "XX", "COUNTRY_UNKNOWN"),
        ("country", "HUN", "COUNTRY_UNKNOWN"),
        ("currency", "huf", "CURRENCY_UNKNOWN"),
        ("locale", "de", "LOCALE_UNKNOWN"),
        ("kind", "club", "KIND_UNKNOWN"),
        ("email", "anna", "EMAIL_INVALID"),
        ("email", "a@b", "EMAIL_INVALID"),
        ("email", "a@b.example, c@d.example", "EMAIL_INVALID"),
        ("email", "a" * 65 + "@b.example", "EMAIL_INVALID"),
        ("email", "a@b.example\nBcc: c@d.example", "TEXT_INVALID"),
        ("name", "Minta\nKft.", "TEXT_INVALID"),
        ("city", "De\x00brecen", "TEXT_INVALID"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(name: str, value: str, reason: str) -> None:
    assert refused(name, value) == (reason, name)


@pytest.mark.parametrize(
    ("country", "good", "bad"),
    [
        ("AT", "1010", "101"),
        ("DE", "01067", "1067"),
        ("PL", "00-950", "00950"),
        ("NL", "1012 JS", "1012"),
        ("SK", "811 01", "8110"),
        ("IE", "D02 X285", "0285"),
        ("US", "10001-1234", "###"),
    ],
)
def test_a_postal_code_has_the_form_of_its_country(country: str, good: str, bad: str) -> None:
    others = {"country": country, "tax_number": ""}
    assert saved("postal_code", good.lower(), **others) == good
    assert refused("postal_code", bad, **others) == ("POSTAL_CODE_INVALID", "postal_code")


def test_a_group_members_vat_id_is_the_groups() -> None:
    assert saved("eu_vat_id", "HU12892312", tax_number="99000013-4-09") == "HU12892312"


def test_another_country_has_tax_numbers_of_its_own() -> None:
    assert saved("tax_number", "12/345/6789", country="AT") == "12/345/6789"
    assert refused("tax_number", "?", country="AT") == ("TAX_NUMBER_INVALID", "tax_number")


def test_only_what_is_given_and_what_it_has_to_fit_is_checked() -> None:
    old = replace(MINTA, tax_number="from long ago", postal_code="?")
    assert profiles.normal(replace(old, city="Pécs"), {"city"}).city == "Pécs"
    with pytest.raises(DomainError) as error:
        profiles.normal(replace(MINTA, postal_code="4024", country="PL"), {"country"})
    assert error.value.field == "postal_code"


@given(st.integers(0, 9_999_999), st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_a_hungarian_tax_number_is_good_exactly_by_its_three_rules(
    stem: int, check: int, code: int, county: int
) -> None:
    number = f"{stem:07}{check}-{code}-{county:02}"
    counties = {*range(2, 21), *range(22, 45), 51}
    good = anum.is_valid(number[:8]) and 1 <= code <= 5 and county in counties
    if good:
        assert saved("tax_number", number) == number
    else:
        assert refused("tax_number", number) == ("TAX_NUMBER_INVALID", "tax_number")


@given(st.text(max_size=60), st.sampled_from(profiles.FIELDS))
def test_nothing_that_is_typed_makes_a_fault_and_what_is_kept_is_normal(value: str, name: str) -> None:
    try:
        kept = profiles.normal(replace(MINTA, **{name: value}), {name})
    except Invalid:
        return
    assert profiles.normal(kept, {name}) == kept
