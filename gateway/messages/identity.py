"""Credentials, sessions and API tokens."""

EN: dict[str, str] = {
    "CREDENTIAL_INVALID": "The token or session is not valid, or not any more. Sign in again.",
    "CREDENTIAL_EXPIRED": "The token has expired.",
    "TOKEN_IP_REFUSED": "The token may not be used from this address.",
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
}

HU: dict[str, str] = {
    "CREDENTIAL_INVALID": "A token vagy a munkamenet nem érvényes, vagy már véget ért. Jelentkezzen be újra.",
    "CREDENTIAL_EXPIRED": "A token lejárt.",
    "TOKEN_IP_REFUSED": "A token erről a címről nem használható.",
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
}
