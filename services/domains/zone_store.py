"""All SQL of zones, their record sets and their history. What a customer asks carries the account and the grant's resources."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from portico.common.v1 import common_pb2
from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page
from services.domains.records import Key, RecordSet

_ZONE = """id, account_id, domain_id, name, version, applied_version, dnssec, dnssec_since, dnssec_until,
           dnssec_operation_id, ds"""
_OWNED = "account_id = $1 AND ($2::uuid[] IS NULL OR domain_id = ANY($2))"
_SET = "name, type, ttl, records, comment"


async def lock(tx: Tx, account_id: UUID, resources: Sequence[UUID] | None, domain_id: UUID) -> Row | None:
    """The zone, which nobody else changes before this transaction ends."""
    return await tx.fetchrow(
        f"SELECT {_ZONE} FROM zones WHERE {_OWNED} AND domain_id = $3 FOR UPDATE",  # noqa: S608
        account_id,
        resources,
        domain_id,
    )


async def lock_by_id(tx: Tx, zone_id: UUID) -> Row | None:
    """For jobs, which act for the house."""
    return await tx.fetchrow(f"SELECT {_ZONE} FROM zones WHERE id = $1 FOR UPDATE", zone_id)  # noqa: S608


async def keep_dnssec(
    tx: Tx,
    zone_id: UUID,
    state: str,
    *,
    since: datetime,
    until: datetime | None = None,
    operation_id: UUID | None = None,
    ds: list[dict[str, Any]],
) -> None:
    await tx.execute(
        """UPDATE zones SET dnssec = $2, dnssec_since = $3, dnssec_until = $4, dnssec_operation_id = $5, ds = $6
           WHERE id = $1""",
        zone_id,
        state,
        since,
        until,
        operation_id,
        ds,
    )


async def get(q: Queryable, zone_id: UUID) -> Row | None:
    return await q.fetchrow(f"SELECT {_ZONE} FROM zones WHERE id = $1", zone_id)  # noqa: S608


async def of_domains(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, domain_ids: Sequence[UUID]
) -> list[Row]:
    return await q.fetch(
        f"SELECT {_ZONE} FROM zones WHERE {_OWNED} AND domain_id = ANY($3)",  # noqa: S608
        account_id,
        resources,
        list(domain_ids),
    )


async def by_ids(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, zone_ids: Sequence[UUID]
) -> list[Row]:
    return await q.fetch(
        f"SELECT {_ZONE} FROM zones WHERE {_OWNED} AND id = ANY($3)",  # noqa: S608
        account_id,
        resources,
        list(zone_ids),
    )


# -- record sets


async def sets(q: Queryable, zone_id: UUID, keys: Iterable[Key] | None = None) -> dict[Key, RecordSet]:
    """The zone's record sets, or those of these names and types."""
    wanted = None if keys is None else list(keys)
    rows = await q.fetch(
        f"""SELECT {_SET} FROM record_sets
            WHERE zone_id = $1 AND ($2::text[] IS NULL
                  OR (name, type) IN (SELECT * FROM unnest($2::text[], $3::text[])))""",  # noqa: S608
        zone_id,
        None if wanted is None else [name for name, _ in wanted],
        None if wanted is None else [type_ for _, type_ in wanted],
    )
    return _sets(rows)


async def sets_of_zones(q: Queryable, zone_ids: Sequence[UUID]) -> dict[UUID, list[RecordSet]]:
    """Every record set of these zones."""
    rows = await q.fetch(f"SELECT zone_id, {_SET} FROM record_sets WHERE zone_id = ANY($1)", list(zone_ids))  # noqa: S608
    found: dict[UUID, list[RecordSet]] = {zone_id: [] for zone_id in zone_ids}
    for row in rows:
        found[row["zone_id"]].append(_set(row))
    return found


async def sets_around(q: Queryable, zone_id: UUID, names: Iterable[str], types: Sequence[str]) -> dict[Key, RecordSet]:
    """The sets of these names, and every set of these types."""
    rows = await q.fetch(
        f"SELECT {_SET} FROM record_sets WHERE zone_id = $1 AND (name = ANY($2) OR type = ANY($3))",  # noqa: S608
        zone_id,
        list(names),
        list(types),
    )
    return _sets(rows)


async def count_sets(q: Queryable, zone_id: UUID) -> int:
    count: int = await q.fetchval("SELECT count(*) FROM record_sets WHERE zone_id = $1", zone_id)
    return count


async def write_sets(tx: Tx, zone_id: UUID, put: Sequence[RecordSet], delete: Sequence[Key]) -> None:
    await tx.execute(
        """DELETE FROM record_sets WHERE zone_id = $1
           AND (name, type) IN (SELECT * FROM unnest($2::text[], $3::text[]))""",
        zone_id,
        [name for name, _ in delete],
        [type_ for _, type_ in delete],
    )
    await tx.execute(
        """INSERT INTO record_sets (zone_id, name, type, ttl, records, comment)
           SELECT $1, s.name, s.type, s.ttl, ARRAY(SELECT jsonb_array_elements_text(s.records)), s.comment
           FROM jsonb_to_recordset($2) AS s (name text, type text, ttl int, records jsonb, comment text)
           ON CONFLICT (zone_id, name, type)
           DO UPDATE SET ttl = excluded.ttl, records = excluded.records, comment = excluded.comment""",
        zone_id,
        [{"name": s.name, "type": s.type, "ttl": s.ttl, "records": s.records, "comment": s.comment} for s in put],
    )


async def set_pages(
    q: Queryable,
    account_id: UUID,
    resources: Sequence[UUID] | None,
    zone_ids: Sequence[UUID],
    *,
    search: str,
    type_: str,
    page: Page,
) -> list[tuple[UUID, list[Any], common_pb2.PageInfo]]:
    """The same page of each zone, in one statement; foreign zones are left out."""
    condition, order = page.sql([("r.name", "text"), ("r.type", "text"), ("r.id", "uuid")], 6)
    rows = await q.fetch(
        f"""SELECT z.id AS zone, s.* FROM zones z LEFT JOIN LATERAL (
                SELECT r.id, r.zone_id, r.name, r.type, r.ttl, r.records, r.comment FROM record_sets r
                WHERE r.zone_id = z.id AND {condition} AND ($5 = '' OR r.type = $5)
                  AND ($4 = '' OR r.name LIKE $4 OR r.comment ILIKE $4 OR array_to_string(r.records, ' ') ILIKE $4)
                ORDER BY {order} LIMIT {page.limit}) s ON true
            WHERE z.{_OWNED.replace("domain_id", "z.domain_id")} AND z.id = ANY($3)
            ORDER BY z.id, {order.replace("r.", "s.")}""",  # noqa: S608
        account_id,
        resources,
        list(zone_ids),
        search,
        type_,
        *page.args,
    )
    return _pages(rows, page, lambda row: (row["name"], row["type"], row["id"]))


# -- history


async def add_change(
    tx: Tx,
    zone_id: UUID,
    kind: str,
    author: dict[str, Any],
    note: str,
    diff: list[dict[str, Any]],
    operation_id: UUID,
    now: datetime,
) -> int:
    """Moves the zone to its next version and keeps how; answers the version."""
    version: int = await tx.fetchval(
        """WITH moved AS (UPDATE zones SET version = version + 1 WHERE id = $1 RETURNING id, version)
           INSERT INTO zone_changes (zone_id, version, kind, author, note, diff, operation_id, created_at)
           SELECT id, version, $2, $3, $4, $5, $6, $7 FROM moved RETURNING version""",
        zone_id,
        kind,
        author,
        note,
        diff,
        operation_id,
        now,
    )
    return version


async def diffs(q: Queryable, zone_id: UUID, after: int, up_to: int) -> list[Row]:
    """(version, diff) of each change after one version up to another, the newest first."""
    return await q.fetch(
        "SELECT version, diff FROM zone_changes WHERE zone_id = $1 AND version > $2 AND version <= $3 ORDER BY version DESC",
        zone_id,
        after,
        up_to,
    )


async def unfinished(tx: Tx, zone_id: UUID, up_to: int) -> list[UUID]:
    """The operations, still open, of the changes up to a version, the oldest first."""
    rows = await tx.fetch(
        """SELECT c.operation_id FROM zone_changes c JOIN operations o ON o.id = c.operation_id
           WHERE c.zone_id = $1 AND c.version <= $2 AND o.finished_at IS NULL ORDER BY c.version""",
        zone_id,
        up_to,
    )
    return [row["operation_id"] for row in rows]


async def change_pages(
    q: Queryable, account_id: UUID, resources: Sequence[UUID] | None, zone_ids: Sequence[UUID], most: int, page: Page
) -> list[tuple[UUID, list[Any], common_pb2.PageInfo]]:
    """The same page of each zone's changes, the newest first; `most` sets of each diff."""
    condition, order = page.sql([("c.version", "bigint")], 5, descending=True)
    rows = await q.fetch(
        f"""SELECT z.id AS zone, s.* FROM zones z LEFT JOIN LATERAL (
                SELECT c.id, c.version, c.kind, c.author, c.note, c.created_at, jsonb_array_length(c.diff) AS size,
                       jsonb_path_query_array(c.diff, '$[0 to $most]', jsonb_build_object('most', $4::int - 1)) AS diff
                FROM zone_changes c WHERE c.zone_id = z.id AND {condition} ORDER BY {order} LIMIT {page.limit}) s ON true
            WHERE z.{_OWNED.replace("domain_id", "z.domain_id")} AND z.id = ANY($3)
            ORDER BY z.id, {order.replace("c.", "s.")}""",  # noqa: S608
        account_id,
        resources,
        list(zone_ids),
        most,
        *page.args,
    )
    return _pages(rows, page, lambda row: (row["version"],))


async def templates(q: Queryable) -> list[Row]:
    return await q.fetch("SELECT code, title_hu, title_en, sets FROM zone_templates ORDER BY position")


def _sets(rows: Iterable[Row]) -> dict[Key, RecordSet]:
    found = map(_set, rows)
    return {one.key: one for one in found}


def _set(row: Row) -> RecordSet:
    return RecordSet(row["name"], row["type"], row["ttl"], tuple(row["records"]), row["comment"])


def _pages(rows: Iterable[Row], page: Page, key: Any) -> list[tuple[UUID, list[Any], common_pb2.PageInfo]]:
    by_zone: dict[UUID, list[Row]] = {}
    for row in rows:
        by_zone.setdefault(row["zone"], [])
        if row["id"] is not None:
            by_zone[row["zone"]].append(row)
    return [(zone_id, *page.cut(found, key)) for zone_id, found in by_zone.items()]


async def claim(q: Queryable, zone_id: UUID, job_id: UUID) -> bool:
    """Whether this job is the one that writes the zone to the nameservers now; for a minute at most."""
    claimed = await q.fetchval(
        """UPDATE zones SET writer = $2, writer_until = now() + interval '1 minute'
           WHERE id = $1 AND (writer IS NULL OR writer = $2 OR writer_until < now()) RETURNING true""",
        zone_id,
        job_id,
    )
    return claimed is not None


async def release(q: Queryable, zone_id: UUID, job_id: UUID) -> None:
    """It failed: another may write at once."""
    await q.execute(
        "UPDATE zones SET writer = NULL, writer_until = NULL WHERE id = $1 AND writer = $2", zone_id, job_id
    )


async def note_served(tx: Tx, zone_id: UUID, version: int) -> None:
    """The nameservers have this version, and the next may be written."""
    await tx.execute(
        """UPDATE zones SET applied_version = greatest(applied_version, $2), writer = NULL, writer_until = NULL
           WHERE id = $1""",
        zone_id,
        version,
    )
