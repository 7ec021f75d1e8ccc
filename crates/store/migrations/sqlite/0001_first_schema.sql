-- Times are microseconds since 1970 (UTC). "sealed" columns hold sealed boxes, whose place is
-- the table, the column and the names of the row. PostgreSQL has the same tables, with BYTEA
-- for BLOB and identity columns for INTEGER PRIMARY KEY.

-- One row under the name 'key': what the present key must be able to open.
CREATE TABLE proofs (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);

-- A row stays when its sign-in is removed (sealed is null then), so that a generation is
-- never used twice.
CREATE TABLE grants (
    credential TEXT   NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    sealed     BLOB
);

-- A folder that has events or is watched; '' stands for events of a whole mailbox. The cursor is
-- null until the first step of the watch; sequence is the number of the newest event.
CREATE TABLE watches (
    id               INTEGER NOT NULL PRIMARY KEY,
    mailbox          TEXT    NOT NULL,
    folder           TEXT    NOT NULL,
    cursor_transport TEXT,
    cursor_version   BIGINT,
    cursor_state     TEXT,
    high_water       BIGINT,
    proven_at        BIGINT,
    sequence         BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (mailbox, folder)
);

CREATE TABLE fingerprints (
    watch       BIGINT NOT NULL REFERENCES watches (id) ON DELETE CASCADE,
    fingerprint BLOB   NOT NULL,
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (watch, fingerprint)
);
CREATE INDEX fingerprints_by_age ON fingerprints (seen_at);

-- post_action: 0 none, 1 waits for its deliveries, 2 due, 3 done.
-- octets: what the message holds on disk, inline or in the spool.
CREATE TABLE events (
    position    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    mailbox     TEXT    NOT NULL,
    folder      TEXT    NOT NULL,
    sequence    BIGINT,
    octets      BIGINT  NOT NULL,
    post_action BIGINT  NOT NULL,
    settled_at  BIGINT,
    spool_file  TEXT
);
CREATE INDEX events_by_settlement ON events (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX events_by_post_action ON events (mailbox, folder, position) WHERE post_action = 2;
CREATE INDEX events_by_spool_file ON events (spool_file) WHERE spool_file IS NOT NULL;

-- What is large and never changes, apart from what is small and does: SQLite writes a row anew,
-- with all its octets, when one column of it changes.
CREATE TABLE contents (
    event   INTEGER NOT NULL PRIMARY KEY REFERENCES events (position) ON DELETE CASCADE,
    sealed  BLOB    NOT NULL,
    message BLOB
);

-- state: pending, claimed, done, dead, discarded. due_at is when a pending delivery is tried
-- next, or when a claim runs out; null in all other states. lane (the watch), mailbox and octets
-- repeat what is known of the event, for the indices.
CREATE TABLE deliveries (
    id               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event            BIGINT  NOT NULL REFERENCES events (position) ON DELETE CASCADE,
    sink             TEXT    NOT NULL,
    lane             BIGINT  NOT NULL REFERENCES watches (id),
    mailbox          TEXT    NOT NULL,
    octets           BIGINT  NOT NULL,
    state            TEXT    NOT NULL,
    due_at           BIGINT,
    claim            BIGINT  NOT NULL DEFAULT 0,
    attempts         BIGINT  NOT NULL DEFAULT 0,
    first_attempt_at BIGINT,
    settled_at       BIGINT,
    reason           BLOB,
    UNIQUE (event, sink)
);
CREATE INDEX deliveries_by_event ON deliveries (sink, event, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_lane ON deliveries (sink, lane, event, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_time ON deliveries (sink, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_mailbox ON deliveries (mailbox, event, octets) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_given_up ON deliveries (id) WHERE state = 'dead';
