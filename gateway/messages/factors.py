"""Second factors, signing in with them, step-up (whose refusal stands in passwords.py)."""

EN: dict[str, str] = {
    "SIGN_IN_EXPIRED": "This sign-in has expired or was used. Sign in again.",
    "PASSKEY_REFUSED": "This passkey cannot sign you in here. Sign in with your password.",
    "PROOF_CHOICE": "Give exactly one of password, code, recoveryCode and assertion.",
    "FACTOR_REQUIRED": "You have a second factor, so the password is not enough: confirm with a code or your security key.",
    "FACTOR_NOT_FOUND": "The second factor was not found.",
    "PENDING_FACTOR_NOT_FOUND": "Adding this second factor was not begun or took too long; begin again.",
    "TOO_MANY_FACTORS": "You have {limit} second factors already; remove one first.",
    "NO_FACTOR": "Recovery codes stand in for a second factor; add one first.",
    "CODE_WRONG": "The code is wrong, or was used before.",
    "SECURITY_KEY_REFUSED": "The security key was not accepted. Try again.",
    "SECURITY_KEY_KNOWN": "This security key is registered already.",
    "NO_SECURITY_KEY": "You have no security key.",
    "SECURITY_KEYS_UNAVAILABLE": "Security keys cannot be used at this address of the portal; use another way.",
    "PASSWORD_REQUIRED": "Without this second factor only your password would be left; enter it.",
    "PASSWORD_TOO_SHORT_ALONE": "A password without a second factor needs at least {least} characters. Set a longer one first, "
    "or add another second factor.",
}

HU: dict[str, str] = {
    "SIGN_IN_EXPIRED": "Ez a bejelentkezés lejárt, vagy már felhasználták. Jelentkezzen be újra.",
    "PASSKEY_REFUSED": "Ezzel a hozzáférési kulccsal itt nem lehet bejelentkezni. Jelentkezzen be a jelszavával.",
    "PROOF_CHOICE": "A password, a code, a recoveryCode és az assertion közül pontosan egyet adjon meg.",
    "FACTOR_REQUIRED": "Önnél be van kapcsolva a kétlépcsős azonosítás, ezért a jelszó nem elég: igazolja "
    "magát kóddal vagy biztonsági kulccsal.",
    "FACTOR_NOT_FOUND": "A második tényező nem található.",
    "PENDING_FACTOR_NOT_FOUND": "A második tényező hozzáadása nem kezdődött el, vagy túl sokáig tartott; kezdje újra.",
    "TOO_MANY_FACTORS": "Már {limit} második tényezője van; előbb távolítson el egyet.",
    "NO_FACTOR": "A helyreállító kód a második tényezőt pótolja; előbb adjon hozzá egyet.",
    "CODE_WRONG": "A kód hibás, vagy már felhasználták.",
    "SECURITY_KEY_REFUSED": "A biztonsági kulcsot nem tudtuk elfogadni. Próbálja újra.",
    "SECURITY_KEY_KNOWN": "Ez a biztonsági kulcs már regisztrálva van.",
    "NO_SECURITY_KEY": "Önnek nincs biztonsági kulcsa.",
    "SECURITY_KEYS_UNAVAILABLE": "A portál ezen a címen nem tud biztonsági kulcsot használni; válasszon más módot.",
    "PASSWORD_REQUIRED": "E nélkül a második tényező nélkül csak a jelszava maradna; adja meg.",
    "PASSWORD_TOO_SHORT_ALONE": "Második tényező nélkül a jelszónak legalább {least} karakteresnek kell lennie. Előbb állítson "
    "be hosszabbat, vagy adjon hozzá másik második tényezőt.",
}
