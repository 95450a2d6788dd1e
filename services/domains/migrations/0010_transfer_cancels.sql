-- Pending transfers that are taken back.

ALTER TABLE registry_intents
    -- The transfer that it takes back: said while that one is out, the only command that may be.
    ADD COLUMN cancels uuid REFERENCES registry_intents,
    ADD CHECK ((command = 'transfer_cancel') = (cancels IS NOT NULL));
DROP INDEX registry_intents_open;
CREATE UNIQUE INDEX registry_intents_open ON registry_intents (domain_id)
    WHERE outcome = '' AND said_at IS NOT NULL AND cancels IS NULL;
CREATE UNIQUE INDEX registry_intents_cancel ON registry_intents (cancels) WHERE outcome = '';
