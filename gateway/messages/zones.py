"""DNS zones and their record sets."""

EN: dict[str, str] = {
    "ZONE_NOT_FOUND": "The zone was not found.",
    "ZONE_CONFLICT": "The zone has changed meanwhile: it is at version {version} now. Look at it again, then repeat your change.",
    "ZONE_VERSION_UNKNOWN": "Version {version} is not in the zone's history.",
    "ZONE_TOO_LARGE": "A zone can hold {most} record sets.",
    "ZONE_LINE_INVALID": "Line {line}: {detail}.",
    "RECORD_SET_NOT_FOUND": "There is no {type} at {name}.",
    "RECORD_SET_REPEATED": "{name} {type} is in the change more than once.",
    "RECORD_SET_TOO_LARGE": "{name} {type} is too large: one name and type can have {records} records and {octets} "
    "characters of data together.",
    "RECORD_NAME_INVALID": "{name} is no name for a record: {detail}.",
    "RECORD_OUTSIDE_ZONE": "{name} is not in the zone {zone}.",
    "RECORD_TYPE_UNKNOWN": "Records of type {type} are not supported.",
    "RECORD_INVALID": "{value} is no {type} record: {detail}.",
    "RECORD_SINGLE": "{name} can have one {type} only.",
    "TTL_OUT_OF_RANGE": "The TTL must be between {min} and {max} seconds, not {value}.",
    "CNAME_NOT_ALONE": "{name} has a CNAME, so it can have nothing else ({types}).",
    "CNAME_AT_APEX": "{name} is the zone itself, which cannot be a CNAME; use ALIAS.",
    "ALIAS_WITH_ADDRESS": "{name} has an ALIAS, so it can have no A or AAAA.",
    "NAMESERVERS_REQUIRED": "{name} is the zone itself and needs its nameservers (NS).",
    "DS_WITHOUT_DELEGATION": "DS stands at a delegated name, beside its NS; {name} is none.",
    "TARGET_IS_ALIAS": "{name} {type} leads to {target}, which is a CNAME; it must have an address of its own.",
    "TARGET_WITHOUT_ADDRESS": "{name} {type} leads to {target}, which has no address (A or AAAA) in this zone.",
}

HU: dict[str, str] = {
    "ZONE_NOT_FOUND": "A zóna nem található.",
    "ZONE_CONFLICT": "A zóna közben megváltozott: most a(z) {version}. változatnál tart. Nézze meg újra, majd "
    "ismételje meg a módosítást.",
    "ZONE_VERSION_UNKNOWN": "A(z) {version}. változat nincs meg a zóna történetében.",
    "ZONE_TOO_LARGE": "Egy zónában legfeljebb {most} rekordkészlet lehet.",
    "ZONE_LINE_INVALID": "{line}. sor: {detail}.",
    "RECORD_SET_NOT_FOUND": "Nincs {type} rekord itt: {name}.",
    "RECORD_SET_REPEATED": "{name} {type} többször szerepel a módosításban.",
    "RECORD_SET_TOO_LARGE": "A(z) {name} {type} túl nagy: egy névhez és típushoz legfeljebb {records} rekord tartozhat, összesen "
    "{octets} karakterrel.",
    "RECORD_NAME_INVALID": "A(z) {name} nem lehet rekord neve: {detail}.",
    "RECORD_OUTSIDE_ZONE": "A(z) {name} nem a(z) {zone} zónába tartozik.",
    "RECORD_TYPE_UNKNOWN": "A(z) {type} típusú rekord nem támogatott.",
    "RECORD_INVALID": "A(z) {value} nem {type} rekord: {detail}.",
    "RECORD_SINGLE": "A(z) {name} névnek csak egy {type} rekordja lehet.",
    "TTL_OUT_OF_RANGE": "A TTL {min} és {max} másodperc közé kell essen, nem lehet {value}.",
    "CNAME_NOT_ALONE": "A(z) {name} névnek CNAME rekordja van, ezért más nem lehet mellette ({types}).",
    "CNAME_AT_APEX": "A(z) {name} maga a zóna, ezért nem lehet CNAME; használjon ALIAS rekordot.",
    "ALIAS_WITH_ADDRESS": "A(z) {name} névnek ALIAS rekordja van, ezért A és AAAA nem lehet mellette.",
    "NAMESERVERS_REQUIRED": "A(z) {name} maga a zóna, névszerverek (NS) nélkül nem maradhat.",
    "DS_WITHOUT_DELEGATION": "DS rekord csak delegált név NS rekordjai mellett állhat; a(z) {name} nem az.",
    "TARGET_IS_ALIAS": "A(z) {name} {type} rekordja ide mutat: {target}, de az CNAME; saját címének kell lennie.",
    "TARGET_WITHOUT_ADDRESS": "A(z) {name} {type} rekordja ide mutat: {target}, de annak itt nincs címe (A vagy AAAA).",
}
