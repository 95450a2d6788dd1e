-- Second factors: authenticator apps, security keys (passkeys are such), recovery codes; and sign-ins that wait for one.

-- A row counts: it has proven itself once. There was no way to add one before.
ALTER TABLE factors ADD COLUMN name text NOT NULL;
ALTER TABLE factors ADD COLUMN last_used_at timestamptz;
ALTER TABLE factors ADD CONSTRAINT factors_kind_check CHECK (kind IN ('totp', 'security_key'));
-- TOTP (RFC 6238): the sealed secret, and the last time step that was accepted; only later ones are.
ALTER TABLE factors ADD COLUMN sealed_secret bytea;
ALTER TABLE factors ADD COLUMN last_step bigint;
ALTER TABLE factors ADD CONSTRAINT factors_totp_check
    CHECK ((kind = 'totp') = (sealed_secret IS NOT NULL) AND (kind = 'totp') = (last_step IS NOT NULL));
-- WebAuthn: the credential and its public key (COSE), how often it says that it has signed, how browsers reach it.
ALTER TABLE factors ADD COLUMN credential_id bytea UNIQUE;
ALTER TABLE factors ADD COLUMN public_key bytea;
ALTER TABLE factors ADD COLUMN sign_count bigint;
ALTER TABLE factors ADD COLUMN transports text[] NOT NULL DEFAULT '{}';
ALTER TABLE factors ADD CONSTRAINT factors_security_key_check
    CHECK ((kind = 'security_key') = (credential_id IS NOT NULL)
           AND (kind = 'security_key') = (public_key IS NOT NULL)
           AND (kind = 'security_key') = (sign_count IS NOT NULL));

-- Begun, not yet proven: becomes the factor of the same id, or expires.
CREATE TABLE pending_factors (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    kind          text NOT NULL,
    sealed_secret bytea,
    challenge     bytea,
    expires_at    timestamptz NOT NULL,
    CHECK ((kind = 'totp' AND sealed_secret IS NOT NULL AND challenge IS NULL)
           OR (kind = 'security_key' AND challenge IS NOT NULL AND sealed_secret IS NULL))
);
CREATE INDEX pending_factors_of_user ON pending_factors (user_id);
CREATE INDEX pending_factors_expiry ON pending_factors (expires_at);

-- SHA-256 of codes of 80 random bits; a used one is gone.
CREATE TABLE recovery_codes (
    user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- The password was right, the second factor is still to come. Redeemed once: the row goes with it.
CREATE TABLE pending_sign_ins (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    secret_hash bytea NOT NULL UNIQUE,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    tries_left  int NOT NULL CHECK (tries_left >= 0),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX pending_sign_ins_of_user ON pending_sign_ins (user_id);
CREATE INDEX pending_sign_ins_expiry ON pending_sign_ins (expires_at);

-- What a security key was asked to sign: for a pending sign-in, for a session's step-up, or (neither) for signing in with
-- the passkey alone. The row goes with the answer, right or wrong.
CREATE TABLE security_key_challenges (
    challenge          bytea PRIMARY KEY,
    pending_sign_in_id uuid REFERENCES pending_sign_ins ON DELETE CASCADE,
    session_id         uuid REFERENCES sessions ON DELETE CASCADE,
    expires_at         timestamptz NOT NULL,
    CHECK (num_nonnulls(pending_sign_in_id, session_id) <= 1)
);
CREATE INDEX security_key_challenges_of_pending_sign_in ON security_key_challenges (pending_sign_in_id);
CREATE INDEX security_key_challenges_of_session ON security_key_challenges (session_id);
CREATE INDEX security_key_challenges_expiry ON security_key_challenges (expires_at);
