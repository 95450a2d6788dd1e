-- The authInfo of registrations, by which a late one is known as ours: sealed from now on.
ALTER TABLE registry_intents ADD COLUMN sealed_auth_info bytea, ADD CHECK (auth_info = '' OR sealed_auth_info IS NULL);
-- Those in the clear that nobody will compare any more.
UPDATE registry_intents i SET auth_info = '' FROM domains d
 WHERE d.id = i.domain_id AND i.auth_info <> '' AND d.state NOT IN ('PENDING_REGISTRATION', 'FAILED');
