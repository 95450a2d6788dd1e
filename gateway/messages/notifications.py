"""E-mails and who gets them."""

EN: dict[str, str] = {
    "ACKNOWLEDGEMENT_REQUIRED": "Acknowledge this first: {warning}",
    "NOTIFICATION_NOT_OPTIONAL": "E-mail about the security of your own sign-in cannot be switched off.",
    "EMAIL_NOT_FOUND": "The e-mail was not found.",
    "EMAIL_ADDRESS_INVALID": "It is no address that mail can be sent to. ({detail})",
    "EMAIL_ADDRESS_UNKNOWN": "There is no such mailbox at the recipient's provider. ({detail})",
    "EMAIL_MAILBOX_FULL": "The recipient's mailbox is full. ({detail})",
    "EMAIL_MESSAGE_REFUSED": "The recipient's provider refused the message. ({detail})",
    "EMAIL_SERVER_AWAY": "It could not be delivered for too long and was given up. ({detail})",
    "EMAIL_WAITS_FOR_SERVER": "It could not be delivered yet and will be tried again. ({detail})",
}

HU: dict[str, str] = {
    "ACKNOWLEDGEMENT_REQUIRED": "Előbb vegye tudomásul: {warning}",
    "NOTIFICATION_NOT_OPTIONAL": "A saját bejelentkezésének biztonságáról szóló e-mailek nem kapcsolhatók ki.",
    "EMAIL_NOT_FOUND": "Az e-mail nem található.",
    "EMAIL_ADDRESS_INVALID": "Erre a címre nem küldhető levél. ({detail})",
    "EMAIL_ADDRESS_UNKNOWN": "A címzett szolgáltatójánál nincs ilyen postafiók. ({detail})",
    "EMAIL_MAILBOX_FULL": "A címzett postafiókja megtelt. ({detail})",
    "EMAIL_MESSAGE_REFUSED": "A címzett szolgáltatója visszautasította a levelet. ({detail})",
    "EMAIL_SERVER_AWAY": "Túl sokáig nem lehetett kézbesíteni, ezért feladtuk. ({detail})",
    "EMAIL_WAITS_FOR_SERVER": "Még nem sikerült kézbesíteni, újra próbáljuk. ({detail})",
}
