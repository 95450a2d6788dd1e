"""The calls to the mail server, and what runs on a clock."""

from datetime import UTC, datetime, timedelta

from services.chassis import throttle
from services.chassis.jobs import Handler, LeasedJob, Periodic, RetryLater
from services.identity import emails, factor_store, oauth_store, operator_store, signing_keys, store
from services.identity.app import App

_SESSIONS_KEPT = timedelta(days=90)
_DEVICES_KEPT = timedelta(days=365)
_AUTHORIZATIONS_KEPT = timedelta(days=1)


async def send_email(job: LeasedJob, app: App) -> None:
    if app.mailer is None:
        raise RetryLater(300, cause="there is no mail server any more")
    await emails.deliver(app.db, app.post, app.mailer, job, datetime.now(UTC))


async def queue_waiting_emails(app: App) -> None:
    if app.mailer is not None:
        await emails.queue_waiting(app.db, datetime.now(UTC))


async def purge(app: App) -> None:
    now = datetime.now(UTC)
    await throttle.purge(app.db, now)
    await store.purge(app.db, now, now - _SESSIONS_KEPT, now - _DEVICES_KEPT)
    await factor_store.purge(app.db, now)
    await operator_store.purge_sign_ins(app.db, now - _SESSIONS_KEPT)
    await oauth_store.purge(app.db, now, _AUTHORIZATIONS_KEPT)


async def keep_signing_keys(app: App) -> None:
    await signing_keys.keep_ready(app.db, app.sealer, datetime.now(UTC))


#: So that a mail server that hangs leaves the other jobs their room.
AT_ONCE = {emails.SEND: 8}
JOBS: dict[str, Handler] = {emails.SEND: send_email}
PERIODIC: dict[str, Periodic] = {
    "queue waiting e-mails": (60.0, queue_waiting_emails),
    "purge sign-ins": (3600.0, purge),
    "change signing keys": (3600.0, keep_signing_keys),
}
