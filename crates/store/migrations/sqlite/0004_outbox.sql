-- Messages on their way out. state: queued, scheduled, held, claimed, transmitting, unknown, sent,
-- failed, cancelled, dead. due_at is when one that waits is tried next, when a claim runs out, or
-- when one that is unknown is looked for next; null otherwise. beside: 1 if its claim was made
-- beside a serve. idempotency_key and digest are SHA-256. "letter" never changes; "standing" holds
-- the recipients with what became of them, how to look for the message, and words.
CREATE TABLE submissions (
    position         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    mailbox          TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    priority         BIGINT  NOT NULL,
    due_at           BIGINT,
    claim            BIGINT  NOT NULL DEFAULT 0,
    beside           BIGINT  NOT NULL DEFAULT 0,
    attempts         BIGINT  NOT NULL DEFAULT 0,
    not_before       BIGINT,
    first_attempt_at BIGINT,
    departed_at      BIGINT,
    settled_at       BIGINT,
    idempotency_key  BLOB,
    digest           BLOB    NOT NULL,
    octets           BIGINT  NOT NULL,
    spool_file       TEXT,
    letter           BLOB    NOT NULL,
    standing         BLOB    NOT NULL
);
CREATE UNIQUE INDEX submissions_by_key ON submissions (mailbox, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX submissions_by_turn ON submissions (mailbox, priority, position)
    WHERE state IN ('queued', 'scheduled');
CREATE INDEX submissions_by_time ON submissions (mailbox, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX submissions_in_hand ON submissions (state) WHERE state IN ('claimed', 'transmitting');
CREATE INDEX submissions_unknown ON submissions (mailbox, position) WHERE state = 'unknown';
CREATE INDEX submissions_by_settlement ON submissions (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX submissions_by_spool_file ON submissions (spool_file) WHERE spool_file IS NOT NULL;

-- The octets of small messages, apart from what changes.
CREATE TABLE submission_messages (
    submission INTEGER NOT NULL PRIMARY KEY REFERENCES submissions (position) ON DELETE CASCADE,
    message    BLOB    NOT NULL
);

-- What was transmitted, for the limits of a mailbox.
CREATE TABLE departures (
    position   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    mailbox    TEXT    NOT NULL,
    at         BIGINT  NOT NULL,
    recipients BIGINT  NOT NULL
);
CREATE INDEX departures_by_time ON departures (mailbox, at, recipients);
CREATE INDEX departures_by_age ON departures (at);
