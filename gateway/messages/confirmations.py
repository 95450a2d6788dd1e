"""What the holder of a domain has to confirm at its registry."""

EN: dict[str, str] = {
    "HOLDER_DID_NOT_CONFIRM": "The holder refused it at the registry, or did not confirm it in time ({name}).",
}

HU: dict[str, str] = {
    "HOLDER_DID_NOT_CONFIRM": "A birtokos elutasította a nyilvántartónál, vagy nem erősítette meg időben ({name}).",
}
