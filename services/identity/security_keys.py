"""Security keys and passkeys: WebAuthn Level 3, as a second factor or, with the user verified by the key, alone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import webauthn
from webauthn.helpers import (
    generate_challenge,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from services.chassis.actor import Actor
from services.chassis.db import Database, Queryable, Row, Tx
from services.chassis.errors import Conflict, DomainError, Invalid
from services.identity import factor_store, factors, sessions
from services.identity.emails import Post
from services.identity.factors import Added
from services.identity.relying_party import RelyingParty

log = logging.getLogger(__name__)
KIND = "security_key"
LIFE = timedelta(minutes=5)
"""How long a key has to answer."""
_MOST_ID_BYTES = 1023
"""WebAuthn, 7.1 step 25."""
_MILLISECONDS = int(LIFE.total_seconds() * 1000)


class SecurityKeyRefused(Invalid):
    """Not signed by the key, or for another challenge, origin or relying party; the log of the service tells which."""

    reason = "SECURITY_KEY_REFUSED"


class SecurityKeyKnown(Conflict):
    reason = "SECURITY_KEY_KNOWN"


class NoSecurityKey(DomainError):
    reason = "NO_SECURITY_KEY"


@dataclass(frozen=True, slots=True)
class NewSecurityKey:
    """`options` is PublicKeyCredentialCreationOptionsJSON."""

    id: UUID
    options: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """A key's answer, read but not believed yet."""

    credential: AuthenticationCredential
    challenge: bytes


# -- registration


async def begin(db: Database, party: RelyingParty, actor: Actor, now: datetime) -> NewSecurityKey:
    """What a new key is to sign; TooManyFactors, SecurityKeysUnavailable."""
    user_id, _ = sessions.own(actor)
    id_, challenge, expires_at, party_id = uuid4(), generate_challenge(), now + LIFE, party.required_id()
    async with db.transaction() as tx:
        user = await factors.lock_for_one_more(tx, user_id)
        known = await factor_store.security_keys(tx, user_id)
        await factor_store.add_pending(tx, id_, user_id, KIND, expires_at, challenge=challenge)
    options = webauthn.generate_registration_options(
        rp_id=party_id,
        rp_name="Portico",
        user_id=user_id.bytes,
        user_name=user["email"],
        user_display_name=user["name"],
        challenge=challenge,
        timeout=_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return NewSecurityKey(id_, webauthn.options_to_json(options), expires_at)


async def confirm(
    db: Database,
    party: RelyingParty,
    post: Post,
    actor: Actor,
    id_: UUID,
    credential: str,
    name: str,
    now: datetime,
) -> Added:
    """Makes the key a factor; PendingFactorNotFound, SecurityKeyRefused, SecurityKeyKnown, TooManyFactors.

    Confirming again changes nothing and makes no recovery codes. A refused answer uses its challenge up.
    """
    user_id, _ = sessions.own(actor)
    async with db.transaction() as tx:
        done = await factor_store.factor(tx, user_id, id_)
        if done is not None and done["kind"] == KIND:
            return Added(done, [])
        user = await factors.lock_for_one_more(tx, user_id)
        pending = await factor_store.pending(tx, user_id, KIND, id_, now)
        if pending is None:
            raise factors.PendingFactorNotFound("begin again", field="id")
        await factor_store.remove_pending(tx, id_)
        made = _registered(party, credential, pending["challenge"])
        if made is not None:
            key, transports = made
            if not await factor_store.add_security_key(
                tx,
                id_,
                user_id,
                name.strip(),
                key.credential_id,
                key.credential_public_key,
                key.sign_count,
                transports,
                now,
            ):
                raise SecurityKeyKnown("this key is registered already", field="credential")
            return await factors.added(tx, post, actor, user, id_, now)
    raise SecurityKeyRefused("the key's answer does not fit", field="credential")


def _registered(
    party: RelyingParty, credential: str, challenge: bytes
) -> tuple[VerifiedRegistration, list[str]] | None:
    try:
        read = parse_registration_credential_json(credential)
        verified = webauthn.verify_registration_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=party.required_id(),
            expected_origin=list(party.origins),
        )
    except Exception as error:  # noqa: BLE001 - parsers fail on hostile answers in any way; each is a refusal
        log.info("a security key's registration is refused", extra={"cause": repr(error)[:200]})
        return None
    if len(verified.credential_id) > _MOST_ID_BYTES:
        return None
    return verified, [transport.value for transport in read.response.transports or ()]


# -- assertion


async def begin_assertion(
    q: Queryable,
    party: RelyingParty,
    user_id: UUID | None,
    now: datetime,
    *,
    pending_sign_in_id: UUID | None = None,
    session_id: UUID | None = None,
) -> str:
    """PublicKeyCredentialRequestOptionsJSON for one of the user's keys: NoSecurityKey; SecurityKeysUnavailable.

    user_id None: for any passkey, which must verify its user.
    """
    party_id, challenge = party.required_id(), generate_challenge()
    known = await factor_store.security_keys(q, user_id) if user_id else []
    if user_id and not known:
        raise NoSecurityKey("the user has no security key")
    await factor_store.add_challenge(q, challenge, pending_sign_in_id, session_id, now + LIFE)
    verification = UserVerificationRequirement.PREFERRED if user_id else UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=party_id,
        challenge=challenge,
        timeout=_MILLISECONDS,
        allow_credentials=_descriptors(known),
        user_verification=verification,
    )
    return webauthn.options_to_json(options)


def read(assertion: str) -> Assertion | None:
    """None for what no browser answers."""
    try:
        credential = parse_authentication_credential_json(assertion)
        return Assertion(credential, parse_client_data_json(credential.response.client_data_json).challenge)
    except Exception as error:  # noqa: BLE001 - as above
        log.info("a security key's answer cannot be read", extra={"cause": repr(error)[:200]})
        return None


async def accept(
    tx: Tx,
    party: RelyingParty,
    user_id: UUID,
    assertion: Assertion | None,
    now: datetime,
    *,
    pending_sign_in_id: UUID | None = None,
    session_id: UUID | None = None,
) -> bool:
    """Whether one of the user's keys signed what it was asked to for this; the challenge is used up either way. Without a
    sign-in or session the key stands alone and must have verified its user. The user is locked."""
    if assertion is None:
        return False
    if not await factor_store.take_challenge(tx, assertion.challenge, pending_sign_in_id, session_id, now):
        return False
    alone = pending_sign_in_id is None and session_id is None
    key = await factor_store.security_key(tx, assertion.credential.raw_id)
    handle = assertion.credential.response.user_handle
    # WebAuthn, 7.2 step 6: the key must name its user when nobody else did.
    if key is None or key["user_id"] != user_id or handle not in ({user_id.bytes} if alone else {user_id.bytes, None}):
        return False
    try:
        verified = webauthn.verify_authentication_response(
            credential=assertion.credential,
            expected_challenge=assertion.challenge,
            expected_rp_id=party.required_id(),
            expected_origin=list(party.origins),
            credential_public_key=key["public_key"],
            credential_current_sign_count=key["sign_count"],
            require_user_verification=alone,
        )
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("a security key's answer is refused", extra={"factor": str(key["id"]), "cause": repr(error)[:200]})
        return False
    await factor_store.use_security_key(tx, key["id"], verified.new_sign_count, now)
    return True


def _descriptors(keys: Sequence[Row]) -> list[PublicKeyCredentialDescriptor]:
    known = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=key["credential_id"],
            transports=[AuthenticatorTransport(name) for name in key["transports"] if name in known] or None,
        )
        for key in keys
    ]
