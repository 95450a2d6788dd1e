-- Which job is bringing a zone to the nameservers: one at a time, so that no write that was slow on its way lands on a newer.
ALTER TABLE zones
    ADD COLUMN writer uuid,
    -- The claim of a job whose process died runs out.
    ADD COLUMN writer_until timestamptz,
    ADD CHECK ((writer IS NULL) = (writer_until IS NULL));
