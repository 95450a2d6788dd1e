"""Users: login identities."""

from uuid import UUID

from services.chassis.db import Tx
from services.chassis.errors import Conflict
from services.identity import store
from services.identity.passwords import Hasher


class EmailTaken(Conflict):
    reason = "EMAIL_TAKEN"


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
