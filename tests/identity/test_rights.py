"""Nobody gives more than it holds: checked against a model that looks at every permission, object and moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.chassis.actor import Grant
from services.chassis.errors import DomainError
from services.identity import access, contacts
from services.identity.people import NOBODY, Contact, User

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OBJECTS = [UUID(int=n) for n in range(3)]
DAYS = range(4)
PERMISSIONS = ["dns.read", "dns.write", "billing.read", "contacts.manage"]
FIELDS = ["Domain.zone", "Invoice.pdfUrl"]

ends = st.none() | st.sampled_from([NOW + timedelta(days=day - 1) for day in DAYS])
grants = st.builds(Grant, st.sampled_from(PERMISSIONS), st.none() | st.frozensets(st.sampled_from(OBJECTS)), ends)
people = st.builds(
    lambda role, own, denied, end: Contact(
        UUID(int=9),
        UUID(int=8),
        "P-1",
        "A",
        User(UUID(int=7), "a@x.example", "A", "hu"),
        role,
        tuple(own),
        tuple(sorted(denied)),
        NOW,
        end,
    ),
    st.sampled_from([*access.ROLES]),
    st.lists(grants, max_size=4),
    st.frozensets(st.sampled_from(FIELDS)),
    ends,
)

Point = tuple[str, UUID | None, datetime]


def reach(held: Sequence[Grant]) -> set[Point]:
    """Every (permission, object or the whole, moment) that grants allow, the moments being those that can matter."""
    return {
        (grant.permission, target, moment)
        for grant in held
        for target in ([None, *OBJECTS] if grant.resources is None else grant.resources)
        for moment in (NOW + timedelta(days=day - 0.5) for day in (*DAYS, 400))
        if moment > NOW and (grant.expires_at is None or moment < grant.expires_at)
    }


@given(st.lists(grants, max_size=5), st.lists(grants, max_size=5))
def test_what_does_not_exceed_is_exactly_what_is_held(wanted: list[Grant], held: list[Grant]) -> None:
    wanted = [g for g in wanted if not (g.expires_at and g.expires_at <= NOW) and g.resources != frozenset()]
    if access.exceeding(wanted, held) is None:
        assert reach(wanted) <= reach(held)
    elif all(grant.resources is None and grant.expires_at is None for grant in held):
        # Where nothing has to be pieced together from several grants, a refusal is never in vain.
        assert not reach(wanted) <= reach(held)


@given(st.lists(grants, max_size=5), st.lists(grants, max_size=5))
def test_narrowing_never_widens_either(maker: list[Grant], token: list[Grant]) -> None:
    narrowed = reach(access.narrowed(maker, token, NOW))
    assert narrowed <= reach(maker)
    assert narrowed <= reach(token)


@given(st.sampled_from([*access.ROLES]), st.lists(grants, max_size=5), ends)
def test_effective_rights_are_the_role_and_the_grants_in_force(
    role: str, own: list[Grant], end: datetime | None
) -> None:
    of_role = [Grant(permission) for permission in access.ROLES[role]]
    assert reach(access.effective(role, own, NOW)) == reach(of_role) | reach(own)
    limited = reach(access.until(access.effective(role, own, NOW), end))
    assert limited == {point for point in reach(of_role) | reach(own) if end is None or point[2] < end}


@given(people, st.none() | people, people)
def test_a_change_that_passes_widens_nobody_beyond_its_giver(
    giver: Contact, before: Contact | None, after: Contact
) -> None:
    try:
        contacts.check_giver(giver, before, after, NOW)
    except DomainError as error:
        assume(error.reason == "GRANT_TOO_WIDE")
        held = [*giver.rights(NOW), *(before.rights(NOW) if before else ())]
        assert access.exceeding(after.rights(NOW), held) is not None
        return
    kept = reach(before.rights(NOW)) if before else set[Point]()
    assert reach(after.rights(NOW)) <= reach(giver.rights(NOW)) | kept
    freed = set(before.denied_fields) - set(after.denied_fields) if before else set(FIELDS) - set(after.denied_fields)
    assert not freed & set(giver.denied_fields)
    if giver.role != "owner":
        assert "owner" not in {after.role, before.role if before else ""}


@given(people, people)
def test_nobody_widens_itself(one: Contact, other: Contact) -> None:
    if one.role == "owner":
        return
    try:
        contacts.check_giver(one, one, other, NOW)
    except DomainError:
        return
    assert reach(other.rights(NOW)) <= reach(one.rights(NOW))
    assert set(one.denied_fields) <= set(other.denied_fields)


@given(people)
def test_only_an_owner_for_good_and_without_denials_keeps_an_account(one: Contact) -> None:
    whole = reach([Grant(permission) for permission in access.PERMISSIONS])
    if one.keeps_account:
        assert reach(one.rights(NOW)) == whole
        assert not one.denied_fields
        assert one.state(NOW + timedelta(days=10_000)) == "active"


def test_the_operator_gives_anything() -> None:
    owner = Contact(UUID(int=9), UUID(int=8), "P-1", "A", User(NOBODY, "a@x.example", "", "hu"), "owner", (), (), NOW)
    contacts.check_giver(None, None, owner, NOW)


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        (Grant("dns.fly"), "PERMISSION_UNKNOWN"),
        (Grant("account.read", frozenset(OBJECTS)), "GRANT_NOT_LIMITABLE"),
        (Grant("dns.read", None, NOW), "GRANT_EXPIRY_INVALID"),
        (Grant("dns.read", frozenset(UUID(int=n) for n in range(101))), "TOO_MANY_RESOURCES"),
    ],
)
def test_a_grant_that_nobody_can_hold_is_refused(grant: Grant, reason: str) -> None:
    with pytest.raises(DomainError) as error:
        access.check_given([Grant("dns.read"), grant], NOW)
    assert error.value.reason == reason
    assert error.value.field.startswith("grants")
