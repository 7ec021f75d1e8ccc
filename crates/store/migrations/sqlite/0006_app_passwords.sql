-- App passwords: what programs show at the doors of the gateway. What one is recognised by, and
-- what it is good for, is sealed, bound to its id and mailbox.
CREATE TABLE app_passwords (
    id TEXT NOT NULL PRIMARY KEY,
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    used_from TEXT,
    used_for TEXT
);

-- Counts the changes to what there is, so that another process notices them.
CREATE TABLE editions (
    name TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO editions (name, number) VALUES ('app_passwords', 0);
