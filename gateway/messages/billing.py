"""Invoices and payments."""

EN: dict[str, str] = {
    "PRICE_MISSING": "There is no price for it.",
    "INSUFFICIENT_CREDIT": "There is not enough credit on your balance: {needed} is needed, {available} is there.",
    "CURRENCIES_MIXED": "Invoices in different currencies are paid one by one.",
    "INVOICE_NOT_FOUND": "The invoice was not found.",
    "INVOICE_NOT_OPEN": "The invoice is not open for payment.",
    "AMOUNT_MISMATCH": "{due} is due, another amount was sent.",
    "AMOUNT_INVALID": "{value} is no amount that can be paid.",
}

HU: dict[str, str] = {
    "PRICE_MISSING": "Nincs hozzá ár.",
    "INSUFFICIENT_CREDIT": "Nincs elég fedezet az egyenlegén: {needed} kell, {available} van.",
    "CURRENCIES_MIXED": "A különböző pénznemű számlákat külön kell fizetni.",
    "INVOICE_NOT_FOUND": "A számla nem található.",
    "INVOICE_NOT_OPEN": "A számla nem fizethető.",
    "AMOUNT_MISMATCH": "A fizetendő összeg {due}, Ön mást adott meg.",
    "AMOUNT_INVALID": "{value} nem fizethető összeg.",
}
