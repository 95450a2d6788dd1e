"""What the steps of operations wait for. The services tell it in English words that stay the same; these are the Hungarian."""

HU: dict[str, str] = {
    "pending at the registry": "a nyilvántartó döntésére vár",
    "the holder must confirm at the registry": "a birtokosnak meg kell erősítenie a nyilvántartónál",
    "registry away": "a nyilvántartó nem érhető el",
    "no answer from the registry yet": "a nyilvántartó még nem válaszolt",
    "nameservers away": "a névszerverek nem érhetők el",
    "waits for the right auth code": "a helyes átregisztrációs kódra vár",
    "decided before the cancel reached the registry": "már döntöttek róla, mire a visszavonás a nyilvántartóhoz ért",
    "the registry did not cancel it, it goes on": "a nyilvántartó nem vonta vissza, így folytatódik",
}
_UNTIL = "until "
"""A moment follows, RFC 3339."""


def detail(told: str, locale: str) -> str:
    """A step's detail for a reader; in the service's words where there are no others."""
    if locale != "hu":
        return told
    if told.startswith(_UNTIL):
        return f"eddig: {told.removeprefix(_UNTIL)}"
    return HU.get(told, told)
