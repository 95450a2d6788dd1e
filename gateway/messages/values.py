"""The values of messages as a reader writes them: moments, amounts, numbers, names."""

import re
from collections.abc import Mapping
from datetime import date, datetime

from gateway.messages import zones
from services.chassis import money, times

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MOMENTS = {"until", "since"}
#: Decimals in the message's `currency`.
_AMOUNTS = {"needed", "available", "due"}
_NUMBERS = {"most", "least", "max", "min", "limit", "count", "records", "octets"}
#: In the services with the trailing dot of a zone file.
_NAMES = {"name", "target", "zone"}


def for_reader(values: Mapping[str, object], locale: str) -> dict[str, str]:
    """Each that is known, in words or figures of the locale; a value that is itself words is a function of it."""
    told = {key: str(value(locale) if callable(value) else value) for key, value in values.items()}
    written = {key: _written(key, value, told.get("currency", ""), locale) for key, value in told.items() if value}
    if form := zones.FORMS[locale].get(told.get("type", "")):
        written["form"] = form
    return written


def moment(text: str, locale: str) -> str:
    """A day or a moment, ISO 8601; anything else as it came."""
    try:
        if _DAY.fullmatch(text):
            return times.day(date.fromisoformat(text), locale)
        if _MOMENT.fullmatch(text):
            return times.minute(datetime.fromisoformat(text), locale)
    except (ValueError, OverflowError):
        return text
    return text


def number(digits: str, locale: str) -> str:
    """10000 as "10 000" in Hungarian, which leaves 1000 as it is, else "10,000"."""
    if locale == "hu":
        return digits if len(digits) < 5 else f"{int(digits):,}".replace(",", "\u00a0")
    return f"{int(digits):,}"


def _written(key: str, value: str, currency: str, locale: str) -> str:
    if key in _MOMENTS:
        return moment(value, locale)
    if key in _NUMBERS and value.isascii() and value.isdigit():
        return number(value, locale)
    if key in _AMOUNTS and currency in money.EXPONENTS:
        return money.written(money.from_decimal(value, currency), currency, locale)
    if key in _NAMES and len(value) > 1:
        return value.removesuffix(".")
    return value
