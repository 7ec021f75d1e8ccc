-- What was transmitted within each minute, for the limits of a mailbox; at is the time of the last
-- of it. One row of a small table is written again for each message, where a row of its own and two
-- indexes were.
CREATE TABLE traffic (
    mailbox    TEXT   NOT NULL,
    minute     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    messages   BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    PRIMARY KEY (mailbox, minute)
) WITHOUT ROWID;
INSERT INTO traffic (mailbox, minute, at, messages, recipients)
    SELECT mailbox, at / 60000000, MAX(at), COUNT(*), SUM(recipients) FROM departures
    GROUP BY mailbox, at / 60000000;
CREATE INDEX traffic_by_age ON traffic (minute);
DROP TABLE departures;
