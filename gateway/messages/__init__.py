"""What people read, in Hungarian and English. Keys are the stable codes; English stands in for what is missing.

An area a file: EN and HU with the same keys and the same values in braces.
"""

from collections.abc import Mapping

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


def text(code: str, locale: str, values: Mapping[str, object] | None = None, default: str = "") -> str:
    """The message of a code for a reader; `default`, else the code itself, when there is none. A value that is itself
    words is a function of the locale."""
    template = MESSAGES.get(locale, {}).get(code) or MESSAGES["en"].get(code)
    if template is None:
        return default or code
    return template.format_map(_Gaps({k: str(v(locale) if callable(v) else v) for k, v in (values or {}).items()}))


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
