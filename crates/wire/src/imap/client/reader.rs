//! Reads the tokens of a server message, forgiving what Exchange and others are known to bend.

use std::borrow::Cow;

/// The unread rest of one whole message, without its final end of line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        let message = message.strip_suffix(b"\n").unwrap_or(message);
        Self {
            rest: message.strip_suffix(b"\r").unwrap_or(message),
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `octet` if it is the next one.
    pub(super) fn eat(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.eat(b' ') {}
    }

    /// Takes `word` in any case, if it is the whole next word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let matches = ahead.word().eq_ignore_ascii_case(word.as_bytes());
        if matches {
            *self = ahead;
        }
        matches
    }

    /// The octets up to the next space or parenthesis.
    pub(super) fn word(&mut self) -> &'a [u8] {
        self.take_while(|octet| !matches!(octet, b' ' | b'(' | b')'))
    }

    /// The name of a FETCH item; a section in brackets belongs to it (RFC 9051 §7.5.2).
    pub(super) fn item_name(&mut self) -> &'a [u8] {
        let mut in_section = false;
        self.take_while(|octet| {
            match octet {
                b'[' => in_section = true,
                b']' => in_section = false,
                _ => {}
            }
            in_section || !matches!(octet, b' ' | b'(' | b')')
        })
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// A quoted string, a literal, or a bare word; `NIL` is `None` within `Some`.
    #[expect(
        clippy::option_option,
        reason = "NIL is a value, and differs from what is unreadable"
    )]
    pub(super) fn nstring(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        match self.rest.first()? {
            b'"' => self.quoted().map(Some),
            b'{' => self.literal().map(|octets| Some(Cow::Borrowed(octets))),
            b'(' | b')' | b' ' => None,
            _ => {
                let word = self.word();
                Some((!word.eq_ignore_ascii_case(b"NIL")).then_some(Cow::Borrowed(word)))
            }
        }
    }

    /// Takes one value of whatever form, without looking at it. Depth is counted, not recursed.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'(' => {
                    self.eat(b'(');
                    depth += 1;
                }
                b')' => {
                    depth = depth.checked_sub(1)?;
                    self.eat(b')');
                }
                b' ' => self.skip_spaces(),
                _ => {
                    self.nstring()?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The words between parentheses.
    pub(super) fn words_in_parentheses(&mut self) -> Option<Vec<&'a [u8]>> {
        if !self.eat(b'(') {
            return None;
        }
        let mut words = Vec::new();
        loop {
            self.skip_spaces();
            if self.eat(b')') {
                return Some(words);
            }
            let word = self.word();
            if word.is_empty() {
                return None;
            }
            words.push(word);
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let plain = memchr::memchr2(b'"', b'\\', inner)?;
        if inner[plain] == b'"' {
            self.rest = &inner[plain + 1..];
            return Some(Cow::Borrowed(&inner[..plain]));
        }
        let mut octets = inner[..plain].to_vec();
        let mut rest = inner[plain..].iter();
        loop {
            match rest.next()? {
                b'"' => break,
                b'\\' => octets.push(*rest.next()?),
                other => octets.push(*other),
            }
        }
        self.rest = rest.as_slice();
        Some(Cow::Owned(octets))
    }

    fn literal(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let mut announcement = Reader::new(&self.rest[..=end]);
        announcement.eat(b'{');
        let length = usize::try_from(announcement.number()?).ok()?;
        let octets = self.rest.get(end + 1..)?.get(..length)?;
        self.rest = &self.rest[end + 1 + length..];
        Some(octets)
    }

    fn take_while(&mut self, mut wanted: impl FnMut(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|octet| !wanted(*octet))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}
