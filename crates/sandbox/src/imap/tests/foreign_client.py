"""A script of a stranger: Python's imaplib against the sandbox's IMAP server."""

import email
import imaplib
import os
import ssl
import sys

port, ca_file, user = int(sys.argv[1]), sys.argv[2], sys.argv[3]
message = f"user={user}\x01auth=Bearer {os.environ['ACCESS_TOKEN']}\x01\x01".encode()

imap = imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl.create_default_context(cafile=ca_file))
assert "LOGINDISABLED" in imap.capabilities
imap.authenticate("XOAUTH2", lambda challenge: message)


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


folders = b"\n".join(ok(imap.list()))
assert b'(\\HasNoChildren \\Sent) "/" "Sent Items"' in folders, folders
assert b"INBOX" in b"\n".join(ok(imap.lsub()))
assert ok(imap.namespace()) == [b'(("" "/")) NIL NIL']
assert ok(imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"))[0].startswith(
    b"INBOX (MESSAGES 1000 UNSEEN 1000 UIDNEXT 1001"
)

assert ok(imap.select("INBOX")) == [b"1000"]
assert imap.response("PERMANENTFLAGS")[1][0].endswith(b"$MDNSent)")

# Everything at once, then one by one.
data = ok(imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
bodies = [part for part in data if isinstance(part, tuple)]
assert len(bodies) == 1000
assert email.message_from_bytes(bodies[41][1])["Subject"] == "message 41"
assert b'INTERNALDATE " 2-Jan-2026 03:04:05 +0000"' in bodies[0][0], bodies[0]

assert ok(imap.search(None, "SUBJECT", '"message 999"')) == [b"1000"]
assert ok(imap.search(None, "UNSEEN", "BEFORE", "1-Jan-2026")) == [b""]
assert ok(imap.uid("SEARCH", "CHARSET", "US-ASCII", "BODY", '"body 7"'))[0].split()[0] == b"8"
assert ok(imap.search(None, "OR", "1:3", "NOT", "1:998")) == [b"1 2 3 999 1000"]

assert imap.search("UTF-8", "SEEN")[0] == "NO"

# Reading marks as read, peeking does not.
assert ok(imap.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0][1] == (
    b"Subject: message 0\r\n\r\n"
)
assert ok(imap.search(None, "SEEN")) == [b""]
assert ok(imap.fetch("1", "(BODY[TEXT]<0.4>)"))[0][1] == b"body"
assert ok(imap.search(None, "SEEN")) == [b"1"]

assert b"\\Flagged" in ok(imap.store("2", "+FLAGS", "(\\Flagged Custom)"))[0]
assert ok(imap.search(None, "FLAGGED", "UNKEYWORD", "Custom")) == [b"2"]

ok(imap.create("Projects/Alpha"))
ok(imap.copy("1:2", "Projects/Alpha"))
status, data = imap.uid("MOVE", "3:4", "Projects/Alpha")
assert status == "OK"
assert imap.untagged_responses.get("EXPUNGE") == [b"4", b"3"], imap.untagged_responses
imap.untagged_responses.pop("EXPUNGE")

raw = b"Subject: appended\r\n\r\n" + b"x" * 100_000 + b"\r\n"
appended = ok(imap.append("projects/alpha", "\\Seen", '"01-Feb-2026 10:00:00 +0200"', raw))
assert appended[0].startswith(b"[APPENDUID "), appended
status, data = imap.append("Nowhere", None, None, raw)
assert status == "NO" and data[0].startswith(b"[TRYCREATE]"), (status, data)

assert ok(imap.select("Projects/Alpha")) == [b"5"]
data = ok(imap.fetch("5", "(FLAGS INTERNALDATE RFC822 ENVELOPE BODYSTRUCTURE)"))
assert raw in [part[1] for part in data if isinstance(part, tuple)]
assert b'" 1-Feb-2026 08:00:00 +0000"' in data[0][0], data[0][0]
ok(imap.store("1,3", "+FLAGS.SILENT", "\\Deleted"))
ok(imap.uid("EXPUNGE", "1"))
assert imap.untagged_responses.pop("EXPUNGE") == [b"1"]
assert ok(imap.expunge()) == [b"2"]
ok(imap.close())
ok(imap.rename("Projects", '"Old projects"'))
assert imap.select("Projects/Alpha")[0] == "NO"
assert ok(imap.select('"Old projects/Alpha"', readonly=True)) == [b"3"]
assert imap.store("1", "+FLAGS", "\\Seen")[0] == "NO"
ok(imap.unselect())
assert imap.delete("INBOX")[0] == "NO"
ok(imap.delete('"Old projects/Alpha"'))
assert imap.logout()[0] == "BYE"
print("all is well")
