"""What operators do to accounts and users, as the customer meets it."""

EN: dict[str, str] = {
    "ACCOUNT_LOCKED": 'The account is locked ("{reason}"); please contact our support.',
    "USER_LOCKED": 'Your user is locked ("{reason}"); please contact our support.',
    "READ_ONLY_SESSION": "An operator's session shows what the customer sees, and changes nothing.",
    "SIGN_IN_LINK_INVALID": "The link is not good, or not any more: it works once, for a minute. Ask for another.",
}

HU: dict[str, str] = {
    "ACCOUNT_LOCKED": "Az ügyfélfiók zárolva van („{reason}”); forduljon ügyfélszolgálatunkhoz.",
    "USER_LOCKED": "A felhasználója zárolva van („{reason}”); forduljon ügyfélszolgálatunkhoz.",
    "READ_ONLY_SESSION": "Az operátori munkamenet azt mutatja, amit az ügyfél lát, de semmit sem módosíthat.",
    "SIGN_IN_LINK_INVALID": "A hivatkozás érvénytelen vagy lejárt: egyszer, egy percig használható. Kérjen másikat.",
}
