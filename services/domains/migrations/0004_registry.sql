-- The registry's life: rules of top-level domains, what registries told us, where they and we differ.

ALTER TABLE tlds
    ADD COLUMN max_nameservers int NOT NULL DEFAULT 13 CHECK (max_nameservers BETWEEN 1 AND 13),
    -- Days after the registration in which a delete gives the fee back (RFC 3915 addPeriod).
    ADD COLUMN add_grace_days int NOT NULL DEFAULT 5 CHECK (add_grace_days >= 0),
    -- Days after the expiry in which the domain is renewed at the usual price.
    ADD COLUMN renew_grace_days int NOT NULL DEFAULT 30 CHECK (renew_grace_days >= 0),
    -- Days in which a deleted domain can be restored; 0: never.
    ADD COLUMN redemption_days int NOT NULL DEFAULT 30 CHECK (redemption_days >= 0),
    -- Days after that until the name is free again.
    ADD COLUMN pending_delete_days int NOT NULL DEFAULT 5 CHECK (pending_delete_days >= 0),
    ADD COLUMN required_contacts text[] NOT NULL DEFAULT '{registrant,admin,tech}'
        CHECK (required_contacts <@ '{registrant,admin,tech,billing}' AND 'registrant' = ANY(required_contacts)),
    -- Countries (ISO 3166) one of which the holder must be of; none named: any.
    ADD COLUMN local_presence text[] NOT NULL DEFAULT '{}',
    ADD COLUMN dnssec boolean NOT NULL DEFAULT true,
    -- Scripts that names may be of, as services/domains/names.py spells them; one to a name.
    ADD COLUMN idn_scripts text[] NOT NULL DEFAULT '{}',
    -- The only letters beside a-z, 0-9 and the hyphen; empty: every letter of the scripts.
    ADD COLUMN idn_characters text NOT NULL DEFAULT '',
    -- Changes that the holder has to confirm by a factor registered at the registry.
    ADD COLUMN confirmed_changes text[] NOT NULL DEFAULT '{}'
        CHECK (confirmed_changes <@ '{registration,registrant,nameservers,dnssec}');
UPDATE tlds SET idn_scripts = '{Latin}', idn_characters = 'áéíóöőúüű',
       confirmed_changes = '{registration,registrant,nameservers,dnssec}', required_contacts = '{registrant,admin}',
       redemption_days = 0, pending_delete_days = 0, add_grace_days = 0
       WHERE tld = 'hu';
UPDATE tlds SET idn_scripts = '{Latin,Greek,Cyrillic}', redemption_days = 40, pending_delete_days = 0,
       add_grace_days = 0, required_contacts = '{registrant,tech}',
       local_presence = '{AT,BE,BG,CY,CZ,DE,DK,EE,ES,FI,FR,GR,HR,HU,IE,IS,IT,LI,LT,LU,LV,MT,NL,NO,PL,PT,RO,SE,SI,SK}'
       WHERE tld = 'eu';
UPDATE tlds SET idn_scripts =
       '{Latin,Greek,Cyrillic,Armenian,Hebrew,Arabic,Devanagari,Bengali,Tamil,Thai,Georgian,Han,Hiragana,Katakana,Hangul}'
       WHERE tld IN ('com', 'net');
UPDATE tlds SET idn_scripts = '{Latin,Cyrillic,Han,Hangul}' WHERE tld = 'org';
UPDATE tlds SET idn_scripts = '{Latin}' WHERE tld IN ('info', 'dev');

-- Days after something happened in which the registry or the registrar refuses to let a domain go. Of the rows of a kind
-- the latest that had begun when it happened counts.
CREATE TABLE tld_locks (
    tld       text NOT NULL REFERENCES tlds,
    kind      text NOT NULL CHECK (kind IN ('REGISTRATION', 'TRANSFER', 'REGISTRANT_CHANGE')),
    from_date date NOT NULL,
    days      int NOT NULL CHECK (days BETWEEN 0 AND 365),
    PRIMARY KEY (tld, kind, from_date)
);
INSERT INTO tld_locks (tld, kind, from_date, days)
    SELECT tld, kind, '2000-01-01', 60 FROM tlds, unnest('{REGISTRATION,TRANSFER,REGISTRANT_CHANGE}'::text[]) AS kind
    WHERE tld IN ('com', 'net', 'org', 'info', 'dev');

ALTER TABLE domains
    ADD COLUMN transferred_at timestamptz,
    -- When the registry was last asked, or told us.
    ADD COLUMN synced_at timestamptz NOT NULL DEFAULT now(),
    -- When time alone is the next to change its state; unset: its expiry.
    ADD COLUMN due_at timestamptz;
-- The list filtered by one state, in its usual order.
DROP INDEX domains_by_state;
CREATE INDEX domains_by_state ON domains (account_id, state, name, id);
CREATE INDEX domains_unsynced ON domains (synced_at)
    WHERE state IN ('ACTIVE', 'EXPIRED', 'REDEMPTION', 'PENDING_DELETE');
CREATE INDEX domains_due ON domains (coalesce(due_at, expires_at))
    WHERE state IN ('ACTIVE', 'EXPIRED', 'REDEMPTION', 'PENDING_DELETE');

-- How the message queue of each registry was found.
CREATE TABLE registries (
    name         text PRIMARY KEY,
    polled_at    timestamptz,
    -- Messages that waited after the last one taken.
    queue_length int NOT NULL DEFAULT 0,
    failed_at    timestamptz,
    failure      text NOT NULL DEFAULT ''
);

-- What registries told us through their message queues; a message is acknowledged once its row is committed.
CREATE TABLE registry_messages (
    registry   text NOT NULL,
    id         text NOT NULL,
    at         timestamptz,
    kind       text NOT NULL CHECK (kind IN ('ACTION', 'TRANSFER', 'RENEWAL', 'CHANGE', 'UNKNOWN')),
    text       text NOT NULL,
    -- The domain that it is about, as the registry spells it; empty when about none.
    name       text NOT NULL,
    domain_id  uuid REFERENCES domains,
    -- Without passwords and auth codes.
    xml        text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (registry, id)
);
CREATE INDEX registry_messages_of_domain ON registry_messages (domain_id, received_at);

-- Where our row and the registry were found to differ.
CREATE TABLE registry_drift (
    id        uuid PRIMARY KEY DEFAULT uuidv7(),
    domain_id uuid NOT NULL REFERENCES domains,
    field     text NOT NULL CHECK (field IN ('statuses', 'expires_at', 'nameservers', 'sponsor', 'existence')),
    ours      text NOT NULL,
    theirs    text NOT NULL,
    -- What made us look: the daily walk, a message of the registry's, a date that came, an operator.
    cause     text NOT NULL CHECK (cause IN ('WALK', 'MESSAGE', 'DATE', 'OPERATOR')),
    found_at  timestamptz NOT NULL,
    -- TAKEN: our row followed the registry. ENDED: the domain is not ours any more.
    settled   text NOT NULL CHECK (settled IN ('TAKEN', 'ENDED'))
);
CREATE INDEX registry_drift_of_domain ON registry_drift (domain_id, id);
