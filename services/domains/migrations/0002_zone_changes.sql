-- What was done to zones, by whom; and what record sets are for.

ALTER TABLE record_sets ADD COLUMN comment text NOT NULL DEFAULT '' CHECK (length(comment) <= 500);

CREATE TABLE zone_changes (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    zone_id      uuid NOT NULL REFERENCES zones ON DELETE CASCADE,
    -- The version that it made.
    version      bigint NOT NULL CHECK (version > 1),
    kind         text NOT NULL CHECK (kind IN ('EDIT', 'IMPORT', 'ROLLBACK')),
    -- As the events tell it (portico.common.v1.ActorRef).
    author       jsonb NOT NULL,
    note         text NOT NULL DEFAULT '',
    -- [{"name", "type", "before": {"ttl", "records", "comment"} or null, "after": the same or null}], by name and type.
    diff         jsonb NOT NULL CHECK (jsonb_array_length(diff) > 0),
    operation_id uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    UNIQUE (zone_id, version)
);

-- Ready-made record sets to begin with: the house's own, edited by the operator.
CREATE TABLE zone_templates (
    code     text PRIMARY KEY CHECK (code ~ '^[a-z0-9_]+$'),
    title_hu text NOT NULL,
    title_en text NOT NULL,
    position int NOT NULL UNIQUE,
    -- [{"name", "type", "ttl", "records", "comment"}], names relative to the zone.
    sets     jsonb NOT NULL
);
INSERT INTO zone_templates (code, title_hu, title_en, position, sets) VALUES
    ('web_and_mail', 'Webtárhely és levelezés', 'Web hosting and mail', 1, '[
        {"name": "@", "type": "A", "ttl": 3600, "records": ["192.0.2.80"], "comment": "web"},
        {"name": "www", "type": "CNAME", "ttl": 3600, "records": ["@"], "comment": "web"},
        {"name": "mail", "type": "A", "ttl": 3600, "records": ["192.0.2.25"], "comment": "mail"},
        {"name": "@", "type": "MX", "ttl": 3600, "records": ["10 mail"], "comment": "mail"},
        {"name": "@", "type": "TXT", "ttl": 3600, "records": ["v=spf1 mx -all"], "comment": "SPF, RFC 7208"},
        {"name": "_dmarc", "type": "TXT", "ttl": 3600, "records": ["v=DMARC1; p=quarantine"], "comment": "DMARC, RFC 7489"}]'),
    ('no_mail', 'Nem fogad és nem küld levelet', 'Takes and sends no mail', 2, '[
        {"name": "@", "type": "MX", "ttl": 3600, "records": ["0 ."], "comment": "null MX, RFC 7505"},
        {"name": "@", "type": "TXT", "ttl": 3600, "records": ["v=spf1 -all"], "comment": "SPF, RFC 7208"},
        {"name": "_dmarc", "type": "TXT", "ttl": 3600, "records": ["v=DMARC1; p=reject"], "comment": "DMARC, RFC 7489"}]');
