"""What becomes of an order's items at the registrar's desk."""

EN: dict[str, str] = {
    "TRANSFER_CANCEL_TOO_LATE": "The transfer had been decided before its cancellation reached the registry.",
    "TRANSFER_CANCEL_REFUSED": "The registry did not cancel the transfer; it goes on.",
    "TRANSFER_GIVEN_UP": "We could not transfer {name} to us. What you paid for it is on your balance.",
    "RENEWAL_GIVEN_UP": "We could not renew {name}. What you paid for it is on your balance.",
    "RESTORE_GIVEN_UP": "We could not restore {name}. What you paid for it is on your balance.",
}

HU: dict[str, str] = {
    "TRANSFER_CANCEL_TOO_LATE": "Az áthozatalról már döntöttek, mielőtt a visszavonása a nyilvántartóhoz ért.",
    "TRANSFER_CANCEL_REFUSED": "A nyilvántartó nem vonta vissza az áthozatalt, így az folytatódik.",
    "TRANSFER_GIVEN_UP": "A(z) {name} nevet nem sikerült áthozni. A befizetett összeg az egyenlegén van.",
    "RENEWAL_GIVEN_UP": "A(z) {name} nevet nem sikerült megújítani. A befizetett összeg az egyenlegén van.",
    "RESTORE_GIVEN_UP": "A(z) {name} nevet nem sikerült visszaállítani. A befizetett összeg az egyenlegén van.",
}
