-- Changing domains at their registries: commands that wait their turn, contacts, glue, DNSSEC.

ALTER TABLE registry_intents
    -- What the command shall bring about: {"nameservers": [...]}.
    ADD COLUMN parameters   jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN operation_id uuid,
    -- Who asked for it, as the events tell it (portico.common.v1.ActorRef).
    ADD COLUMN actor        jsonb,
    -- Since when it may have been carried out; unset while it waits for the domain's earlier ones.
    ADD COLUMN said_at      timestamptz;
UPDATE registry_intents SET said_at = created_at;
ALTER TABLE registry_intents ADD CHECK (outcome <> 'DONE' OR said_at IS NOT NULL);
DROP INDEX registry_intents_open;
-- One command at a time per domain is out: an unknown outcome is settled before anything else is said.
CREATE UNIQUE INDEX registry_intents_open ON registry_intents (domain_id) WHERE outcome = '' AND said_at IS NOT NULL;
CREATE INDEX registry_intents_unsettled ON registry_intents (domain_id, id) WHERE outcome = '';

-- Addresses of the nameservers inside the domain: {"ns1.minta.hu": ["192.0.2.1"]}.
ALTER TABLE domains ADD COLUMN glue jsonb NOT NULL DEFAULT '{}';

ALTER TABLE tlds
    ADD COLUMN min_nameservers int NOT NULL DEFAULT 2 CHECK (min_nameservers BETWEEN 0 AND 13),
    -- What our lock sets.
    ADD COLUMN lock_statuses text[] NOT NULL DEFAULT '{clientTransferProhibited}'
        CHECK ('clientTransferProhibited' = ANY(lock_statuses) AND lock_statuses
               <@ '{clientTransferProhibited,clientUpdateProhibited,clientDeleteProhibited}'),
    -- UPDATE: the registrant is changed like any contact. TRADE: in a procedure of the registry's own. REFUSED: never.
    ADD COLUMN registrant_change text NOT NULL DEFAULT 'UPDATE'
        CHECK (registrant_change IN ('UPDATE', 'TRADE', 'REFUSED')),
    -- How long the registry's verification of a holder lasts; NULL where it makes none.
    ADD COLUMN contact_verified_days int CHECK (contact_verified_days > 0),
    -- How long a DS may live on after it was taken away: the parent zone's TTL, and its publishing.
    ADD COLUMN ds_seconds int NOT NULL DEFAULT 90000 CHECK (ds_seconds >= 0);
UPDATE tlds SET lock_statuses = '{clientTransferProhibited,clientDeleteProhibited}' WHERE tld <> 'hu';
UPDATE tlds SET contact_verified_days = 365 WHERE tld = 'hu';

-- The contact objects that the house keeps at the registries; an account's domains share them.
CREATE TABLE registry_contacts (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id  uuid NOT NULL,
    -- The id at the registry: chosen by us, unless that gives another. It is there once `created` is set.
    handle      text NOT NULL,
    created     boolean NOT NULL DEFAULT false,
    name        text NOT NULL,
    org         text NOT NULL DEFAULT '',
    street      text[] NOT NULL,
    city        text NOT NULL,
    province    text NOT NULL DEFAULT '',
    postal_code text NOT NULL DEFAULT '',
    country     text NOT NULL,
    phone       text NOT NULL DEFAULT '',
    email       text NOT NULL,
    -- The registry's verification of the person. It runs out: EXPIRED is what VERIFIED is after `verified_until`.
    verification   text NOT NULL DEFAULT 'UNVERIFIED' CHECK (verification IN ('UNVERIFIED', 'PENDING', 'VERIFIED')),
    verified_at    timestamptz,
    verified_until timestamptz,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CHECK ((verification = 'VERIFIED') <= (verified_at IS NOT NULL)),
    CHECK (verified_until IS NULL OR verified_at IS NOT NULL),
    UNIQUE (account_id, handle),
    UNIQUE (id, account_id)
);
CREATE INDEX registry_contacts_of_account ON registry_contacts (account_id, name, id);
CREATE INDEX registry_contacts_pending ON registry_contacts (updated_at) WHERE verification = 'PENDING';

ALTER TABLE domains ADD UNIQUE (id, account_id);
-- Who a domain's contacts are. A contact is of the domain's account: the keys say so.
CREATE TABLE domain_contacts (
    domain_id  uuid NOT NULL,
    account_id uuid NOT NULL,
    role       text NOT NULL CHECK (role IN ('registrant', 'admin', 'tech', 'billing')),
    contact_id uuid NOT NULL,
    PRIMARY KEY (domain_id, role),
    FOREIGN KEY (domain_id, account_id) REFERENCES domains (id, account_id),
    FOREIGN KEY (contact_id, account_id) REFERENCES registry_contacts (id, account_id)
);
CREATE INDEX domain_contacts_of_contact ON domain_contacts (contact_id);

ALTER TABLE zones
    -- REMOVING: the keys are being taken away, nobody can turn back any more.
    ADD COLUMN dnssec text NOT NULL DEFAULT 'OFF'
        CHECK (dnssec IN ('OFF', 'ENABLING', 'ON', 'DISABLING', 'REMOVING')),
    ADD COLUMN dnssec_since timestamptz,
    -- When the keys can go: no resolver knows the DS any longer.
    ADD COLUMN dnssec_until timestamptz,
    -- The operation under way.
    ADD COLUMN dnssec_operation_id uuid,
    -- The DS records of our keys: [{"key_tag", "algorithm", "digest_type", "digest"}].
    ADD COLUMN ds jsonb NOT NULL DEFAULT '[]',
    ADD CHECK ((dnssec IN ('ENABLING', 'DISABLING', 'REMOVING')) = (dnssec_operation_id IS NOT NULL));
