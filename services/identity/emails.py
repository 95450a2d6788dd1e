"""E-mails to the account's people: written with what they tell of, delivered by a job when there is a mail server."""

import logging
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from portico.identity.v1 import events_pb2
from services.chassis import audit, jobs, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Database, Row, Tx
from services.chassis.errors import NotFound
from services.chassis.pages import Page
from services.chassis.sealing import Sealer
from services.identity import contact_store, email_store, notifications
from services.identity.email_store import Filter
from services.identity.letters import SECRET, Letter, as_html, render
from services.identity.mailer import Mail, Mailer, Refused, Undelivered, failure_of_status

log = logging.getLogger(__name__)
SEND = "send_email"
#: With the jobs' backoff, about an hour and a half.
MAX_ATTEMPTS = 25
#: Mail that waited longer, because there was no server, is news no more.
_STALE = timedelta(days=3)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class EmailNotFound(NotFound):
    reason = "EMAIL_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Post:
    """Where letters are handed in. Without `delivers` (there is no mail server) they stay queued."""

    sealer: Sealer
    delivers: bool
    #: As in App.
    public_url: str

    @property
    def settings_url(self) -> str:
        """Where people choose which mail they get."""
        return f"{self.public_url}/notifications"

    async def write(self, tx: Tx, letter: Letter, now: datetime) -> None:
        """Writes the mail in the transaction of what it tells of. One an occasion: a repeat changes nothing."""
        sealed = self.sealer.seal(letter.secret.encode(), _purpose(letter.occasion)) if letter.secret else None
        text = render(letter, self.settings_url if _optional(letter.category) else "")
        email_id = await email_store.add(tx, letter, text, sealed, now)
        if email_id is not None and self.delivers:
            await _queue(tx, email_id)


async def deliver(db: Database, post: Post, mailer: Mailer, job: jobs.LeasedJob, now: datetime) -> None:
    """Hands one mail to the server and settles it; RetryLater while the server asks for it."""
    email_id = UUID(job.payload["email_id"])
    mail = await email_store.get(db, email_id)
    if mail is None or mail["state"] != "queued":
        return
    failure, detail = "", ""
    try:
        await mailer.send(_mail(post, mail))
    except Refused as error:
        failure, detail = error.failure, str(error)[:2000]
    except Undelivered as error:
        failure, detail = "SERVER_AWAY", str(error)[:2000]
        if job.attempt < MAX_ATTEMPTS:
            await email_store.note_failure(db, email_id, failure, detail)
            raise jobs.RetryLater(cause=str(error)) from error
    async with job.finishing(db) as tx:
        await _settle(tx, email_id, failure, detail, now)
    if failure:
        log.error("an e-mail is given up", extra={"email": str(email_id), "failure": failure, "cause": detail})


async def queue_waiting(db: Database, now: datetime) -> None:
    """Gives mail that was written while there was no server to the worker."""
    async with db.transaction() as tx:
        for email_id in await email_store.waiting(tx, now - _STALE):
            await _queue(tx, email_id)


async def page(db: Database, actor: Actor, scope: Scope, wanted: Filter, page: Page) -> list[Row]:
    """The account's newest mails that pass the filter; one row more than the page."""
    return await email_store.page(db, ("account", actor.account_id), scope.resources, wanted, page)


async def own_page(db: Database, actor: Actor, wanted: Filter, page: Page) -> list[Row]:
    """The same of the mail about the user itself; none to a token, which may be narrower than its maker."""
    if actor.user_id is None or actor.session_id is None:
        return []
    return await email_store.page(db, ("user", actor.user_id), None, wanted, page)


async def record_bounce(
    db: Database, operator: Actor, message_id: str, status: str, diagnostic: str, now: datetime
) -> None:
    """Keeps that a mail came back, and flags its address until mail to it is taken again. EmailNotFound.

    `status` is of RFC 3463: "5.1.1". One that bounced before, or was given up, stays as it is.
    """
    found = _ID.search(message_id.lower())
    if found is None:
        raise EmailNotFound("that is no Message-ID of ours", field="message_id")
    email_id = UUID(found[0])
    failure, detail = failure_of_status(status), f"{status} {diagnostic}".strip()
    async with db.transaction() as tx:
        mail = await email_store.bounce(tx, email_id, failure, detail, now)
        if mail is None:
            raise EmailNotFound("there is no such mail", field="message_id")
        if not mail["changed"]:
            return
        await email_store.flag_address(tx, mail["recipient"], email_id, now)
        await _tell_settled(tx, email_id, mail["account_id"], sent=False, now=now)
        accounts = [mail["account_id"]]
        if mail["account_id"] is None:
            accounts = [account for account, _ in await contact_store.accounts_of_user(tx, mail["user_id"], now)]
        for account_id in accounts:
            await audit.record(
                tx,
                replace(operator, account_id=account_id, contact_id=None),
                "email.bounced",
                subject=("Email", email_id, mail["recipient"]),
                before={"state": mail["state"]},
                after={"state": "bounced", "status": status, "diagnostic": diagnostic},
            )


def _mail(post: Post, row: Row) -> Mail:
    """The mail as it goes out: with its secret, and as HTML beside the text."""
    text = row["body"]
    if row["sealed_secret"] is not None:
        text = text.replace(SECRET, post.sealer.open(row["sealed_secret"], _purpose(row["occasion"])).decode())
    return Mail(
        message_id=str(row["id"]),
        recipient=row["recipient"],
        subject=row["subject"],
        text=text,
        html=as_html(row["subject"], text, row["locale"]),
        unsubscribe_url=post.settings_url if _optional(row["category"]) else "",
    )


async def _settle(tx: Tx, email_id: UUID, failure: str, detail: str, now: datetime) -> None:
    row = await email_store.settle(
        tx, email_id, "failed" if failure else "sent", failure, detail, None if failure else now
    )
    if row is None:
        return
    if not failure:
        await email_store.clear_address(tx, row["recipient"])
    await _tell_settled(tx, email_id, row["account_id"], sent=not failure, now=now)


async def _tell_settled(tx: Tx, email_id: UUID, account_id: UUID | None, *, sent: bool, now: datetime) -> None:
    event = events_pb2.EmailSettled(
        email_id=str(email_id), account_id=str(account_id or ""), sent=sent, occurred_at=times.to_pb(now)
    )
    await outbox.add(tx, event, account_id=account_id or "", aggregate=email_id)


def _optional(category: str) -> bool:
    return category != notifications.SECURITY


def _purpose(occasion: str) -> str:
    return f"email:{occasion}"


async def _queue(tx: Tx, email_id: UUID) -> None:
    await jobs.add(tx, SEND, {"email_id": str(email_id)}, key=str(email_id))
