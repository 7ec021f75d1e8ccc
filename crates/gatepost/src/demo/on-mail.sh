#!/bin/sh
# Gatepost starts this for each event: the raw message on standard input, the event as JSON in the
# file that $GATEPOST_EVENT names. Exit code 0 means done, 75 try again, 65 never again.
octets=$(wc -c)
printf '%s %s %s octets\n' "$GATEPOST_EVENT_ID" "$GATEPOST_MAILBOX" $octets \
    >> "$(dirname "$0")/arrivals.txt"
