"""Signing in from where a user never did before is told to the user."""

import hashlib
import ipaddress
import re
from datetime import datetime
from uuid import UUID

from services.chassis.db import Tx
from services.identity import credential_store
from services.identity.emails import Post
from services.identity.letters import Letter
from services.identity.people import User

#: (what a user agent contains, what people call it), the first that fits: Edge also says Chrome, Chrome also Safari.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


async def tell_if_new(
    tx: Tx, post: Post, user: User, session_id: UUID, *, ip: str, user_agent: str, now: datetime
) -> None:
    """Writes the user a mail when it never signed in from this network with this program. The first of all is no news."""
    fingerprint = hashlib.sha256(f"{network(ip)}\0{program(user_agent)}".encode()).digest()
    if not await credential_store.note_device(tx, user.id, fingerprint, now):
        return
    letter = Letter(
        "new_device",
        f"new_device:{session_id}",
        "security",
        user.email,
        user.name,
        user.locale,
        {"at": now, "ip": ip, "device": described(user_agent)},
        user_id=user.id,
    )
    await post.write(tx, letter, now)


def network(ip: str) -> str:
    """An address's neighbourhood: /24 of IPv4, /48 of IPv6, which providers give to a customer or a street."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def program(user_agent: str) -> str:
    """A user agent without its version numbers, so that an update is no new device."""
    return re.sub(r"[\d._]+", "", user_agent)


def described(user_agent: str) -> str:
    """ "Firefox, Windows"; only what we know, since the text is whatever the caller sent. Empty: nothing of it."""
    parts = [next((name for part, name in names if part in user_agent), "") for names in (_PROGRAMS, _SYSTEMS)]
    return ", ".join(filter(None, parts))
