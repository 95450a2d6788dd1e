"""The scopes an app may ask for, and how each is put to the person who is asked."""

from collections.abc import Iterable, Mapping

from gateway.access import Permission

ALL = "all"
SCOPES = ("openid", "profile", "email", "offline_access", ALL, *(permission.value for permission in Permission))
#: What comes with every permission: GraphQL answers who one is.
_WHO = "who"

TEXTS: Mapping[str, Mapping[str, str]] = {
    "hu": {
        "openid": "Megtudja, hogy Ön jelentkezett be.",
        "profile": "Látja az Ön nevét és nyelvi beállítását.",
        "email": "Látja az Ön e-mail-címét.",
        "offline_access": "Akkor is hozzáfér mindehhez, amikor Ön nem használja, legfeljebb 90 napig.",
        ALL: "Mindent megtehet, amit Ön, az Ön minden fiókjában.",
        _WHO: "Látja az Ön nevét, e-mail-címét és azt, hogy mely fiókokhoz tartozik.",
        "account.read": "Látja a fiók adatait: név, cím, adószám.",
        "account.write": "Módosítja a fiók adatait.",
        "contacts.manage": "Kezeli a kapcsolattartókat és a jogosultságaikat.",
        "log.read": "Látja a rendszernaplót.",
        "emails.read": "Látja a fióknak küldött e-maileket.",
        "domains.read": "Látja a domaineket.",
        "domains.manage": "Módosítja a domainek beállításait.",
        "domains.order": "Domaint rendel, ami pénzbe kerül.",
        "domains.authcode": "Lekéri a domainek átregisztrációs kódját.",
        "dns.read": "Látja a DNS-rekordokat.",
        "dns.write": "Módosítja a DNS-rekordokat.",
        "hosting.read": "Látja a tárhelyeket és a kihasználtságukat.",
        "hosting.manage": "Kezeli a tárhelyeket.",
        "hosting.credentials": "Belép a tárhelyek kezelőfelületére, és új jelszót kér hozzájuk.",
        "hosting.order": "Tárhelyet rendel vagy csomagot vált, ami pénzbe kerül.",
        "billing.read": "Látja a számlákat, a díjbekérőket és az egyenleget.",
        "billing.pay": "Kifizeti a számlákat.",
        "tickets.read": "Látja a hibajegyeket.",
        "tickets.write": "Hibajegyeket nyit, és válaszol rájuk.",
    },
    "en": {
        "openid": "Learn that it is you who signed in.",
        "profile": "See your name and language.",
        "email": "See your e-mail address.",
        "offline_access": "Keep this access while you are not using it, for up to 90 days.",
        ALL: "Do everything that you may, in all your accounts.",
        _WHO: "See your name, your e-mail address and which accounts you belong to.",
        "account.read": "See the account's data: name, address, tax number.",
        "account.write": "Change the account's data.",
        "contacts.manage": "Manage the contacts and their rights.",
        "log.read": "See the event log.",
        "emails.read": "See the e-mails sent to the account.",
        "domains.read": "See the domains.",
        "domains.manage": "Change the settings of domains.",
        "domains.order": "Order domains, which costs money.",
        "domains.authcode": "Ask for the transfer codes of domains.",
        "dns.read": "See DNS records.",
        "dns.write": "Change DNS records.",
        "hosting.read": "See hosting services and their usage.",
        "hosting.manage": "Manage hosting services.",
        "hosting.credentials": "Sign on to the control panels of hosting services and reset their passwords.",
        "hosting.order": "Order hosting or change plans, which costs money.",
        "billing.read": "See invoices, proformas and the balance.",
        "billing.pay": "Pay invoices.",
        "tickets.read": "See tickets.",
        "tickets.write": "Open tickets and reply to them.",
    },
}


def in_words(scopes: Iterable[str], locale: str) -> list[str]:
    """What an app with these scopes may do, in the order of SCOPES; with "all" the permissions need no words."""
    held = set(scopes)
    named = [scope for scope in SCOPES if scope in held]
    permissions = [scope for scope in named if "." in scope]
    if ALL in held:
        named = [scope for scope in named if scope not in permissions]
    elif permissions:
        named = [_WHO, *(scope for scope in named if scope not in {"openid", "profile", "email"})]
    return [TEXTS[locale][scope] for scope in named]
