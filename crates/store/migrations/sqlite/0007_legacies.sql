-- What other gateways left behind, sealed with a password that is not known yet, and once more by us.
CREATE TABLE legacies (
    mailbox TEXT NOT NULL PRIMARY KEY,
    form    TEXT NOT NULL,
    sealed  BLOB NOT NULL
);
