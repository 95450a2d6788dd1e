-- What every service's database has: events out, events in, jobs, operations, first answers.

CREATE TABLE outbox (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL DEFAULT uuidv7() UNIQUE,
    aggregate    text NOT NULL,
    routing_key  text NOT NULL,
    account_id   text NOT NULL,
    body         bytea NOT NULL,
    traceparent  text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (aggregate, seq) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE FUNCTION notify_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION notify_channel('outbox');

CREATE TABLE inbox (
    consumer    text NOT NULL,
    message_id  uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE jobs (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    kind         text NOT NULL,
    key          text,
    payload      jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'done', 'dead')),
    run_at       timestamptz NOT NULL DEFAULT now(),
    attempts     int NOT NULL DEFAULT 0,
    -- Grows with every lease; an effect commits only under the fence it was leased with.
    fence        bigint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    last_error   text NOT NULL DEFAULT '',
    traceparent  text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    UNIQUE (kind, key)
);
CREATE INDEX jobs_ready ON jobs (run_at) WHERE state = 'ready';
CREATE TRIGGER jobs_wake AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION notify_channel('jobs');

CREATE TABLE operations (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id     uuid NOT NULL,
    kind           text NOT NULL,
    state          text NOT NULL,
    subject_type   text NOT NULL,
    subject_id     uuid NOT NULL,
    -- [{"name", "state", "at", "detail"}], in order.
    steps          jsonb NOT NULL,
    error_reason   text NOT NULL DEFAULT '',
    error_metadata jsonb NOT NULL DEFAULT '{}',
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz
);
CREATE INDEX operations_of_account ON operations (account_id, id);
CREATE INDEX operations_of_subject ON operations (subject_id, id);

CREATE TABLE first_answers (
    account_id  uuid NOT NULL,
    request_id  text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, request_id)
);
