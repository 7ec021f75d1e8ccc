//! The fields of a header, undecoded.

use std::borrow::Cow;

/// One field of a header, borrowed from the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// What stands before the colon.
    pub(super) name: &'a [u8],
    /// What stands after it, still folded, without the last end of line.
    pub(super) value: &'a [u8],
    /// All of it, with the last end of line.
    pub(super) whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// Whether this is its name; case does not count (RFC 5322 §1.2.2).
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, without white space around it (RFC 5322 §2.2.3).
    pub(super) fn unfolded(&self) -> Cow<'a, [u8]> {
        let value = self.value.trim_ascii();
        if memchr::memchr2(b'\r', b'\n', value).is_none() {
            return Cow::Borrowed(value);
        }
        Cow::Owned(
            value
                .iter()
                .copied()
                .filter(|o| !matches!(o, b'\r' | b'\n'))
                .collect(),
        )
    }
}

/// Cuts a header into fields. Lines that belong to no field are left out.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = end_of_field(rest);
            let (whole, after) = rest.split_at(end);
            rest = after;
            if let Some(colon) = memchr::memchr(b':', whole) {
                let value = whole[colon + 1..]
                    .strip_suffix(b"\n")
                    .unwrap_or(&whole[colon + 1..]);
                let value = value.strip_suffix(b"\r").unwrap_or(value);
                return Some(Field {
                    name: whole[..colon].trim_ascii_end(),
                    value,
                    whole,
                });
            }
        }
        None
    })
}

/// The value of the first field with this name.
pub(super) fn first<'a>(header: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    fields(header)
        .find(|field| field.is(name))
        .map(|field| field.unfolded())
}

/// Where the header ends: behind the first empty line, or at the end.
pub(super) fn end_of_header(message: &[u8]) -> usize {
    let mut start = 0;
    while let Some(at) = memchr::memchr(b'\n', &message[start..]) {
        let line = &message[start..=start + at];
        start += at + 1;
        if matches!(line, b"\r\n" | b"\n") {
            return start;
        }
    }
    message.len()
}

/// A field goes on in lines that begin with white space.
fn end_of_field(header: &[u8]) -> usize {
    let mut start = 0;
    while let Some(at) = memchr::memchr(b'\n', &header[start..]) {
        start += at + 1;
        if !matches!(header.get(start), Some(b' ' | b'\t')) {
            return start;
        }
    }
    header.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_cut_and_unfolded() {
        let header = b"Subject: a\r\n b\r\nnonsense\r\nTo : x\r\n\r\n";
        let names: Vec<&[u8]> = fields(header).map(|field| field.name).collect();
        assert_eq!(names, [b"Subject".as_slice(), b"To"]);
        assert_eq!(first(header, "SUBJECT").as_deref(), Some(b"a b".as_slice()));
        assert_eq!(first(header, "Cc"), None);
    }

    #[test]
    fn a_header_ends_at_the_empty_line() {
        assert_eq!(end_of_header(b"a: b\r\n\r\nbody"), 8);
        assert_eq!(end_of_header(b"a: b\n\nbody"), 6);
        assert_eq!(end_of_header(b"\r\nbody"), 2);
        assert_eq!(end_of_header(b"a: b"), 4);
    }
}
