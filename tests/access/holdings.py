"""What each account holds in the databases of the running stack: the ids and the telling texts that are its own alone."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Roles, states and names of actions are words of the house, whoever has them; days and amounts are nobody's; bytes are hashes.
_NOT_TELLING = re.compile(r"[A-Z_]+|[a-z]+|[a-z_.]*_[a-z_.]*|\\x.*|\d{4}-\d\d-\d\d(?:T.*)?|[\d.]+", re.DOTALL)
_SHORTEST = 6
#: The service's own errands: nobody is shown them, so what stands there is not everybody's to see.
_ERRANDS = frozenset({"jobs", "inbox"})


@dataclass
class Holdings:
    """Of one account."""

    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Service -> uuids in its database."""
    one_of_each: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Service -> an id of every table's column of ids."""
    texts: set[str] = field(default_factory=set)
    samples: list[str] = field(default_factory=list)
    """One of the texts of every table's every column."""

    def told_in(self, answer: str, sent: str = "") -> list[str]:
        """What of it a text tells, but what was sent by whoever asked."""
        every = {one for many in self.ids.values() for one in many}
        told = every & set(_UUID.findall(answer)) | {one for one in self.texts if one in answer}
        return sorted(one for one in told if one not in sent)


async def of_accounts(urls: Mapping[str, str]) -> dict[str, Holdings]:
    """Account's id -> what is its own and no other's, and stands in nothing that all may see. `urls`: by service."""
    rows = [row for service, url in urls.items() for row in await _rows(service, url)]
    found: dict[str, Holdings] = defaultdict(Holdings)
    owners: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for _, text in row.leaves():
            owners[text].add(row.owner)
    everything = {owner: "\n".join(t for t, who in owners.items() if owner in who) for owner in {r.owner for r in rows}}
    seen: set[tuple[str, str, str, bool]] = set()
    for row in rows:
        for column, text in row.leaves():
            is_id = bool(_UUID.fullmatch(text))
            telling = len(text) >= _SHORTEST and not _NOT_TELLING.fullmatch(text)
            if not row.owner or owners[text] != {row.owner} or not (is_id or telling):
                continue
            own = found[row.owner]
            first = (key := (row.owner, row.table, column, is_id)) not in seen
            if is_id:
                own.ids[row.service].add(text)
                if first:
                    own.one_of_each[row.service].append(text)
            elif any(text in texts for owner, texts in everything.items() if owner != row.owner):
                continue
            else:
                own.texts.add(text)
                if first:
                    own.samples.append(text)
            seen.add(key)
    return found


@dataclass
class _Row:
    service: str
    table: str
    values: dict[str, Any]
    owner: str = ""
    """The account, empty for what belongs to none."""

    def leaves(self) -> Iterator[tuple[str, str]]:
        for column, value in self.values.items():
            yield from ((column, one) for one in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value[:1] in "{[":
            try:
                yield from _texts(json.loads(value))
                return
            except ValueError:
                pass
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


_COLUMNS = """SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent, a.attname AS "column",
                     f.attname AS key
              FROM pg_constraint c
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
              JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
              WHERE c.contype = 'f'"""


async def _rows(service: str, url: str) -> list[_Row]:
    """Every row of a database with the account that it belongs to: its own account_id, or that of what it refers to."""
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in found if row[0] not in _ERRANDS]
        references = await connection.fetch(_COLUMNS)
        rows = {
            table: [
                _Row(service, table, json.loads(r[0]))
                for r in await connection.fetch(f"SELECT to_jsonb(t) FROM {table} t")
            ]
            for table in tables
        }
    finally:
        await connection.close()
    for table, many in rows.items():
        for row in many:
            owner = row.values.get("id" if (service, table) == ("identity", "accounts") else "account_id")
            row.owner = str(UUID(owner)) if owner else ""
    if service == "identity":
        _people(rows["users"], rows["contacts"])
    for _ in tables:  # as far as references reach
        for reference in references:
            parents = {str(row.values[reference["key"]]): row.owner for row in rows[reference["parent"]]}
            for row in rows[reference["child"]]:
                row.owner = row.owner or parents.get(str(row.values[reference["column"]]), "")
    return [row for many in rows.values() for row in many]


def _people(users: list[_Row], contacts: list[_Row]) -> None:
    """A user belongs to the account whose contact it is, where it is of one only."""
    accounts: dict[str, set[str]] = defaultdict(set)
    for contact in contacts:
        accounts[contact.values["user_id"]].add(contact.owner)
    for user in users:
        [user.owner] = accounts[user.values["id"]] if len(accounts[user.values["id"]]) == 1 else [user.owner]
