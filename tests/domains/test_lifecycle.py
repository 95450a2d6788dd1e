"""What statuses, dates and rules amount to: the whole of RFC 5731's and RFC 3915's statuses, and each rule."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.domains import lifecycle
from services.domains.lifecycle import Facts, LockPeriod, Rules, derive

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERY = {
    "renew", "transferOut", "requestAuthCode", "setNameservers", "updateContacts", "changeRegistrant", "lock", "unlock",
    "setDnssec", "restore",
}  # fmt: skip
UPDATES = {"setNameservers", "updateContacts", "changeRegistrant", "setDnssec"}
LOCKING = {"lock", "unlock"}
RULES = Rules("com")


def facts(*statuses: str, **known: Any) -> Facts:
    known = {"registered_at": NOW - 400 * DAY, "expires_at": NOW + 100 * DAY, **known}
    return Facts(known.pop("state", "ACTIVE"), known.pop("since", NOW - 10 * DAY), frozenset(statuses), **known)


def blocked(found: lifecycle.State) -> dict[str, set[str]]:
    """Action -> codes, of what is blocked."""
    return {action: {one.code for one in blockers} for action, blockers in found.blockers.items() if blockers}


NOT_REDEEMED = {"restore": {"DOMAIN_NOT_IN_REDEMPTION"}}


def also(actions: set[str], code: str) -> dict[str, set[str]]:
    return NOT_REDEEMED | {action: {code} for action in actions}


#: Status -> (state, what it blocks).
STATUSES: dict[str, tuple[str, dict[str, set[str]]]] = {
    # RFC 5731 section 2.3
    "ok": ("ACTIVE", NOT_REDEEMED),
    "inactive": ("ACTIVE", NOT_REDEEMED),
    "clientHold": ("ACTIVE", NOT_REDEEMED),
    "serverHold": ("ACTIVE", NOT_REDEEMED),
    "clientDeleteProhibited": ("ACTIVE", NOT_REDEEMED),
    "serverDeleteProhibited": ("ACTIVE", NOT_REDEEMED),
    "clientRenewProhibited": ("ACTIVE", also({"renew"}, "REGISTRAR_PROHIBITS")),
    "serverRenewProhibited": ("ACTIVE", also({"renew"}, "REGISTRY_PROHIBITS")),
    "clientTransferProhibited": ("ACTIVE", also({"transferOut", "requestAuthCode"}, "DOMAIN_LOCKED")),
    "serverTransferProhibited": ("ACTIVE", also({"transferOut", "requestAuthCode"}, "REGISTRY_PROHIBITS")),
    "clientUpdateProhibited": ("ACTIVE", also(UPDATES, "DOMAIN_LOCKED")),
    "serverUpdateProhibited": ("ACTIVE", also(UPDATES | LOCKING, "REGISTRY_PROHIBITS")),
    "pendingCreate": ("ACTIVE", also(UPDATES | LOCKING | {"renew", "transferOut"}, "REGISTRY_ACTION_PENDING")),
    "pendingRenew": ("ACTIVE", also(UPDATES | LOCKING | {"renew", "transferOut"}, "REGISTRY_ACTION_PENDING")),
    "pendingUpdate": ("ACTIVE", also(UPDATES | LOCKING | {"renew", "transferOut"}, "REGISTRY_ACTION_PENDING")),
    "pendingTransfer": ("ACTIVE", also(UPDATES | LOCKING | {"renew", "transferOut"}, "DOMAIN_TRANSFER_PENDING")),
    "pendingDelete": ("PENDING_DELETE", {action: {"DOMAIN_PENDING_DELETE"} for action in EVERY}),
    # RFC 3915 section 3.1
    "addPeriod": ("ACTIVE", NOT_REDEEMED),
    "autoRenewPeriod": ("ACTIVE", NOT_REDEEMED),
    "renewPeriod": ("ACTIVE", NOT_REDEEMED),
    "transferPeriod": ("ACTIVE", NOT_REDEEMED),
    "redemptionPeriod": ("REDEMPTION", {action: {"DOMAIN_IN_REDEMPTION"} for action in EVERY - {"restore"}}),
    "pendingRestore": (
        "REDEMPTION",
        {action: {"DOMAIN_IN_REDEMPTION"} for action in EVERY} | {"restore": {"RESTORE_PENDING"}},
    ),
}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_its_state_and_blocks_what_it_forbids(status: str) -> None:
    found = derive(facts(status), RULES, NOW)
    assert (found.state, blocked(found)) == STATUSES[status]
    assert set(found.blockers) == EVERY


def test_what_epp_calls_pending_delete_is_redemption_while_the_grace_period_says_so() -> None:
    assert derive(facts("pendingDelete", "redemptionPeriod"), RULES, NOW).state == "REDEMPTION"
    assert derive(facts("pendingDelete", "pendingRestore"), RULES, NOW).state == "REDEMPTION"


@pytest.mark.parametrize("state", ["DELETED", "TRANSFERRED_AWAY", "FAILED"])
def test_an_end_stays_an_end_whatever_the_statuses_say(state: str) -> None:
    found = derive(facts("ok", state=state), RULES, NOW)
    assert (found.state, found.due_at, blocked(found)) == (state, None, {action: {"DOMAIN_ENDED"} for action in EVERY})


@pytest.mark.parametrize("state", ["PENDING_PAYMENT", "PENDING_REGISTRATION", "PENDING_TRANSFER"])
def test_a_domain_on_its_way_allows_nothing_yet(state: str) -> None:
    found = derive(Facts(state, NOW), RULES, NOW)
    assert (found.state, blocked(found)) == (state, {action: {"DOMAIN_NOT_THERE_YET"} for action in EVERY})
    assert found.deadlines == lifecycle.Deadlines()


def test_the_clock_counts_where_the_registry_says_nothing() -> None:
    assert derive(facts("ok", expires_at=NOW), RULES, NOW).state == "EXPIRED"
    assert derive(facts("ok", expires_at=NOW + DAY), RULES, NOW).state == "ACTIVE"
    assert derive(facts("redemptionPeriod", expires_at=NOW - DAY), RULES, NOW).state == "REDEMPTION"
    # Renewed by the registry: expired no more.
    assert derive(facts("autoRenewPeriod", state="EXPIRED"), RULES, NOW).state == "ACTIVE"


def test_an_expired_domain_can_be_renewed_until_its_grace_ends_and_be_moved() -> None:
    rules = Rules("com", renew_grace_days=30, redemption_days=30, pending_delete_days=5)
    expired = derive(facts("ok", expires_at=NOW - 10 * DAY), rules, NOW)
    assert set(blocked(expired)) == EVERY - {"renew", "transferOut"}
    assert expired.deadlines.renewable_until == expired.due_at == NOW + 20 * DAY
    assert expired.deadlines.deletes_at == NOW + 55 * DAY
    late = derive(facts("ok", expires_at=NOW - 31 * DAY), rules, NOW)
    assert blocked(late)["renew"] == {"RENEWAL_TOO_LATE"}
    assert late.due_at == NOW + DAY


def test_redemption_counts_from_when_it_was_entered() -> None:
    rules = Rules("eu", redemption_days=40, pending_delete_days=3)
    entered = derive(facts("redemptionPeriod"), rules, NOW)
    assert entered.deadlines.restorable_until == NOW + 40 * DAY
    going = derive(facts("redemptionPeriod", state="REDEMPTION", since=NOW - 10 * DAY), rules, NOW)
    assert (going.deadlines.restorable_until, going.deadlines.deletes_at) == (NOW + 30 * DAY, NOW + 33 * DAY)
    assert going.blockers["renew"][0].until == NOW + 30 * DAY
    ending = derive(facts("pendingDelete", state="PENDING_DELETE", since=NOW - DAY), rules, NOW)
    assert (ending.deadlines.deletes_at, ending.due_at) == (NOW + 2 * DAY, NOW + 2 * DAY)


def test_a_renewal_beyond_the_longest_period_is_too_early_and_says_from_when() -> None:
    found = derive(facts("ok", expires_at=NOW + 4 * 365 * DAY + DAY), Rules("hu", max_years=5), NOW)
    [blocker] = found.blockers["renew"]
    assert (blocker.code, blocker.until) == ("RENEWAL_TOO_EARLY", NOW + DAY)
    assert not derive(facts("ok", expires_at=NOW + 4 * 365 * DAY), Rules("hu", max_years=5), NOW).blockers["renew"]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("REGISTRATION", "registered_at"),
        ("TRANSFER", "transferred_at"),
        ("REGISTRANT_CHANGE", "registrant_changed_at"),
    ],
)
def test_each_lock_period_holds_until_its_days_are_over(kind: str, what: str) -> None:
    rules = Rules("com", locks=[LockPeriod(kind, date(2000, 1, 1), 60)])
    held = derive(facts("ok", **{what: NOW - 20 * DAY}), rules, NOW)
    [blocker] = held.blockers["transferOut"]
    assert (blocker.code, blocker.until) == ("TRANSFER_LOCK_PERIOD", NOW + 40 * DAY)
    assert held.deadlines.transfer_locked_until == NOW + 40 * DAY
    assert not held.blockers["requestAuthCode"]
    free = derive(facts("ok", **{what: NOW - 60 * DAY}), rules, NOW)
    assert (free.blockers["transferOut"], free.deadlines.transfer_locked_until) == ((), None)


def test_of_several_lock_rules_the_one_in_force_on_the_day_counts() -> None:
    locks = [LockPeriod("TRANSFER", date(2000, 1, 1), 60), LockPeriod("TRANSFER", date(2026, 5, 1), 30)]
    before = derive(facts("ok", transferred_at=datetime(2026, 4, 30, 12, tzinfo=UTC)), Rules("com", locks=locks), NOW)
    after = derive(facts("ok", transferred_at=datetime(2026, 5, 2, 12, tzinfo=UTC)), Rules("com", locks=locks), NOW)
    assert before.deadlines.transfer_locked_until == datetime(2026, 6, 29, 12, tzinfo=UTC)
    assert after.deadlines.transfer_locked_until is None
    early = derive(
        facts("ok", transferred_at=NOW - DAY), Rules("com", locks=[LockPeriod("TRANSFER", date(2027, 1, 1), 9)]), NOW
    )
    assert early.deadlines.transfer_locked_until is None


def test_the_longest_of_several_locks_counts() -> None:
    locks = [LockPeriod(kind, date(2000, 1, 1), 60) for kind in ("REGISTRATION", "TRANSFER")]
    found = derive(
        facts("ok", registered_at=NOW - 50 * DAY, transferred_at=NOW - 5 * DAY), Rules("com", locks=locks), NOW
    )
    assert found.deadlines.transfer_locked_until == NOW + 55 * DAY


@pytest.mark.parametrize(
    ("rule", "code"), [("TRADE", "REGISTRANT_CHANGE_BY_TRADE"), ("REFUSED", "REGISTRANT_CHANGE_REFUSED")]
)
def test_a_registry_that_takes_no_new_holder_by_update_blocks_that_alone(rule: str, code: str) -> None:
    found = derive(facts("ok"), Rules("xx", registrant_change=rule), NOW)
    assert blocked(found) == NOT_REDEEMED | {"changeRegistrant": {code}}


def test_a_registry_without_dnssec_blocks_that_alone() -> None:
    assert blocked(derive(facts("ok"), Rules("xx", dnssec=False), NOW)) == also({"setDnssec"}, "TLD_WITHOUT_DNSSEC")


def test_what_is_ordered_already_is_not_ordered_again() -> None:
    assert blocked(derive(facts("ok", ordered=frozenset({"RENEW"})), RULES, NOW)) == NOT_REDEEMED | {
        "renew": {"RENEWAL_ALREADY_ORDERED"}
    }
    redeemed = blocked(derive(facts("redemptionPeriod", ordered=frozenset({"RESTORE", "RENEW"})), RULES, NOW))
    assert redeemed == {action: {"DOMAIN_IN_REDEMPTION"} for action in EVERY} | {"restore": {"RESTORE_ALREADY_ORDERED"}}
    # It is back, and the order does not know yet.
    back = blocked(derive(facts("ok", state="REDEMPTION", ordered=frozenset({"RESTORE"})), RULES, NOW))
    assert back == NOT_REDEEMED | {"renew": {"RENEWAL_ALREADY_ORDERED"}}
    assert blocked(derive(facts("ok", ordered=frozenset({"REGISTER"})), RULES, NOW)) == NOT_REDEEMED


def test_every_reason_is_told_at_once() -> None:
    found = derive(facts("clientTransferProhibited", "serverTransferProhibited", "pendingUpdate"), RULES, NOW)
    assert blocked(found)["transferOut"] == {"DOMAIN_LOCKED", "REGISTRY_PROHIBITS", "REGISTRY_ACTION_PENDING"}
    assert {one.resolved_by for one in found.blockers["requestAuthCode"]} == {"setDomainLock", ""}


@pytest.mark.parametrize(
    ("change", "actions"),
    [
        ("registration", set()),
        ("registrant", {"changeRegistrant"}),
        ("nameservers", {"setNameservers"}),
        ("dnssec", {"setDnssec"}),
    ],
)
def test_each_change_that_the_holder_confirms_is_told_of_its_action(change: str, actions: set[str]) -> None:
    rules = Rules("hu", confirmed_changes=frozenset({change}))
    assert derive(facts("ok"), rules, NOW).confirmed == actions
    # Whatever else stands in its way.
    assert derive(facts("serverUpdateProhibited"), rules, NOW).confirmed == actions
    assert derive(facts("ok"), RULES, NOW).confirmed == set()


@pytest.mark.parametrize(("days", "until"), [(5, NOW + 2 * DAY), (3, None), (0, None)])
def test_the_fee_comes_back_with_a_delete_for_as_long_as_the_rule_says(days: int, until: datetime | None) -> None:
    facts = Facts("ACTIVE", NOW, registered_at=NOW - 3 * DAY, expires_at=NOW + 300 * DAY)
    assert derive(facts, Rules("com", add_grace_days=days), NOW).deadlines.add_grace_until == until
