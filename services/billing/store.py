"""All of billing's SQL. Amounts are minor units; lists go in and out in single statements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from services.chassis.db import Queryable, Row, Tx
from services.chassis.pages import Page

_INVOICE = """i.id, i.account_id, i.kind, i.number, invoice_state(i.state, i.due_on, {today}) AS state, i.issued_on,
    i.due_on, i.currency, i.net_minor AS net, i.vat_minor AS vat, i.gross_minor AS gross, i.paid_minor AS paid,
    i.paid_at, i.order_id, i.replaces_id, i.replaced_by_id, i.locale, i.buyer, i.created_at"""
_UNPAID = "i.state IN ('OPEN', 'PARTIALLY_PAID')"


# Parties, prices, taxes


async def save_customer(tx: Tx, account_id: UUID, fields: Mapping[str, str], now: datetime) -> None:
    await tx.execute(
        """INSERT INTO customers (account_id, number, name, tax_number, country, postal_code, city, street, currency,
                                  locale, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           ON CONFLICT (account_id) DO UPDATE SET number = excluded.number, name = excluded.name,
               tax_number = excluded.tax_number, country = excluded.country, postal_code = excluded.postal_code,
               city = excluded.city, street = excluded.street, currency = excluded.currency, locale = excluded.locale,
               updated_at = excluded.updated_at
           WHERE customers.updated_at <= excluded.updated_at""",
        account_id,
        *(
            fields[name]
            for name in (
                "number",
                "name",
                "tax_number",
                "country",
                "postal_code",
                "city",
                "street",
                "currency",
                "locale",
            )
        ),
        now,
    )


async def customer(q: Queryable, account_id: UUID) -> Row | None:
    return await q.fetchrow(
        """SELECT account_id, number, name, tax_number, country, postal_code, city, street, currency, locale
           FROM customers WHERE account_id = $1""",
        account_id,
    )


async def prices(q: Queryable, currency: str) -> list[Row]:
    return await q.fetch(
        """SELECT action, item, period_months, currency, net_minor AS net FROM prices WHERE currency = $1
           ORDER BY action, item, period_months""",
        currency,
    )


async def vat_rates(q: Queryable, countries: Sequence[str], day: date) -> dict[str, int]:
    rows = await q.fetch(
        """SELECT DISTINCT ON (country) country, rate_bp FROM vat_rates
           WHERE country = ANY($1::text[]) AND valid_from <= $2 ORDER BY country, valid_from DESC""",
        countries,
        day,
    )
    return {row["country"]: row["rate_bp"] for row in rows}


# Documents: writing


async def take_numbers(tx: Tx, prefix: str, year: int, count: int) -> list[Row]:
    return await tx.fetch(
        """WITH taken AS (
               INSERT INTO series (prefix, year, last_number) VALUES ($1, $2, $3)
               ON CONFLICT (prefix, year) DO UPDATE SET last_number = series.last_number + excluded.last_number
               RETURNING last_number)
           SELECT uuidv7() AS id, taken.last_number - $3 + n AS serial
           FROM taken, generate_series(1, $3::bigint) AS n ORDER BY n""",
        prefix,
        year,
        count,
    )


async def add_invoices(tx: Tx, documents: Sequence[Mapping[str, object]]) -> None:
    columns = """id, account_id, kind, series, year, serial, number, state, issued_on, due_on, currency, net_minor,
        vat_minor, gross_minor, line_count, paid_minor, paid_at, order_id, replaces_id, locale, seller, buyer,
        created_at, payable_until"""
    await tx.execute(
        f"""INSERT INTO invoices ({columns})
            SELECT {columns} FROM jsonb_populate_recordset(NULL::invoices, $1::jsonb)""",  # noqa: S608
        documents,
    )


async def add_lines(tx: Tx, lines: Sequence[Mapping[str, object]]) -> None:
    columns = """invoice_id, position, description, quantity, net_minor, vat_rate_bp, vat_minor, gross_minor,
        subject_type, subject_id, period_months, reverses_line_id, order_item_id"""
    await tx.execute(
        f"""INSERT INTO invoice_lines ({columns})
            SELECT {columns} FROM jsonb_populate_recordset(NULL::invoice_lines, $1::jsonb)""",  # noqa: S608
        lines,
    )


async def mark_paid(tx: Tx, ids: Sequence[UUID], now: datetime) -> None:
    await tx.execute(
        "UPDATE invoices SET state = 'PAID', paid_minor = gross_minor, paid_at = $2 WHERE id = ANY($1::uuid[])",
        ids,
        now,
    )


async def mark_partially_paid(tx: Tx, invoice_id: UUID, paid: int, state: str) -> None:
    await tx.execute("UPDATE invoices SET state = $3, paid_minor = $2 WHERE id = $1", invoice_id, paid, state)


async def link_following(tx: Tx, following: Mapping[UUID, UUID]) -> None:
    """document -> the one that follows it"""
    await tx.execute(
        """UPDATE invoices i SET replaced_by_id = f.following
           FROM unnest($1::uuid[], $2::uuid[]) AS f (id, following) WHERE i.id = f.id""",
        list(following),
        list(following.values()),
    )


async def mark_corrected(tx: Tx, original_id: UUID, storno_id: UUID, state_when_whole: str) -> None:
    """The storno corrects the original; once every line is taken back its state becomes `state_when_whole`."""
    await tx.execute(
        """UPDATE invoices i SET replaced_by_id = $2, state = CASE WHEN EXISTS (
               SELECT FROM invoice_lines l LEFT JOIN invoice_lines r ON r.reverses_line_id = l.id
               WHERE l.invoice_id = i.id AND r.id IS NULL) THEN i.state ELSE $3 END
           WHERE i.id = $1""",
        original_id,
        storno_id,
        state_when_whole,
    )


async def claim_credit(tx: Tx, item_id: UUID, account_id: UUID, order_id: UUID) -> bool:
    """True the first time; waits for another transaction that claims the same."""
    tag = await tx.execute(
        """INSERT INTO credited_items (item_id, account_id, order_id) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING""",
        item_id,
        account_id,
        order_id,
    )
    return tag == "INSERT 0 1"


# Documents: reading


async def lock_invoices(tx: Tx, account_id: UUID, ids: Sequence[UUID]) -> None:
    """In the order of their ids, so that two payers never wait for each other."""
    await tx.fetch(
        "SELECT id FROM invoices WHERE account_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        account_id,
        ids,
    )


async def lock_invoice_of_order(tx: Tx, account_id: UUID, order_id: UUID) -> UUID | None:
    found: UUID | None = await tx.fetchval(
        """SELECT id FROM invoices WHERE account_id = $1 AND order_id = $2 AND kind = 'INVOICE'
           FOR NO KEY UPDATE""",
        account_id,
        order_id,
    )
    return found


async def order_terms(q: Queryable) -> Row:
    row = await q.fetchrow("SELECT due_days, cancel_after_days FROM order_terms")
    assert row is not None
    return row


async def cancel_unpaid(tx: Tx, today: date, limit: int) -> list[Row]:
    """Proformas of orders of which nothing was paid are cancelled; those that somebody is paying just now are left."""
    return await tx.fetch(
        """UPDATE invoices SET state = 'CANCELLED'
           WHERE id = ANY(ARRAY(SELECT id FROM invoices
                                WHERE state = 'OPEN' AND kind = 'PROFORMA' AND order_id IS NOT NULL AND due_on < $1
                                  AND coalesce(payable_until, due_on + (SELECT cancel_after_days FROM order_terms)) < $1
                                ORDER BY due_on LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))
           RETURNING id, account_id, order_id, number""",
        today,
        limit,
    )


async def order_has_proforma(q: Queryable, order_id: UUID) -> bool:
    found: bool = await q.fetchval(
        "SELECT EXISTS (SELECT FROM invoices WHERE order_id = $1 AND kind = 'PROFORMA')", order_id
    )
    return found


async def invoices_by_ids(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, ids: Sequence[UUID], today: date
) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_INVOICE.format(today="$4::date")} FROM invoices i
            WHERE i.account_id = $1 AND ($2::uuid[] IS NULL OR i.id = ANY($2)) AND i.id = ANY($3::uuid[])""",  # noqa: S608
        account_id,
        resources,
        ids,
        today,
    )


async def invoice_page(
    q: Queryable,
    account_id: UUID,
    resources: list[UUID] | None,
    states: Sequence[str],
    kinds: Sequence[str],
    search: str,
    page: Page,
    today: date,
) -> list[Row]:
    condition, order = page.sql([("i.created_at", "timestamptz"), ("i.id", "uuid")], start=8, descending=True)
    return await q.fetch(
        f"""SELECT {_INVOICE.format(today="$3::date")} FROM invoices i
            WHERE i.account_id = $1 AND ($2::uuid[] IS NULL OR i.id = ANY($2))
              AND (cardinality($4::text[]) = 0 OR invoice_state(i.state, i.due_on, $3::date) = ANY($4))
              AND (cardinality($5::text[]) = 0 OR i.kind = ANY($5))
              AND ($6 = '' OR strpos(lower(i.number), lower($6)) > 0)
              AND {condition} ORDER BY {order} LIMIT $7""",  # noqa: S608
        account_id,
        resources,
        today,
        states,
        kinds,
        search,
        page.limit,
        *page.args,
    )


async def unpaid_invoices(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, limit: int, today: date
) -> list[Row]:
    return await q.fetch(
        f"""SELECT {_INVOICE.format(today="$3::date")} FROM invoices i
            WHERE i.account_id = $1 AND ($2::uuid[] IS NULL OR i.id = ANY($2)) AND {_UNPAID}
            ORDER BY i.due_on, i.id LIMIT $4""",  # noqa: S608
        account_id,
        resources,
        today,
        limit,
    )


async def lines_of(q: Queryable, invoice_ids: Sequence[UUID]) -> list[Row]:
    return await q.fetch(
        """SELECT invoice_id, id, description, quantity, net_minor AS net, vat_rate_bp, vat_minor AS vat,
                  gross_minor AS gross, subject_type, subject_id, period_months, order_item_id
           FROM invoice_lines WHERE invoice_id = ANY($1::uuid[]) ORDER BY invoice_id, position""",
        invoice_ids,
    )


async def balance(
    q: Queryable, account_id: UUID, resources: list[UUID] | None, currency: str | None, today: date
) -> Row:
    row = await q.fetchrow(
        f"""WITH billed AS (
                SELECT coalesce($3, (SELECT currency FROM customers WHERE account_id = $1), 'HUF') AS currency)
            SELECT billed.currency,
                   coalesce(sum(i.gross_minor - i.paid_minor), 0)::bigint AS outstanding,
                   coalesce(sum(i.gross_minor - i.paid_minor)
                       FILTER (WHERE invoice_state(i.state, i.due_on, $4::date) = 'OVERDUE'), 0)::bigint AS overdue,
                   coalesce((SELECT balance_minor FROM credit_balances c
                             WHERE c.account_id = $1 AND c.currency = billed.currency), 0) AS credit
            FROM billed LEFT JOIN invoices i ON i.account_id = $1 AND i.currency = billed.currency AND {_UNPAID}
                 AND ($2::uuid[] IS NULL OR i.id = ANY($2))
            GROUP BY billed.currency""",  # noqa: S608
        account_id,
        resources,
        currency,
        today,
    )
    assert row is not None
    return row


# Payments


async def add_payments(tx: Tx, payments: Sequence[Mapping[str, object]], now: datetime) -> list[UUID]:
    """Their ids, in order."""
    rows = await tx.fetch(
        """WITH new AS (
               SELECT uuidv7() AS id, p.* FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (
                   account_id uuid, method text, amount_minor bigint, currency text, proforma_id uuid, invoice_id uuid))
                   WITH ORDINALITY AS p (account_id, method, amount_minor, currency, proforma_id, invoice_id, n)),
           added AS (
               INSERT INTO payments (id, account_id, method, amount_minor, currency, proforma_id, invoice_id, paid_at)
               SELECT id, account_id, method, amount_minor, currency, proforma_id, invoice_id, $2 FROM new)
           SELECT id FROM new ORDER BY n""",
        payments,
        now,
    )
    return [row["id"] for row in rows]


async def link_payments(tx: Tx, finals: Mapping[UUID, UUID]) -> None:
    """What was paid of a proforma before belongs to its final invoice too: proforma -> final."""
    await tx.execute(
        """UPDATE payments p SET invoice_id = f.final
           FROM unnest($1::uuid[], $2::uuid[]) AS f (proforma, final) WHERE p.proforma_id = f.proforma""",
        list(finals),
        list(finals.values()),
    )


async def payments_of(q: Queryable, invoice_ids: Sequence[UUID]) -> list[Row]:
    return await q.fetch(
        """SELECT d.id AS document_id, p.id, p.method, p.amount_minor AS amount, p.paid_at
           FROM unnest($1::uuid[]) AS d (id) JOIN LATERAL (
               SELECT * FROM payments WHERE proforma_id = d.id UNION SELECT * FROM payments WHERE invoice_id = d.id) p
               ON true
           ORDER BY d.id, p.paid_at, p.id""",
        invoice_ids,
    )


# Ledger


async def ledger_accounts(
    tx: Tx, wanted: Sequence[tuple[str, UUID | None, str]]
) -> dict[tuple[str, UUID | None, str], UUID]:
    """The ledger accounts (kind, account, currency), opened where they are missing."""
    find = """SELECT a.id, a.kind, a.account_id, a.currency FROM ledger_accounts a
              JOIN unnest($1::text[], $2::uuid[], $3::text[]) AS w (kind, account_id, currency)
                   ON a.kind = w.kind AND a.account_id IS NOT DISTINCT FROM w.account_id AND a.currency = w.currency"""
    args = [list(column) for column in zip(*wanted, strict=True)]
    rows = await tx.fetch(find, *args)
    if len(rows) < len(wanted):
        # Another transaction may open the same one: wait for it, then look again.
        await tx.execute(
            """INSERT INTO ledger_accounts (kind, account_id, currency)
               SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]) ON CONFLICT DO NOTHING""",
            *args,
        )
        rows = await tx.fetch(find, *args)
    return {(row["kind"], row["account_id"], row["currency"]): row["id"] for row in rows}


async def add_ledger_transactions(
    tx: Tx, transactions: Sequence[tuple[str, UUID | None]], now: datetime
) -> dict[str, UUID]:
    """Ids by key."""
    rows = await tx.fetch(
        """INSERT INTO ledger_transactions (key, invoice_id, created_at)
           SELECT key, invoice_id, $3 FROM unnest($1::text[], $2::uuid[]) AS t (key, invoice_id) RETURNING id, key""",
        [key for key, _ in transactions],
        [invoice_id for _, invoice_id in transactions],
        now,
    )
    return {row["key"]: row["id"] for row in rows}


async def add_ledger_entries(tx: Tx, entries: Iterable[tuple[UUID, UUID, int, str]]) -> None:
    """(transaction, ledger account, minor units, currency)"""
    columns = [list(column) for column in zip(*entries, strict=True)]
    await tx.execute(
        """INSERT INTO ledger_entries (transaction_id, ledger_account_id, amount_minor, currency)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[])""",
        *columns,
    )


async def lock_credit(tx: Tx, account_id: UUID, currency: str) -> int:
    found: int | None = await tx.fetchval(
        "SELECT balance_minor FROM credit_balances WHERE account_id = $1 AND currency = $2 FOR NO KEY UPDATE",
        account_id,
        currency,
    )
    return found or 0
