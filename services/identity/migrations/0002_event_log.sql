-- The event log: only ever appended to; each row carries the hash of the one before it in its account.

CREATE TABLE event_log (
    account_id       uuid NOT NULL,
    seq              bigint NOT NULL,
    -- The id of the event that told of it.
    id               uuid NOT NULL UNIQUE,
    occurred_at      timestamptz NOT NULL,
    actor_kind       text NOT NULL,
    actor_id         text NOT NULL,
    actor_label      text NOT NULL,
    actor_ip         text NOT NULL,
    actor_contact_id text NOT NULL,
    action           text NOT NULL,
    subject_type     text NOT NULL,
    subject_id       text NOT NULL,
    subject_label    text NOT NULL,
    -- Text, not jsonb: the hash is over exactly these characters.
    before_json      text NOT NULL,
    after_json       text NOT NULL,
    hash             bytea NOT NULL,
    PRIMARY KEY (account_id, seq)
);
CREATE INDEX event_log_by_time ON event_log (account_id, occurred_at, seq);

-- The last row of each account's chain: makes a cut-off end visible, and is the lock that keeps appends in line.
CREATE TABLE event_log_heads (
    account_id uuid PRIMARY KEY,
    seq        bigint NOT NULL,
    hash       bytea NOT NULL
);

CREATE FUNCTION event_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION event_log_is_append_only();
