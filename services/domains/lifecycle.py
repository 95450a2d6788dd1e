"""What a domain's statuses and dates mean: its state, what can be done with it now, why not, and until when.

Pure: the registry's facts and the top-level domain's rules in, a State out. What the registry says counts first, the
clock second. Statuses are those of RFC 5731 section 2.3 and RFC 3915 section 3.1, together: the one name that both have,
pendingDelete, means the same in both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

ACTIVE, EXPIRED, REDEMPTION, PENDING_DELETE = "ACTIVE", "EXPIRED", "REDEMPTION", "PENDING_DELETE"
DELETED, TRANSFERRED_AWAY = "DELETED", "TRANSFERRED_AWAY"
HELD = (ACTIVE, EXPIRED, REDEMPTION, PENDING_DELETE)
"""States that follow from what the registry says; the others come from orders, or are ends."""
ENDED = (DELETED, TRANSFERRED_AWAY, "FAILED")

RENEW = "renew"
TRANSFER_OUT = "transferOut"
AUTH_CODE = "requestAuthCode"
NAMESERVERS = "setNameservers"
CONTACTS = "updateContacts"
REGISTRANT = "changeRegistrant"
LOCK, UNLOCK = "lock", "unlock"
DNSSEC = "setDnssec"
RESTORE = "restore"

#: Which change an action is, where the holder may have to confirm it.
_CHANGES = {NAMESERVERS: "nameservers", REGISTRANT: "registrant", DNSSEC: "dnssec"}
#: RGP statuses that only say which fees a delete gives back.
GRACE = frozenset({"addPeriod", "autoRenewPeriod", "renewPeriod", "transferPeriod"})
#: The statuses of our own lock, which the customer takes off.
LOCKS = frozenset({"clientTransferProhibited", "clientUpdateProhibited", "clientDeleteProhibited"})
#: While one of these is undecided the registry takes no other command (RFC 5731 section 2.3).
_PENDING = ("pendingCreate", "pendingRenew", "pendingUpdate", "pendingTransfer", "pendingDelete")
_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LockPeriod:
    """Of `kind` REGISTRATION, TRANSFER or REGISTRANT_CHANGE; for what happens from a day on, until another begins."""

    kind: str
    from_date: date
    days: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A top-level domain's, as the tables tlds and tld_locks hold them."""

    tld: str
    max_years: int = 10
    add_grace_days: int = 5
    renew_grace_days: int = 30
    redemption_days: int = 30
    pending_delete_days: int = 5
    registrant_change: str = "UPDATE"
    dnssec: bool = True
    #: Of "registration", "registrant", "nameservers", "dnssec".
    confirmed_changes: frozenset[str] = frozenset()
    locks: Sequence[LockPeriod] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a domain. `state` is the stored one, entered at `since`."""

    state: str
    since: datetime
    statuses: frozenset[str] = frozenset()
    registered_at: datetime | None = None
    expires_at: datetime | None = None
    transferred_at: datetime | None = None
    registrant_changed_at: datetime | None = None
    #: What is ordered or being carried out: RENEW, RESTORE.
    ordered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why not: a stable code, until when where time alone clears it, and the mutation that clears it."""

    code: str
    until: datetime | None = None
    resolved_by: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deadlines:
    #: Until when a delete gives the registration's fee back (RFC 3915 addPeriod).
    add_grace_until: datetime | None = None
    #: The last moment for a renewal at the usual price.
    renewable_until: datetime | None = None
    #: The last moment for a restore.
    restorable_until: datetime | None = None
    #: When the name will be free again, if nothing is done.
    deletes_at: datetime | None = None
    #: No registrar gets it before.
    transfer_locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """`blockers` has every action; one that nothing blocks has none. `confirmed`: the actions that the holder has to
    confirm at the registry. `due_at`: when time alone is to change it next."""

    state: str
    blockers: Mapping[str, tuple[Blocker, ...]]
    confirmed: frozenset[str]
    deadlines: Deadlines
    due_at: datetime | None


def derive(facts: Facts, rules: Rules, now: datetime) -> State:
    """The state that the facts amount to, and what it allows."""
    state = _state(facts, now)
    since = facts.since if state == facts.state else now
    deadlines = _deadlines(state, since, facts, rules, now)
    blockers = {action: tuple(find(state, facts, rules, deadlines, now)) for action, find in _FINDERS.items()}
    confirmed = frozenset(action for action, change in _CHANGES.items() if change in rules.confirmed_changes)
    return State(state, blockers, confirmed, deadlines, _due_at(state, facts, deadlines, now))


def _state(facts: Facts, now: datetime) -> str:
    if facts.state not in HELD:
        return facts.state
    if facts.statuses & {"redemptionPeriod", "pendingRestore"}:
        return REDEMPTION
    if "pendingDelete" in facts.statuses:
        return PENDING_DELETE
    return EXPIRED if facts.expires_at is not None and facts.expires_at <= now else ACTIVE


def _deadlines(state: str, since: datetime, facts: Facts, rules: Rules, now: datetime) -> Deadlines:
    redemption, pending_delete = timedelta(days=rules.redemption_days), timedelta(days=rules.pending_delete_days)
    renewable = restorable = deletes = None
    if state in (ACTIVE, EXPIRED) and facts.expires_at is not None:
        renewable = facts.expires_at + timedelta(days=rules.renew_grace_days)
        deletes = renewable + redemption + pending_delete if state == EXPIRED else None
    elif state == REDEMPTION:
        restorable = since + redemption if "pendingRestore" not in facts.statuses else None
        deletes = restorable + pending_delete if restorable is not None else None
    elif state == PENDING_DELETE:
        deletes = since + pending_delete
    locked_until = transfer_locked_until(facts, rules) if state in HELD else None
    grace = None
    if state == ACTIVE and facts.registered_at is not None and rules.add_grace_days:
        grace = facts.registered_at + timedelta(days=rules.add_grace_days)
    return Deadlines(_ahead(grace, now), renewable, restorable, deletes, _ahead(locked_until, now))


def _ahead(moment: datetime | None, now: datetime) -> datetime | None:
    """None for one that has passed."""
    return moment if moment is not None and moment > now else None


def transfer_locked_until(facts: Facts, rules: Rules) -> datetime | None:
    """When the last of the lock periods of what has happened to it ends; None where there is none."""
    happened = {
        "REGISTRATION": facts.registered_at,
        "TRANSFER": facts.transferred_at,
        "REGISTRANT_CHANGE": facts.registrant_changed_at,
    }
    lasting = [(at, _days(rules.locks, kind, at)) for kind, at in happened.items() if at is not None]
    return max((at + timedelta(days=days) for at, days in lasting if days), default=None)


def _days(locks: Sequence[LockPeriod], kind: str, at: datetime) -> int:
    """What the rule in force on that day says."""
    begun = [lock for lock in locks if lock.kind == kind and lock.from_date <= at.date()]
    return max(begun, key=lambda lock: lock.from_date).days if begun else 0


def _due_at(state: str, facts: Facts, deadlines: Deadlines, now: datetime) -> datetime | None:
    if state not in HELD:
        return None
    moments = {
        ACTIVE: facts.expires_at,
        EXPIRED: deadlines.renewable_until,
        REDEMPTION: deadlines.restorable_until,
        PENDING_DELETE: deadlines.deletes_at,
    }
    due = moments[state]
    # Past it, the registry has not done yet what its rules say: it is asked again day by day.
    return due if due is not None and due > now else now + _DAY


# -- what stands in the way of each action

_Found = list[Blocker]
_Finder = Callable[[str, Facts, Rules, Deadlines, datetime], _Found]


def _not_in(allowed: tuple[str, ...], state: str, deadlines: Deadlines) -> _Found:
    if state in allowed:
        return []
    match state:
        case "EXPIRED":
            return [Blocker("DOMAIN_EXPIRED", resolved_by="renewDomains")]
        case "REDEMPTION":
            return [Blocker("DOMAIN_IN_REDEMPTION", deadlines.restorable_until, "restoreDomain")]
        case "PENDING_DELETE":
            return [Blocker("DOMAIN_PENDING_DELETE", deadlines.deletes_at)]
        case "DELETED" | "TRANSFERRED_AWAY" | "FAILED":
            return [Blocker("DOMAIN_ENDED")]
        case _:
            return [Blocker("DOMAIN_NOT_THERE_YET")]


def _undecided(facts: Facts) -> _Found:
    found = []
    for status in _PENDING:
        # A delete that is pending is the domain's state, which says more.
        if status in facts.statuses and status != "pendingDelete":
            code = "DOMAIN_TRANSFER_PENDING" if status == "pendingTransfer" else "REGISTRY_ACTION_PENDING"
            found.append(Blocker(code, metadata={"status": status}))
    return found


def _prohibited(facts: Facts, what: str) -> _Found:
    """By the registry's own status, or by one of ours."""
    found = []
    if (status := f"server{what}Prohibited") in facts.statuses:
        found.append(Blocker("REGISTRY_PROHIBITS", metadata={"status": status}))
    if (status := f"client{what}Prohibited") in facts.statuses:
        ours = Blocker("DOMAIN_LOCKED", resolved_by="setDomainLock", metadata={"status": status})
        found.append(ours if status in LOCKS else Blocker("REGISTRAR_PROHIBITS", metadata={"status": status}))
    return found


def _renew(state: str, facts: Facts, rules: Rules, deadlines: Deadlines, now: datetime) -> _Found:
    found = _not_in((ACTIVE, EXPIRED), state, deadlines)
    if found:
        return found
    found = [*_undecided(facts), *_prohibited(facts, "Renew")]
    if facts.ordered & {"RENEW", "RESTORE"}:
        found.append(Blocker("RENEWAL_ALREADY_ORDERED"))
    if deadlines.renewable_until is not None and deadlines.renewable_until <= now:
        found.append(Blocker("RENEWAL_TOO_LATE"))
    if facts.expires_at is not None:
        room_from = facts.expires_at - _YEAR * (rules.max_years - 1)
        if room_from > now:
            found.append(Blocker("RENEWAL_TOO_EARLY", room_from, metadata={"max": str(rules.max_years)}))
    return found


def _transfer(state: str, facts: Facts, _rules: Rules, deadlines: Deadlines, _now: datetime) -> _Found:
    found = _not_in((ACTIVE, EXPIRED), state, deadlines)
    if found:
        return found
    found = [*_undecided(facts), *_prohibited(facts, "Transfer")]
    if deadlines.transfer_locked_until is not None:
        found.append(Blocker("TRANSFER_LOCK_PERIOD", deadlines.transfer_locked_until))
    return found


def _auth_code(state: str, facts: Facts, _rules: Rules, deadlines: Deadlines, _now: datetime) -> _Found:
    # A code can be had while transfers are locked for a period: it will be of use later.
    return _not_in((ACTIVE,), state, deadlines) or _prohibited(facts, "Transfer")


def _update(state: str, facts: Facts, _rules: Rules, deadlines: Deadlines, _now: datetime) -> _Found:
    return _not_in((ACTIVE,), state, deadlines) or [*_undecided(facts), *_prohibited(facts, "Update")]


def _registrant(state: str, facts: Facts, rules: Rules, deadlines: Deadlines, now: datetime) -> _Found:
    found = _update(state, facts, rules, deadlines, now)
    if rules.registrant_change == "TRADE":
        found.append(Blocker("REGISTRANT_CHANGE_BY_TRADE", metadata={"tld": rules.tld}))
    elif rules.registrant_change == "REFUSED":
        found.append(Blocker("REGISTRANT_CHANGE_REFUSED", metadata={"tld": rules.tld}))
    return found


def _lock(state: str, facts: Facts, _rules: Rules, deadlines: Deadlines, _now: datetime) -> _Found:
    found = _not_in((ACTIVE,), state, deadlines)
    # Our own lock does not prevent the update that takes it away (RFC 5731 section 2.3).
    theirs = [one for one in _prohibited(facts, "Update") if one.code == "REGISTRY_PROHIBITS"]
    return found or [*_undecided(facts), *theirs]


def _dnssec(state: str, facts: Facts, rules: Rules, deadlines: Deadlines, now: datetime) -> _Found:
    found = _update(state, facts, rules, deadlines, now)
    return found if rules.dnssec else [*found, Blocker("TLD_WITHOUT_DNSSEC", metadata={"tld": rules.tld})]


def _restore(state: str, facts: Facts, _rules: Rules, deadlines: Deadlines, now: datetime) -> _Found:
    if "pendingRestore" in facts.statuses and state == REDEMPTION:
        return [Blocker("RESTORE_PENDING")]
    if state == REDEMPTION:
        return [Blocker("RESTORE_ALREADY_ORDERED")] if "RESTORE" in facts.ordered else []
    found = _not_in((ACTIVE, EXPIRED), state, deadlines)
    return found or [Blocker("DOMAIN_NOT_IN_REDEMPTION")]


_FINDERS: Mapping[str, _Finder] = {
    RENEW: _renew,
    TRANSFER_OUT: _transfer,
    AUTH_CODE: _auth_code,
    NAMESERVERS: _update,
    CONTACTS: _update,
    REGISTRANT: _registrant,
    LOCK: _lock,
    UNLOCK: _lock,
    DNSSEC: _dnssec,
    RESTORE: _restore,
}
