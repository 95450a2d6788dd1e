"""Changes that the holder of a domain has to confirm at its registry (tlds.confirmed_changes).

The registry leaves such a command pending and writes to the holder; whether it was confirmed is told like any pending one's
outcome. Where it carries the command out at once, there is nothing of this.
"""

from datetime import datetime, timedelta

from portico.domains.v1 import events_pb2
from services.chassis import audit, outbox, times
from services.chassis.actor import system
from services.chassis.db import Row, Tx
from services.domains import contact_store, intents, store

REGISTRATION, REGISTRANT, NAMESERVERS, DNSSEC = "registration", "registrant", "nameservers", "dnssec"
CHANGES = frozenset({REGISTRATION, REGISTRANT, NAMESERVERS, DNSSEC})
"""Those of tlds.confirmed_changes."""
NOT_CONFIRMED = "HOLDER_DID_NOT_CONFIRM"
_BY_REGISTRY, _BY_HOLDER = "pending at the registry", "the holder must confirm at the registry"


async def note_pending(tx: Tx, domain: Row, intent: Row, change: str, now: datetime) -> str:
    """The registry has left a command pending: what its step waits for.

    `change` is which of CHANGES the command is, empty for none. That the holder is asked is told once a command.
    """
    if intent["detail"] in intents.LEFT_PENDING:
        return _BY_HOLDER if intent["detail"] == intents.UNCONFIRMED else _BY_REGISTRY
    tld = await store.tld(tx, domain["tld"])
    if change not in tld["confirmed_changes"]:
        await intents.note(tx, intent["id"], intents.PENDING)
        return _BY_REGISTRY
    await intents.note(tx, intent["id"], intents.UNCONFIRMED)
    days = tld["confirmation_days"]
    await _tell(tx, domain, intent, change, None if days is None else now + timedelta(days=days), now)
    return _BY_HOLDER


def refusal(intent: Row, otherwise: str) -> tuple[str, str]:
    """(reason, detail) where a command that was left pending was not carried out."""
    if intent["detail"] == intents.UNCONFIRMED:
        return NOT_CONFIRMED, "the holder did not confirm it at the registry"
    return otherwise, "the registry refused what it had left pending"


async def _tell(tx: Tx, domain: Row, intent: Row, change: str, until: datetime | None, now: datetime) -> None:
    await audit.record(
        tx,
        system("domains", domain["account_id"]),
        "domain.confirmation_wanted",
        subject=("Domain", domain["id"], domain["unicode_name"]),
        after={"change": change} | ({"until": until.isoformat()} if until else {}),
    )
    event = events_pb2.HolderConfirmationWanted(
        command_id=str(intent["id"]),
        domain_id=str(domain["id"]),
        account_id=str(domain["account_id"]),
        name=domain["name"],
        unicode_name=domain["unicode_name"],
        change=change,
        holder_email=masked(await _email(tx, domain, change)),
        until=times.to_pb(until),
        occurred_at=times.to_pb(now),
    )
    await outbox.add(tx, event, account_id=domain["account_id"], aggregate=domain["id"])


async def _email(tx: Tx, domain: Row, change: str) -> str:
    """The holder's, as we told it to the registry or were told; of another holder, the present one's."""
    if change == REGISTRATION:
        account = await store.registrant(tx, domain["account_id"])
        return str(account["email"]) if account is not None else ""
    for contact in await contact_store.of_domains(tx, domain["account_id"], None, [domain["id"]]):
        if contact["role"] == "registrant":
            return str(contact["email"])
    return ""


def masked(email: str) -> str:
    """As much of an address as its owner needs to know which one it is: "a…@minta.example"."""
    local, at, host = email.rpartition("@")
    return f"{local[:1]}…@{host}" if at and local else ""
