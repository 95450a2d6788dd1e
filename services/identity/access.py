"""What a contact may do: roles as data, grants of its own, and what a token made by it may at most."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.actor import Grant
from services.chassis.errors import Invalid

PERMISSIONS = frozenset(
    {
        "account.read",
        "account.write",
        "contacts.manage",
        "log.read",
        "emails.read",
        "domains.read",
        "domains.manage",
        "domains.order",
        "domains.authcode",
        "dns.read",
        "dns.write",
        "hosting.read",
        "hosting.manage",
        "hosting.credentials",
        "hosting.order",
        "billing.read",
        "billing.pay",
        "tickets.read",
        "tickets.write",
    }
)

#: Ready-made roles. "custom" brings nothing of its own: only the contact's grants count.
ROLES: dict[str, frozenset[str]] = {
    "owner": PERMISSIONS,
    "accountant": frozenset({"account.read", "billing.read", "billing.pay", "tickets.read", "tickets.write"}),
    "technical": frozenset(
        {
            "domains.read",
            "domains.manage",
            "dns.read",
            "dns.write",
            "hosting.read",
            "hosting.manage",
            "hosting.credentials",
            "tickets.read",
            "tickets.write",
        }
    ),
    "read_only": frozenset(
        {"account.read", "domains.read", "dns.read", "hosting.read", "billing.read", "tickets.read"}
    ),
    "custom": frozenset(),
}


#: What the first part of a permission is about can be named one by one.
LIMITABLE = frozenset({"domains", "dns", "hosting", "billing", "tickets"})
MOST_RESOURCES = 100
"""In all grants of a contact together: they travel in the actor token, in a call's metadata."""
_COORDINATE = re.compile(r"[A-Z][A-Za-z0-9]*\.[a-z][A-Za-z0-9]*")


class RoleUnknown(Invalid):
    reason = "ROLE_UNKNOWN"


class PermissionUnknown(Invalid):
    reason = "PERMISSION_UNKNOWN"


class GrantNotLimitable(Invalid):
    """The permission is about the account as a whole."""

    reason = "GRANT_NOT_LIMITABLE"


class GrantExpiryInvalid(Invalid):
    reason = "GRANT_EXPIRY_INVALID"


class TooManyResources(Invalid):
    reason = "TOO_MANY_RESOURCES"


class CoordinateInvalid(Invalid):
    """It does not look like a field of the schema, "Domain.zone"."""

    reason = "COORDINATE_INVALID"


def check_role(role: str) -> None:
    """RoleUnknown for a role that does not exist."""
    if role not in ROLES:
        raise RoleUnknown(f"there is no role {role}", field="role", role=role)


def check_grants(grants: Iterable[Grant]) -> None:
    """PermissionUnknown for a grant of a permission that does not exist."""
    for index, grant in enumerate(grants):
        if grant.permission not in PERMISSIONS:
            raise PermissionUnknown(
                f"there is no permission {grant.permission}",
                field=f"grants[{index}].permission",
                permission=grant.permission,
            )


def check_given(grants: Sequence[Grant], now: datetime) -> None:
    """What check_grants says, and that each grant can be limited as it is and is not over before it begins."""
    check_grants(grants)
    for index, grant in enumerate(grants):
        if grant.resources is not None and grant.permission.partition(".")[0] not in LIMITABLE:
            detail = f"{grant.permission} cannot be limited to resources"
            raise GrantNotLimitable(detail, field=f"grants[{index}].resources", permission=grant.permission)
        if _over(grant, now):
            raise GrantExpiryInvalid("must lie in the future", field=f"grants[{index}].expires_at")
    if sum(len(grant.resources or ()) for grant in grants) > MOST_RESOURCES:
        raise TooManyResources(f"at most {MOST_RESOURCES}", field="grants", limit=str(MOST_RESOURCES))


def check_coordinates(fields: Iterable[str]) -> None:
    """CoordinateInvalid for what cannot be a field. Whether it is one only the gateway knows."""
    for index, coordinate in enumerate(fields):
        if not _COORDINATE.fullmatch(coordinate):
            detail = f"{coordinate!r} is no coordinate"
            raise CoordinateInvalid(detail, field=f"denied_fields[{index}]", coordinate=coordinate)


def effective(role: str, own: Sequence[Grant], now: datetime) -> tuple[Grant, ...]:
    """The grants in force at `now`, sorted by permission. A role reaches everything, so it swallows limited grants."""
    of_role = ROLES.get(role, frozenset())
    live = [g for g in own if g.permission in PERMISSIONS - of_role and not _over(g, now) and not _empty(g.resources)]
    return _sorted([*map(Grant, of_role), *live])


def narrowed(maker: Sequence[Grant], token: Sequence[Grant] | None, now: datetime) -> tuple[Grant, ...]:
    """What both the maker and the token hold at `now`; a token without grants of its own has its maker's."""
    if token is None:
        return tuple(maker)
    return _sorted(
        Grant(mine.permission, _common(mine.resources, its.resources), _sooner(mine.expires_at, its.expires_at))
        for mine in maker
        for its in token
        if mine.permission == its.permission
        and not _over(its, now)
        and not _empty(_common(mine.resources, its.resources))
    )


def until(grants: Iterable[Grant], end: datetime | None) -> tuple[Grant, ...]:
    """The grants, none of them longer than `end`."""
    return tuple(Grant(g.permission, g.resources, _sooner(g.expires_at, end)) for g in grants)


def exceeding(wanted: Iterable[Grant], held: Sequence[Grant]) -> Grant | None:
    """The first wanted grant that reaches further, or lasts longer, than what is held; None when none does."""
    return next((grant for grant in wanted if not _covered(grant, held)), None)


def _covered(grant: Grant, held: Sequence[Grant]) -> bool:
    lasting = [
        h
        for h in held
        if h.permission == grant.permission
        and (h.expires_at is None or (grant.expires_at is not None and grant.expires_at <= h.expires_at))
    ]
    if any(h.resources is None for h in lasting):
        return True
    named = frozenset[UUID]().union(*(h.resources or () for h in lasting))
    return grant.resources is not None and grant.resources <= named


def dump(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """The JSON form that the database keeps."""
    return [
        {
            "permission": g.permission,
            "resources": None if g.resources is None else sorted(map(str, g.resources)),
            "expires_at": None if g.expires_at is None else g.expires_at.isoformat(),
        }
        for g in grants
    ]


def load(kept: Iterable[dict[str, Any]]) -> tuple[Grant, ...]:
    """The reverse of dump."""
    return tuple(
        Grant(
            g["permission"],
            None if g["resources"] is None else frozenset(map(UUID, g["resources"])),
            None if g["expires_at"] is None else datetime.fromisoformat(g["expires_at"]),
        )
        for g in kept
    )


def _over(grant: Grant, now: datetime) -> bool:
    return grant.expires_at is not None and grant.expires_at <= now


def _common(a: frozenset[UUID] | None, b: frozenset[UUID] | None) -> frozenset[UUID] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _empty(resources: frozenset[UUID] | None) -> bool:
    # A grant limited to no resource at all grants nothing; it must not be mistaken for an unlimited one.
    return resources is not None and not resources


def _sooner(a: datetime | None, b: datetime | None) -> datetime | None:
    return min(a, b) if a and b else a or b


def _sorted(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    return tuple(sorted(grants, key=lambda g: (g.permission, sorted(g.resources or ()))))
