"""Money: whole minor units, nothing lost."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import money

amounts = st.integers(-(10**15), 10**15)
currencies = st.sampled_from(sorted(money.EXPONENTS))
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any)


@given(total=amounts, weights=weights)
def test_allocated_parts_sum_to_the_total_and_are_fair(total: int, weights: list[int]) -> None:
    parts = money.allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(total=amounts, count=st.integers(1, 20))
def test_equal_weights_differ_by_one_unit_at_most_the_first_getting_more(total: int, count: int) -> None:
    parts = money.allocate(abs(total), [1] * count)
    assert max(parts) - min(parts) <= 1
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_say_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        money.allocate(1, weights)


@given(net=amounts, rate=st.integers(0, 10_000))
def test_vat_rounds_half_away_from_zero(net: int, rate: int) -> None:
    exact = Decimal(net) * rate / 10_000
    assert money.vat(net, rate) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert money.vat(-net, rate) == -money.vat(net, rate)


@given(minor=amounts, currency=currencies)
def test_decimal_text_comes_back_as_the_same_amount(minor: int, currency: str) -> None:
    text = money.to_decimal(minor, currency)
    assert money.from_decimal(text, currency) == minor
    assert Decimal(text).scaleb(money.exponent(currency)) == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("1990", "HUF", 1990), ("1990.00", "HUF", 1990), ("19.9", "EUR", 1990), ("-0.05", "EUR", -5), ("0.050", "EUR", 5)],
)
def test_amounts_as_people_write_them(text: str, currency: str, minor: int) -> None:
    assert money.from_decimal(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "-", ".", "1.", ".5", "1.234", "1,5", "1e3", "NaN", "--1", "+1", " 1", "١", "1" * 30]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        money.from_decimal(text, "EUR")


def test_currency_not_sold_in_is_refused() -> None:
    with pytest.raises(ValueError, match="XAU"):
        money.exponent("XAU")


@pytest.mark.parametrize(
    ("minor", "currency", "hungarian", "english"),
    [
        (12990, "HUF", "12 990 Ft", "HUF 12,990"),
        (1290, "EUR", "12,90 €", "€12.90"),
        (-123456789, "USD", "-1 234 567,89 $", "-$1,234,567.89"),
        (0, "HUF", "0 Ft", "HUF 0"),
    ],
)
def test_an_amount_is_written_as_its_reader_writes_it(minor: int, currency: str, hungarian: str, english: str) -> None:
    assert money.written(minor, currency, "hu").replace("\u00a0", " ") == hungarian
    assert money.written(minor, currency, "en").replace("\u00a0", " ") == english
    assert " " not in money.written(minor, currency, "hu")  # it does not break
