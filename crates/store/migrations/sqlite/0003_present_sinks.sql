-- A backlog counts what waits for the present sinks of a watch; a post-action waits for no others.
DROP INDEX deliveries_by_mailbox;
CREATE INDEX deliveries_by_mailbox ON deliveries (mailbox, event, sink, octets)
    WHERE due_at IS NOT NULL;
CREATE INDEX events_by_waiting ON events (mailbox, folder, position) WHERE post_action = 1;
