-- The double-entry ledger. A debit is positive, a credit negative; every transaction sums to 0 in every currency.

CREATE TABLE ledger_accounts (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    kind       text NOT NULL CHECK (kind IN ('BANK', 'CUSTOMER_CREDIT', 'RECEIVABLE', 'REVENUE', 'VAT_PAYABLE')),
    account_id uuid,
    currency   text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    UNIQUE NULLS NOT DISTINCT (kind, account_id, currency),
    UNIQUE (id, currency),
    CHECK ((kind IN ('CUSTOMER_CREDIT', 'RECEIVABLE')) = (account_id IS NOT NULL))
);

CREATE TABLE ledger_transactions (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    -- What happened, once: "payment:<id>".
    key        text NOT NULL UNIQUE,
    invoice_id uuid REFERENCES invoices,
    created_at timestamptz NOT NULL
);
CREATE INDEX ledger_transactions_of_invoice ON ledger_transactions (invoice_id) WHERE invoice_id IS NOT NULL;

CREATE TABLE ledger_entries (
    id                uuid PRIMARY KEY DEFAULT uuidv7(),
    transaction_id    uuid NOT NULL REFERENCES ledger_transactions,
    ledger_account_id uuid NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor <> 0),
    currency          text NOT NULL,
    FOREIGN KEY (ledger_account_id, currency) REFERENCES ledger_accounts (id, currency)
);
CREATE INDEX ledger_entries_of_transaction ON ledger_entries (transaction_id);
CREATE INDEX ledger_entries_of_account ON ledger_entries (ledger_account_id);

CREATE TRIGGER ledger_accounts_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transactions_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid := CASE TG_TABLE_NAME WHEN 'ledger_transactions' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                       ELSE (to_jsonb(NEW) ->> 'transaction_id')::uuid END;
    moved int;
    lopsided int;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE total <> 0) INTO moved, lopsided
    FROM (SELECT sum(amount_minor) AS total FROM ledger_entries WHERE transaction_id = checked GROUP BY currency) s;
    IF moved = 0 OR lopsided > 0 THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', checked USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transactions_balance AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();

-- What each account may still spend: kept by the ledger itself, in the entry's transaction, under the row's lock.
CREATE TABLE credit_balances (
    account_id    uuid NOT NULL,
    currency      text NOT NULL,
    balance_minor bigint NOT NULL CHECK (balance_minor >= 0),
    PRIMARY KEY (account_id, currency)
);
CREATE FUNCTION keep_credit_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner uuid;
BEGIN
    SELECT account_id INTO owner FROM ledger_accounts
    WHERE id = NEW.ledger_account_id AND kind = 'CUSTOMER_CREDIT';
    IF owner IS NULL THEN
        RETURN NULL;
    END IF;
    -- Update first: an upsert would hold the negative row against the CHECK before it looks for the existing one.
    UPDATE credit_balances SET balance_minor = balance_minor - NEW.amount_minor
    WHERE account_id = owner AND currency = NEW.currency;
    IF NOT FOUND THEN
        INSERT INTO credit_balances (account_id, currency, balance_minor) VALUES (owner, NEW.currency, -NEW.amount_minor)
        ON CONFLICT (account_id, currency)
        DO UPDATE SET balance_minor = credit_balances.balance_minor + excluded.balance_minor;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_keep_credit AFTER INSERT ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION keep_credit_balance();
