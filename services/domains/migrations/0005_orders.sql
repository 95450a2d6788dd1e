-- Orders of more than registrations: transfers, renewals, restores. An order has items; each is paid once, and ends done
-- or credited.

ALTER TABLE orders
    -- The day of a renewal that nobody had to ask for; one such order an account and day.
    ADD COLUMN automatic_on date;
CREATE UNIQUE INDEX orders_automatic ON orders (account_id, automatic_on) WHERE automatic_on IS NOT NULL;

CREATE TABLE order_items (
    id           uuid PRIMARY KEY DEFAULT uuidv7(),
    order_id     uuid NOT NULL REFERENCES orders,
    account_id   uuid NOT NULL,
    domain_id    uuid NOT NULL,
    action       text NOT NULL CHECK (action IN ('REGISTER', 'TRANSFER', 'RENEW', 'RESTORE')),
    -- 0 where nothing is added to the period: a restore, and a transfer under some top-level domains.
    years        int NOT NULL CHECK (years BETWEEN 0 AND 10),
    -- ORDERED waits for payment; PAID is being carried out; FAILED was never paid, or is credited.
    state        text NOT NULL DEFAULT 'ORDERED' CHECK (state IN ('ORDERED', 'PAID', 'DONE', 'FAILED')),
    failure      text NOT NULL DEFAULT '',
    operation_id uuid NOT NULL,
    -- A renewal: the expiry that it counts from.
    period_start timestamptz,
    automatic    boolean NOT NULL DEFAULT false,
    -- A transfer: the code that the registry asks for, sealed. Gone when the item has ended.
    auth_code    bytea,
    -- Since when a transfer has waited for another code from the customer.
    code_wanted  timestamptz,
    created_at   timestamptz NOT NULL,
    paid_at      timestamptz,
    ended_at     timestamptz,
    FOREIGN KEY (domain_id, account_id) REFERENCES domains (id, account_id),
    CHECK ((state = 'FAILED') = (failure <> '')),
    CHECK ((state IN ('DONE', 'FAILED')) = (ended_at IS NOT NULL)),
    CHECK (state NOT IN ('PAID', 'DONE') OR paid_at IS NOT NULL),
    CHECK (action <> 'RENEW' OR period_start IS NOT NULL),
    CHECK (auth_code IS NULL OR action = 'TRANSFER'),
    CHECK (ended_at IS NULL OR (auth_code IS NULL AND code_wanted IS NULL))
);
CREATE INDEX order_items_of_order ON order_items (order_id);
CREATE INDEX order_items_of_domain ON order_items (domain_id, id);
CREATE INDEX order_items_code_wanted ON order_items (code_wanted) WHERE code_wanted IS NOT NULL;
CREATE INDEX order_items_paid ON order_items (paid_at) WHERE state = 'PAID';
-- One of a kind at a time for each domain, and no period twice.
CREATE UNIQUE INDEX order_items_open ON order_items (domain_id, action) WHERE state IN ('ORDERED', 'PAID');
CREATE UNIQUE INDEX order_items_period ON order_items (domain_id, period_start) WHERE action = 'RENEW' AND state <> 'FAILED';
CREATE UNIQUE INDEX order_items_automatic ON order_items (domain_id, period_start) WHERE automatic;

-- An item goes forward only, and what has ended stays ended.
CREATE FUNCTION refuse_order_item_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
           ('ORDERED', 'PAID'), ('ORDERED', 'FAILED'), ('PAID', 'DONE'), ('PAID', 'FAILED'))
       OR OLD.paid_at IS NOT NULL AND NEW.paid_at IS DISTINCT FROM OLD.paid_at THEN
        RAISE EXCEPTION 'order item % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_items_go_forward BEFORE UPDATE ON order_items
    FOR EACH ROW EXECUTE FUNCTION refuse_order_item_return();

-- What was ordered before items were kept: one registration a domain, and its id is the domain's.
INSERT INTO order_items (id, order_id, account_id, domain_id, action, years, state, failure, operation_id, created_at,
                         paid_at, ended_at)
SELECT d.id, d.order_id, d.account_id, d.id, 'REGISTER', d.years,
       CASE d.state WHEN 'PENDING_PAYMENT' THEN 'ORDERED' WHEN 'PENDING_REGISTRATION' THEN 'PAID'
                    WHEN 'FAILED' THEN 'FAILED' ELSE 'DONE' END,
       d.failure, d.operation_id, d.created_at,
       CASE WHEN d.state NOT IN ('PENDING_PAYMENT', 'FAILED') THEN d.created_at END,
       CASE WHEN d.state NOT IN ('PENDING_PAYMENT', 'PENDING_REGISTRATION') THEN d.state_since END
FROM domains d WHERE d.order_id IS NOT NULL AND d.operation_id IS NOT NULL;

ALTER TABLE tlds
    ADD COLUMN transferable boolean NOT NULL DEFAULT true,
    -- What a transfer adds to the registration period.
    ADD COLUMN transfer_years int NOT NULL DEFAULT 1 CHECK (transfer_years BETWEEN 0 AND 1),
    -- How long a name stays where it is after it was registered or moved.
    ADD COLUMN transfer_lock_days int NOT NULL DEFAULT 60 CHECK (transfer_lock_days >= 0),
    -- What the registry takes for a code (RFC 5731 authInfo), in characters.
    ADD COLUMN auth_code_min int NOT NULL DEFAULT 6 CHECK (auth_code_min > 0),
    ADD COLUMN auth_code_max int NOT NULL DEFAULT 64 CHECK (auth_code_max >= auth_code_min),
    -- How long a transfer waits for the right code before its price goes back.
    ADD COLUMN auth_code_wait_days int NOT NULL DEFAULT 14 CHECK (auth_code_wait_days > 0),
    -- When a renewal is ordered by itself, and until when it can be paid, in days before the expiry.
    ADD COLUMN renew_ahead_days int NOT NULL DEFAULT 60,
    ADD COLUMN renew_pay_days int NOT NULL DEFAULT 3 CHECK (renew_pay_days BETWEEN 0 AND renew_ahead_days);
UPDATE tlds SET transfer_years = 0, transfer_lock_days = 0 WHERE tld IN ('hu', 'eu');

-- The language that the account is written to in.
ALTER TABLE registrants ADD COLUMN locale text NOT NULL DEFAULT 'hu';
