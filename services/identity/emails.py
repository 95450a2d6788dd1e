"""E-mails to the account's people: written with what they tell of, delivered by a job when there is a mail server."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portico.identity.v1 import events_pb2
from services.chassis import jobs, outbox, times
from services.chassis.actor import Actor, Scope
from services.chassis.db import Database, Row, Tx
from services.chassis.pages import Page
from services.chassis.sealing import Sealer
from services.identity import store
from services.identity.letters import SECRET, Letter, render
from services.identity.mailer import Mailer, Refused, Undelivered

log = logging.getLogger(__name__)
SEND = "send_email"
#: With the jobs' backoff, about an hour and a half.
MAX_ATTEMPTS = 25
#: Mail that waited longer, because there was no server, is news no more.
_STALE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Post:
    """Where letters are handed in. Without `delivers` (there is no mail server) they stay queued."""

    sealer: Sealer
    delivers: bool

    async def write(self, tx: Tx, letter: Letter, now: datetime) -> None:
        """Writes the mail in the transaction of what it tells of. One an occasion: a repeat changes nothing."""
        sealed = self.sealer.seal(letter.secret.encode(), _purpose(letter.occasion)) if letter.secret else None
        email_id = await store.add_email(tx, letter, render(letter), sealed, now)
        if email_id is not None and self.delivers:
            await _queue(tx, email_id)


async def deliver(db: Database, sealer: Sealer, mailer: Mailer, job: jobs.LeasedJob, now: datetime) -> None:
    """Hands one mail to the server and settles it; RetryLater while the server asks for it."""
    email_id = UUID(job.payload["email_id"])
    mail = await store.email(db, email_id)
    if mail is None or mail["state"] != "queued":
        return
    refusal, body = "", mail["body"]
    if mail["sealed_secret"] is not None:
        body = body.replace(SECRET, sealer.open(mail["sealed_secret"], _purpose(mail["occasion"])).decode())
    try:
        await mailer.send(message_id=str(email_id), recipient=mail["recipient"], subject=mail["subject"], body=body)
    except Refused as error:
        refusal = str(error)
    except Undelivered as error:
        if job.attempt < MAX_ATTEMPTS:
            raise jobs.RetryLater(cause=str(error)) from error
        refusal = str(error)
    async with job.finishing(db) as tx:
        await _settle(tx, email_id, refusal, now)
    if refusal:
        log.error("an e-mail is given up", extra={"email": str(email_id), "cause": refusal})


async def queue_waiting(db: Database, now: datetime) -> None:
    """Gives mail that was written while there was no server to the worker."""
    async with db.transaction() as tx:
        for email_id in await store.waiting_emails(tx, now - _STALE):
            await _queue(tx, email_id)


async def page(db: Database, actor: Actor, scope: Scope, page: Page) -> list[Row]:
    """The account's newest mails; one row more than the page."""
    return await store.email_page(db, actor.account_id, scope.resources, page)


async def _settle(tx: Tx, email_id: UUID, refusal: str, now: datetime) -> None:
    row = await store.settle_email(
        tx, email_id, "failed" if refusal else "sent", refusal[:2000], None if refusal else now
    )
    if row is None:
        return
    event = events_pb2.EmailSettled(
        email_id=str(email_id), account_id=str(row["account_id"] or ""), sent=not refusal, occurred_at=times.to_pb(now)
    )
    await outbox.add(tx, event, account_id=row["account_id"] or "", aggregate=email_id)


def _purpose(occasion: str) -> str:
    return f"email:{occasion}"


async def _queue(tx: Tx, email_id: UUID) -> None:
    await jobs.add(tx, SEND, {"email_id": str(email_id)}, key=str(email_id))
