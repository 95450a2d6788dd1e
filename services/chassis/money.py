"""Money as minor units (int) and a currency; never a float.

HUF is counted in whole forints, as invoices and the tax authority count it; the others as in ISO 4217.
"""

from collections.abc import Sequence

EXPONENTS = {"HUF": 0, "EUR": 2, "USD": 2}
_SIGNS = {"HUF": "Ft", "EUR": "€", "USD": "$"}
#: It does not break: an amount stays on one line.
_SPACE = "\u00a0"


def exponent(currency: str) -> int:
    """Decimals of a currency; ValueError for one that is not sold in."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise ValueError(f"unknown currency {currency!r}") from None


def to_decimal(minor: int, currency: str) -> str:
    """The amount as people write it: (1999, "EUR") -> "19.99"."""
    places = exponent(currency)
    if not places:
        return str(minor)
    whole, part = divmod(abs(minor), 10**places)
    return f"{'-' if minor < 0 else ''}{whole}.{part:0{places}d}"


def written(minor: int, currency: str, locale: str) -> str:
    """The amount as sentences have it: "12 990 Ft", "12,90 €" in Hungarian, else "HUF 12,990", "€12.90"."""
    whole, dot, part = to_decimal(abs(minor), currency).partition(".")
    grouped, minus, sign = f"{int(whole):,}", "-" if minor < 0 else "", _SIGNS[currency]
    if locale == "hu":
        return f"{minus}{grouped.replace(',', _SPACE)}{dot and ','}{part}{_SPACE}{sign}"
    return f"{minus}{sign if len(sign) == 1 else currency + _SPACE}{grouped}{dot}{part}"


def from_decimal(text: str, currency: str) -> int:
    """Minor units of a decimal string; ValueError when it is no number or finer than the currency."""
    places = exponent(currency)
    unit: int = 10**places
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, dot, part = digits.partition(".")
    good = whole.isascii() and whole.isdigit() and (not dot or (part.isascii() and part.isdigit()))
    if not good or len(part.rstrip("0")) > places or len(text) > 20:
        raise ValueError(f"{text!r} is no amount in {currency}")
    return sign * (int(whole) * unit + int(part.rstrip("0").ljust(places, "0") or "0"))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Splits a total by weights with the largest remainder method; the parts sum to the total."""
    if not weights or any(w < 0 for w in weights) or not sum(weights):
        raise ValueError("weights must be non-negative and not all zero")
    sign, whole, base = (-1 if total < 0 else 1), abs(total), sum(weights)
    parts = [whole * w // base for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(whole * weights[i] % base), i))
    for i in by_remainder[: whole - sum(parts)]:
        parts[i] += 1
    return [sign * p for p in parts]


def vat(net: int, rate_bp: int) -> int:
    """VAT of a net amount at a rate in basis points (2700 = 27 %), rounded half away from zero."""
    tax = (abs(net) * rate_bp + 5000) // 10000
    return -tax if net < 0 else tax
