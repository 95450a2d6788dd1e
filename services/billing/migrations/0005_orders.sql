-- Orders of more than registrations: an item has a line, and is credited once.

ALTER TABLE prices DROP CONSTRAINT prices_action_check;
ALTER TABLE prices ADD CHECK (
    action IN ('DOMAIN_REGISTER', 'DOMAIN_RENEW', 'DOMAIN_TRANSFER', 'DOMAIN_RESTORE', 'HOSTING'));
-- A restore has no period; twelve months keep it beside the others.
INSERT INTO prices (action, item, period_months, currency, net_minor) VALUES
    ('DOMAIN_RESTORE', 'hu', 12, 'HUF', 9900),
    ('DOMAIN_RESTORE', 'hu', 12, 'EUR', 2490),
    ('DOMAIN_RESTORE', 'com', 12, 'HUF', 39900),
    ('DOMAIN_RESTORE', 'com', 12, 'EUR', 9990),
    ('DOMAIN_RESTORE', 'net', 12, 'HUF', 39900),
    ('DOMAIN_RESTORE', 'net', 12, 'EUR', 9990),
    ('DOMAIN_RESTORE', 'org', 12, 'HUF', 39900),
    ('DOMAIN_RESTORE', 'org', 12, 'EUR', 9990),
    ('DOMAIN_RESTORE', 'eu', 12, 'HUF', 12900),
    ('DOMAIN_RESTORE', 'eu', 12, 'EUR', 3290),
    ('DOMAIN_RESTORE', 'info', 12, 'HUF', 39900),
    ('DOMAIN_RESTORE', 'info', 12, 'EUR', 9990),
    ('DOMAIN_RESTORE', 'dev', 12, 'HUF', 44900),
    ('DOMAIN_RESTORE', 'dev', 12, 'EUR', 11490);

-- The order's item that a line is for. Older lines have none: their item's id is the subject's.
ALTER TABLE invoice_lines ADD COLUMN order_item_id uuid;

ALTER TABLE credited_registrations RENAME TO credited_items;
ALTER TABLE credited_items RENAME COLUMN domain_id TO item_id;

-- How long an order can be paid, in one row: until the due date, and how many days after that it is given up.
CREATE TABLE order_terms (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    due_days          int NOT NULL CHECK (due_days > 0),
    cancel_after_days int NOT NULL CHECK (cancel_after_days >= 0)
);
INSERT INTO order_terms (due_days, cancel_after_days) VALUES (8, 7);

-- After this day an unpaid proforma of an order is cancelled; older ones have none: the terms say it.
ALTER TABLE invoices ADD COLUMN payable_until date CHECK (payable_until >= due_on);
CREATE INDEX invoices_unpaid_orders ON invoices (due_on)
    WHERE state = 'OPEN' AND kind = 'PROFORMA' AND order_id IS NOT NULL;
