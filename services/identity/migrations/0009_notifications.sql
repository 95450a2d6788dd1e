-- Which mail a contact wants, mail that came back, and filters of the log that stay fast however long it is.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- No row: on. What is essential is switched off only by somebody who acknowledged what it may cost.
CREATE TABLE notification_preferences (
    contact_id      uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
    category        text NOT NULL CHECK (category IN ('billing', 'support', 'service', 'domain')),
    enabled         boolean NOT NULL,
    changed_at      timestamptz NOT NULL,
    -- The last acknowledgement: the version of its text, who gave it, when.
    acknowledged    text,
    acknowledged_by uuid REFERENCES users ON DELETE SET NULL,
    acknowledged_at timestamptz,
    PRIMARY KEY (contact_id, category),
    CHECK (enabled OR category = 'support' OR (acknowledged IS NOT NULL AND acknowledged_at IS NOT NULL))
);

ALTER TABLE emails DROP CONSTRAINT emails_state_check;
ALTER TABLE emails ADD CONSTRAINT emails_state_check CHECK (state IN ('queued', 'sent', 'failed', 'bounced'));
ALTER TABLE emails ADD COLUMN locale text NOT NULL DEFAULT 'hu' CHECK (locale IN ('hu', 'en'));
-- Why it did not arrive, or did not yet, for people; `error` is what the other server said.
ALTER TABLE emails ADD COLUMN failure text NOT NULL DEFAULT '';
CREATE INDEX emails_by_category ON emails (account_id, category, created_at, id);
CREATE INDEX emails_by_state ON emails (account_id, state, created_at, id);
CREATE INDEX emails_search ON emails USING gin (account_id, (subject || ' ' || recipient) gin_trgm_ops);

-- Addresses that mail came back from, until one is taken again. By address: a user with a new one is not concerned.
CREATE TABLE bouncing_addresses (
    address    citext PRIMARY KEY,
    email_id   uuid NOT NULL REFERENCES emails,
    bounced_at timestamptz NOT NULL
);

-- From which network and with which program a user has signed in: their SHA-256.
CREATE TABLE devices (
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    fingerprint bytea NOT NULL,
    seen_at     timestamptz NOT NULL,
    PRIMARY KEY (user_id, fingerprint)
);

CREATE INDEX event_log_by_action ON event_log (account_id, action COLLATE "C", occurred_at, seq);
CREATE INDEX event_log_by_kind ON event_log (account_id, actor_kind, occurred_at, seq);
CREATE INDEX event_log_by_contact ON event_log (account_id, actor_contact_id, occurred_at, seq);
CREATE INDEX event_log_by_subject ON event_log (account_id, subject_id, occurred_at, seq);
CREATE INDEX event_log_search ON event_log
    USING gin (account_id, (actor_label || ' ' || subject_label) gin_trgm_ops);
