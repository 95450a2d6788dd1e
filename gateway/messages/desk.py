"""What becomes of an order's items at the registrar's desk, and auth codes that are guessed."""

EN: dict[str, str] = {
    "AUTH_CODE_THROTTLED": "Too many wrong auth codes were given. You can try {name} again from {until}.",
    "TRANSFER_GIVEN_UP": "We could not transfer {name} to us. What you paid for it is on your balance.",
    "RENEWAL_GIVEN_UP": "We could not renew {name}. What you paid for it is on your balance.",
    "RESTORE_GIVEN_UP": "We could not restore {name}. What you paid for it is on your balance.",
}

HU: dict[str, str] = {
    "AUTH_CODE_THROTTLED": "Túl sok hibás átregisztrációs kód érkezett. A(z) {name} legközelebb ekkor próbálható: {until}.",
    "TRANSFER_GIVEN_UP": "A(z) {name} nevet nem sikerült átregisztrálni hozzánk. A befizetett összeg az egyenlegén van.",
    "RENEWAL_GIVEN_UP": "A(z) {name} nevet nem sikerült megújítani. A befizetett összeg az egyenlegén van.",
    "RESTORE_GIVEN_UP": "A(z) {name} nevet nem sikerült visszaállítani. A befizetett összeg az egyenlegén van.",
}
