"""What can be done with a domain now, and why not; what names a top-level domain takes."""

EN: dict[str, str] = {
    "DOMAIN_NOT_THERE_YET": "The domain is not registered with us yet.",
    "DOMAIN_EXPIRED": "The domain has expired. Renew it first.",
    "DOMAIN_IN_REDEMPTION": "The domain has been deleted at its registry. It can still be restored, for a fee.",
    "DOMAIN_PENDING_DELETE": "The registry is deleting the domain; nothing can stop that any more.",
    "DOMAIN_ENDED": "The domain is not with us any more.",
    "DOMAIN_NOT_IN_REDEMPTION": "The domain has not been deleted, so there is nothing to restore.",
    "RESTORE_PENDING": "The domain is being restored already.",
    "DOMAIN_TRANSFER_PENDING": "A transfer of the domain to another registrar is under way.",
    "REGISTRY_ACTION_PENDING": "The registry has not decided an earlier change yet ({status}).",
    "REGISTRY_PROHIBITS": "The registry forbids it ({status}). Open a ticket and we will ask why.",
    "REGISTRAR_PROHIBITS": "We have blocked it at the registry ({status}). Open a ticket and we will help.",
    "RENEWAL_TOO_EARLY": "The domain cannot be held for more than {max} years ahead.",
    "RENEWAL_TOO_LATE": "The time in which the domain could be renewed is over.",
    "TRANSFER_LOCK_PERIOD": "After a registration, a transfer or a change of holder the domain cannot go to another "
    "registrar for a while.",
    "TLD_WITHOUT_DNSSEC": "The registry of .{tld} does not take DNSSEC.",
    "DOMAIN_MIXED_SCRIPT": "{name} mixes letters of different scripts: {characters}. A name must be written in one script.",
    "DOMAIN_CHARACTER_REFUSED": "Names under .{tld} cannot contain {character} ({name}).",
    "REGISTRATION_GIVEN_UP": "We could not register {name}. What you paid for it is on your balance.",
}

HU: dict[str, str] = {
    "DOMAIN_NOT_THERE_YET": "A domain még nincs nálunk bejegyezve.",
    "DOMAIN_EXPIRED": "A domain lejárt. Előbb újítsa meg.",
    "DOMAIN_IN_REDEMPTION": "A domaint törölték a nyilvántartásból. Díj ellenében még visszaállítható.",
    "DOMAIN_PENDING_DELETE": "A nyilvántartó törli a domaint; ezt már nem lehet megállítani.",
    "DOMAIN_ENDED": "A domain már nincs nálunk.",
    "DOMAIN_NOT_IN_REDEMPTION": "A domaint nem törölték, ezért nincs mit visszaállítani.",
    "RESTORE_PENDING": "A domain visszaállítása már folyamatban van.",
    "DOMAIN_TRANSFER_PENDING": "Folyamatban van a domain átregisztrációja egy másik regisztrátorhoz.",
    "REGISTRY_ACTION_PENDING": "A nyilvántartó még nem döntött egy korábbi módosításról ({status}).",
    "REGISTRY_PROHIBITS": "A nyilvántartó nem engedi ({status}). Nyisson hibajegyet, és megkérdezzük az okát.",
    "REGISTRAR_PROHIBITS": "Mi tiltottuk le a nyilvántartónál ({status}). Nyisson hibajegyet, és segítünk.",
    "RENEWAL_TOO_EARLY": "A domain legfeljebb {max} évre előre tartható fenn.",
    "RENEWAL_TOO_LATE": "Lejárt az az idő, amíg a domain megújítható volt.",
    "TRANSFER_LOCK_PERIOD": "Bejegyzés, átregisztráció vagy birtokosváltás után a domain egy ideig nem vihető el "
    "másik regisztrátorhoz.",
    "TLD_WITHOUT_DNSSEC": "A .{tld} nyilvántartója nem fogad DNSSEC-et.",
    "DOMAIN_MIXED_SCRIPT": "A(z) {name} névben különböző írásrendszerek betűi keverednek: {characters}. Egy nevet csak "
    "egyféle írással lehet írni.",
    "DOMAIN_CHARACTER_REFUSED": "A .{tld} nevekben nem szerepelhet ez a karakter: {character} ({name}).",
    "REGISTRATION_GIVEN_UP": "A(z) {name} nevet nem sikerült bejegyezni. A befizetett összeg az egyenlegén van.",
}
