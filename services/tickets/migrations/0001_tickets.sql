-- Tickets between an account's people and the company.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE departments (
    id      uuid PRIMARY KEY DEFAULT uuidv7(),
    code    text NOT NULL UNIQUE,
    name_hu text NOT NULL,
    name_en text NOT NULL
);
INSERT INTO departments (code, name_hu, name_en) VALUES
    ('domains', 'Domain ügyfélszolgálat', 'Domain support'),
    ('billing', 'Számlázás', 'Billing'),
    ('technical', 'Műszaki ügyfélszolgálat', 'Technical support');

CREATE SEQUENCE ticket_numbers;

CREATE TABLE tickets (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id    uuid NOT NULL,
    number        text NOT NULL UNIQUE DEFAULT 'T-' || lpad(nextval('ticket_numbers')::text, 6, '0'),
    subject       text NOT NULL CHECK (length(subject) BETWEEN 1 AND 300),
    state         text NOT NULL CHECK (state IN ('OPEN', 'ANSWERED', 'CUSTOMER_REPLY', 'ON_HOLD', 'IN_PROGRESS', 'CLOSED')),
    department_id uuid NOT NULL REFERENCES departments,
    priority      text NOT NULL DEFAULT 'NORMAL' CHECK (priority IN ('LOW', 'NORMAL', 'HIGH')),
    -- The GraphQL type and id of what it is about.
    related_type  text NOT NULL DEFAULT '',
    related_id    uuid,
    -- The order that the house opened it for: one ticket an order.
    order_id      uuid UNIQUE,
    opened_at     timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    CHECK ((state = 'CLOSED') = (closed_at IS NOT NULL)),
    CHECK ((related_type = '') = (related_id IS NULL))
);
CREATE INDEX tickets_by_update ON tickets (account_id, updated_at, id);
CREATE INDEX tickets_by_state ON tickets (account_id, state);
CREATE INDEX tickets_search ON tickets USING gin (lower(subject) gin_trgm_ops);

CREATE TABLE messages (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    ticket_id   uuid NOT NULL REFERENCES tickets,
    author_kind text NOT NULL CHECK (author_kind IN ('customer', 'operator', 'system')),
    author_name text NOT NULL,
    body        text NOT NULL CHECK (length(body) BETWEEN 1 AND 100000),
    sent_at     timestamptz NOT NULL
);
CREATE INDEX messages_of_ticket ON messages (ticket_id, sent_at, id);
