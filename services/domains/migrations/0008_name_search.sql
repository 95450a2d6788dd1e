-- Searches of one or two characters, which trigrams cannot serve: they find the names that begin so.

-- Names are ASCII. In the order of their bytes, whatever the database sorts by, those that begin alike stand side by side.
ALTER TABLE domains ALTER COLUMN name TYPE text COLLATE "C";
-- The few names that do not begin as they are written.
CREATE INDEX domains_by_unicode_name ON domains (account_id, unicode_name text_pattern_ops) WHERE name LIKE 'xn--%';
