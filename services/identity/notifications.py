"""Which mail a contact wants. Switching off what can cost the customer its service takes an acknowledgement."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.chassis import audit
from services.chassis.actor import Actor
from services.chassis.db import Database, Row
from services.chassis.errors import DomainError
from services.identity import email_store, sessions

SECURITY = "security"
CATEGORIES = ("billing", "service", "domain", "support", SECURITY)

#: What somebody who switches the category off has to acknowledge. Each text is its own version: see `version`.
WARNINGS: Mapping[str, Mapping[str, str]] = {
    "billing": {
        "hu": "Nem kapok e-mailt a díjbekérőkről, a számlákról és a fizetési határidőkről. Tudomásul veszem, hogy ha emiatt "
        "egy díj kifizetetlen marad, a szolgáltatást felfüggeszthetik, majd megszüntethetik, és a domain lejárhat.",
        "en": "I will get no e-mail about proformas, invoices and due dates. I understand that if a fee stays unpaid "
        "because of that, the service may be suspended and then ended, and the domain may expire.",
    },
    "service": {
        "hu": "Nem kapok e-mailt a tárhelyek lejáratáról, felfüggesztéséről és megszűnéséről. Tudomásul veszem, hogy emiatt "
        "a szolgáltatás megszűnhet, és a rajta tárolt adatok elveszhetnek.",
        "en": "I will get no e-mail about hosting that expires, is suspended or ends. I understand that the service may "
        "end because of that, and the data kept on it may be lost.",
    },
    "domain": {
        "hu": "Nem kapok e-mailt a domainek lejáratáról, átregisztrációjáról és a nyilvántartó kéréseiről. Tudomásul veszem, "
        "hogy emiatt a domain lejárhat, és más regisztrálhatja.",
        "en": "I will get no e-mail about domains that expire or are transferred, or about what a registry asks for. I "
        "understand that a domain may expire because of that, and somebody else may register it.",
    },
}


class AcknowledgementRequired(DomainError):
    """`warning` is the text to acknowledge, `acknowledgement` its version."""

    reason = "ACKNOWLEDGEMENT_REQUIRED"


class NotificationNotOptional(DomainError):
    """Mail about the security of the user itself."""

    reason = "NOTIFICATION_NOT_OPTIONAL"


@dataclass(frozen=True, slots=True)
class Preference:
    """`disabled_at` is None while it is on."""

    category: str
    enabled: bool
    disabled_at: datetime | None = None

    @property
    def essential(self) -> bool:
        return self.category in WARNINGS

    @property
    def optional(self) -> bool:
        return self.category != SECURITY


def version(category: str) -> str:
    """Names the warning's present wording in every language; empty where there is nothing to acknowledge."""
    if category not in WARNINGS:
        return ""
    texts = "\n".join(text for _, text in sorted(WARNINGS[category].items()))
    return f"{category}-{hashlib.sha256(texts.encode()).hexdigest()[:12]}"


def warning(category: str, locale: str) -> str:
    """What is to be acknowledged, in Hungarian where the language is neither; empty where nothing is."""
    texts = WARNINGS.get(category, {})
    return texts.get(locale, texts.get("hu", ""))


async def of_actor(db: Database, actor: Actor) -> list[Preference]:
    """Every category, as the actor's membership wants it."""
    kept = {}
    if actor.contact_id is not None:
        kept = {row["category"]: row for row in await email_store.preferences(db, actor.account_id, actor.contact_id)}
    return [_preference(category, kept.get(category)) for category in CATEGORIES]


async def set_preference(
    db: Database, actor: Actor, category: str, *, enabled: bool, acknowledgement: str, locale: str, now: datetime
) -> Preference:
    """Switches a category on or off for the actor's membership; what is so already changes nothing.

    AcknowledgementRequired unless `acknowledgement` is the present version of the category's warning,
    NotificationNotOptional, TokenMayNot.
    """
    user_id, _ = sessions.own(actor)
    assert actor.contact_id is not None
    if category == SECURITY and not enabled:
        raise NotificationNotOptional("mail about security cannot be switched off", field="category")
    async with db.transaction() as tx:
        address = await email_store.lock_contact(tx, actor.account_id, actor.contact_id, user_id)
        if address is None:
            raise sessions.TokenMayNot("the membership is over")
        rows = await email_store.preferences(tx, actor.account_id, actor.contact_id)
        before = _preference(category, next((row for row in rows if row["category"] == category), None))
        if before.enabled == enabled:
            return before
        acknowledged = None
        if not enabled and before.essential:
            if acknowledgement != version(category):
                raise AcknowledgementRequired(
                    "acknowledge what it may cost first",
                    field="acknowledgement",
                    warning=warning(category, locale),
                    acknowledgement=version(category),
                )
            acknowledged = acknowledgement
        await email_store.set_preference(
            tx, actor.contact_id, category, enabled=enabled, acknowledged=acknowledged, by=user_id, now=now
        )
        after: dict[str, object] = {"category": category, "enabled": enabled}
        if acknowledged:
            after |= {"acknowledged": acknowledged, "acknowledged_text": warning(category, locale)}
        await audit.record(
            tx,
            actor,
            "notifications.enabled" if enabled else "notifications.disabled",
            subject=("Contact", actor.contact_id, address),
            before={"category": category, "enabled": before.enabled},
            after=after,
        )
    return Preference(category, enabled, None if enabled else now)


def _preference(category: str, kept: Row | None) -> Preference:
    if kept is None or kept["enabled"]:
        return Preference(category, True)
    return Preference(category, False, kept["changed_at"])
