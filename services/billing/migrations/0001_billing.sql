-- Prices, documents, payments and the ledger. Amounts are minor units; what must never happen is refused here.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- Who is billed. Documents carry a snapshot, so a later change leaves them as they were.
CREATE TABLE customers (
    account_id  uuid PRIMARY KEY,
    number      text NOT NULL,
    name        text NOT NULL,
    tax_number  text NOT NULL DEFAULT '',
    country     text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    postal_code text NOT NULL DEFAULT '',
    city        text NOT NULL DEFAULT '',
    street      text NOT NULL DEFAULT '',
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    locale      text NOT NULL CHECK (locale IN ('hu', 'en')),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vat_rates (
    country    text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    valid_from date NOT NULL,
    rate_bp    int NOT NULL CHECK (rate_bp BETWEEN 0 AND 10000),
    PRIMARY KEY (country, valid_from)
);
-- Act CXXVII of 2007 on VAT, section 82 (1): the general rate.
INSERT INTO vat_rates VALUES ('HU', '2012-01-01', 2700);

CREATE TABLE prices (
    action        text NOT NULL CHECK (action IN ('DOMAIN_REGISTER', 'DOMAIN_RENEW', 'DOMAIN_TRANSFER', 'HOSTING')),
    item          text NOT NULL,
    period_months int NOT NULL CHECK (period_months > 0),
    currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net_minor     bigint NOT NULL CHECK (net_minor > 0),
    PRIMARY KEY (action, item, period_months, currency)
);

-- The last number given out in each series; the row lock makes numbers gapless.
CREATE TABLE series (
    prefix      text NOT NULL CHECK (prefix IN ('D', 'SZ', 'ST')),
    year        int NOT NULL,
    last_number bigint NOT NULL CHECK (last_number > 0),
    PRIMARY KEY (prefix, year)
);

CREATE TABLE invoices (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id     uuid NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('PROFORMA', 'INVOICE', 'STORNO')),
    series         text NOT NULL,
    year           int NOT NULL,
    serial         bigint NOT NULL CHECK (serial > 0),
    number         text NOT NULL UNIQUE,
    state          text NOT NULL CHECK (state IN ('OPEN', 'PARTIALLY_PAID', 'PAID', 'CANCELLED', 'REFUNDED')),
    issued_on      date NOT NULL,
    due_on         date NOT NULL CHECK (due_on >= issued_on),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net_minor      bigint NOT NULL,
    vat_minor      bigint NOT NULL,
    gross_minor    bigint NOT NULL,
    line_count     int NOT NULL CHECK (line_count > 0),
    paid_minor     bigint NOT NULL DEFAULT 0,
    paid_at        timestamptz,
    order_id       uuid,
    replaces_id    uuid REFERENCES invoices,
    replaced_by_id uuid REFERENCES invoices,
    locale         text NOT NULL CHECK (locale IN ('hu', 'en')),
    seller         jsonb NOT NULL,
    buyer          jsonb NOT NULL,
    created_at     timestamptz NOT NULL,
    UNIQUE (series, year, serial),
    CHECK (gross_minor = net_minor + vat_minor),
    CHECK (CASE WHEN kind = 'STORNO' THEN gross_minor <= 0 AND replaces_id IS NOT NULL ELSE gross_minor >= 0 END),
    CHECK (paid_minor BETWEEN least(0, gross_minor) AND greatest(0, gross_minor)),
    CHECK (state <> 'PAID' OR (paid_minor = gross_minor AND paid_at IS NOT NULL)),
    CHECK (state <> 'PARTIALLY_PAID' OR (paid_minor > 0 AND paid_minor < gross_minor)),
    CHECK (state <> 'OPEN' OR paid_minor = 0)
);
CREATE INDEX invoices_newest ON invoices (account_id, created_at DESC, id DESC);
CREATE INDEX invoices_unpaid ON invoices (account_id, due_on, id) WHERE state IN ('OPEN', 'PARTIALLY_PAID');
-- An order has one proforma, and one final invoice after it.
CREATE UNIQUE INDEX invoices_of_order ON invoices (order_id, kind) WHERE kind IN ('PROFORMA', 'INVOICE');
-- A proforma is followed by one invoice; an invoice may be corrected by several stornos, line by line.
CREATE UNIQUE INDEX invoices_follow_once ON invoices (replaces_id) WHERE kind = 'INVOICE';

-- Overdue is never stored: it is this, wherever a state is shown or filtered by.
CREATE FUNCTION invoice_state(state text, due_on date, today date) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN state IN ('OPEN', 'PARTIALLY_PAID') AND due_on < today THEN 'OVERDUE' ELSE state END;

CREATE TABLE invoice_lines (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    invoice_id       uuid NOT NULL REFERENCES invoices,
    position         int NOT NULL CHECK (position > 0),
    description      text NOT NULL,
    quantity         int NOT NULL CHECK (quantity > 0),
    net_minor        bigint NOT NULL,
    vat_rate_bp      int NOT NULL CHECK (vat_rate_bp BETWEEN 0 AND 10000),
    vat_minor        bigint NOT NULL,
    gross_minor      bigint NOT NULL CHECK (gross_minor = net_minor + vat_minor),
    subject_type     text NOT NULL DEFAULT '',
    subject_id       uuid,
    -- The whole period that the line pays for, whatever the quantity.
    period_months    int NOT NULL DEFAULT 0 CHECK (period_months >= 0),
    -- A storno's line: the line that it takes back, each at most once.
    reverses_line_id uuid UNIQUE REFERENCES invoice_lines,
    UNIQUE (invoice_id, position)
);
CREATE INDEX invoice_lines_of_subject ON invoice_lines (subject_id) WHERE subject_id IS NOT NULL;

-- An issued document stands: only its payment and what follows it may change.
CREATE FUNCTION refuse_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free CONSTANT text[] := ARRAY['state', 'paid_minor', 'paid_at', 'replaced_by_id'];
BEGIN
    IF to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
        RAISE EXCEPTION 'invoice % is issued and cannot change', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_stand BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION refuse_invoice_change();
CREATE TRIGGER invoices_stay BEFORE DELETE OR TRUNCATE ON invoices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_lines_stand BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- At commit a document's lines are those that it was issued with, and they add up.
CREATE FUNCTION invoice_must_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid := CASE TG_TABLE_NAME WHEN 'invoices' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                       ELSE (to_jsonb(NEW) ->> 'invoice_id')::uuid END;
BEGIN
    IF NOT EXISTS (
        SELECT FROM invoices i
        JOIN (SELECT count(*) AS lines, sum(net_minor) AS net, sum(vat_minor) AS vat
              FROM invoice_lines WHERE invoice_id = checked) l ON true
        WHERE i.id = checked AND l.lines = i.line_count AND l.net = i.net_minor AND l.vat = i.vat_minor
    ) THEN
        RAISE EXCEPTION 'the lines of invoice % do not add up to it', checked USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_add_up AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoice_must_add_up();
CREATE CONSTRAINT TRIGGER invoice_lines_add_up AFTER INSERT ON invoice_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoice_must_add_up();

-- A payment of a proforma belongs to the final invoice too, once that is issued.
CREATE TABLE payments (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id   uuid NOT NULL,
    method       text NOT NULL CHECK (method IN ('CREDIT')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    proforma_id  uuid REFERENCES invoices,
    invoice_id   uuid REFERENCES invoices,
    paid_at      timestamptz NOT NULL,
    CHECK (num_nonnulls(proforma_id, invoice_id) > 0)
);
CREATE INDEX payments_of_proforma ON payments (proforma_id) WHERE proforma_id IS NOT NULL;
CREATE INDEX payments_of_invoice ON payments (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE FUNCTION refuse_payment_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.invoice_id IS NOT NULL
       OR to_jsonb(NEW) - 'invoice_id' IS DISTINCT FROM to_jsonb(OLD) - 'invoice_id' THEN
        RAISE EXCEPTION 'payment % is recorded and cannot change', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_stand BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION refuse_payment_change();
CREATE TRIGGER payments_stay BEFORE DELETE OR TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A registration that failed is credited once, whatever arrives how often.
CREATE TABLE credited_registrations (
    domain_id  uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    order_id   uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
