"""The user's personal VPN password, checked by FreeRADIUS 3 against the view radcheck.

It is kept as PBKDF2-HMAC-SHA-512 under the header "{x-pbkdf2}": strong for a password that a person chose, checked by rlm_pap
as it is installed (which overlooks a bare PBKDF2-Password), and made by Python's own library (crypt is leaving it). So it
serves VPNs that send the password itself, protected: PAP (OpenVPN, OpenConnect, most appliances) and EAP-TTLS/PAP (IKEv2,
802.1X). CHAP and MS-CHAPv2, and PEAP with it, need the password or its MD4 in the open, and we keep neither.
"""

import base64
import hashlib
import os
import secrets
from datetime import datetime
from uuid import UUID, uuid4

from services.chassis.actor import Actor
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import Invalid
from services.identity import password_rules, password_store, sessions, store
from services.identity.app import App
from services.identity.letters import Letter

ROUNDS = 210_000
"""OWASP's for PBKDF2-HMAC-SHA-512; 0.1 s of the RADIUS server for each login."""
MOST = 128
"""Bytes; RFC 2865, 5.2."""
#: Without what is mistaken for something else when it is typed over from a screen.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class VpnPasswordCharacters(Invalid):
    """VPN clients disagree on how to send anything but printable ASCII."""

    reason = "VPN_PASSWORD_CHARACTERS"


async def of_actor(db: Database, actor: Actor) -> Row | None:
    """The user's VPN access; a token is told of none."""
    if actor.user_id is None or actor.session_id is None:
        return None
    return await password_store.vpn_access(db, actor.user_id)


async def set_password(app: App, actor: Actor, given: str | None, now: datetime) -> tuple[Row, str]:
    """Sets the VPN password: the access, and the password if it was made up here because none was given.

    A repeat makes up another, and the last is good: keeping one to show it again would mean keeping it. TokenMayNot,
    VpnPasswordCharacters, and those of password_rules.check: it is the VPN's only factor.
    """
    user_id, _ = sessions.own(actor)
    user = await store.user(app.db, user_id)
    if given is not None:
        _check(given, user)
    password = _made_up() if given is None else given
    value = await app.hasher.run(_hashed, password)
    async with app.db.transaction() as tx:
        access = await password_store.set_vpn(tx, user_id, f"vpn-{_random(8)}", value, now)
        before = {"set_at": access["earlier"]} if access["earlier"] else None
        after = {"username": access["username"], "set_at": now}
        await _tell(app, tx, actor, user, "user.vpn_password_set", access["username"], before, after, now)
    return access, password if given is None else ""


async def remove(app: App, actor: Actor, now: datetime) -> None:
    """Takes the VPN password away; there being none changes nothing. TokenMayNot."""
    user_id, _ = sessions.own(actor)
    user = await store.user(app.db, user_id)
    async with app.db.transaction() as tx:
        gone = await password_store.remove_vpn(tx, user_id)
        if gone is not None:
            before = {"username": gone["username"], "set_at": gone["set_at"]}
            await _tell(app, tx, actor, user, "user.vpn_password_removed", gone["username"], before, None, now)


def _hashed(password: str) -> str:
    """As rlm_pap reads it: {x-pbkdf2}digest:rounds:salt:hash, all but the digest in base64, rounds as four bytes."""
    salt = os.urandom(16)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    parts = [base64.b64encode(part).decode() for part in (ROUNDS.to_bytes(4, "big"), salt, made)]
    return ":".join(["{x-pbkdf2}HMACSHA2+512", *parts])


def _check(password: str, user: Row) -> None:
    if not (password.isascii() and password.isprintable()) or password != password.strip():
        raise VpnPasswordCharacters("printable ASCII, without spaces around it", field="password")
    if len(password) > MOST:
        raise password_rules.PasswordTooLong(f"may have at most {MOST} characters", field="password", most=str(MOST))
    password_rules.check(password, email=user["email"], name=user["name"], has_second_factor=False)


def _made_up() -> str:
    """100 random bits in groups: "x4k7m-…"."""
    return "-".join(_random(5) for _ in range(4))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


async def _tell(
    app: App,
    tx: Tx,
    actor: Actor,
    user: Row,
    action: str,
    username: str,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    now: datetime,
) -> None:
    """Tells the accounts of the user and the user itself."""
    user_id: UUID = user["id"]
    await sessions.tell_accounts(tx, user_id, user["email"], user, actor.ip, now, action, before=before, after=after)
    letter = Letter(
        "vpn_password",
        f"vpn_password:{uuid4()}",
        "security",
        user["email"],
        user["name"],
        user["locale"],
        {"removed": after is None, "username": username, "at": now, "ip": actor.ip},
        user_id=user_id,
    )
    await app.post.write(tx, letter, now)
