-- What the holder has to confirm at the registry (tlds.confirmed_changes): until when.

ALTER TABLE tlds
    -- Days in which the holder can confirm a change; after them the registry refuses it. NULL where it does not say.
    ADD COLUMN confirmation_days int CHECK (confirmation_days > 0);
