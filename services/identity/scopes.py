"""What an app may be allowed (RFC 6749, 3.3): to know who the user is, permissions by their names, or everything."""

from collections.abc import Iterable

from services.chassis.actor import Grant
from services.identity import access

OPENID, PROFILE, EMAIL = "openid", "profile", "email"
#: Refresh tokens: access while the user is away.
OFFLINE_ACCESS = "offline_access"
#: Whatever the user may, in every account; it then acts as the user itself, so only clients that the operator trusts get it.
ALL = "all"
SCOPES = access.PERMISSIONS | {OPENID, PROFILE, EMAIL, OFFLINE_ACCESS, ALL}


def grants(scopes: Iterable[str]) -> tuple[Grant, ...] | None:
    """What narrows the user's grants; None with ALL, which narrows nothing."""
    held = set(scopes)
    return None if ALL in held else tuple(map(Grant, sorted(held & access.PERMISSIONS)))
