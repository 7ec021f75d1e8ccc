//! The header: what is read of it, added to it and taken out.

use mail_parser::{Address, Message, MessageParser};

use super::PrepareError;

/// What was read of a header.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Its `Message-ID`, without angle brackets.
    pub(super) message_id: String,
    /// Its subject, decoded.
    pub(super) subject: Option<String>,
    /// Who is in To, Cc and Bcc, with the name of the field.
    pub(super) recipients: Vec<(&'static str, String)>,
    from: Vec<String>,
}

/// How far a header was looked at.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Where the first line begins that is not complete.
    lines: usize,
    /// Before here, it does not end.
    octets: usize,
}

/// What is added where it is missing.
pub(super) struct Additions {
    pub(super) message_id: String,
    pub(super) date: String,
    pub(super) from: Option<String>,
}

/// Where the header ends: behind the empty line, or where something begins that is no field, or
/// `None` if it may go on. `scanned` is how far it was
/// looked at before.
pub(super) fn end(octets: &[u8], scanned: &mut Scanned) -> Option<usize> {
    while let Some(length) = memchr::memchr(b'\n', &octets[scanned.octets..]) {
        let (start, end) = (scanned.lines, scanned.octets + length + 1);
        let line = &octets[start..end];
        if line == b"\r\n" {
            return Some(start + line.len());
        }
        let may_begin = start == 0 && line.starts_with(b"From ");
        let goes_on = start > 0 && matches!(line[0], b' ' | b'\t');
        let belongs = may_begin || goes_on || is_field(line);
        if !belongs {
            return Some(start);
        }
        (scanned.lines, scanned.octets) = (end, end);
    }
    scanned.octets = octets.len();
    None
}

/// Whether `From` is a user's bare name, as cron's `root (Cron Daemon)` is: that is nobody elsewhere.
fn is_of_this_machine(octets: &[u8]) -> bool {
    let parsed = MessageParser::default().parse_headers(octets);
    let from = parsed.and_then(|parsed| addresses(parsed.from()).next());
    from.is_some_and(|from| !from.contains('@'))
}

impl Header {
    /// Reads a header with CRLF endings; answers what it says, and the header as it is sent, with
    /// the empty line behind it.
    pub(super) fn read(
        octets: &[u8],
        additions: Additions,
    ) -> Result<(Self, Vec<u8>), PrepareError> {
        let octets = octets.strip_suffix(b"\r\n").map_or(octets, |all| {
            // The empty line is written again behind what is added.
            if all.is_empty() || all.ends_with(b"\r\n") {
                all
            } else {
                octets
            }
        });
        let fields = fields(octets);
        let has = |name: &str| fields.iter().any(|field| field.is(name));
        let mut sent = Vec::with_capacity(octets.len() + 256);
        let mut add = |name: &str, value: &str| {
            sent.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        };
        if !has("message-id") {
            add("Message-ID", &format!("<{}>", additions.message_id));
        }
        if !has("date") {
            add("Date", &additions.date);
        }
        let is_local = additions.from.is_some() && is_of_this_machine(octets);
        if is_local || !has("from") {
            let from = additions.from.as_deref();
            add("From", from.ok_or(PrepareError::NoFrom)?);
        }
        for field in &fields {
            let is_replaced = is_local && field.is("from");
            if !is_replaced && !field.is("bcc") && !field.is("resent-bcc") {
                sent.extend_from_slice(field.octets);
            }
        }
        sent.extend_from_slice(b"\r\n");
        let mut whole = sent.clone();
        whole.truncate(whole.len() - 2);
        for field in fields.iter().filter(|field| field.is("bcc")) {
            whole.extend_from_slice(field.octets);
        }
        whole.extend_from_slice(b"\r\n");
        let parsed = MessageParser::default().parse_headers(&whole);
        let header = parsed.map(|parsed| Self::of(&parsed)).unwrap_or_default();
        Ok((header.named(additions.message_id), sent))
    }

    /// The address in `From`, which hears of failures.
    pub(super) fn sender(&self) -> Result<String, PrepareError> {
        match &self.from[..] {
            [] => Err(PrepareError::NoFrom),
            [first, ..] => super::check("From", first).map(|()| first.clone()),
        }
    }

    fn of(parsed: &Message<'_>) -> Self {
        let mut recipients = Vec::new();
        for (name, field) in [
            ("To", parsed.to()),
            ("Cc", parsed.cc()),
            ("Bcc", parsed.bcc()),
        ] {
            recipients.extend(addresses(field).map(|address| (name, address)));
        }
        Self {
            message_id: parsed.message_id().unwrap_or_default().to_owned(),
            subject: parsed.subject().map(ToOwned::to_owned),
            recipients,
            from: addresses(parsed.from()).collect(),
        }
    }

    /// A `Message-ID` that nobody can read has no name to be looked for; ours stands for it.
    fn named(mut self, otherwise: String) -> Self {
        if self.message_id.is_empty() {
            self.message_id = otherwise;
        }
        self
    }
}

/// The addresses of a field. One without an address is kept as it is written, and refused later.
fn addresses(field: Option<&Address<'_>>) -> impl Iterator<Item = String> {
    let all = field.into_iter().flat_map(Address::iter);
    all.filter_map(|one| {
        let address = one.address.as_deref().or(one.name.as_deref())?;
        Some(address.to_owned())
    })
}

/// One field with its continuations.
struct Field<'a> {
    octets: &'a [u8],
}

impl Field<'_> {
    fn is(&self, name: &str) -> bool {
        let written = self.octets.get(..name.len());
        let written = written.is_some_and(|written| written.eq_ignore_ascii_case(name.as_bytes()));
        let behind = self.octets.get(name.len()..).unwrap_or_default();
        let behind = behind.trim_ascii_start();
        written && behind.first() == Some(&b':')
    }
}

/// The fields of a header. The line of an mbox file before them is none.
fn fields(octets: &[u8]) -> Vec<Field<'_>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut start = 0;
    while start < octets.len() {
        let mut end = start;
        loop {
            end = memchr::memchr(b'\n', &octets[end..])
                .map_or(octets.len(), |length| end + length + 1);
            if !matches!(octets.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let field = &octets[start..end];
        if !(start == 0 && field.starts_with(b"From ")) {
            fields.push(Field { octets: field });
        }
        start = end;
    }
    fields
}

/// Whether this line begins a field: a name of printable characters, and a colon (RFC 5322 §2.2).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(|octet| (33..=126).contains(octet))
}
