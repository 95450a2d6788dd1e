"""Changing zones: each change is checked and compared as a whole, made against a version, kept, and can be taken back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from services.chassis import audit
from services.chassis.actor import Actor, Scope
from services.chassis.db import Row, Tx
from services.chassis.errors import Conflict, DomainError, Invalid, NotFound
from services.domains import records, zone_files, zone_rules, zone_store, zones
from services.domains.app import App, operations
from services.domains.records import Key, RecordSet

_POINTING = ("MX", "NS", "SRV")
#: What each kind of change is asked with.
_FIELDS = {"EDIT": "changes", "IMPORT": "zone_file", "ROLLBACK": "to_version"}


class ZoneNotFound(NotFound):
    reason = "ZONE_NOT_FOUND"


class ZoneConflict(Conflict):
    """The zone has moved on; `version` is what it is now."""

    reason = "ZONE_CONFLICT"


class ZoneVersionUnknown(Invalid):
    reason = "ZONE_VERSION_UNKNOWN"


class RecordSetNotFound(Invalid):
    reason = "RECORD_SET_NOT_FOUND"


class RecordSetRepeated(Invalid):
    reason = "RECORD_SET_REPEATED"


@dataclass(frozen=True, slots=True)
class Edit:
    """One record set to put, or to delete. `ttl` and `comment` None: as before."""

    name: str
    type: str
    delete: bool
    ttl: int | None
    records: Sequence[str]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    key: Key
    before: RecordSet | None
    after: RecordSet | None


@dataclass(frozen=True, slots=True)
class Changed:
    """`operation_id` None: nothing was written. `problems` say why, each with its path into the request; or nothing would
    change; or it was a dry run."""

    zone: Row
    diff: list[Difference]
    operation_id: UUID | None
    problems: list[DomainError]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What every kind of change is asked with."""

    actor: Actor
    scope: Scope
    domain_id: UUID
    if_version: int
    note: str
    dry_run: bool
    now: datetime


Wish = Mapping[Key, RecordSet | None]
"""The sets as they shall be; None: not there."""


async def edit(app: App, attempt: Attempt, edits: Sequence[Edit]) -> Changed:
    """Puts and deletes record sets."""

    async def wish(tx: Tx, zone: Row, paths: dict[Key, str]) -> tuple[Wish, list[DomainError]]:
        wanted: dict[Key, RecordSet | None] = {}
        problems: list[DomainError] = []
        before = await zone_store.sets(tx, zone["id"], _keys(zone["name"], edits))
        for index, one in enumerate(edits):
            found, wrong = _read(zone["name"], one, before, f"changes[{index}]")
            problems += wrong
            if found is None:
                continue
            key, value = found
            if key in paths:
                detail = f"{key[0]} {key[1]} is there twice"
                problems.append(RecordSetRepeated(detail, field=f"changes[{index}]", name=key[0], type=key[1]))
            paths[key], wanted[key] = f"changes[{index}]", value
        return wanted, problems

    return await _change(app, attempt, "EDIT", wish)


async def import_file(app: App, attempt: Attempt, text: str, *, keep_others: bool, take_nameservers: bool) -> Changed:
    """Makes the zone what a zone file says. Comments of sets that stay are kept; so are the zone's own nameservers,
    unless they are to be taken too: whoever moves here brings a file that names the old ones."""

    async def wish(tx: Tx, zone: Row, paths: dict[Key, str]) -> tuple[Wish, list[DomainError]]:
        own = (f"{zone['name']}.", "NS")
        # In a thread: a large file takes a second, in which others are answered.
        found, problems = await asyncio.to_thread(zone_files.read, zone["name"], text)
        present = await zone_store.sets(tx, zone["id"])
        if not take_nameservers:
            found.pop(own, None)
        wanted: dict[Key, RecordSet | None] = {
            key: replace(one, comment=present[key].comment) if key in present else one for key, one in found.items()
        }
        if not keep_others:
            wanted |= {key: None for key in present if key not in found and (take_nameservers or key != own)}
        paths.update((key, "zone_file") for key in wanted)
        return wanted, list(problems)

    return await _change(app, attempt, "IMPORT", wish)


async def roll_back(app: App, attempt: Attempt, to_version: int) -> Changed:
    """Makes the zone what it was at an earlier version: a new version that can itself be taken back."""

    async def wish(tx: Tx, zone: Row, paths: dict[Key, str]) -> tuple[Wish, list[DomainError]]:
        changes = await zone_store.diffs(tx, zone["id"], to_version, zone["version"])
        if not 1 <= to_version <= zone["version"] or len(changes) != zone["version"] - to_version:
            detail = f"version {to_version} is not in the zone's history"
            return {}, [ZoneVersionUnknown(detail, field="to_version", version=str(to_version))]
        wanted: dict[Key, RecordSet | None] = {}
        for change in changes:  # the newest first: what stood before the oldest change is what counts
            for one in change["diff"]:
                wanted[(one["name"], one["type"])] = _state(one, "before")
        paths.update((key, "to_version") for key in wanted)
        return wanted, []

    return await _change(app, attempt, "ROLLBACK", wish)


async def _change(
    app: App,
    attempt: Attempt,
    kind: str,
    wish: Callable[[Tx, Row, dict[Key, str]], Awaitable[tuple[Wish, list[DomainError]]]],
) -> Changed:
    """`wish` says what the sets shall be, and fills in the request's path to each."""
    async with app.db.transaction() as tx:
        zone = await zone_store.lock(tx, attempt.actor.account_id, attempt.scope.resources, attempt.domain_id)
        if zone is None:
            raise ZoneNotFound("no such zone", field="domain_id")
        if zone["version"] != attempt.if_version:
            detail = f"the zone is at version {zone['version']}, not {attempt.if_version}"
            raise ZoneConflict(detail, field="if_version", version=str(zone["version"]))
        paths: dict[Key, str] = {}
        wanted, problems = await wish(tx, zone, paths)
        diff, more = await _compare(tx, zone, wanted, paths, _FIELDS[kind])
        problems += more
        if problems or attempt.dry_run or not diff:
            return Changed(zone, diff, None, problems)
        [operation] = await operations.start(
            tx,
            "ZONE_CHANGE",
            zone["account_id"],
            subject_type="Zone",
            # A zone is found by its domain, and so are the rights to it.
            subject_ids=[zone["domain_id"]],
            steps=["zone"],
            now=attempt.now,
        )
        version = await _write(
            tx, zone, kind, attempt.actor.ref_json(), attempt.note.strip(), diff, operation["id"], attempt.now
        )
        await _tell(tx, attempt, kind, zone, version, diff)
        moved = await zone_store.get(tx, zone["id"])
    assert moved is not None
    return Changed(moved, diff, operation["id"], [])


async def _write(
    tx: Tx,
    zone: Row,
    kind: str,
    author: dict[str, Any],
    note: str,
    diff: Sequence[Difference],
    operation_id: UUID,
    now: datetime,
) -> int:
    """The zone's next version, its history, and the job that brings it to the nameservers and ends the operation."""
    await zone_store.write_sets(
        tx, zone["id"], [d.after for d in diff if d.after], [d.key for d in diff if d.after is None]
    )
    kept = [_kept(one) for one in diff]
    version = await zone_store.add_change(tx, zone["id"], kind, author, note, kept, operation_id, now)
    await zones.schedule(tx, zone["id"], version)
    return version


async def follow_delegation(
    tx: Tx, domain: Row, hosts: Mapping[str, Sequence[str]], author: dict[str, Any], operation_id: UUID, now: datetime
) -> bool:
    """Makes the zone name the nameservers that its parent names, and know those that are inside it: addresses that the
    zone has none for. The operation ends once they are served. False: it does so already, or there is no zone."""
    zone = await zone_store.lock(tx, domain["account_id"], None, domain["id"])
    if zone is None:
        return False
    apex = (f"{zone['name']}.", "NS")
    types = {4: "A", 6: "AAAA"}
    inside: dict[Key, list[str]] = {}
    for host, addresses in hosts.items():
        for address in addresses:
            inside.setdefault((f"{host}.", types[ip_address(address).version]), []).append(address)
    names = {apex[0], *(name for name, _ in inside)}
    present = await zone_store.sets_around(tx, zone["id"], names, ())
    old = present.get(apex)
    told = tuple(f"{host}." for host in hosts)
    diff = []
    if old is None or set(old.records) != set(told):
        new = RecordSet(*apex, records.DEFAULT_TTL, told) if old is None else replace(old, records=told)
        diff.append(Difference(apex, old, new))
    for key, found in sorted(inside.items()):
        if key not in present and not {(key[0], "CNAME"), (key[0], "ALIAS")} & present.keys():
            diff.append(Difference(key, None, RecordSet(*key, records.DEFAULT_TTL, tuple(found))))
    if diff:
        await _write(tx, zone, "EDIT", author, "", diff, operation_id, now)
    return bool(diff)


async def _compare(
    tx: Tx, zone: Row, wanted: Wish, paths: Mapping[Key, str], field: str
) -> tuple[list[Difference], list[DomainError]]:
    """What would change, and which rules of a zone it would break."""
    after = [one for one in wanted.values() if one is not None]
    names = {name for name, _ in wanted}
    around = await zone_store.sets_around(tx, zone["id"], names | zone_rules.lead_to(after), _POINTING)
    # A second look, for what the sets that lead to hosts lead to.
    beyond = zone_rules.lead_to(around.values()) - names
    contents = around | await zone_store.sets_around(tx, zone["id"], beyond, ())
    diff = [
        Difference(key, contents.get(key), one)
        for key, one in sorted(wanted.items(), key=lambda item: item[0])
        if contents.get(key) != one
    ]
    for one in diff:
        if one.after is None:
            del contents[one.key]
        else:
            contents[one.key] = one.after
    problems: list[DomainError] = []
    for key, error in zone_rules.broken(zone["name"], contents, [one.key for one in diff]):
        error.field = paths[key]
        problems.append(error)
    added = sum(one.before is None for one in diff) - sum(one.after is None for one in diff)
    if added > 0 and await zone_store.count_sets(tx, zone["id"]) + added > records.MOST_SETS:
        problems.append(records.too_many_sets(field))
    return diff, problems


def _keys(zone: str, edits: Iterable[Edit]) -> list[Key]:
    keys: list[Key] = []
    for one in edits:
        try:
            keys.append((records.owner(one.name, zone, ""), one.type.upper()))
        except Invalid:
            continue  # it is told of where the edit is read
    return keys


def _read(
    zone: str, one: Edit, before: Mapping[Key, RecordSet], field: str
) -> tuple[tuple[Key, RecordSet | None] | None, list[Invalid]]:
    type_ = one.type.upper()
    if one.delete:
        try:
            key = records.owner(one.name, zone, f"{field}.name"), type_
        except Invalid as error:
            return None, [error]
        if key not in before:
            return None, [RecordSetNotFound("no such record set", field=field, name=key[0], type=key[1][:20])]
        return (key, None), []
    try:
        old = before.get((records.owner(one.name, zone, ""), type_))
    except Invalid:
        old = None
    ttl = one.ttl if one.ttl is not None or old is None else old.ttl
    comment = one.comment if one.comment is not None else old.comment if old else ""
    made, problems = records.record_set(zone, one.name, type_, ttl, list(one.records), comment, field)
    return (None, problems) if made is None else ((made.key, made), problems)


def _kept(one: Difference) -> dict[str, Any]:
    def state(of: RecordSet | None) -> dict[str, Any] | None:
        return None if of is None else {"ttl": of.ttl, "records": of.records, "comment": of.comment}

    return {"name": one.key[0], "type": one.key[1], "before": state(one.before), "after": state(one.after)}


def difference(kept: Mapping[str, Any]) -> Difference:
    """From the history's JSON."""
    return Difference((kept["name"], kept["type"]), _state(kept, "before"), _state(kept, "after"))


def _state(kept: Mapping[str, Any], which: str) -> RecordSet | None:
    of = kept[which]
    if of is None:
        return None
    return RecordSet(kept["name"], kept["type"], of["ttl"], tuple(of["records"]), of["comment"])


async def _tell(tx: Tx, attempt: Attempt, kind: str, zone: Row, version: int, diff: Sequence[Difference]) -> None:
    # The history keeps the records; the log says who, what for, and how much.
    counts = {
        "added": sum(one.before is None for one in diff),
        "changed": sum(one.before is not None and one.after is not None for one in diff),
        "removed": sum(one.after is None for one in diff),
    }
    action = {"EDIT": "zone.changed", "IMPORT": "zone.imported", "ROLLBACK": "zone.rolled_back"}[kind]
    await audit.record(
        tx,
        attempt.actor,
        action,
        subject=("Zone", zone["domain_id"], zone["name"]),
        before={"version": zone["version"]},
        after={"version": version, "note": attempt.note.strip(), **counts},
    )
