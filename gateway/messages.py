"""What people read, in Hungarian and English. Keys are the stable codes; English stands in for what is missing."""

from collections.abc import Mapping

LOCALES = ("hu", "en")

MESSAGES: dict[str, dict[str, str]] = {
    "en": {
        "UNAUTHENTICATED": "Sign in first: at /sign-in, or with the header Authorization: Bearer <token>.",
        "CREDENTIAL_INVALID": "The token is not valid.",
        "CREDENTIAL_EXPIRED": "The token has expired.",
        "TOKEN_IP_REFUSED": "The token may not be used from this address.",
        "FORBIDDEN": "This needs the permission {permission}.",
        "FIELD_DENIED": "The field {coordinate} is denied to you.",
        "NOT_FOUND": "{what} {id} was not found.",
        "BAD_ID": "{argument}: {value} is no valid id.",
        "BAD_ID_TYPE": "{argument}: {value} is not the id of a {expected}.",
        "PAGE_SIZE": "{argument} must be between 1 and 100, not {value}.",
        "PAGE_BOTH": "first/after and last/before cannot be used together.",
        "TOO_MANY": "{argument}: at most {limit} are allowed.",
        "BAD_USER_INPUT": "{argument}: {problem}",
        "UNKNOWN_ACTION": "{action} is no permission.",
        "SERVICE_UNAVAILABLE": "The {service} service does not answer right now; the rest of the answer is complete.",
        "INTERNAL": "Something went wrong on our side. Quote this number when you report it: {trace}",
        "EVENTS_LOST": "The subscription fell behind and was ended; subscribe again.",
        "INVALID": "{detail}",
        "CONFLICT": "The data changed meanwhile; try again.",
        "EXHAUSTED": "Too many attempts; try again later.",
        "DOMAIN_TAKEN": "{name} is already taken.",
        "DOMAIN_INVALID": "{name} is not a valid domain name.",
        "DOMAIN_REPEATED": "{name} is in the list more than once.",
        "DOMAIN_NOT_FOUND": "The domain was not found.",
        "DOMAIN_NOT_ACTIVE": "The domain is not active.",
        "DOMAIN_ALREADY_ORDERED": "{name} is being ordered already.",
        "PERIOD_NOT_OFFERED": "Names under .{tld} are registered for {min} to {max} years.",
        "AUTH_CODE_BY_REGISTRY": "The registry of .{tld} sends the code to the holder itself; we cannot request it here yet.",
        "TLD_NOT_SOLD": "We do not sell names under .{tld}.",
        "REGISTRY_UNAVAILABLE": "The registry does not answer right now; try again later.",
        "REGISTRY_REFUSED": "The registry refused it: {detail}",
        "PRICE_MISSING": "There is no price for it.",
        "INSUFFICIENT_CREDIT": "There is not enough credit: {needed} {currency} is needed, {available} {currency} is there.",
        "CURRENCIES_MIXED": "Invoices in different currencies are paid one by one.",
        "INVOICE_NOT_FOUND": "The invoice was not found.",
        "INVOICE_NOT_OPEN": "The invoice is not open for payment.",
        "AMOUNT_MISMATCH": "{due} {currency} is due, another amount was sent.",
        "AMOUNT_INVALID": "{value} is no amount that can be paid.",
        "IDEMPOTENCY_CONFLICT": "This idempotencyKey was already used with another input.",
        "CURSOR_INVALID": "The cursor is not one of this list.",
        "RESOURCE_NOT_GRANTED": "Your right {permission} does not cover this object.",
        "SIGN_IN_FAILED": "The e-mail address or the password is wrong.",
        "SIGN_IN_THROTTLED": "Too many attempts. Try again in a few minutes.",
        "SESSION_NOT_FOUND": "The session was not found.",
        "SESSION_CHOICE": "Give exactly one of id, others and all.",
        "API_TOKEN_NOT_FOUND": "The API token was not found.",
        "TOKEN_MAY_NOT": "An API token may not do this; sign in.",
        "TOKEN_TOO_WIDE": "You do not hold {permission} yourself, so your token cannot hold it.",
        "TOKEN_EXPIRY_INVALID": "The expiry must lie in the future, at most a year ahead.",
        "NETWORK_INVALID": "{value} is no IP address and no network such as 203.0.113.0/24.",
        "TOO_MANY_TOKENS": "You have {limit} API tokens already; revoke one first.",
        "SECRET_SHOWN_ALREADY": "This request made the token before, and its secret was shown then. It cannot be shown again: "
        "if you do not have it, revoke the token and make another.",
    },
    "hu": {
        "UNAUTHENTICATED": "Jelentkezzen be: a /sign-in oldalon, vagy az Authorization: Bearer <token> fejléccel.",
        "CREDENTIAL_INVALID": "A token érvénytelen.",
        "CREDENTIAL_EXPIRED": "A token lejárt.",
        "TOKEN_IP_REFUSED": "A token erről a címről nem használható.",
        "FORBIDDEN": "Ehhez a következő jogosultság kell: {permission}.",
        "FIELD_DENIED": "A(z) {coordinate} mező az Ön számára nem elérhető.",
        "NOT_FOUND": "Nem található: {what} {id}.",
        "BAD_ID": "{argument}: {value} nem érvényes azonosító.",
        "BAD_ID_TYPE": "{argument}: {value} nem {expected} azonosítója.",
        "PAGE_SIZE": "A(z) {argument} értéke 1 és 100 közé kell essen, nem lehet {value}.",
        "PAGE_BOTH": "A first/after és a last/before együtt nem használható.",
        "TOO_MANY": "{argument}: legfeljebb {limit} adható meg.",
        "BAD_USER_INPUT": "{argument}: {problem}",
        "UNKNOWN_ACTION": "Nincs ilyen jogosultság: {action}.",
        "SERVICE_UNAVAILABLE": "A(z) {service} szolgáltatás most nem válaszol; a válasz többi része teljes.",
        "INTERNAL": "Hiba történt a mi oldalunkon. Bejelentéskor hivatkozzon erre a számra: {trace}",
        "EVENTS_LOST": "Az előfizetés lemaradt, ezért véget ért; iratkozzon fel újra.",
        "INVALID": "{detail}",
        "CONFLICT": "Az adatok közben megváltoztak; próbálja újra.",
        "EXHAUSTED": "Túl sok próbálkozás; próbálja később.",
        "DOMAIN_TAKEN": "A(z) {name} név már foglalt.",
        "DOMAIN_INVALID": "A(z) {name} nem érvényes domainnév.",
        "DOMAIN_REPEATED": "A(z) {name} többször szerepel a listában.",
        "DOMAIN_NOT_FOUND": "A domain nem található.",
        "DOMAIN_NOT_ACTIVE": "A domain nem aktív.",
        "DOMAIN_ALREADY_ORDERED": "A(z) {name} megrendelése már folyamatban van.",
        "PERIOD_NOT_OFFERED": "A .{tld} nevek {min}–{max} évre jegyezhetők be.",
        "AUTH_CODE_BY_REGISTRY": "A .{tld} nyilvántartója maga küldi el a kódot a domain birtokosának; innen ez még nem kérhető.",
        "TLD_NOT_SOLD": "A .{tld} végződést nem forgalmazzuk.",
        "REGISTRY_UNAVAILABLE": "A nyilvántartó most nem válaszol; próbálja később.",
        "REGISTRY_REFUSED": "A nyilvántartó elutasította: {detail}",
        "PRICE_MISSING": "Nincs hozzá ár.",
        "INSUFFICIENT_CREDIT": "Nincs elég egyenleg: {needed} {currency} kell, {available} {currency} van.",
        "CURRENCIES_MIXED": "A különböző pénznemű számlákat külön kell fizetni.",
        "INVOICE_NOT_FOUND": "A számla nem található.",
        "INVOICE_NOT_OPEN": "A számla nem fizethető.",
        "AMOUNT_MISMATCH": "{due} {currency} fizetendő, nem a megadott összeg.",
        "AMOUNT_INVALID": "{value} nem fizethető összeg.",
        "IDEMPOTENCY_CONFLICT": "Ezt az idempotencyKey értéket már más tartalommal használták.",
        "CURSOR_INVALID": "A kurzor nem ehhez a listához tartozik.",
        "RESOURCE_NOT_GRANTED": "A(z) {permission} jogosultsága erre az objektumra nem terjed ki.",
        "SIGN_IN_FAILED": "Hibás e-mail-cím vagy jelszó.",
        "SIGN_IN_THROTTLED": "Túl sok próbálkozás. Próbálja újra néhány perc múlva.",
        "SESSION_NOT_FOUND": "A munkamenet nem található.",
        "SESSION_CHOICE": "Az id, az others és az all közül pontosan egyet adjon meg.",
        "API_TOKEN_NOT_FOUND": "Az API-token nem található.",
        "TOKEN_MAY_NOT": "Ezt API-tokennel nem lehet; jelentkezzen be.",
        "TOKEN_TOO_WIDE": "Önnek nincs {permission} jogosultsága, ezért a tokenje sem kaphatja meg.",
        "TOKEN_EXPIRY_INVALID": "A lejárat jövőbeli legyen, legfeljebb egy évvel későbbi.",
        "NETWORK_INVALID": "{value} nem IP-cím és nem hálózat (például 203.0.113.0/24).",
        "TOO_MANY_TOKENS": "Már {limit} API-tokenje van; előbb vonjon vissza egyet.",
        "SECRET_SHOWN_ALREADY": "Ez a kérés a tokent már létrehozta, a titkát akkor mutattuk meg. Többször nem mutatható meg: "
        "ha nincs meg Önnek, vonja vissza a tokent, és készítsen másikat.",
    },
}


class _Gaps(dict[str, str]):
    """A value that a message names but nobody gave leaves a dash, not an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def text(code: str, locale: str, values: Mapping[str, object] | None = None, default: str = "") -> str:
    """The message of a code for a reader; `default`, else the code itself, when there is none."""
    template = MESSAGES.get(locale, {}).get(code) or MESSAGES["en"].get(code)
    if template is None:
        return default or code
    return template.format_map(_Gaps({k: str(v) for k, v in (values or {}).items()}))


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
