-- Plans, the services that accounts have bought, and where to sign in to them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE plans (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    code        text NOT NULL UNIQUE,
    name        text NOT NULL,
    disk_mib    bigint NOT NULL CHECK (disk_mib > 0),
    traffic_mib bigint NOT NULL CHECK (traffic_mib > 0)
);
INSERT INTO plans (code, name, disk_mib, traffic_mib) VALUES
    ('web-s', 'Web S', 5120, 102400),
    ('web-m', 'Web M', 20480, 512000),
    ('web-l', 'Web L', 51200, 1048576);

CREATE TABLE services (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id     uuid NOT NULL,
    label          text NOT NULL CHECK (label <> ''),
    plan_id        uuid NOT NULL REFERENCES plans,
    state          text NOT NULL
                   CHECK (state IN ('PENDING', 'ACTIVE', 'SUSPENDED', 'CANCELLING', 'TERMINATED', 'FAILED')),
    -- A-labels, and the same as people write it; empty when none.
    domain         text NOT NULL DEFAULT '',
    domain_unicode text NOT NULL DEFAULT '',
    next_due_on    date,
    -- The day of the month that was agreed: 31 January, 28 February, 31 March.
    due_day        int CHECK (due_day BETWEEN 1 AND 31),
    price_minor    bigint NOT NULL CHECK (price_minor >= 0),
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    period_months  int NOT NULL CHECK (period_months > 0),
    node           text NOT NULL DEFAULT '',
    started_at     timestamptz,
    created_at     timestamptz NOT NULL,
    CHECK ((next_due_on IS NULL) = (due_day IS NULL))
);
CREATE INDEX services_by_label ON services (account_id, label, id);
CREATE INDEX services_due ON services (account_id, next_due_on, id) WHERE next_due_on IS NOT NULL;
CREATE INDEX services_search ON services
    USING gin ((lower(label || ' ' || domain || ' ' || domain_unicode)) gin_trgm_ops);

CREATE TABLE panel_logins (
    service_id uuid PRIMARY KEY REFERENCES services,
    url        text NOT NULL CHECK (url LIKE 'https://%'),
    username   text NOT NULL,
    host       text NOT NULL
);

-- A paid line moves a due date once.
CREATE TABLE extensions (
    invoice_line_id uuid PRIMARY KEY,
    service_id      uuid NOT NULL REFERENCES services,
    invoice_id      uuid NOT NULL,
    due_before      date NOT NULL,
    due_after       date NOT NULL CHECK (due_after > due_before),
    created_at      timestamptz NOT NULL
);
CREATE INDEX extensions_of_service ON extensions (service_id);
