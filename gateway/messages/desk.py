"""What becomes of an order's items at the registrar's desk."""

EN: dict[str, str] = {
    "TRANSFER_GIVEN_UP": "We could not transfer {name} to us. What you paid for it is on your balance.",
    "RENEWAL_GIVEN_UP": "We could not renew {name}. What you paid for it is on your balance.",
    "RESTORE_GIVEN_UP": "We could not restore {name}. What you paid for it is on your balance.",
}

HU: dict[str, str] = {
    "TRANSFER_GIVEN_UP": "A(z) {name} nevet nem sikerült áthozni. A befizetett összeg az egyenlegén van.",
    "RENEWAL_GIVEN_UP": "A(z) {name} nevet nem sikerült megújítani. A befizetett összeg az egyenlegén van.",
    "RESTORE_GIVEN_UP": "A(z) {name} nevet nem sikerült visszaállítani. A befizetett összeg az egyenlegén van.",
}
