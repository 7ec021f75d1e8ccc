-- What was told of credentials, by the id of the event, for longer than events are kept: a warning
-- is given once, and a failure ends once.
CREATE TABLE notices (
    position   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event      TEXT    NOT NULL UNIQUE,
    credential TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    told_at    BIGINT  NOT NULL
);
CREATE INDEX notices_by_credential ON notices (credential, kind, position);
