-- What of the subscriber's data its people may change, and contacts that are invited, narrowed and revoked.

-- Grows with every change of the profile, so that two editors do not overwrite each other.
ALTER TABLE accounts ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN eu_vat_id text NOT NULL DEFAULT '';

-- Profile fields that only the operator may change, and why. A field without a row is free.
CREATE TABLE profile_locks (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    field      text NOT NULL,
    reason     text NOT NULL CHECK (reason IN ('contract', 'invoicing', 'operator')),
    locked_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, field)
);
INSERT INTO profile_locks (account_id, field, reason, locked_at)
SELECT a.id, f.field, f.reason, a.created_at
FROM accounts a CROSS JOIN LATERAL (VALUES
    ('kind', a.kind, 'contract'), ('name', a.name, 'contract'), ('country', a.country, 'invoicing'),
    ('tax_number', a.tax_number, 'invoicing'), ('currency', a.currency, 'invoicing')) AS f (field, value, reason)
WHERE f.value <> '';

-- A contact without a user is an invitation that nobody has accepted yet. Revoked is for good: who is invited again
-- becomes a contact anew, so that nothing of the old one (its API tokens) comes back to life.
ALTER TABLE contacts ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE contacts ADD COLUMN revoked_at timestamptz;
ALTER TABLE contacts DROP CONSTRAINT contacts_account_id_user_id_key;
CREATE UNIQUE INDEX contacts_one_of_user ON contacts (account_id, user_id) WHERE revoked_at IS NULL;
CREATE INDEX contacts_of_account ON contacts (account_id, created_at, id);

CREATE TABLE invitations (
    contact_id  uuid PRIMARY KEY REFERENCES contacts ON DELETE CASCADE,
    account_id  uuid NOT NULL REFERENCES accounts,
    email       citext NOT NULL,
    name        text NOT NULL DEFAULT '',
    locale      text NOT NULL CHECK (locale IN ('hu', 'en')),
    message     text NOT NULL DEFAULT '',
    -- The contact who sent it, to be told how it ended; null: the operator.
    inviter_id  uuid REFERENCES contacts ON DELETE SET NULL,
    -- SHA-256 of the link's secret. Sending again replaces it.
    secret_hash bytea NOT NULL UNIQUE,
    sent_at     timestamptz NOT NULL,
    sends       integer NOT NULL DEFAULT 1,
    expires_at  timestamptz NOT NULL,
    outcome     text CHECK (outcome IN ('accepted', 'declined', 'withdrawn')),
    ended_at    timestamptz,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX invitations_open ON invitations (account_id, email) WHERE outcome IS NULL;
CREATE INDEX invitations_sent ON invitations (account_id, sent_at);
