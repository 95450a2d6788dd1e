"""What becomes of an order's items at the registrar's desk, and auth codes that are guessed."""

EN: dict[str, str] = {
    "TRANSFER_CANCEL_TOO_LATE": "The transfer had been decided before its cancellation reached the registry.",
    "AUTH_CODE_THROTTLED": "Too many wrong auth codes were given. You can try {name} again from {until}.",
    "TRANSFER_CANCEL_REFUSED": "The registry did not cancel the transfer; it goes on.",
    "TRANSFER_GIVEN_UP": "We could not transfer {name} to us. What you paid for it is on your balance.",
    "RENEWAL_GIVEN_UP": "We could not renew {name}. What you paid for it is on your balance.",
    "RESTORE_GIVEN_UP": "We could not restore {name}. What you paid for it is on your balance.",
}

HU: dict[str, str] = {
    "TRANSFER_CANCEL_TOO_LATE": "Az áthozatalról már döntöttek, mielőtt a visszavonása a nyilvántartóhoz ért.",
    "AUTH_CODE_THROTTLED": "Túl sok hibás átviteli kód érkezett. A(z) {name} legközelebb ekkor próbálható: {until}.",
    "TRANSFER_CANCEL_REFUSED": "A nyilvántartó nem vonta vissza az áthozatalt, így az folytatódik.",
    "TRANSFER_GIVEN_UP": "A(z) {name} nevet nem sikerült áthozni. A befizetett összeg az egyenlegén van.",
    "RENEWAL_GIVEN_UP": "A(z) {name} nevet nem sikerült megújítani. A befizetett összeg az egyenlegén van.",
    "RESTORE_GIVEN_UP": "A(z) {name} nevet nem sikerült visszaállítani. A befizetett összeg az egyenlegén van.",
}
