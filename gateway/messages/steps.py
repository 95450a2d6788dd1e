"""What the steps of operations wait for. The services tell it in English words that stay the same; these are the Hungarian."""

from collections.abc import Mapping

from gateway.messages import values

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
#: Of one step in other words than of the rest: the registry lets the other registrar decide a transfer.
_OF_STEP: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("registry_transfer", "pending at the registry"): {
        "hu": "a jelenlegi regisztrátor jóváhagyására vár",
        "en": "waits for the present registrar to approve it",
    },
}
_UNTIL = "until "
"""A moment follows, RFC 3339."""


def detail(step: str, told: str, locale: str) -> str:
    """A step's detail for a reader; in the service's words where there are no others."""
    if told.startswith(_UNTIL):
        at = values.moment(told.removeprefix(_UNTIL), locale)
        return f"eddig: {at}" if locale == "hu" else f"until {at}"
    own = _OF_STEP.get((step, told))
    if own is not None:
        return own[locale]
    return HU.get(told, told) if locale == "hu" else told
