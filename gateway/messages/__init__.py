"""What people read, in Hungarian and English. Keys are the stable codes; English stands in for what is missing.

An area a file: EN and HU with the same keys and the same values in braces. Where a value may be missing there is a text of
its own, "CODE without value"; where a code stands for several problems, one for each, "CODE PROBLEM".
"""

from collections.abc import Mapping
from string import Formatter

from gateway.messages import (
    accounts,
    billing,
    confirmations,
    desk,
    domains,
    factors,
    general,
    identity,
    lifecycle,
    management,
    notifications,
    operator,
    orders,
    passwords,
    values,
    zones,
)

LOCALES = ("hu", "en")

_AREAS = (
    general,
    domains,
    lifecycle,
    confirmations,
    orders,
    desk,
    management,
    zones,
    billing,
    identity,
    passwords,
    factors,
    accounts,
    operator,
    notifications,
)

MESSAGES: dict[str, dict[str, str]] = {
    "en": {code: text for area in _AREAS for code, text in area.EN.items()},
    "hu": {code: text for area in _AREAS for code, text in area.HU.items()},
}


class _Gaps(dict[str, str]):
    """A value that a message names but nobody gave leaves a dash, not an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def text(code: str, locale: str, given: Mapping[str, object] | None = None, default: str = "") -> str:
    """The message of a code for a reader; `default`, else the code itself, when there is none. A value that is itself
    words is a function of the locale."""
    locale = locale if locale in LOCALES else "en"
    known = values.for_reader(given or {}, locale)
    texts = MESSAGES[locale]
    key = f"{code} {known.get('problem')}"
    key = key if key in texts else code
    if key not in texts:
        return default or code
    while shorter := [k for n in _named(texts[key]) if n not in known and (k := f"{key} without {n}") in texts]:
        key = shorter[0]
    return texts[key].format_map(_Gaps(known))


def _named(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def choose_locale(accept_language: str) -> str | None:
    """The best of LOCALES for an Accept-Language header; None when it names neither."""
    ranked: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name == "q" else 1.0
        except ValueError:
            weight = 0.0
        if language in LOCALES and weight > 0:
            ranked.append((weight, language))
    return max(ranked, key=lambda r: r[0])[1] if ranked else None
