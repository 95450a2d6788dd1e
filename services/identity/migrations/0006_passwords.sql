-- The one link with which a user may set a new password: asking again replaces it, using it deletes it.
CREATE TABLE password_resets (
    user_id     uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- SHA-256 of the secret, which has 256 random bits.
    secret_hash bytea NOT NULL UNIQUE,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX password_resets_expiry ON password_resets (expires_at);

CREATE TABLE vpn_access (
    user_id       uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- FreeRADIUS wants a number.
    id            bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    username      text NOT NULL UNIQUE,
    password_hash text NOT NULL CHECK (password_hash LIKE '{x-pbkdf2}HMACSHA2+512:%'),
    set_at        timestamptz NOT NULL
);

-- What FreeRADIUS 3 reads, with its own columns. Whoever is in no account any more is not in it.
-- Its role reads this and nothing else; made later, it is let in by
--     CREATE ROLE freeradius LOGIN PASSWORD '...';
--     GRANT CONNECT ON DATABASE <identity's> TO freeradius;
--     GRANT SELECT ON radcheck TO freeradius;
-- and in mods-enabled/sql: read_groups = no, read_profiles = no, authorize_reply_query = "".
CREATE VIEW radcheck WITH (security_barrier) AS
    SELECT v.id, v.username, 'Password-With-Header'::text AS attribute, ':='::text AS op, v.password_hash AS value
    FROM vpn_access v
    WHERE EXISTS (SELECT FROM contacts c
                  WHERE c.user_id = v.user_id AND (c.expires_at IS NULL OR c.expires_at > now()));

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'freeradius') THEN
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO freeradius', current_database());
        GRANT SELECT ON radcheck TO freeradius;
    END IF;
END
$$;
