-- Where an API token may be used from; empty means anywhere.
ALTER TABLE api_tokens ADD COLUMN networks cidr[] NOT NULL DEFAULT '{}';
