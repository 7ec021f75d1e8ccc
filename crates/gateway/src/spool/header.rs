//! The header of a message that is taken in: who it is from, and how it is known again.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatepost_mail::Address;
use gatepost_mail::content::envelope;

use super::{Refused, Why, may_send};
use crate::admission::Guest;

/// The beginning of a message, until its header is complete.
///
/// Whatever its lines end with, they end with CRLF here already, as they do when the message is
/// prepared: a line that somebody sees only later has not been looked at.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    octets: Vec<u8>,
    /// A CR came, of which it is not known yet whether a LF follows.
    cr: bool,
    /// Up to where no end was found.
    looked: usize,
    end: Option<usize>,
}

impl Beginning {
    /// Takes the next octets; answers whether the header is complete.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<bool, Refused> {
        self.take(octets);
        self.end = self.find_end();
        if self.end.is_some() {
            return Ok(true);
        }
        if self.octets.len() > LONGEST {
            let said = format!("The header is longer than {LONGEST} octets");
            return Err(Refused::new(Why::Content, &said));
        }
        Ok(false)
    }

    /// Whether it takes more memory than others may take at the same time.
    pub(crate) fn is_large(&self) -> bool {
        self.octets.len() > LARGE
    }

    /// The header with its last line, and what came behind it.
    pub(crate) fn split(mut self) -> (Vec<u8>, Vec<u8>) {
        let Some(end) = self.end else {
            if self.cr {
                self.octets.extend_from_slice(b"\r\n");
            }
            return (self.octets, Vec::new());
        };
        let mut rest = self.octets.split_off(end);
        if self.cr {
            rest.push(b'\r');
        }
        (self.octets, rest)
    }

    /// CR, LF and CRLF all end a line (RFC 5321 §2.3.8 knows only the last, its clients do not).
    fn take(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            if std::mem::take(&mut self.cr) {
                octets = octets.strip_prefix(b"\n").unwrap_or(octets);
                self.octets.extend_from_slice(b"\r\n");
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
            let (line, rest) = octets.split_at(end);
            self.octets.extend_from_slice(line);
            octets = match rest.split_first() {
                Some((b'\r', rest)) => {
                    self.cr = true;
                    rest
                }
                Some((_, rest)) => {
                    self.octets.extend_from_slice(b"\r\n");
                    rest
                }
                None => rest,
            };
        }
    }

    /// Where the header ends: before its empty line.
    fn find_end(&mut self) -> Option<usize> {
        let from = self.looked.saturating_sub(3);
        let found = memchr::memmem::find(&self.octets[from..], b"\r\n\r\n");
        let found = found.map(|at| from + at + 2);
        let is_empty = self.octets.starts_with(b"\r\n");
        self.looked = self.octets.len();
        if is_empty { Some(0) } else { found }
    }
}

/// What is asked of a header.
pub(crate) struct Rules<'a> {
    pub(crate) guest: &'a Guest,
    /// Whether a From that may not be sent from is replaced.
    pub(crate) rewrite_from: bool,
}

impl Rules<'_> {
    /// The header as it may be sent. Nothing but From and Sender is ever changed.
    pub(crate) fn apply(&self, header: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let all: Vec<(usize, usize)> = fields(&header).collect();
        let called = |name: &'static str| {
            let all = all.iter().copied();
            all.filter(|(begin, end)| is_called(&header[*begin..*end], name))
        };
        let mut changes: Vec<Change> = Vec::new();
        let from: Vec<_> = called("from").collect();
        if let Some(&(begin, end)) = from.first() {
            let people = envelope(&header[begin..end]).from;
            let may_all = people.iter().all(|one| may_send(self.guest, &one.address));
            let is_good = from.len() == 1 && !people.is_empty() && may_all;
            if !is_good && !self.rewrite_from {
                return Err(self.refusal(&people, from.len()));
            }
            if !is_good {
                changes.push((begin, end, self.rewritten(&people)));
                // Whatever other From there is goes.
                let others = from[1..].iter();
                changes.extend(others.map(|(begin, end)| (*begin, *end, String::new())));
            }
        }
        if self.rewrite_from {
            // From says who writes, and nobody else hands it in (RFC 5322 §3.6.2).
            let foreign = called("sender").filter(|(begin, end)| {
                let named = sender_of(&header[*begin..*end]);
                !named.is_some_and(|address| may_send(self.guest, &address))
            });
            changes.extend(foreign.map(|(begin, end)| (begin, end, String::new())));
        }
        Ok(changed(header, changes))
    }

    fn refusal(&self, people: &[Address], fields: usize) -> Refused {
        if fields > 1 {
            let said = "The message has more than one From field (RFC 5322 §3.6)";
            return Refused::new(Why::Sender, said);
        }
        let who = people.iter().map(|one| one.address.as_str());
        let said = format!(
            "{} may not send messages from {}",
            self.guest.login,
            who.collect::<Vec<_>>().join(", ")
        );
        Refused::new(Why::Sender, &said)
    }

    /// The From field in the place of one of these: the first who may be written from, or else
    /// whoever writes instead, under a name that is nobody's address.
    fn rewritten(&self, people: &[Address]) -> String {
        let mut may = people
            .iter()
            .filter(|one| may_send(self.guest, &one.address));
        if let Some(one) = may.next() {
            return from_line(&named(one).unwrap_or_default(), &one.address);
        }
        let name = people.first().map(|one| {
            named(one).unwrap_or_else(|| {
                let local = one.address.rsplit_once('@').map(|(local, _)| local);
                local.unwrap_or_default().to_owned()
            })
        });
        from_line(&name.unwrap_or_default(), self.sender())
    }

    /// Who writes instead of somebody who may not.
    pub(crate) fn sender(&self) -> &str {
        let guest = self.guest;
        if may_send(guest, &guest.mailbox) {
            return &guest.mailbox;
        }
        let named = guest.senders.iter().find(|sender| !sender.starts_with('*'));
        named.unwrap_or(&guest.mailbox)
    }
}

/// What is the same when the same message comes again: its Message-ID, and its envelope's digest.
pub(crate) fn repetition(
    header: &[u8],
    sender: Option<&str>,
    recipients: &[String],
) -> Option<String> {
    let id = envelope(header).message_id?;
    let mut parts = String::new();
    for part in [sender.unwrap_or_default()]
        .into_iter()
        .chain(recipients.iter().map(String::as_str))
    {
        parts.push_str(&part.to_lowercase());
        parts.push('\n');
    }
    let parts = digest(&SHA256, parts.as_bytes());
    Some(format!("smtp {id} {}", URL_SAFE_NO_PAD.encode(parts)))
}

/// Where each field begins and ends, with its continuation lines (RFC 5322 §2.2.3).
fn fields(header: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        if begin >= header.len() {
            return None;
        }
        let mut end = begin;
        loop {
            end = memchr::memchr(b'\n', &header[end..]).map_or(header.len(), |at| end + at + 1);
            if !matches!(header.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let field = (begin, end);
        begin = end;
        Some(field)
    })
}

/// A field that gives way: where it begins and ends, and what stands there then.
type Change = (usize, usize, String);

fn changed(header: Vec<u8>, mut changes: Vec<Change>) -> Vec<u8> {
    if changes.is_empty() {
        return header;
    }
    changes.sort_unstable();
    let mut written = Vec::with_capacity(header.len());
    let mut at = 0;
    for (begin, end, instead) in changes {
        written.extend_from_slice(&header[at..begin]);
        written.extend_from_slice(instead.as_bytes());
        at = end;
    }
    written.extend_from_slice(&header[at..]);
    written
}

fn is_called(field: &[u8], wanted: &str) -> bool {
    let name = field.split(|octet| *octet == b':').next();
    name.is_some_and(|name| {
        name.trim_ascii_end()
            .eq_ignore_ascii_case(wanted.as_bytes())
    })
}

/// The address in a Sender field, which is written as one in From is.
fn sender_of(field: &[u8]) -> Option<String> {
    let colon = memchr::memchr(b':', field)?;
    let as_from = [b"From", &field[colon..]].concat();
    let mut people = envelope(&as_from).from.into_iter();
    people.next().map(|one| one.address)
}

/// What somebody is called, without what is an address: one of another domain than the message is
/// from is what deceivers write there, and filters punish it.
fn named(one: &Address) -> Option<String> {
    let words = one.name.as_deref()?.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.contains('@')).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// `From: "Name" <address>`, whatever the name is made of (RFC 5322 §3.4, RFC 2047 §5).
fn from_line(name: &str, address: &str) -> String {
    let name: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST_NAME)
        .collect();
    let name = name.trim();
    if name.is_empty() {
        return format!("From: <{address}>\r\n");
    }
    if name.is_ascii() {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("From: \"{escaped}\" <{address}>\r\n");
    }
    let mut words: Vec<String> = vec![String::new()];
    for letter in name.chars() {
        // An encoded word has 75 octets at most (RFC 2047 §2).
        if words
            .last()
            .is_some_and(|word| word.len() + letter.len_utf8() > 42)
        {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let words = words
        .iter()
        .map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
    let words = words.collect::<Vec<_>>().join("\r\n ");
    format!("From: {words}\r\n <{address}>\r\n")
}

/// A header with thousands of recipients fits in.
const LONGEST: usize = 1024 * 1024;
/// Nearly all headers are a small part of this.
const LARGE: usize = 64 * 1024;
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests;
