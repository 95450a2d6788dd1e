"""Passwords, and confirming who one is."""

EN: dict[str, str] = {
    "STEP_UP_REQUIRED": "Confirm who you are first: call confirmIdentity, or open /confirm. An API token cannot do this.",
    "PASSWORD_TOO_SHORT": "The password needs at least {least} characters. Several words in a row make a good one.",
    "PASSWORD_TOO_LONG": "The password may have at most {most} characters.",
    "PASSWORD_COMMON": "This password is among the first that others would try. Choose another one.",
    "PASSWORD_PERSONAL": "This password is made of your own name or e-mail address. Choose another one.",
    "PASSWORD_WRONG": "The current password is wrong.",
    "PASSWORD_UNCHANGED": "This is your current password. Choose another one.",
    "RESET_THROTTLED": "Too many attempts. Try again in a few minutes.",
    "RESET_LINK_INVALID": "This link does not work any more.",
    "VPN_PASSWORD_CHARACTERS": "The VPN password may hold unaccented letters, digits, punctuation, and spaces inside only.",
    "VPN_CHOICE": "Give either password or remove.",
}

HU: dict[str, str] = {
    "STEP_UP_REQUIRED": "Előbb erősítse meg a személyazonosságát: a confirmIdentity hívással vagy a /confirm oldalon. "
    "Ezt API-tokennel nem lehet.",
    "PASSWORD_TOO_SHORT": "A jelszó legalább {least} karakter legyen. Több egymás után írt szó jó jelszó.",
    "PASSWORD_TOO_LONG": "A jelszó legfeljebb {most} karakter lehet.",
    "PASSWORD_COMMON": "Ez a jelszó azok közé tartozik, amelyeket mások először próbálnának ki. Válasszon másikat.",
    "PASSWORD_PERSONAL": "Ez a jelszó a saját nevéből vagy e-mail-címéből áll. Válasszon másikat.",
    "PASSWORD_WRONG": "A jelenlegi jelszó hibás.",
    "PASSWORD_UNCHANGED": "Ez a jelenlegi jelszava. Válasszon másikat.",
    "RESET_THROTTLED": "Túl sok próbálkozás. Próbálja újra néhány perc múlva.",
    "RESET_LINK_INVALID": "Ez a hivatkozás már nem használható.",
    "VPN_PASSWORD_CHARACTERS": "A VPN-jelszóban ékezet nélküli betűk, számjegyek, írásjelek és csak belül szóközök lehetnek.",
    "VPN_CHOICE": "A password és a remove közül csak az egyiket adja meg.",
}
