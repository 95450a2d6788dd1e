"""Users: login identities."""

from uuid import UUID

from services.chassis.db import Row, Tx
from services.chassis.errors import Conflict, Unauthenticated
from services.identity import store
from services.identity.passwords import Hasher


class EmailTaken(Conflict):
    reason = "EMAIL_TAKEN"


class UserLocked(Unauthenticated):
    """An operator has locked the user; told only to who has proven to be it."""

    reason = "USER_LOCKED"


def check_lock(user: Row) -> None:
    """UserLocked, for a row with the user's locked_at and lock_reason."""
    if user["locked_at"] is not None:
        raise UserLocked("the user is locked", reason=user["lock_reason"])


async def create_user(
    tx: Tx,
    hasher: Hasher,
    *,
    email: str,
    password: str,
    name: str,
    locale: str = "hu",
    id: UUID | None = None,  # noqa: A002
) -> UUID:
    """A new user, of no account yet; EmailTaken when somebody signs in with this address already."""
    user_id = await store.add_user(tx, id, email.strip(), name, locale, await hasher.hash(password))
    if user_id is None:
        raise EmailTaken(f"{email} is taken", field="email")
    return user_id
