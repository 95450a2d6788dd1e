-- Domains, the orders that bring them, what was said to the registries, and the zones.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- A top-level domain's rules, as data.
CREATE TABLE tlds (
    tld                text PRIMARY KEY,
    sold               boolean NOT NULL DEFAULT true,
    min_years          int NOT NULL DEFAULT 1,
    max_years          int NOT NULL DEFAULT 10 CHECK (max_years >= min_years),
    -- SHOWN: the registrar learns it and shows it; REGISTRY_EMAIL: the registry mails it to the holder.
    auth_code_delivery text NOT NULL DEFAULT 'SHOWN' CHECK (auth_code_delivery IN ('SHOWN', 'REGISTRY_EMAIL'))
);
INSERT INTO tlds (tld, max_years, auth_code_delivery) VALUES
    ('hu', 5, 'REGISTRY_EMAIL'), ('com', 10, 'SHOWN'), ('net', 10, 'SHOWN'), ('org', 10, 'SHOWN'),
    ('eu', 10, 'SHOWN'), ('info', 10, 'SHOWN'), ('dev', 10, 'SHOWN');

-- What identity told of an account, to be written into registries as the registrant.
CREATE TABLE registrants (
    account_id  uuid PRIMARY KEY,
    name        text NOT NULL,
    company     boolean NOT NULL,
    email       text NOT NULL,
    phone       text NOT NULL,
    country     text NOT NULL,
    postal_code text NOT NULL,
    city        text NOT NULL,
    street      text NOT NULL,
    updated_at  timestamptz NOT NULL
);

CREATE TABLE orders (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id   uuid NOT NULL,
    -- Who ordered, as the events tell it (portico.common.v1.ActorRef).
    actor        jsonb NOT NULL,
    locale       text NOT NULL,
    created_at   timestamptz NOT NULL,
    completed_at timestamptz
);

CREATE TABLE domains (
    id            uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id    uuid NOT NULL,
    order_id      uuid REFERENCES orders,
    operation_id  uuid,
    name          text NOT NULL CHECK (name = lower(name) AND name !~ '\.$'),
    unicode_name  text NOT NULL,
    tld           text NOT NULL REFERENCES tlds,
    state         text NOT NULL CHECK (state IN (
                      'PENDING_PAYMENT', 'PENDING_REGISTRATION', 'PENDING_TRANSFER', 'ACTIVE', 'EXPIRED', 'REDEMPTION',
                      'PENDING_DELETE', 'DELETED', 'TRANSFERRED_AWAY', 'FAILED')),
    state_since   timestamptz NOT NULL,
    years         int NOT NULL DEFAULT 1 CHECK (years BETWEEN 1 AND 10),
    statuses      text[] NOT NULL DEFAULT '{}',
    registered_at timestamptz,
    expires_at    timestamptz,
    auto_renew    boolean NOT NULL,
    nameservers   text[] NOT NULL,
    failure       text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    CHECK (state <> 'ACTIVE' OR (registered_at IS NOT NULL AND expires_at IS NOT NULL)),
    CHECK ((state = 'FAILED') = (failure <> ''))
);
-- A name is held or being bought once in the whole house.
CREATE UNIQUE INDEX domains_live_name ON domains (name) WHERE state NOT IN ('DELETED', 'TRANSFERRED_AWAY', 'FAILED');
CREATE INDEX domains_by_name ON domains (account_id, name, id);
CREATE INDEX domains_by_expiry ON domains (account_id, coalesce(expires_at, 'infinity'), id);
CREATE INDEX domains_by_creation ON domains (account_id, created_at, id);
CREATE INDEX domains_by_state ON domains (account_id, state);
CREATE INDEX domains_search ON domains USING gin ((name || ' ' || unicode_name) gin_trgm_ops);
CREATE INDEX domains_of_order ON domains (order_id);
CREATE INDEX domains_unsettled ON domains (state_since) WHERE state IN ('PENDING_REGISTRATION', 'PENDING_TRANSFER');

-- What we are about to say to a registry, committed before it is said; the id is the command's clTRID.
CREATE TABLE registry_intents (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    domain_id  uuid NOT NULL REFERENCES domains,
    command    text NOT NULL,
    -- Ours alone: what tells our own registration from another's when the answer was lost.
    auth_info  text NOT NULL,
    outcome    text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'DONE', 'REFUSED', 'NOT_CARRIED_OUT')),
    detail     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK ((outcome = '') = (settled_at IS NULL))
);
CREATE INDEX registry_intents_of_domain ON registry_intents (domain_id, id);
-- One command at a time per domain: an unknown outcome is settled before anything else is said.
CREATE UNIQUE INDEX registry_intents_open ON registry_intents (domain_id) WHERE outcome = '';

CREATE TABLE zones (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    account_id      uuid NOT NULL,
    domain_id       uuid NOT NULL UNIQUE REFERENCES domains,
    name            text NOT NULL UNIQUE,
    version         bigint NOT NULL DEFAULT 1,
    -- The version the nameservers serve; 0 before the first.
    applied_version bigint NOT NULL DEFAULT 0 CHECK (applied_version <= version)
);

CREATE TABLE record_sets (
    id      uuid PRIMARY KEY DEFAULT uuidv7(),
    zone_id uuid NOT NULL REFERENCES zones,
    name    text NOT NULL CHECK (name LIKE '%.'),
    type    text NOT NULL,
    ttl     int NOT NULL CHECK (ttl BETWEEN 60 AND 604800),
    records text[] NOT NULL CHECK (cardinality(records) > 0),
    UNIQUE (zone_id, name, type)
);
