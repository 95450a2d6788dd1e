"""Who acts, with which rights: a token signed by the identity service, verified by every other.

The token is a JWT (RFC 7519) signed with Ed25519. A service believes nothing else about the caller.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from portico.common.v1 import common_pb2
from services.chassis.errors import DomainError, PermissionDenied, Unauthenticated

ISSUER = "portico-identity"
AUDIENCE = "portico-services"
ALGORITHM = "Ed25519"
_CACHE_SIZE = 10_000


class TokenInvalid(Unauthenticated):
    reason = "ACTOR_TOKEN_INVALID"


class StepUpRequired(DomainError):
    """The caller has to confirm who it is first, and did not within the last minutes."""

    reason = "STEP_UP_REQUIRED"
    status = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission on everything of the account (resources None) or on named resources, until a time or for good."""

    permission: str
    resources: frozenset[UUID] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a permission reaches: None is everything of the account. In SQL: `$n::uuid[] IS NULL OR id = ANY($n)`."""

    resources: list[UUID] | None


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is "user", "token", "operator" or "system"; `label` is what the event log shows.

    `session_id` is set when a person signed in: some things are not a program's to do. `confirmed_until`: how long it
    counts as having just confirmed who it is.
    """

    kind: str
    id: str
    label: str
    account_id: UUID
    user_id: UUID | None = None
    contact_id: UUID | None = None
    locale: str = "hu"
    ip: str = ""
    grants: tuple[Grant, ...] = ()
    session_id: UUID | None = None
    confirmed_until: datetime | None = None

    def scope(self, permission: str, now: datetime) -> Scope:
        """What the permission reaches; PermissionDenied when it is not held now."""
        held = [g for g in self.grants if g.permission == permission and (g.expires_at is None or g.expires_at > now)]
        if not held:
            raise PermissionDenied(permission)
        resources: set[UUID] = set()
        for grant in held:
            if grant.resources is None:
                return Scope(None)
            resources |= grant.resources
        return Scope(sorted(resources))

    def require_confirmed(self, now: datetime) -> None:
        """StepUpRequired unless its person has just confirmed who it is; a program never can."""
        if self.confirmed_until is None or self.confirmed_until <= now:
            raise StepUpRequired("confirm who you are first")

    def ref(self) -> common_pb2.ActorRef:
        return common_pb2.ActorRef(
            kind=self.kind,
            id=self.id,
            label=self.label,
            ip=self.ip,
            contact_id=str(self.contact_id) if self.contact_id else "",
        )

    def ref_json(self) -> dict[str, str]:
        """`ref` as databases keep it."""
        ref = self.ref()
        return {"kind": ref.kind, "id": ref.id, "label": ref.label, "ip": ref.ip, "contact_id": ref.contact_id}


def system(service: str, account_id: UUID) -> Actor:
    """A service acting on its own, as in a consumer or a job."""
    return Actor(kind="system", id=service, label=service, account_id=account_id)


def sign(actor: Actor, key: OKPKey, now: datetime, ttl: timedelta) -> str:
    """An actor token that lives for ttl."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + ttl).timestamp()),
        "sub": actor.id,
        "kind": actor.kind,
        "label": actor.label,
        "acc": str(actor.account_id),
        "usr": str(actor.user_id) if actor.user_id else None,
        "con": str(actor.contact_id) if actor.contact_id else None,
        "ses": str(actor.session_id) if actor.session_id else None,
        "cfm": int(actor.confirmed_until.timestamp()) if actor.confirmed_until else None,
        "loc": actor.locale,
        "ip": actor.ip,
        "gr": [
            [
                g.permission,
                None if g.resources is None else sorted(map(str, g.resources)),
                None if g.expires_at is None else int(g.expires_at.timestamp()),
            ]
            for g in actor.grants
        ],
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid or key.thumbprint()}, claims, key, algorithms=[ALGORITHM])


class ActorVerifier:
    """Verifies actor tokens against identity's public keys; remembers those it has verified until they expire."""

    def __init__(self, jwks: str) -> None:
        # A key set may say "EdDSA", the older name of the same algorithm; which one is taken is decided here, not there.
        keys = [{name: value for name, value in key.items() if name != "alg"} for key in json.loads(jwks)["keys"]]
        self._keys = KeySet.import_key_set({"keys": keys})
        self._verified: dict[str, tuple[Actor, float]] = {}

    def verify(self, token: str, now: datetime) -> Actor:
        """The actor; TokenInvalid when the signature, issuer, audience, algorithm or time is not right."""
        known = self._verified.get(token)
        if known is None:
            known = self._decode(token)
            if len(self._verified) >= _CACHE_SIZE:
                self._verified.clear()
            self._verified[token] = known
        actor, expires_at = known
        if expires_at <= now.timestamp():
            self._verified.pop(token, None)
            raise TokenInvalid("the actor token has expired")
        return actor

    def _decode(self, token: str) -> tuple[Actor, float]:
        try:
            claims = jwt.decode(token, self._keys, algorithms=[ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
                raise TokenInvalid("the actor token is not meant for this service")
            actor = Actor(
                kind=claims["kind"],
                id=claims["sub"],
                label=claims["label"],
                account_id=UUID(claims["acc"]),
                user_id=UUID(claims["usr"]) if claims["usr"] else None,
                contact_id=UUID(claims["con"]) if claims["con"] else None,
                session_id=UUID(claims["ses"]) if claims.get("ses") else None,
                confirmed_until=datetime.fromtimestamp(claims["cfm"], UTC) if claims.get("cfm") else None,
                locale=claims["loc"],
                ip=claims["ip"],
                grants=tuple(
                    Grant(
                        permission,
                        None if resources is None else frozenset(map(UUID, resources)),
                        None if expires is None else datetime.fromtimestamp(expires, UTC),
                    )
                    for permission, resources, expires in claims["gr"]
                ),
            )
            return actor, float(claims["exp"])
        except (JoseError, KeyError, TypeError, ValueError):
            raise TokenInvalid("the actor token is not valid") from None
