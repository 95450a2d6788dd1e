"""ID tokens (OpenID Connect Core, 2): who signed in, when, for which app; and what is told of a user by scope."""

import base64
import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from services.chassis.errors import Invalid
from services.identity import scopes
from services.identity.people import User
from services.identity.signing_keys import ALGORITHM, TOKEN_LIFE


class IdTokenHintInvalid(Invalid):
    """Not one of ours for this client."""

    reason = "ID_TOKEN_HINT_INVALID"


def make(
    key: RSAKey,
    *,
    issuer: str,
    client_id: UUID,
    user: User,
    held: Collection[str],
    access_token: str,
    signed_in_at: datetime,
    nonce: str,
    now: datetime,
) -> str:
    """A signed ID token that goes with an access token; `held` are its scopes."""
    payload: dict[str, Any] = {
        "iss": issuer,
        "aud": str(client_id),
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFE).timestamp()),
        "auth_time": int(signed_in_at.timestamp()),
        "at_hash": _half_hash(access_token),
        **claims(user, held),
    }
    if nonce:
        payload["nonce"] = nonce
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, payload, key, algorithms=[ALGORITHM])


def claims(user: User, held: Collection[str]) -> dict[str, str | bool]:
    """What these scopes tell of a user (OpenID Connect Core, 5.4)."""
    told: dict[str, str | bool] = {"sub": str(user.id)}
    if scopes.PROFILE in held:
        told |= {"name": user.name, "locale": user.locale}
    if scopes.EMAIL in held:
        # An address gets a password by a link that was mailed to it, never otherwise.
        told |= {"email": user.email, "email_verified": True}
    return told


def user_of_hint(hint: str, keys: KeySet | None, *, issuer: str, client_id: UUID) -> UUID:
    """The user of an ID token that was given to this client, expired or not; IdTokenHintInvalid."""
    try:
        if keys is None:
            raise ValueError("nothing was ever signed")
        told = jwt.decode(hint, keys, algorithms=[ALGORITHM]).claims
        if told["iss"] != issuer or told["aud"] != str(client_id):
            raise ValueError("issuer or audience")
        return UUID(told["sub"])
    except (JoseError, KeyError, TypeError, ValueError, AttributeError):
        raise IdTokenHintInvalid("it is no ID token of ours for this client", field="id_token_hint") from None


def _half_hash(access_token: str) -> str:
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
