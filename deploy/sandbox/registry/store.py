"""The registry's state in one SQLite file: objects as JSON documents, who refers to whom, the message queues."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

REDEMPTION = timedelta(days=30)
PENDING_DELETE = timedelta(days=5)

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (kind TEXT, key TEXT, doc TEXT NOT NULL, due REAL, PRIMARY KEY (kind, key))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_due ON objects (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS refs (owner TEXT, kind TEXT, key TEXT, PRIMARY KEY (kind, key, owner)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refs_owner ON refs (owner);
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, registrar TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL, data TEXT);
CREATE INDEX IF NOT EXISTS messages_registrar ON messages (registrar, id);
CREATE TABLE IF NOT EXISTS emails (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, recipient TEXT NOT NULL, domain TEXT NOT NULL, code TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


@dataclass
class Domain:
    """A domain as the registry holds it. Times are ISO 8601 in UTC."""

    name: str
    roid: str
    sponsor: str
    creator: str
    created: str
    expires: str
    registrant: str = ""
    contacts: list[list[str]] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=list)
    auth: str = ""
    statuses: list[str] = field(default_factory=list)
    ds: list[list[str]] = field(default_factory=list)
    updated: str = ""
    updater: str = ""
    transferred: str = ""
    grace: dict[str, str] = field(default_factory=dict)
    """RGP status -> the moment it ends."""
    deleted: str = ""
    restoring: bool = False
    transfer: dict[str, str] | None = None
    pending: dict[str, Any] | None = None
    """An action that waits for its completion: command, clTRID, svTRID, registrar, and what it changes."""

    def shown(self) -> list[str]:
        """The statuses as <info> shows them (RFC 5731 section 2.3)."""
        shown = list(self.statuses)
        if self.deleted:
            shown.append("pendingDelete")
        if self.transfer and self.transfer["status"] == "pending":
            shown.append("pendingTransfer")
        if self.pending:
            command = str(self.pending["command"])
            extra = f"pending{command.capitalize()}"
            if extra not in shown:
                shown.append(extra)
        if not self.nameservers:
            shown.append("inactive")
        return shown or ["ok"]

    def rgp(self, now: datetime) -> str:
        """The one RGP status that <info> shows: the RFC 3915 schema has room for a single one."""
        if self.deleted:
            if self.restoring:
                return "pendingRestore"
            return "redemptionPeriod" if now < at(self.deleted) + REDEMPTION else "pendingDelete"
        open_ = [
            s for s in ("transferPeriod", "renewPeriod", "autoRenewPeriod", "addPeriod") if now < at(self.grace.get(s))
        ]
        return open_[0] if open_ else ""

    def transfer_due(self) -> float | None:
        """When the waiting of a transfer ends."""
        pending = self.transfer and self.transfer["status"] == "pending"
        return at(self.transfer["due"]).timestamp() if self.transfer and pending else None

    def delete_due(self) -> float | None:
        """When the name is free again."""
        going = self.deleted and not self.restoring
        return (at(self.deleted) + REDEMPTION + PENDING_DELETE).timestamp() if going else None


def at(value: str | None) -> datetime:
    """An ISO time; the beginning of time when empty."""
    if not value:
        return datetime.min.replace(tzinfo=UTC)
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iso(value: datetime) -> str:
    """UTC with milliseconds."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def action_due(action: dict[str, Any] | None) -> float | None:
    """When time alone ends a pending action: its holder confirms by itself, or has not confirmed."""
    moments = [moment for moment in (action or {}).get("confirmation", {}).values() if moment]
    return min((at(moment).timestamp() for moment in moments), default=None)


class Store:
    """Synchronous on purpose: a command is one short transaction, and one at a time is what makes it atomic."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)
        if "text" not in {row[1] for row in self._db.execute("PRAGMA table_info(emails)")}:
            # A file of before there were mails with anything but a code.
            self._db.execute("ALTER TABLE emails ADD COLUMN text TEXT NOT NULL DEFAULT ''")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: a refusal in the middle of a command leaves no trace."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def roid(self, letter: str) -> str:
        """The next repository object id."""
        row = self._db.execute(
            "INSERT INTO counters VALUES ('roid', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        return f"{letter}{row[0]:08d}-SBX"

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """The document, or None."""
        row = self._db.execute("SELECT doc FROM objects WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, key: str, doc: dict[str, Any], due: float | None = None) -> None:
        """Insert or replace."""
        self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (kind, key, json.dumps(doc), due))

    def remove(self, kind: str, key: str) -> None:
        """Delete the document and what it refers to."""
        self._db.execute("DELETE FROM objects WHERE kind = ? AND key = ?", (kind, key))
        self._db.execute("DELETE FROM refs WHERE owner = ?", (f"{kind}:{key}",))

    def domain(self, name: str) -> Domain | None:
        """A domain by its lower-case name."""
        doc = self.get("domain", name)
        return None if doc is None else Domain(**doc)

    def put_domain(self, domain: Domain) -> None:
        """Store a domain and its references to contacts and hosts."""
        owner = f"domain:{domain.name}"
        moments = [domain.transfer_due(), domain.delete_due(), action_due(domain.pending)]
        due = min((moment for moment in moments if moment is not None), default=None)
        self.put("domain", domain.name, asdict(domain), due)
        targets = {("contact", c[1]) for c in domain.contacts} | {("host", n) for n in domain.nameservers}
        if domain.registrant:
            targets.add(("contact", domain.registrant))
        self._db.execute("DELETE FROM refs WHERE owner = ?", (owner,))
        self._db.executemany("INSERT INTO refs VALUES (?, ?, ?)", [(owner, kind, key) for kind, key in targets])

    def linked(self, kind: str, key: str) -> bool:
        """Whether a domain refers to this contact or host."""
        return (
            self._db.execute("SELECT 1 FROM refs WHERE kind = ? AND key = ? LIMIT 1", (kind, key)).fetchone()
            is not None
        )

    def holdings(self, contact: str) -> list[str]:
        """The names of the domains that the contact is the registrant of."""
        rows = self._db.execute("SELECT owner FROM refs WHERE kind = 'contact' AND key = ? ORDER BY owner", (contact,))
        domains = [self.domain(str(row[0]).removeprefix("domain:")) for row in rows.fetchall()]
        return [domain.name for domain in domains if domain is not None and domain.registrant == contact]

    def hosts_under(self, name: str) -> list[str]:
        """The subordinate hosts of a domain."""
        rows = self._db.execute(
            "SELECT key FROM objects WHERE kind = 'host' AND (key = ? OR key LIKE ?) ORDER BY key", (name, f"%.{name}")
        )
        return [str(row[0]) for row in rows]

    def due(self, now: datetime) -> list[Domain]:
        """Domains that time has changed."""
        rows = self._db.execute(
            "SELECT doc FROM objects WHERE kind = 'domain' AND due <= ?", (now.timestamp(),)
        ).fetchall()
        return [Domain(**json.loads(row[0])) for row in rows]

    def due_contacts(self, now: datetime) -> list[str]:
        """The ids of contacts that time has changed."""
        query = "SELECT key FROM objects WHERE kind = 'contact' AND due <= ?"
        return [str(row[0]) for row in self._db.execute(query, (now.timestamp(),)).fetchall()]

    def message(self, registrar: str, when: datetime, text: str, data: str | None = None) -> None:
        """Queue a message; `data` is the serialised child of <resData>."""
        self._db.execute(
            "INSERT INTO messages (registrar, at, text, data) VALUES (?, ?, ?, ?)", (registrar, iso(when), text, data)
        )

    def oldest(self, registrar: str) -> tuple[int, str, str, str | None] | None:
        """(id, time, text, data) at the head of the queue."""
        row = self._db.execute(
            "SELECT id, at, text, data FROM messages WHERE registrar = ? ORDER BY id LIMIT 1", (registrar,)
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def waiting(self, registrar: str) -> int:
        """The length of the queue."""
        return int(self._db.execute("SELECT count(*) FROM messages WHERE registrar = ?", (registrar,)).fetchone()[0])

    def acknowledge(self, registrar: str, message: int) -> bool:
        """Remove a message; False when it is not there or not theirs."""
        return (
            self._db.execute("DELETE FROM messages WHERE id = ? AND registrar = ?", (message, registrar)).rowcount == 1
        )

    def add_email(self, when: datetime, recipient: str, domain: str, *, code: str = "", text: str = "") -> None:
        """What the registry would send to a holder: the domain's new auth code, or a text."""
        self._db.execute(
            "INSERT INTO emails (at, recipient, domain, code, text) VALUES (?, ?, ?, ?, ?)",
            (iso(when), recipient, domain, code, text),
        )

    def emails(self, domain: str) -> list[dict[str, str]]:
        """The oldest first."""
        columns = ("at", "recipient", "code", "text")
        rows = self._db.execute(f"SELECT {', '.join(columns)} FROM emails WHERE domain = ? ORDER BY id", (domain,))  # noqa: S608
        return [dict(zip(columns, row, strict=True)) for row in rows]
