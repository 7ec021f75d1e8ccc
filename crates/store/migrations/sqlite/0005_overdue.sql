-- For how many microseconds since its first try a message was due and nobody tried it.
ALTER TABLE submissions ADD COLUMN overdue BIGINT NOT NULL DEFAULT 0;
