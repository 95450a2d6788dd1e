"""What documents say to people, in their language."""

_ORDERED = {
    "hu": {
        "REGISTER": "{name} domain regisztrációja",
        "TRANSFER": "{name} domain átregisztrációja",
        "RENEW": "{name} domain megújítása",
        "RESTORE": "{name} domain visszaállítása",
    },
    "en": {
        "REGISTER": "Registration of {name}",
        "TRANSFER": "Transfer of {name}",
        "RENEW": "Renewal of {name}",
        "RESTORE": "Restoring {name}",
    },
}


def ordered(action: str, unicode_name: str, years: int, locale: str) -> str:
    """A line's description of what is done to a domain; `years` 0 adds no period."""
    what = _ORDERED["hu" if locale == "hu" else "en"][action].format(name=unicode_name)
    if not years:
        return what
    if locale == "hu":
        return f"{what}, {years} év"
    return f"{what}, {years} {'year' if years == 1 else 'years'}"


def reversal(number: str, description: str, locale: str) -> str:
    """A storno line's description: what it takes back, and from which invoice."""
    if locale == "hu":
        return f"Sztornó ({number}): {description}"
    return f"Cancellation ({number}): {description}"
