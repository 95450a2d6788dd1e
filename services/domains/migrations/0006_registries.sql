-- Several registries: whose a contact object is; and everything that is said of contact and host objects as intents.

ALTER TABLE registry_contacts ADD COLUMN registry text NOT NULL DEFAULT '';
-- Until now there was one: the one whose messages have been read.
UPDATE registry_contacts
   SET registry = coalesce((SELECT name FROM registries ORDER BY polled_at DESC NULLS LAST, name LIMIT 1), '');
ALTER TABLE registry_contacts
    ALTER COLUMN registry DROP DEFAULT,
    DROP CONSTRAINT registry_contacts_account_id_handle_key,
    ADD UNIQUE (account_id, registry, handle);

-- What we are about to say to a registry of its contact and host objects, for the sake of a domain, and the second
-- command of those that have two; committed before it is said, and the id is the clTRID.
CREATE TABLE registry_object_intents (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    registry   text NOT NULL,
    domain_id  uuid NOT NULL REFERENCES domains,
    command    text NOT NULL CHECK (command IN (
                   'create_contact', 'update_contact', 'create_host', 'update_host', 'report_restore')),
    -- The contact's handle, the host's name, the domain's.
    object     text NOT NULL,
    -- NOT_CARRIED_OUT: the registry does not show it. UNSEEN: nobody has looked any more, as something else was said of
    -- the object since, or what it served has ended otherwise.
    outcome    text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'DONE', 'REFUSED', 'NOT_CARRIED_OUT', 'UNSEEN')),
    detail     text NOT NULL DEFAULT '',
    said_at    timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK ((outcome = '') = (settled_at IS NULL))
);
CREATE INDEX registry_object_intents_of_domain ON registry_object_intents (domain_id, id);
-- One command at a time about an object: an unknown outcome is settled before anything else is said.
CREATE UNIQUE INDEX registry_object_intents_open ON registry_object_intents (registry, object) WHERE outcome = '';

-- The daily walk goes by registry, that is by top-level domain.
DROP INDEX domains_unsynced;
CREATE INDEX domains_unsynced ON domains (tld, synced_at)
    WHERE state IN ('ACTIVE', 'EXPIRED', 'REDEMPTION', 'PENDING_DELETE');

-- Lock periods by date say it, for names that come here as for those that go.
INSERT INTO tld_locks (tld, kind, from_date, days)
    SELECT tld, kind, current_date, transfer_lock_days FROM tlds, unnest('{REGISTRATION,TRANSFER}'::text[]) AS kind
    WHERE transfer_lock_days <> CASE WHEN tld IN ('hu', 'eu') THEN 0 ELSE 60 END AND transfer_lock_days <= 365
    ON CONFLICT DO NOTHING;
ALTER TABLE tlds DROP COLUMN transfer_lock_days;

-- What two registries' registrars publish of them. .hu: renewed for 30 days after the expiry, then 30 days parked, from where
-- it can be had back. .eu: no renewal after the expiry, 40 days of quarantine.
UPDATE tlds SET redemption_days = 30 WHERE tld = 'hu' AND redemption_days = 0;
UPDATE tlds SET renew_grace_days = 0 WHERE tld = 'eu' AND renew_grace_days = 30;

-- When somebody else became its holder: another contact, or another name in the contact.
ALTER TABLE domains ADD COLUMN registrant_changed_at timestamptz;
UPDATE domains d SET registrant_changed_at = i.at
  FROM (SELECT domain_id, max(settled_at) AS at FROM registry_intents
        WHERE command = 'contacts' AND outcome = 'DONE' AND parameters->'roles' ? 'registrant' GROUP BY domain_id) i
 WHERE i.domain_id = d.id;
