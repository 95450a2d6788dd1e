"""Rules of top-level domains, as operators change them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.chassis import audit, formats
from services.chassis.actor import Actor
from services.chassis.db import Database, Row
from services.chassis.errors import DomainError, Invalid, NotFound
from services.domains import confirmations, contacts, lifecycle, names, registry_store
from services.domains.lifecycle import LockPeriod
from services.domains.names import SCRIPTS


class TldNotFound(NotFound):
    reason = "TLD_NOT_FOUND"


class TldExists(DomainError):
    reason = "TLD_EXISTS"


class TldRuleInvalid(Invalid):
    reason = "TLD_RULE_INVALID"


async def change(
    db: Database,
    actor: Actor,
    text: str,
    changed: Mapping[str, Any],
    locks: Sequence[Mapping[str, Any]] | None,
    *,
    create: bool = False,
) -> Row:
    """Columns of registry_store.RULES, and the whole list of lock periods where one is given. TldNotFound, TldExists."""
    tld = names.top_level(text)
    if tld is None:
        raise _wrong("tld", f"{text[:63]!r} is no top-level domain", field="tld")
    async with db.transaction() as tx:
        if create:
            if not await registry_store.insert_tld(tx, tld):
                raise TldExists(f".{tld} is there", field="tld")
        elif not await registry_store.lock_tld(tx, tld):
            raise TldNotFound(f"no TLD {tld}", field="tld")
        [before] = await registry_store.list_tlds(tx, [tld])
        wanted = {**dict(before), **changed}
        _check(wanted)
        if changed:
            await registry_store.save_tld(tx, tld, dict(changed))
        if locks is not None:
            await registry_store.replace_locks(tx, tld, _read_locks(locks))
        [after] = await registry_store.list_tlds(tx, [tld])
        told = [name for name in dict(before) if before[name] != after[name]]
        if told or create:
            await audit.record(
                tx,
                actor,
                "tld.rules_changed",
                subject=("Tld", UUID(int=0), f".{tld}"),
                before={name: before[name] for name in told},
                after={name: after[name] for name in told},
            )
    return after


def _check(rules: Mapping[str, Any]) -> None:
    """TldRuleInvalid names the first rule that is wrong, alone or beside the others."""
    for low, high in (
        ("min_years", "max_years"),
        ("min_nameservers", "max_nameservers"),
        ("auth_code_min", "auth_code_max"),
        ("renew_pay_days", "renew_ahead_days"),
    ):
        if rules[low] > rules[high]:
            raise _wrong(high, f"is less than {low}")
    roles = set(rules["required_contacts"])
    if not roles <= set(contacts.ROLES) or "registrant" not in roles:
        raise _wrong("required_contacts", f"must be of {', '.join(contacts.ROLES)}, registrant among them")
    if unknown := [country for country in rules["local_presence"] if not formats.is_country(country)]:
        raise _wrong("local_presence", f"{unknown[0]} is no country code of ISO 3166")
    lock = set(rules["lock_statuses"])
    if not lock <= lifecycle.LOCKS or "clientTransferProhibited" not in lock:
        known = ", ".join(sorted(lifecycle.LOCKS))
        raise _wrong("lock_statuses", f"must be of {known}, clientTransferProhibited among them")
    if unknown := sorted(set(rules["confirmed_changes"]) - confirmations.CHANGES):
        raise _wrong("confirmed_changes", f"{unknown[0]} is none of {', '.join(sorted(confirmations.CHANGES))}")
    if unknown := sorted(set(rules["idn_scripts"]) - SCRIPTS):
        raise _wrong("idn_scripts", f"{unknown[0]} is none of {', '.join(sorted(SCRIPTS))}")


def _read_locks(locks: Sequence[Mapping[str, Any]]) -> list[LockPeriod]:
    found: dict[tuple[str, date], LockPeriod] = {}
    for index, lock in enumerate(locks):
        try:
            day = date.fromisoformat(lock["from_date"])
        except ValueError:
            raise _wrong(f"locks.periods[{index}].from_date", "is no day") from None
        if (lock["kind"], day) in found:
            raise _wrong(f"locks.periods[{index}]", "is there twice")
        found[lock["kind"], day] = LockPeriod(lock["kind"], day, lock["days"])
    return list(found.values())


def _wrong(rule: str, problem: str, field: str = "") -> TldRuleInvalid:
    return TldRuleInvalid(f"{rule} {problem}", field=field or f"rules.{rule}", rule=rule, problem=problem)
