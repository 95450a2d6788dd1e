"""What the house writes into tickets of its own, in the reader's language."""

from datetime import UTC, datetime

from portico.domains.v1 import events_pb2

#: A ticket is for reading; the list of domains shows the rest of a long order.
_SHOWN = 100
_TEXTS = {
    "hu": {
        "subject": "Domainregisztráció: {names}",
        "more": "{first} és további {count}",
        "hello": "Tisztelt Ügyfelünk!",
        "done": "A következő domainneveket bejegyeztük:",
        "registered": "– {name} (lejárat: {date})",
        "failed": "A következőket nem sikerült bejegyezni, díjukat visszaírtuk az egyenlegére:",
        "failure": "– {name}: {reason}",
        "rest": "– és további {count}",
        "bye": "Üdvözlettel:\nPortico",
        "DOMAIN_TAKEN": "időközben más bejegyezte",
        "REGISTRY_REFUSED": "a nyilvántartó elutasította",
        "PRICE_MISSING": "nincs hozzá árunk, ezért nem számláztuk ki",
    },
    "en": {
        "subject": "Domain registration: {names}",
        "more": "{first} and {count} more",
        "hello": "Dear Customer,",
        "done": "These domain names are registered:",
        "registered": "– {name} (expires on {date})",
        "failed": "These could not be registered; their price is back on your balance:",
        "failure": "– {name}: {reason}",
        "rest": "– and {count} more",
        "bye": "Best regards,\nPortico",
        "DOMAIN_TAKEN": "somebody else registered it meanwhile",
        "REGISTRY_REFUSED": "the registry refused it",
        "PRICE_MISSING": "we have no price for it, so nothing was charged",
    },
}


def order_completed(event: events_pb2.OrderCompleted) -> tuple[str, str]:
    """(subject, body) about an order's outcomes."""
    texts = _TEXTS.get(event.locale, _TEXTS["en"])
    names = [outcome.unicode_name for outcome in event.outcomes]
    shown = names[0] if len(names) == 1 else texts["more"].format(first=names[0], count=len(names) - 1)
    parts = [texts["hello"]]
    registered = [o for o in event.outcomes if o.registered]
    failed = [o for o in event.outcomes if not o.registered]
    if registered:
        lines = [
            texts["registered"].format(
                name=o.unicode_name, date=_date(o.expires_at.ToDatetime(tzinfo=UTC), event.locale)
            )
            for o in registered[:_SHOWN]
        ]
        parts.append("\n".join([texts["done"], *lines, *_rest(texts, len(registered))]))
    if failed:
        lines = [
            texts["failure"].format(name=o.unicode_name, reason=texts.get(o.reason, o.reason)) for o in failed[:_SHOWN]
        ]
        parts.append("\n".join([texts["failed"], *lines, *_rest(texts, len(failed))]))
    parts.append(texts["bye"])
    return texts["subject"].format(names=shown), "\n\n".join(parts)


def _rest(texts: dict[str, str], count: int) -> list[str]:
    return [texts["rest"].format(count=count - _SHOWN)] if count > _SHOWN else []


def _date(at: datetime, locale: str) -> str:
    return f"{at:%Y. %m. %d.}" if locale == "hu" else f"{at.day} {at:%B %Y}"
