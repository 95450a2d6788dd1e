"""Domains and their registries."""

EN: dict[str, str] = {
    "DOMAIN_TAKEN": "{name} is already taken.",
    "DOMAIN_INVALID": "{name} is not a valid domain name.",
    "DOMAIN_REPEATED": "{name} is in the list more than once.",
    "DOMAIN_NOT_FOUND": "The domain was not found.",
    "DOMAIN_NOT_ACTIVE": "{name} is not active.",
    "DOMAIN_NOT_ACTIVE without name": "The domain is not active.",
    "DOMAIN_ALREADY_ORDERED": "{name} is being ordered already.",
    "PERIOD_NOT_OFFERED": "Names under .{tld} are registered for {min} to {max} years.",
    "TLD_NOT_SOLD": "We do not sell names under .{tld}.",
    "REGISTRY_UNAVAILABLE": "The registry of {name} does not answer right now; try again later.",
    "REGISTRY_UNAVAILABLE without name": "The registry does not answer right now; try again later.",
    "REGISTRY_REFUSED": "{name}: the registry refused it. Its reason: {detail}",
    "REGISTRY_REFUSED without name": "The registry refused it. Its reason: {detail}",
    "REGISTRY_REFUSED without detail": "{name}: the registry refused it.",
    "REGISTRY_REFUSED without name without detail": "The registry refused it.",
}

HU: dict[str, str] = {
    "DOMAIN_TAKEN": "A(z) {name} név már foglalt.",
    "DOMAIN_INVALID": "A(z) {name} nem érvényes domainnév.",
    "DOMAIN_REPEATED": "A(z) {name} többször szerepel a listában.",
    "DOMAIN_NOT_FOUND": "A domain nem található.",
    "DOMAIN_NOT_ACTIVE": "A(z) {name} nem aktív.",
    "DOMAIN_NOT_ACTIVE without name": "A domain nem aktív.",
    "DOMAIN_ALREADY_ORDERED": "A(z) {name} megrendelése már folyamatban van.",
    "PERIOD_NOT_OFFERED": "A .{tld} nevek {min}–{max} évre jegyezhetők be.",
    "TLD_NOT_SOLD": "A .{tld} végződést nem forgalmazzuk.",
    "REGISTRY_UNAVAILABLE": "A(z) {name} nyilvántartója most nem válaszol; próbálja meg később.",
    "REGISTRY_UNAVAILABLE without name": "A nyilvántartó most nem válaszol; próbálja meg később.",
    "REGISTRY_REFUSED": "{name}: a nyilvántartó elutasította. Az indoka: {detail}",
    "REGISTRY_REFUSED without name": "A nyilvántartó elutasította. Az indoka: {detail}",
    "REGISTRY_REFUSED without detail": "{name}: a nyilvántartó elutasította.",
    "REGISTRY_REFUSED without name without detail": "A nyilvántartó elutasította.",
}
