"""Changing domains: nameservers, lock, contacts, automatic renewal, DNSSEC."""

EN: dict[str, str] = {
    "DOMAIN_LOCKED": "{name} is locked. Take the registrar lock off first.",
    "DOMAIN_BUSY": "Another change of {name} is under way; try again when it has ended.",
    "NAMESERVER_INVALID": "{name} is no host name of a nameserver, such as ns1.example.com.",
    "NAMESERVER_REPEATED": "{name} is in the list more than once.",
    "NAMESERVERS_TOO_FEW": "A domain under .{tld} needs at least {min} nameservers.",
    "NAMESERVERS_TOO_MANY": "A domain under .{tld} can have at most {max} nameservers.",
    "NAMESERVER_UNKNOWN": "The registry has no host {host}, and only the registrar of its domain can make it.",
    "GLUE_REQUIRED": "{name} is inside the domain itself, so its IP addresses are needed.",
    "GLUE_NOT_ALLOWED": "{name} is not inside {domain}, so it cannot be given IP addresses here.",
    "ADDRESS_INVALID": "{value} is no IP address that others can reach.",
    "DNSSEC_IN_THE_WAY": "{name} is signed with DNSSEC, and other nameservers do not have its keys. "
    "Switch DNSSEC off first, and wait until it is off.",
    "DNSSEC_FOREIGN_NAMESERVERS": "The domain is not served by our nameservers alone, so we cannot sign it: {nameservers}.",
    "TOO_MANY_DOMAINS": "The filter finds more than {most} domains; narrow it.",
    "IDS_OR_FILTER": "Give either domainIds or a filter.",
    "REGISTRY_CONTACT_NOT_FOUND": "The contact was not found.",
    "CONTACTS_NOT_READ": "The contacts of {name} are being read from the registry; try again in a moment.",
    "CONTACT_NOT_EDITABLE": "This contact came with a domain and may belong to others too. Give the data as a new contact.",
    "CONTACT_ON_OTHER_DOMAINS": "This contact is on domains too that your right does not cover. Give the data as a new contact.",
    "REGISTRANT_CHANGE_BY_TRADE": "The registry of .{tld} takes another holder by trade only; open a ticket and we will help.",
    "REGISTRANT_CHANGE_REFUSED": "The registry of .{tld} does not take another holder.",
    "LOCAL_PRESENCE_REQUIRED": "A holder under .{tld} must be of one of these countries: {countries}; {country} is not.",
    "TEXT_TOO_LONG": "{name} is too long; the most is {most}.",
}

HU: dict[str, str] = {
    "DOMAIN_LOCKED": "A(z) {name} zárolva van. Előbb oldja fel a regisztrátori zárat.",
    "DOMAIN_BUSY": "A(z) {name} másik módosítása még folyamatban van; próbálja újra, ha befejeződött.",
    "NAMESERVER_INVALID": "A(z) {name} nem lehet névszerver neve; helyes például: ns1.pelda.hu.",
    "NAMESERVER_REPEATED": "A(z) {name} többször szerepel a listában.",
    "NAMESERVERS_TOO_FEW": "Egy .{tld} domainhez legalább {min} névszerver kell.",
    "NAMESERVERS_TOO_MANY": "Egy .{tld} domainnek legfeljebb {max} névszervere lehet.",
    "NAMESERVER_UNKNOWN": "A nyilvántartó nem ismeri a(z) {host} gépet, és csak a domainjének regisztrátora veheti fel.",
    "GLUE_REQUIRED": "A(z) {name} magában a domainben van, ezért az IP-címei is kellenek.",
    "GLUE_NOT_ALLOWED": "A(z) {name} nem a(z) {domain} domainben van, ezért itt nem adható hozzá IP-cím.",
    "ADDRESS_INVALID": "{value} nem mások által elérhető IP-cím.",
    "DNSSEC_IN_THE_WAY": "A(z) {name} DNSSEC-kel alá van írva, és más névszervereknek nincsenek meg a kulcsai. "
    "Előbb kapcsolja ki a DNSSEC-et, és várja meg, amíg kikapcsolódik.",
    "DNSSEC_FOREIGN_NAMESERVERS": "A domaint nem csak a mi névszervereink szolgálják ki, ezért nem írhatjuk alá: {nameservers}.",
    "TOO_MANY_DOMAINS": "A szűrő több mint {most} domaint talál; szűkítse.",
    "IDS_OR_FILTER": "Vagy a domainIds, vagy a filter mezőt adja meg.",
    "REGISTRY_CONTACT_NOT_FOUND": "Nincs ilyen domain-kapcsolattartó.",
    "CONTACTS_NOT_READ": "A(z) {name} kapcsolattartóit éppen lekérdezzük a nyilvántartótól; próbálja újra egy pillanat múlva.",
    "CONTACT_NOT_EDITABLE": "Ez a kapcsolattartó egy domainnel érkezett, és másé is lehet. Adja meg az adatokat új "
    "kapcsolattartóként.",
    "CONTACT_ON_OTHER_DOMAINS": "Ez a kapcsolattartó olyan domaineken is szerepel, amelyekre az Ön jogosultsága nem terjed "
    "ki. Adja meg az adatokat új kapcsolattartóként.",
    "REGISTRANT_CHANGE_BY_TRADE": "A .{tld} nyilvántartója új birtokost csak külön átruházási eljárásban fogad el; nyisson "
    "hibajegyet, és segítünk.",
    "REGISTRANT_CHANGE_REFUSED": "A .{tld} nyilvántartója nem fogad el új birtokost.",
    "LOCAL_PRESENCE_REQUIRED": "A .{tld} alatti név birtokosa csak ezekből az országokból lehet: {countries}; "
    "{country} nincs köztük.",
    "TEXT_TOO_LONG": "Túl hosszú: {name}; legfeljebb {most} lehet.",
}
