-- Mail about a user's own security belongs to no account; its secret (a link) is kept sealed until it is sent.
ALTER TABLE emails ALTER COLUMN account_id DROP NOT NULL;
ALTER TABLE emails ADD COLUMN sealed_secret bytea;
ALTER TABLE emails DROP CONSTRAINT emails_category_check;
ALTER TABLE emails ADD CONSTRAINT emails_category_check
    CHECK (category IN ('billing', 'support', 'service', 'domain', 'security'));
CREATE INDEX emails_of_user ON emails (user_id, created_at, id) WHERE account_id IS NULL;

-- When the person behind it last confirmed who it is. Signing in counts.
ALTER TABLE sessions ADD COLUMN confirmed_at timestamptz;
-- As in api_tokens: null is whatever the user holds.
ALTER TABLE sessions ADD COLUMN grants jsonb;
-- Null: every membership of the user.
ALTER TABLE sessions ADD COLUMN contact_id uuid REFERENCES contacts ON DELETE CASCADE;
-- The member of staff who looks at the portal through this user's eyes; null for the user itself.
ALTER TABLE sessions ADD COLUMN operator text;
