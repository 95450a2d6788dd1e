"""What a contact may do: roles as data, grants of its own, and what a token made by it may at most."""

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


class RoleUnknown(Invalid):
    reason = "ROLE_UNKNOWN"


class PermissionUnknown(Invalid):
    reason = "PERMISSION_UNKNOWN"


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
