CREATE TABLE seen (
    n         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id text NOT NULL,
    subject   text NOT NULL
);
