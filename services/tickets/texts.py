"""What the house writes into tickets of its own, in the reader's language."""

from datetime import UTC, datetime

from portico.domains.v1 import events_pb2

#: A ticket is for reading; the list of domains shows the rest of a long order.
_SHOWN = 100
_TEXTS = {
    "hu": {
        "subject REGISTER": "Domainregisztráció: {names}",
        "subject TRANSFER": "Domainátregisztráció: {names}",
        "subject RENEW": "Domainmegújítás: {names}",
        "subject RESTORE": "Domain visszaállítása: {names}",
        "more": "{first} és további {count}",
        "hello": "Tisztelt Ügyfelünk!",
        "done REGISTER": "A következő domainneveket bejegyeztük:",
        "done TRANSFER": "A következő domainneveket átregisztráltuk hozzánk:",
        "done RENEW": "A következő domainneveket megújítottuk:",
        "done RESTORE": "A következő domainneveket visszaállítottuk:",
        "registered": "– {name} (lejárat: {date})",
        "failed REGISTER": "A következőket nem sikerült bejegyezni, díjukat visszaírtuk az egyenlegére:",
        "failed TRANSFER": "A következőket nem sikerült átregisztrálni hozzánk, díjukat visszaírtuk az egyenlegére:",
        "failed RENEW": "A következőket nem sikerült megújítani, díjukat visszaírtuk az egyenlegére:",
        "failed RESTORE": "A következőket nem sikerült visszaállítani, díjukat visszaírtuk az egyenlegére:",
        "cancelled": "A következők átregisztrációját visszavonták, díjukat visszaírtuk az egyenlegére:",
        "unpaid": "A következő megrendelések díja nem érkezett meg, ezért töröltük őket:",
        "failure": "– {name}: {reason}",
        "rest": "– és további {count}",
        "bye": "Üdvözlettel:\nPortico",
        "DOMAIN_TAKEN": "időközben más bejegyezte",
        "REGISTRY_REFUSED": "a nyilvántartó elutasította",
        "HOLDER_DID_NOT_CONFIRM": "a birtokos nem erősítette meg a nyilvántartónál",
        "PRICE_MISSING": "nincs hozzá árunk, ezért nem számláztuk ki",
        "ORDER_UNPAID": "nem fizették ki időben",
        "AUTH_CODE_WRONG": "nem érkezett helyes átregisztrációs kód",
        "REGISTRATION_GIVEN_UP": "a nyilvántartó nem hajtotta végre",
        "TRANSFER_GIVEN_UP": "a nyilvántartó nem hajtotta végre",
        "RENEWAL_GIVEN_UP": "a nyilvántartó nem hajtotta végre",
        "RESTORE_GIVEN_UP": "a nyilvántartó nem hajtotta végre",
        "TRANSFER_REJECTED": "a jelenlegi regisztrátor elutasította",
        "TRANSFER_PENDING": "másik átregisztrációja már folyamatban van",
        "DOMAIN_TRANSFER_LOCKED": "a jelenlegi helyén zárolva van",
        "EXPIRY_CHANGED": "a lejárata a megrendelés óta megváltozott",
    },
    "en": {
        "subject REGISTER": "Domain registration: {names}",
        "subject TRANSFER": "Domain transfer: {names}",
        "subject RENEW": "Domain renewal: {names}",
        "subject RESTORE": "Restoring a domain: {names}",
        "more": "{first} and {count} more",
        "hello": "Dear Customer,",
        "done REGISTER": "These domain names are registered:",
        "done TRANSFER": "These domain names are with us now:",
        "done RENEW": "These domain names are renewed:",
        "done RESTORE": "These domain names are restored:",
        "registered": "– {name} (expires on {date})",
        "failed REGISTER": "These could not be registered; their price is back on your balance:",
        "failed TRANSFER": "These could not be transferred; their price is back on your balance:",
        "failed RENEW": "These could not be renewed; their price is back on your balance:",
        "failed RESTORE": "These could not be restored; their price is back on your balance:",
        "cancelled": "These transfers were cancelled; their price is back on your balance:",
        "unpaid": "These orders were not paid, so we have cancelled them:",
        "failure": "– {name}: {reason}",
        "rest": "– and {count} more",
        "bye": "Best regards,\nPortico",
        "DOMAIN_TAKEN": "somebody else registered it meanwhile",
        "REGISTRY_REFUSED": "the registry refused it",
        "HOLDER_DID_NOT_CONFIRM": "the holder did not confirm it at the registry",
        "PRICE_MISSING": "we have no price for it, so nothing was charged",
        "ORDER_UNPAID": "it was not paid in time",
        "AUTH_CODE_WRONG": "no valid auth code came",
        "REGISTRATION_GIVEN_UP": "the registry did not carry it out",
        "TRANSFER_GIVEN_UP": "the registry did not carry it out",
        "RENEWAL_GIVEN_UP": "the registry did not carry it out",
        "RESTORE_GIVEN_UP": "the registry did not carry it out",
        "TRANSFER_REJECTED": "the present registrar rejected it",
        "TRANSFER_PENDING": "another transfer is under way",
        "DOMAIN_TRANSFER_LOCKED": "it is locked where it is",
        "EXPIRY_CHANGED": "its expiry has changed since it was ordered",
    },
}


def order_completed(event: events_pb2.OrderCompleted) -> tuple[str, str]:
    """(subject, body) about an order's outcomes."""
    texts = _TEXTS.get(event.locale, _TEXTS["en"])
    names = [outcome.unicode_name for outcome in event.outcomes]
    shown = names[0] if len(names) == 1 else texts["more"].format(first=names[0], count=len(names) - 1)
    parts = [texts["hello"]]
    # An order is of one kind; a restore's renewal is told of with it.
    action = event.outcomes[0].action or "REGISTER" if event.outcomes else "REGISTER"
    if "RESTORE" in {outcome.action for outcome in event.outcomes}:
        action = "RESTORE"
    registered = [o for o in event.outcomes if o.registered]
    cancelled = [o for o in event.outcomes if o.reason == "TRANSFER_CANCELLED"]
    failed = [o for o in event.outcomes if not o.registered and o not in cancelled]
    if registered:
        lines = [
            texts["registered"].format(
                name=o.unicode_name, date=_date(o.expires_at.ToDatetime(tzinfo=UTC), event.locale)
            )
            for o in registered[:_SHOWN]
        ]
        parts.append("\n".join([texts[f"done {action}"], *lines, *_rest(texts, len(registered))]))
    if cancelled:
        lines = [f"– {o.unicode_name}" for o in cancelled[:_SHOWN]]
        parts.append("\n".join([texts["cancelled"], *lines, *_rest(texts, len(cancelled))]))
    if failed:
        lines = [
            texts["failure"].format(name=o.unicode_name, reason=texts.get(o.reason, o.reason)) for o in failed[:_SHOWN]
        ]
        unpaid = all(o.reason == "ORDER_UNPAID" for o in failed)
        parts.append("\n".join([texts["unpaid" if unpaid else f"failed {action}"], *lines, *_rest(texts, len(failed))]))
    parts.append(texts["bye"])
    return texts[f"subject {action}"].format(names=shown), "\n\n".join(parts)


def _rest(texts: dict[str, str], count: int) -> list[str]:
    return [texts["rest"].format(count=count - _SHOWN)] if count > _SHOWN else []


def _date(at: datetime, locale: str) -> str:
    return f"{at:%Y. %m. %d.}" if locale == "hu" else f"{at.day} {at:%B %Y}"
