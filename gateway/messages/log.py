"""What the event log says, for people: a sentence an action, in Hungarian and English.

{actor} did it, {subject} is what the object is called; any field of the event's before and after can be named too, the
later value first. {amount} is the *_minor and currency of the event, as money.
"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.messages import values
from services.chassis import money

SENTENCES: Mapping[str, tuple[str, str]] = {
    "account.created": ("{actor} létrehozta a fiókot: {subject}", "{actor} created the account {subject}"),
    "account.field_locked": (
        "{actor} zárolta a fiók egyik adatát: {field}",
        "{actor} locked a field of the account: {field}",
    ),
    "account.field_unlocked": (
        "{actor} feloldotta a fiók egyik adatának zárolását: {field}",
        "{actor} unlocked a field of the account: {field}",
    ),
    "account.locked": ("{actor} zárolta a fiókot: {reason}", "{actor} locked the account: {reason}"),
    "account.profile_changed": (
        "{actor} módosította a fiók adatait: {subject}",
        "{actor} changed the data of the account {subject}",
    ),
    "account.unlocked": ("{actor} feloldotta a fiók zárolását", "{actor} unlocked the account"),
    "api_token.created": ("{actor} API-tokent készített: {subject}", "{actor} made the API token {subject}"),
    "api_token.revoked": ("{actor} visszavonta az API-tokent: {subject}", "{actor} revoked the API token {subject}"),
    "contact.added": ("{actor} kapcsolattartót vett fel: {subject}", "{actor} added the contact {subject}"),
    "contact.changed": (
        "{actor} módosította egy kapcsolattartó jogait: {subject}",
        "{actor} changed the rights of the contact {subject}",
    ),
    "contact.invitation_accepted": (
        "{subject} elfogadta a meghívót, és kapcsolattartó lett",
        "{subject} accepted the invitation and became a contact",
    ),
    "contact.invitation_declined": ("{subject} elutasította a meghívót", "{subject} declined the invitation"),
    "contact.invitation_withdrawn": (
        "{actor} visszavonta a meghívót: {subject}",
        "{actor} withdrew the invitation of {subject}",
    ),
    "contact.invited": ("{actor} meghívta kapcsolattartónak: {subject}", "{actor} invited {subject} as a contact"),
    "contact.invited_again": (
        "{actor} újra elküldte a meghívót: {subject}",
        "{actor} sent {subject} the invitation again",
    ),
    "contact.revoked": (
        "{actor} megszüntette a kapcsolattartó hozzáférését: {subject}",
        "{actor} revoked the contact {subject}",
    ),
    "credit.topped_up": (
        "Befizetés érkezett az egyenlegre: {amount} ({subject})",
        "A payment to the balance arrived: {amount} ({subject})",
    ),
    "domain.auth_code_requested": (
        "{actor} átregisztrációs kódot kért: {subject}",
        "{actor} asked for the auth code of {subject}",
    ),
    "domain.auth_code_refused": (
        "A nyilvántartó elutasította az átregisztrációs kód beállítását: {subject}",
        "The registry refused to set the auth code of {subject}",
    ),
    "domain.auto_renew_changed": (
        "{actor} módosította az automatikus megújítást: {subject}",
        "{actor} changed the automatic renewal of {subject}",
    ),
    "domain.confirmation_wanted": (
        "A nyilvántartó a birtokos megerősítésére vár: {subject} ({change})",
        "The registry waits for the holder to confirm: {subject} ({change})",
    ),
    "domain.contacts_changed": (
        "{actor} módosította a domain nyilvántartási adatait: {subject}",
        "{actor} changed the registry contacts of {subject}",
    ),
    "domain.contacts_refused": (
        "A nyilvántartó elutasította a nyilvántartási adatok módosítását: {subject}",
        "The registry refused the contacts of {subject}",
    ),
    "domain.dnssec_changed": (
        "{actor} módosította a DNSSEC állapotát: {subject} ({dnssec})",
        "{actor} changed the DNSSEC state of {subject} ({dnssec})",
    ),
    "domain.dnssec_refused": (
        "A nyilvántartó elutasította a DNSSEC módosítását: {subject}",
        "The registry refused the DNSSEC change of {subject}",
    ),
    "domain.holder_verification": (
        "A nyilvántartó szerint a birtokos ellenőrzésének állapota: {registrant} ({subject})",
        "The verification of the holder at the registry is now {registrant} ({subject})",
    ),
    "domain.item_retried": (
        "{actor} újra megkísérelte, amit a domainre megrendeltek: {subject}",
        "{actor} had what was ordered of {subject} tried again",
    ),
    "domain.lock_changed": (
        "{actor} módosította a regisztrátori zárat: {subject}",
        "{actor} changed the registrar lock of {subject}",
    ),
    "domain.lock_refused": (
        "A nyilvántartó elutasította a regisztrátori zár módosítását: {subject}",
        "The registry refused to change the registrar lock of {subject}",
    ),
    "domain.nameservers_changed": (
        "{actor} módosította a névszervereket: {subject} ({nameservers})",
        "{actor} changed the nameservers of {subject} ({nameservers})",
    ),
    "domain.nameservers_refused": (
        "A nyilvántartó elutasította a névszerverek módosítását: {subject}",
        "The registry refused the nameservers of {subject}",
    ),
    "domain.registered": ("A domain regisztrációja megtörtént: {subject}", "The domain {subject} was registered"),
    "domain.registration_failed": (
        "A domain regisztrációja nem sikerült: {subject}",
        "The registration of the domain {subject} failed",
    ),
    "domain.registration_retried": (
        "{actor} újra megkísérelte a domain regisztrációját: {subject}",
        "{actor} had the registration of the domain {subject} tried again",
    ),
    "domain.registry_changed": (
        "A nyilvántartó adatai eltértek, és átvettük őket: {subject}",
        "The registry's data of {subject} differed, and were taken over",
    ),
    "domain.state_changed": (
        "A domain állapota mostantól {state}: {subject}",
        "The state of the domain {subject} is now {state}",
    ),
    "domain.transfer_away": (
        "Átregisztráció más regisztrátorhoz: {subject} ({status}, {registrar})",
        "Transfer of {subject} to another registrar: {status} ({registrar})",
    ),
    "domain.registration_ordered": ("{actor} domaint rendelt: {subject}", "{actor} ordered the domain {subject}"),
    "domain.registration_started": (
        "A domain díja megérkezett, a regisztrációja elindult: {subject}",
        "The domain {subject} was paid for and its registration began",
    ),
    "domain.renewal_failed": (
        "A domain megújítása nem sikerült: {subject}",
        "The renewal of {subject} failed",
    ),
    "domain.renewal_ordered": (
        "{actor} domainmegújítást rendelt: {subject}",
        "{actor} ordered the renewal of {subject}",
    ),
    "domain.renewal_started": (
        "A megújítás díja megérkezett, a megújítás elindult: {subject}",
        "The renewal of {subject} was paid for and began",
    ),
    "domain.renewed": (
        "A domain megújult: {subject} (új lejárat: {expires_at})",
        "{subject} was renewed until {expires_at}",
    ),
    "domain.restore_failed": (
        "A domain visszaállítása nem sikerült: {subject}",
        "Restoring {subject} failed",
    ),
    "domain.restore_ordered": (
        "{actor} megrendelte egy törölt domain visszaállítását: {subject}",
        "{actor} ordered the deleted domain {subject} back",
    ),
    "domain.restore_started": (
        "A visszaállítás díja megérkezett, a visszaállítás elindult: {subject}",
        "Restoring {subject} was paid for and began",
    ),
    "domain.restored": (
        "A törölt domain visszaállt: {subject}",
        "The deleted domain {subject} is back",
    ),
    "domain.transfer_cancel_refused": (
        "A domain átregisztrációját már nem lehetett visszavonni: {subject}",
        "The transfer of {subject} could not be cancelled any more",
    ),
    "domain.transfer_cancel_requested": (
        "{actor} kérte a domain átregisztrációjának visszavonását: {subject}",
        "{actor} asked for the transfer of {subject} to be cancelled",
    ),
    "domain.transfer_code_refused": (
        "A nyilvántartó nem fogadta el az átregisztrációs kódot: {subject}",
        "The registry did not accept the auth code of {subject}",
    ),
    "domain.transfer_failed": (
        "A domain átregisztrációja nem sikerült: {subject}",
        "The transfer of {subject} failed",
    ),
    "domain.transfer_ordered": (
        "{actor} megrendelte a domain átregisztrációját: {subject}",
        "{actor} ordered the transfer of {subject}",
    ),
    "domain.transfer_retried": (
        "{actor} új átregisztrációs kódot adott meg: {subject}",
        "{actor} gave another auth code for {subject}",
    ),
    "domain.transfer_started": (
        "Az átregisztráció díja megérkezett, az átregisztráció elindult: {subject}",
        "The transfer of {subject} was paid for and began",
    ),
    "domain.transferred_in": (
        "A domain átregisztrációja megtörtént: {subject}",
        "{subject} was transferred to us",
    ),
    "email.bounced": ("Visszapattant egy e-mail erről a címről: {subject}", "An e-mail came back from {subject}"),
    "hosting.created": ("Tárhelyszolgáltatás jött létre: {subject}", "The hosting service {subject} was created"),
    "hosting.extended": (
        "A tárhelyszolgáltatás meghosszabbodott eddig: {next_due_on} ({subject})",
        "The hosting service {subject} was extended to {next_due_on}",
    ),
    "hosting.login_saved": (
        "Megváltoztak a belépési adatok: {subject}",
        "The panel login of the hosting service {subject} was set",
    ),
    "invoice.credited": (
        "Jóváírás: {amount}, sztornó számla: {storno} (eredeti számla: {subject})",
        "{amount} was credited with the cancelling invoice {storno} (invoice {subject})",
    ),
    "invoice.issued": ("Számla készült: {subject}, {amount}", "The invoice {subject} was issued: {amount}"),
    "invoice.paid": ("{actor} kifizette: {subject}, {amount}", "{actor} paid {subject}: {amount}"),
    "invoice.paid_in_part": (
        "Részfizetés érkezett: {subject}, eddig összesen {amount}",
        "{subject} was paid in part: {amount} so far",
    ),
    "invoice.proforma_cancelled": (
        "A díjbekérőt töröltük, mert nem fizették ki időben: {subject}",
        "The proforma {subject} was cancelled, as it was not paid in time",
    ),
    "invoice.proforma_issued": (
        "Díjbekérő készült: {subject}, {amount}",
        "The proforma {subject} was issued: {amount}",
    ),
    "notifications.disabled": (
        "{actor} kikapcsolta az e-mail-értesítéseket ebben a kategóriában: {category}",
        "{actor} switched off e-mail of the category {category}",
    ),
    "notifications.enabled": (
        "{actor} bekapcsolta az e-mail-értesítéseket ebben a kategóriában: {category}",
        "{actor} switched on e-mail of the category {category}",
    ),
    "oauth_client.disabled": (
        "{actor} letiltotta az alkalmazást: {subject}",
        "{actor} disabled the application {subject}",
    ),
    "oauth_client.registered": (
        "{actor} alkalmazást vett nyilvántartásba: {subject}",
        "{actor} registered the application {subject}",
    ),
    "operator.created": ("{actor} üzemeltetőt vett fel: {subject}", "{actor} added the operator {subject}"),
    "operator.credential_renewed": (
        "{actor} megújította az üzemeltető belépési kulcsát: {subject}",
        "{actor} renewed the credential of the operator {subject}",
    ),
    "operator.disabled": ("{actor} letiltotta az üzemeltetőt: {subject}", "{actor} disabled the operator {subject}"),
    "operator.signed_in_as_contact": (
        "{actor} csak olvasásra belépett {subject} nevében; ok: {reason}",
        "{actor} signed in as {subject}, to read only; reason: {reason}",
    ),
    "operator.signed_out": (
        "{actor} kilépett, aki {subject} nevében nézte a fiókot",
        "{actor}, who looked at the account as {subject}, signed out",
    ),
    "signing_key.rotated": (
        "{actor} lecserélte az aláíró kulcsot: {subject}",
        "{actor} rotated the signing key {subject}",
    ),
    "ticket.opened": ("{actor} hibajegyet nyitott: {subject}", "{actor} opened the ticket {subject}"),
    "user.app_signed_in": (
        "{actor} bejelentkezett ebben az alkalmazásban: {application}",
        "{actor} signed in to the application {application}",
    ),
    "user.app_signed_out": (
        "{subject} kijelentkezett ebből az alkalmazásból: {application}",
        "{subject} was signed out of the application {application}",
    ),
    "user.confirmation_failed": (
        "{actor} sikertelenül próbálta megerősíteni a személyazonosságát",
        "{actor} failed to confirm its identity",
    ),
    "user.default_account_set": (
        "{actor} ezt a fiókot választotta alapértelmezettnek",
        "{actor} made this account the default one",
    ),
    "user.factor_added": (
        "{actor} második tényezőt adott hozzá: {name}",
        "{actor} added the second factor {name}",
    ),
    "user.factor_removed": (
        "{actor} eltávolított egy második tényezőt: {name}",
        "{actor} removed the second factor {name}",
    ),
    "user.factors_reset": (
        "{actor} törölte {subject} összes második tényezőjét",
        "{actor} removed every second factor of {subject}",
    ),
    "user.identity_confirmed": (
        "{actor} megerősítette a személyazonosságát",
        "{actor} confirmed its identity",
    ),
    "user.locked": (
        "{actor} zárolta a felhasználót: {subject}; ok: {reason}",
        "{actor} locked the user {subject}; reason: {reason}",
    ),
    "user.password_change_failed": (
        "{actor} sikertelenül próbált jelszót változtatni",
        "{actor} failed to change the password",
    ),
    "user.password_changed": ("{actor} megváltoztatta a jelszavát", "{actor} changed the password"),
    "user.password_reset": (
        "{subject} új jelszót állított be az e-mailben kapott hivatkozással",
        "{subject} set a new password with the link from an e-mail",
    ),
    "user.password_reset_requested": (
        "Új jelszót kértek ehhez a felhasználóhoz: {subject}",
        "A new password was asked for {subject}",
    ),
    "user.recovery_codes_made": (
        "{actor} új helyreállító kódokat készített",
        "{actor} made new recovery codes",
    ),
    "user.second_factor_failed": (
        "Hibás második tényező a bejelentkezéskor: {subject}",
        "A sign-in as {subject} failed at the second factor",
    ),
    "user.sessions_revoked": ("{actor} munkameneteket léptetett ki", "{actor} ended sessions"),
    "user.sign_in_failed": ("Sikertelen bejelentkezési kísérlet: {subject}", "A sign-in as {subject} failed"),
    "user.signed_in": ("{actor} bejelentkezett", "{actor} signed in"),
    "user.signed_out": ("{actor} kijelentkezett", "{actor} signed out"),
    "user.unlocked": (
        "{actor} feloldotta a felhasználó zárolását: {subject}",
        "{actor} unlocked the user {subject}",
    ),
    "user.vpn_password_removed": ("{actor} törölte a VPN-jelszavát", "{actor} removed the VPN password"),
    "user.vpn_password_set": ("{actor} beállította a VPN-jelszavát", "{actor} set the VPN password"),
    "tld.rules_changed": (
        "{actor} módosította a végződés szabályait: {subject}",
        "{actor} changed the rules of {subject}",
    ),
    "zone.changed": (
        "{actor} módosította a DNS-zónát: {subject} (új: {added}, módosult: {changed}, törölt: {removed})",
        "{actor} changed the DNS zone {subject} (new: {added}, changed: {changed}, removed: {removed})",
    ),
    "zone.imported": (
        "{actor} zónafájlt töltött be: {subject} (új: {added}, módosult: {changed}, törölt: {removed})",
        "{actor} imported a zone file into {subject} (new: {added}, changed: {changed}, removed: {removed})",
    ),
    "zone.rolled_back": (
        "{actor} visszaállította a DNS-zóna egy korábbi változatát: {subject}",
        "{actor} rolled back the DNS zone {subject}",
    ),
    "zone.created": ("Létrejött a DNS-zóna: {subject}", "The DNS zone {subject} was created"),
}

_ACTORS: Mapping[str, Mapping[str, str]] = {
    "hu": {"system": "A rendszer", "operator": "Az üzemeltető ({label})"},
    "en": {"system": "The system", "operator": "The operator ({label})"},
}
_CATEGORIES: Mapping[str, Mapping[str, str]] = {
    "hu": {"billing": "számlázás", "support": "ügyfélszolgálat", "service": "tárhely", "domain": "domain"},
    "en": {"billing": "billing", "support": "support", "service": "hosting", "domain": "domain"},
}
#: What a holder has to confirm.
_CHANGES: Mapping[str, Mapping[str, str]] = {
    "hu": {"registration": "bejegyzés", "registrant": "birtokos", "nameservers": "névszerverek", "dnssec": "DNSSEC"},
    "en": {"registration": "registration", "registrant": "holder", "nameservers": "nameservers", "dnssec": "DNSSEC"},
}
#: As in AccountProfile.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "hu": {
        "kind": "típus",
        "name": "név",
        "tax_number": "adószám",
        "eu_vat_id": "uniós adószám",
        "email": "e-mail-cím",
        "phone": "telefonszám",
        "country": "ország",
        "postal_code": "irányítószám",
        "city": "település",
        "street": "utca, házszám",
        "currency": "pénznem",
        "locale": "nyelv",
    },
    "en": {
        "kind": "type",
        "name": "name",
        "tax_number": "tax number",
        "eu_vat_id": "EU VAT id",
        "email": "e-mail address",
        "phone": "phone number",
        "country": "country",
        "postal_code": "postal code",
        "city": "city",
        "street": "street",
        "currency": "currency",
        "locale": "language",
    },
}


class _Values(dict[str, str]):
    """A field that the event does not carry leaves a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(locale: str, action: str, *, kind: str, label: str, ip: str, subject: str, before: str, after: str) -> str:
    """What happened, in the reader's language, and from where; the action itself where it has no sentence.

    `kind`, `label` and `ip` are the actor's; `before` and `after` JSON objects or empty.
    """
    known = SENTENCES.get(action)
    if known is None:
        return action
    fields = {**_fields(before), **_fields(after)}
    told = {name: _written(value, locale) for name, value in fields.items()}
    told["amount"] = _amount(fields, locale)
    told["category"] = _CATEGORIES.get(locale, _CATEGORIES["en"]).get(str(fields.get("category")), "–")
    told["field"] = _FIELDS.get(locale, _FIELDS["en"]).get(str(fields.get("field")), "–")
    told["change"] = _CHANGES.get(locale, _CHANGES["en"]).get(str(fields.get("change")), "–")
    told["actor"] = _ACTORS.get(locale, _ACTORS["en"]).get(kind, "{label}").replace("{label}", label)
    told["subject"] = subject or "–"
    text = known[0 if locale == "hu" else 1].format_map(_Values(told))
    return f"{text} ({ip})" if ip else text


def _fields(text: str) -> dict[str, Any]:
    fields = json.loads(text) if text else {}
    return fields if isinstance(fields, dict) else {}


def _written(value: object, locale: str) -> str:
    return values.moment(value, locale) if isinstance(value, str) else str(value)


def _amount(fields: Mapping[str, Any], locale: str) -> str:
    """Of a storno, what comes back: without its minus."""
    minor = next((v for k, v in fields.items() if k.endswith("_minor") and isinstance(v, int)), None)
    currency = fields.get("currency")
    if minor is None or currency not in money.EXPONENTS:
        return "–"
    return money.written(abs(minor), currency, locale)
