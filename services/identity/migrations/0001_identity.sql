-- Who somebody is, what they may see, and the record of it all.

CREATE EXTENSION IF NOT EXISTS citext;

CREATE SEQUENCE account_numbers START 10001;

CREATE TABLE accounts (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    number      text NOT NULL UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('person', 'company')),
    name        text NOT NULL,
    tax_number  text NOT NULL DEFAULT '',
    email       citext NOT NULL,
    phone       text NOT NULL DEFAULT '',
    country     text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    postal_code text NOT NULL DEFAULT '',
    city        text NOT NULL DEFAULT '',
    street      text NOT NULL DEFAULT '',
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    locale      text NOT NULL CHECK (locale IN ('hu', 'en')),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id                 uuid PRIMARY KEY DEFAULT uuidv7(),
    email              citext NOT NULL UNIQUE,
    name               text NOT NULL,
    locale             text NOT NULL CHECK (locale IN ('hu', 'en')),
    -- argon2id, in its own encoding: the parameters travel with it.
    password_hash      text NOT NULL,
    default_account_id uuid REFERENCES accounts ON DELETE SET NULL,
    created_at         timestamptz NOT NULL DEFAULT now()
);

-- A user's membership in an account. Its rights are those of its role and the grants written here.
CREATE TABLE contacts (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id    uuid NOT NULL REFERENCES accounts,
    user_id       uuid NOT NULL REFERENCES users,
    role          text NOT NULL,
    -- [{"permission", "resources": [uuid] or null, "expires_at": time or null}]
    grants        jsonb NOT NULL DEFAULT '[]',
    denied_fields text[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    UNIQUE (account_id, user_id)
);
CREATE INDEX contacts_of_user ON contacts (user_id);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    -- SHA-256 of the secret, which has 256 random bits: nothing slower is needed.
    secret_hash  bytea NOT NULL UNIQUE,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    ip           text NOT NULL,
    user_agent   text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    secret_hash  bytea NOT NULL UNIQUE,
    contact_id   uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
    name         text NOT NULL,
    -- As in contacts; null: whatever its maker holds.
    grants       jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_tokens_of_contact ON api_tokens (contact_id);

-- Second factors; their secrets come with the ways to add them.
CREATE TABLE factors (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX factors_of_user ON factors (user_id);

-- Guesses of a password, by address and by IP: the time at which the allowance is whole again.
CREATE TABLE guesses (
    key      text PRIMARY KEY,
    whole_at timestamptz NOT NULL
);
CREATE INDEX guesses_whole ON guesses (whole_at);

CREATE TABLE emails (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id uuid NOT NULL REFERENCES accounts,
    user_id    uuid REFERENCES users,
    -- What it tells of, once: "order_completed:<order id>".
    occasion   text NOT NULL UNIQUE,
    recipient  text NOT NULL,
    category   text NOT NULL CHECK (category IN ('billing', 'support', 'service', 'domain')),
    subject    text NOT NULL,
    body       text NOT NULL,
    -- The objects it names; a contact limited to some of them sees only mail about those.
    resources  uuid[] NOT NULL DEFAULT '{}',
    state      text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    error      text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    sent_at    timestamptz
);
CREATE INDEX emails_of_account ON emails (account_id, created_at, id);
CREATE INDEX emails_waiting ON emails (created_at) WHERE state = 'queued';
