"""What somebody proves with who they are, once more or beside the password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.db import Row, Tx
from services.chassis.errors import DomainError
from services.identity import recovery_codes, security_keys, throttle, totp
from services.identity.app import App


@dataclass(frozen=True, slots=True)
class Proof:
    """`kind` is "totp", "recovery_code" or "security_key"; `value` the code, or the key's answer as JSON."""

    kind: str
    value: str


#: The request's field that each kind is sent in.
FIELDS = {totp.KIND: "code", recovery_codes.KIND: "recovery_code", security_keys.KIND: "assertion"}


async def pay(app: App, email: str, proof: Proof, ip: str, now: datetime) -> None:
    """Pays for a guess, before the proof is looked at; SignInThrottled. A key's answer cannot be guessed."""
    if proof.kind != security_keys.KIND:
        await throttle.spend(app.db, email, ip, now, throttle.CODES[proof.kind])


async def accept(
    app: App,
    tx: Tx,
    user: Row,
    proof: Proof,
    ip: str,
    now: datetime,
    *,
    pending_sign_in_id: UUID | None = None,
    session_id: UUID | None = None,
) -> bool:
    """Whether it proves that this is the user; then it is used up, for good. The user is locked.

    Raises nothing, so that what a wrong one used up is committed too: the caller refuses afterwards.
    """
    if proof.kind == totp.KIND:
        good = await totp.accept(tx, app.sealer, user["id"], proof.value, now)
    elif proof.kind == security_keys.KIND:
        good = await security_keys.accept(
            tx,
            app.relying_party,
            user["id"],
            security_keys.read(proof.value),
            now,
            pending_sign_in_id=pending_sign_in_id,
            session_id=session_id,
        )
    else:
        good = await recovery_codes.accept(tx, app.post, user, proof.value, ip, now)
    if good and proof.kind in throttle.CODES:
        await throttle.restore(tx, user["email"], throttle.CODES[proof.kind])
    return good


def wrong(proof: Proof) -> DomainError:
    """The refusal of a proof that was not accepted."""
    if proof.kind == security_keys.KIND:
        return security_keys.SecurityKeyRefused("the key's answer does not fit", field=FIELDS[proof.kind])
    return totp.CodeWrong("the code is wrong, or was used before", field=FIELDS[proof.kind])
