"""Domains and their registries."""

EN: dict[str, str] = {
    "DOMAIN_TAKEN": "{name} is already taken.",
    "DOMAIN_INVALID": "{name} is not a valid domain name.",
    "DOMAIN_REPEATED": "{name} is in the list more than once.",
    "DOMAIN_NOT_FOUND": "The domain was not found.",
    "DOMAIN_NOT_ACTIVE": "The domain is not active.",
    "DOMAIN_ALREADY_ORDERED": "{name} is being ordered already.",
    "PERIOD_NOT_OFFERED": "Names under .{tld} are registered for {min} to {max} years.",
    "TLD_NOT_SOLD": "We do not sell names under .{tld}.",
    "REGISTRY_UNAVAILABLE": "The registry does not answer right now; try again later.",
    "REGISTRY_REFUSED": "The registry refused it: {detail}",
}

HU: dict[str, str] = {
    "DOMAIN_TAKEN": "A(z) {name} név már foglalt.",
    "DOMAIN_INVALID": "A(z) {name} nem érvényes domainnév.",
    "DOMAIN_REPEATED": "A(z) {name} többször szerepel a listában.",
    "DOMAIN_NOT_FOUND": "A domain nem található.",
    "DOMAIN_NOT_ACTIVE": "A domain nem aktív.",
    "DOMAIN_ALREADY_ORDERED": "A(z) {name} megrendelése már folyamatban van.",
    "PERIOD_NOT_OFFERED": "A .{tld} nevek {min}–{max} évre jegyezhetők be.",
    "TLD_NOT_SOLD": "A .{tld} végződést nem forgalmazzuk.",
    "REGISTRY_UNAVAILABLE": "A nyilvántartó most nem válaszol; próbálja később.",
    "REGISTRY_REFUSED": "A nyilvántartó elutasította: {detail}",
}
