"""What the record sets of a zone must be to each other (RFC 1034, 2181, 4035; ALIAS as PowerDNS serves it)."""

from collections.abc import Iterable, Mapping

from services.chassis.errors import DomainError, Invalid
from services.domains.records import Key, RecordSet, targets

#: Types whose target must lead to an address itself, not through an alias (RFC 2181 10.3, RFC 2782).
_DIRECT = {"MX", "NS", "SRV"}
_ADDRESSES = {"A", "AAAA"}


class CnameNotAlone(Invalid):
    reason = "CNAME_NOT_ALONE"


class CnameAtApex(Invalid):
    reason = "CNAME_AT_APEX"


class RecordSingle(Invalid):
    reason = "RECORD_SINGLE"


class AliasWithAddress(Invalid):
    reason = "ALIAS_WITH_ADDRESS"


class NameserversRequired(Invalid):
    reason = "NAMESERVERS_REQUIRED"


class DsWithoutDelegation(Invalid):
    reason = "DS_WITHOUT_DELEGATION"


class TargetIsAlias(Invalid):
    reason = "TARGET_IS_ALIAS"


class TargetWithoutAddress(Invalid):
    reason = "TARGET_WITHOUT_ADDRESS"


Contents = Mapping[Key, RecordSet]


def broken(zone: str, contents: Contents, touched: Iterable[Key]) -> list[tuple[Key, DomainError]]:
    """What is wrong about the touched sets, or because of them. `contents` is the zone as it would be: at least every set
    of a touched name, of the names that their records lead to, and every set whose records lead to hosts."""
    keys = sorted(touched)
    names: dict[str, list[Key]] = {}
    for key in keys:
        names.setdefault(key[0], []).append(key)
    by_name: dict[str, dict[str, RecordSet]] = {}
    for (name, type_), one in contents.items():
        by_name.setdefault(name, {})[type_] = one
    found: list[tuple[Key, DomainError]] = []
    for name, blamed in names.items():
        for key, error in _of_name(zone, name, by_name.get(name, {})):
            found.append((key if key in blamed else blamed[0], error))
    for key, one in contents.items():
        if key[1] not in _DIRECT:
            continue
        ours = key in names.get(key[0], ())
        for target in targets(one):
            wrong = _target(f"{zone}.", one, target, by_name) if ours or target in names else None
            if wrong is not None:
                found.append((key if ours else names[target][0], wrong))
    return found


def _of_name(zone: str, name: str, here: Mapping[str, RecordSet]) -> Iterable[tuple[Key, DomainError]]:
    at_apex = name == f"{zone}."
    for single in ("CNAME", "ALIAS"):
        if single in here and len(here[single].records) > 1:
            yield (name, single), RecordSingle(f"{name} has more than one {single}", name=name, type=single)
    if "CNAME" in here and at_apex:
        yield (name, "CNAME"), CnameAtApex("no CNAME at the zone's own name: use ALIAS", name=name)
    elif "CNAME" in here and len(here) > 1:
        others = ", ".join(sorted(set(here) - {"CNAME"}))
        yield (name, "CNAME"), CnameNotAlone(f"{name} has {others} beside its CNAME", name=name, types=others)
    if "ALIAS" in here and _ADDRESSES & set(here):
        yield (name, "ALIAS"), AliasWithAddress(f"{name} has addresses beside its ALIAS", name=name)
    if at_apex and "NS" not in here:
        yield (name, "NS"), NameserversRequired("the zone needs its nameservers", name=name)
    if "DS" in here and (at_apex or "NS" not in here):
        yield (name, "DS"), DsWithoutDelegation("DS stands beside the NS of a delegated name", name=name)


def _target(
    base: str, one: RecordSet, target: str, by_name: Mapping[str, Mapping[str, RecordSet]]
) -> DomainError | None:
    """Whether a host in our own zone that a set leads to is there."""
    if target != base and not target.endswith(f".{base}"):
        return None
    there = by_name.get(target)
    if there is None:
        if _delegated(base, target, by_name, unless=one):
            return None
        there = next((by_name[name] for name in _wildcards(target) if name in by_name), {})
    about = {"name": one.name, "type": one.type, "target": target}
    if "CNAME" in there:
        return TargetIsAlias(f"{target} is a CNAME", **about)
    if not _ADDRESSES & set(there) and not (one.type != "NS" and "ALIAS" in there):
        return TargetWithoutAddress(f"{target} has no address", **about)
    return None


def _wildcards(target: str) -> list[str]:
    """The wildcards that may answer for a name, the closest first (RFC 4592)."""
    labels = target.split(".")
    return [".".join(["*", *labels[i:]]) for i in range(1, len(labels) - 1)]


def _delegated(base: str, target: str, by_name: Mapping[str, Mapping[str, RecordSet]], unless: RecordSet) -> bool:
    """Whether another zone answers for the target: a name above it, below our apex, has nameservers. The nameservers of
    a delegation that live in it need an address here all the same (glue)."""
    parent = target.partition(".")[2]
    while parent not in {base, ""}:
        if "NS" in by_name.get(parent, {}):
            return not (unless.type == "NS" and unless.name == parent)
        parent = parent.partition(".")[2]
    return False


def lead_to(sets: Iterable[RecordSet]) -> set[str]:
    """The names that `broken` has to know about besides those of the sets themselves."""
    hosts = {target for one in sets if one.type in _DIRECT for target in targets(one)}
    return hosts.union(*(_wildcards(host) for host in hosts))
