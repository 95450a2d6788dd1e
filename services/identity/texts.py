"""What e-mails say, in Hungarian and English."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A name of an order: registered until `expires_at`, or not, and why (a stable reason)."""

    name: str
    registered: bool
    expires_at: datetime | None
    reason: str


_WHY = {
    "hu": {
        "DOMAIN_TAKEN": "időközben más regisztrálta",
        "REGISTRY_REFUSED": "a nyilvántartó visszautasította",
        "PRICE_MISSING": "nincs hozzá ár",
    },
    "en": {
        "DOMAIN_TAKEN": "somebody else registered it meanwhile",
        "REGISTRY_REFUSED": "the registry refused it",
        "PRICE_MISSING": "it has no price",
    },
}
_OTHERWISE = {"hu": "a regisztráció nem sikerült", "en": "the registration did not succeed"}
#: Reasons for which an order ends before it is paid.
_UNPAID = frozenset({"PRICE_MISSING"})
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def order_completed(locale: str, recipient: str, outcomes: list[Outcome]) -> Text:
    """How each name of an order ended."""
    locale = locale if locale in _WHY else "hu"
    first, others = outcomes[0].name, len(outcomes) - 1
    lines = "\n".join(f"- {_line(locale, outcome)}" for outcome in outcomes)
    if locale == "hu":
        subject = f"Domainregisztráció: {first}" + (f" és további {others}" if others else "")
        body = f"Kedves {recipient}!\n\nA megrendelt domainek regisztrációja lezárult:\n\n{lines}\n\nÜdvözlettel:\nPortico\n"
    else:
        subject = f"Domain registration: {first}" + (f" and {others} more" if others else "")
        body = f"Dear {recipient},\n\nThe registration of the domains you ordered has ended:\n\n{lines}\n\nRegards,\nPortico\n"
    return Text(subject, body)


def _line(locale: str, outcome: Outcome) -> str:
    if outcome.registered:
        until = _date(locale, outcome.expires_at) if outcome.expires_at else ""
        if locale == "hu":
            return f"{outcome.name}: regisztrálva" + (f", lejárat: {until}" if until else "")
        return f"{outcome.name}: registered" + (f" until {until}" if until else "")
    why = _WHY[locale].get(outcome.reason, _OTHERWISE[locale])
    unpaid = outcome.reason in _UNPAID
    if locale == "hu":
        money = "nem terheltük meg érte" if unpaid else "az árát jóváírtuk az egyenlegén"
        return f"{outcome.name}: sikertelen ({why}); {money}"
    return (
        f"{outcome.name}: failed ({why}); {'you were not charged' if unpaid else 'its price is back on your balance'}"
    )


def _date(locale: str, at: datetime) -> str:
    if locale == "hu":
        return f"{at.year}. {at.month:02}. {at.day:02}."
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
