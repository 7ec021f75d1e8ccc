//! How much of a message may be taken apart.
//!
//! The parser has no bounds of its own. It keeps a record for every part and every header, it
//! looks through the whole rest for every boundary that never comes, and a message within a
//! message within a message is dropped by recursion. All of that is bounded here, in one pass
//! before it: what lies behind the bound is not read.

/// The beginning of a message that can be taken apart at little cost: all of it, unless somebody
/// built it to do harm.
pub(super) fn readable(octets: &[u8]) -> &[u8] {
    let mut left = Allowance::of(octets.len());
    let mut line_start = 0;
    let mut has_colon = false;
    let mut previous = 0;
    for (at, octet) in octets.iter().copied().enumerate() {
        let allowed = match octet {
            b'\n' => {
                line_start = at + 1;
                has_colon = false;
                true
            }
            b':' if !has_colon => {
                has_colon = true;
                spend(&mut left.headers)
            }
            b'-' if previous == b'-' => spend(&mut left.parts),
            b'/' => left.allows(octets, at),
            _ => true,
        };
        if !allowed {
            return &octets[..line_start];
        }
        previous = octet;
    }
    octets
}

/// The beginning of a message that can hold its header.
pub(super) fn header_of(octets: &[u8]) -> &[u8] {
    &octets[..octets.len().min(LONGEST_HEADER)]
}

/// How much of each there may still be.
struct Allowance {
    headers: usize,
    parts: usize,
    multiparts: usize,
    messages: usize,
    /// Whether what is behind the first digest was searched for encodings, and none was found.
    digests_are_plain: bool,
}

impl Allowance {
    fn of(octets: usize) -> Self {
        Self {
            headers: MOST_HEADERS,
            parts: MOST_PARTS,
            multiparts: (MOST_SEARCHED / octets.max(1)).clamp(FEWEST_MULTIPARTS, MOST_MULTIPARTS),
            messages: MOST_MESSAGES,
            digests_are_plain: false,
        }
    }

    /// Whether the media type around the slash at `at`, if it is one, may be acted upon.
    fn allows(&mut self, octets: &[u8], at: usize) -> bool {
        let before = octets[..at].trim_ascii_end();
        // A comment may stand on either side (RFC 2045 §5.1), and hides what is before it.
        let commented = before.ends_with(b")");
        if ends_with(before, b"multipart") {
            let behind = octets[at + 1..].trim_ascii_start();
            let digest = behind.starts_with(b"(") || starts_with(behind, b"digest");
            if digest && !self.digests_are_plain {
                self.digests_are_plain = !is_encoded(behind);
            }
            return spend(&mut self.multiparts) && (!digest || self.digests_are_plain);
        }
        if !commented && !ends_with(before, b"message") {
            return true;
        }
        let behind = octets[at + 1..].trim_ascii_start();
        let nests = [b"rfc822".as_slice(), b"global", b"("];
        if !nests.iter().any(|word| starts_with(behind, word)) {
            return !commented || spend(&mut self.multiparts);
        }
        spend(&mut self.messages)
            && (!commented || spend(&mut self.multiparts))
            && header_around(octets, at).is_some_and(|header| !is_encoded(header))
    }
}

fn spend(left: &mut usize) -> bool {
    let allowed = *left > 0;
    *left = left.saturating_sub(1);
    allowed
}

/// Whether a transfer encoding is named. An encoded message is no mail (RFC 2046 §5.2.1), and
/// how deep it nests cannot be seen from without.
fn is_encoded(octets: &[u8]) -> bool {
    let names = [b"base64".as_slice(), b"quoted-printable"];
    names.iter().any(|name| {
        octets
            .windows(name.len())
            .any(|found| found.eq_ignore_ascii_case(name))
    })
}

/// The lines around `at`, as far as the empty lines before and behind; `None` if those are
/// farther away than in any header.
fn header_around(octets: &[u8], at: usize) -> Option<&[u8]> {
    let first = at.saturating_sub(LONGEST_PART_HEADER);
    let last = octets.len().min(at + LONGEST_PART_HEADER);
    let before = &octets[first..at];
    let start = (0..before.len())
        .rev()
        .find(|start| is_empty_line(&before[*start..]));
    let behind = &octets[at..last];
    let end = (0..behind.len()).find(|end| is_empty_line(&behind[*end..]));
    let start = start.or((first == 0).then_some(0))?;
    let end = end.or((last == octets.len()).then_some(behind.len()))?;
    Some(&octets[first + start..at + end])
}

fn is_empty_line(octets: &[u8]) -> bool {
    octets.starts_with(b"\n\n") || octets.starts_with(b"\n\r\n")
}

fn starts_with(octets: &[u8], word: &[u8]) -> bool {
    let beginning = octets.get(..word.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
}

fn ends_with(octets: &[u8], word: &[u8]) -> bool {
    let end = octets.len().checked_sub(word.len());
    end.is_some_and(|end| octets[end..].eq_ignore_ascii_case(word))
}

/// Lines that may be headers, with a colon in them: some hundred octets of memory each. A text
/// with more of them is a log of a hundred megabytes.
const MOST_HEADERS: usize = 1_000_000;
/// Double dashes, each of which may begin a part: some hundred octets of memory each.
const MOST_PARTS: usize = 200_000;
/// A multipart whose boundary never comes costs a look through the whole rest.
const MOST_MULTIPARTS: usize = 1_000;
/// A large message has large attachments and still few multiparts.
const FEWEST_MULTIPARTS: usize = 16;
/// How many octets may be looked through for boundaries, by the order of magnitude: seconds.
const MOST_SEARCHED: usize = 1 << 30;
/// Messages forwarded as attachments; how deep they are in each other is not known, so all count.
const MOST_MESSAGES: usize = 100;
/// A server may send this much of a header at once, and no more is kept of it.
const LONGEST_HEADER: usize = 1 << 20;
const LONGEST_PART_HEADER: usize = 64 * 1024;
