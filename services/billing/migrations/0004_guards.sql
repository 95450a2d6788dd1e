-- A document goes forward only: a payment that was recorded stays recorded, and what follows a document stays named.
CREATE FUNCTION refuse_invoice_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
           ('OPEN', 'PARTIALLY_PAID'), ('OPEN', 'PAID'), ('OPEN', 'CANCELLED'), ('PARTIALLY_PAID', 'PAID'),
           ('PAID', 'REFUNDED'))
       OR abs(NEW.paid_minor) < abs(OLD.paid_minor)
       OR OLD.paid_at IS NOT NULL AND NEW.paid_at IS DISTINCT FROM OLD.paid_at
       OR OLD.replaced_by_id IS NOT NULL AND NEW.replaced_by_id IS NULL THEN
        RAISE EXCEPTION 'invoice % does not go back from %', OLD.number, OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_go_forward BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION refuse_invoice_return();

-- Only the ledger's own trigger writes balances: it is the first, theirs the second.
CREATE TRIGGER credit_balances_follow_the_ledger BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON credit_balances
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_change();

-- A number that was given out is never given out again.
CREATE FUNCTION refuse_number_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_number < OLD.last_number THEN
        RAISE EXCEPTION 'the series %-% does not go back', OLD.prefix, OLD.year USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER series_go_forward BEFORE UPDATE ON series FOR EACH ROW EXECUTE FUNCTION refuse_number_return();
CREATE TRIGGER series_stay BEFORE DELETE OR TRUNCATE ON series FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
