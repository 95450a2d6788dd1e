-- Apps that sign people in here: OAuth 2.1 and OpenID Connect.

CREATE TABLE oauth_clients (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    -- As that of sessions; null: a public client, which can keep no secret.
    secret_hash   bytea,
    redirect_uris text[] NOT NULL CHECK (redirect_uris <> '{}'),
    -- The most it may ask for.
    scopes        text[] NOT NULL CHECK (scopes <> '{}'),
    -- Ours: nobody is asked for consent.
    first_party   boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz
);
CREATE INDEX oauth_clients_by_age ON oauth_clients (created_at, id);

-- What a person allowed an app is a session: it is listed, used and ended like one that a browser has.
ALTER TABLE sessions ALTER COLUMN secret_hash DROP NOT NULL;
ALTER TABLE sessions ADD COLUMN client_id uuid REFERENCES oauth_clients;
ALTER TABLE sessions ADD COLUMN scopes text[];
-- When the person signed in that allowed it; confirmed_at moves on with every confirmation.
ALTER TABLE sessions ADD COLUMN signed_in_at timestamptz;
ALTER TABLE sessions ADD CONSTRAINT sessions_of_a_browser_or_an_app CHECK (
    CASE WHEN client_id IS NULL
         THEN secret_hash IS NOT NULL AND scopes IS NULL AND signed_in_at IS NULL
         ELSE secret_hash IS NULL AND scopes <> '{}' AND signed_in_at IS NOT NULL AND operator IS NULL END);
CREATE INDEX sessions_of_client ON sessions (client_id) WHERE ended_at IS NULL;

-- An authorization from the app's request to the code's redemption.
CREATE TABLE oauth_authorizations (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    -- Of the handle that the browser carries through signing in and consent.
    request_hash   bytea NOT NULL UNIQUE,
    client_id      uuid NOT NULL REFERENCES oauth_clients,
    redirect_uri   text NOT NULL,
    scopes         text[] NOT NULL,
    state          text NOT NULL,
    nonce          text NOT NULL,
    -- PKCE, S256 (RFC 7636).
    code_challenge text NOT NULL,
    prompt         text[] NOT NULL,
    -- The person must have signed in after this.
    signed_in_since timestamptz,
    -- And be this one.
    expected_user  uuid,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    -- When the browser was sent back to the app, with a code or without.
    answered_at    timestamptz,
    code_hash      bytea UNIQUE,
    code_expires_at timestamptz,
    -- The browser's session that allowed it; the code ends with it.
    allowed_by     uuid REFERENCES sessions ON DELETE CASCADE,
    -- The app's session that the code opened: it opens one only.
    opened         uuid UNIQUE REFERENCES sessions ON DELETE CASCADE,
    opened_at      timestamptz,
    CHECK ((code_hash IS NULL) = (code_expires_at IS NULL) AND (code_hash IS NULL) = (allowed_by IS NULL)),
    CHECK (code_hash IS NULL OR answered_at IS NOT NULL),
    CHECK ((opened IS NULL) = (opened_at IS NULL) AND (opened IS NULL OR code_hash IS NOT NULL))
);
CREATE INDEX oauth_authorizations_expiry ON oauth_authorizations (expires_at);
CREATE INDEX oauth_authorizations_by_session ON oauth_authorizations (allowed_by);

CREATE TABLE oauth_access_tokens (
    secret_hash bytea PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    -- The session's, or fewer.
    scopes      text[] NOT NULL CHECK (scopes <> '{}'),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    -- The first time only.
    used_at     timestamptz
);
CREATE INDEX oauth_access_tokens_of_session ON oauth_access_tokens (session_id);
CREATE INDEX oauth_access_tokens_expiry ON oauth_access_tokens (expires_at);

CREATE TABLE oauth_refresh_tokens (
    secret_hash bytea PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    -- Used ones are kept: to see one again means that somebody has a copy.
    used_at     timestamptz
);
CREATE UNIQUE INDEX oauth_refresh_tokens_one_unused ON oauth_refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX oauth_refresh_tokens_expiry ON oauth_refresh_tokens (expires_at);

-- RSA keys of ID tokens. The one that signs is the latest whose time has come; a later one is published already.
CREATE TABLE signing_keys (
    -- The key id of its tokens: the thumbprint (RFC 7638).
    id             text PRIMARY KEY,
    public_jwk     jsonb NOT NULL,
    sealed_private bytea NOT NULL,
    signs_from     timestamptz NOT NULL UNIQUE,
    created_at     timestamptz NOT NULL
);
