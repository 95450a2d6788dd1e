-- The hosting company's staff, and what it can do about customers' accounts and users.
CREATE TABLE operators (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    -- What customers read in their log, so it is never given to somebody else.
    name        text NOT NULL UNIQUE,
    email       citext NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);

CREATE TABLE operator_credentials (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    operator_id  uuid NOT NULL REFERENCES operators,
    secret_hash  bytea NOT NULL UNIQUE,
    networks     cidr[] NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL CHECK (expires_at <= created_at + interval '2160 hours'),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX operator_credentials_of_operator ON operator_credentials (operator_id);

-- Each is good for one session that sees what a contact sees and changes nothing.
CREATE TABLE operator_sign_ins (
    code_hash   bytea PRIMARY KEY,
    operator_id uuid NOT NULL REFERENCES operators,
    contact_id  uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX operator_sign_ins_expiry ON operator_sign_ins (expires_at);

ALTER TABLE sessions ADD CONSTRAINT sessions_of_operators_are_narrow CHECK (
    operator IS NULL
    OR (contact_id IS NOT NULL AND grants IS NOT NULL AND confirmed_at IS NULL
        AND expires_at <= created_at + interval '30 minutes')
);
CREATE INDEX sessions_of_operators ON sessions (operator) WHERE operator IS NOT NULL;

-- Locked: nobody of the account acts in it; the user does not sign in. The reason is written for the customer.
ALTER TABLE accounts ADD COLUMN locked_at timestamptz;
ALTER TABLE accounts ADD COLUMN lock_reason text NOT NULL DEFAULT '';
ALTER TABLE accounts ADD CONSTRAINT accounts_lock_has_reason CHECK ((locked_at IS NULL) = (lock_reason = ''));
ALTER TABLE users ADD COLUMN locked_at timestamptz;
ALTER TABLE users ADD COLUMN lock_reason text NOT NULL DEFAULT '';
ALTER TABLE users ADD CONSTRAINT users_lock_has_reason CHECK ((locked_at IS NULL) = (lock_reason = ''));

-- Nor does a locked user get into the VPN, or somebody whose every account is locked.
CREATE OR REPLACE VIEW radcheck WITH (security_barrier) AS
    SELECT v.id, v.username, 'Password-With-Header'::text AS attribute, ':='::text AS op, v.password_hash AS value
    FROM vpn_access v
    WHERE EXISTS (SELECT FROM contacts c
                  JOIN accounts a ON a.id = c.account_id AND a.locked_at IS NULL
                  JOIN users u ON u.id = c.user_id AND u.locked_at IS NULL
                  WHERE c.user_id = v.user_id AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > now()));

-- Lists for operators, the newest first.
CREATE INDEX accounts_by_time ON accounts (created_at, id);
CREATE INDEX users_by_time ON users (created_at, id);
