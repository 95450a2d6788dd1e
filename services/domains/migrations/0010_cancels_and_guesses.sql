-- Pending transfers that are taken back, and wrong auth codes that are counted.

ALTER TABLE registry_intents
    -- The transfer that it takes back: said while that one is out, the only command that may be.
    ADD COLUMN cancels uuid REFERENCES registry_intents,
    ADD CHECK ((command = 'transfer_cancel') = (cancels IS NOT NULL));
DROP INDEX registry_intents_open;
CREATE UNIQUE INDEX registry_intents_open ON registry_intents (domain_id)
    WHERE outcome = '' AND said_at IS NOT NULL AND cancels IS NULL;
CREATE UNIQUE INDEX registry_intents_cancel ON registry_intents (cancels) WHERE outcome = '';

-- Guesses of auth codes, by account and by account and name: the time at which the allowance is whole again.
CREATE TABLE guesses (
    key      text PRIMARY KEY,
    whole_at timestamptz NOT NULL
);
CREATE INDEX guesses_whole ON guesses (whole_at);
