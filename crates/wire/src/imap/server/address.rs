//! Address lists of a header, undecoded (RFC 5322 §3.4).

/// One member of ENVELOPE's address lists (RFC 3501 §7.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A mailbox: display name, local part, domain.
    Mailbox {
        name: Option<String>,
        local: String,
        domain: String,
    },
    /// A group begins.
    GroupStart(String),
    /// A group ends.
    GroupEnd,
}

/// Reads an address list. What is no address is left out; encoded words stay as they are.
pub(super) fn addresses(value: &[u8]) -> Vec<Address> {
    let text = String::from_utf8_lossy(value);
    let mut reader = Reader::default();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if reader.out.len() >= MOST_ADDRESSES {
            break;
        }
        match c {
            '"' => reader.quoted(&mut characters),
            '(' => reader.comment(&mut characters),
            '<' => {
                let inside = characters.by_ref().take_while(|c| *c != '>').collect();
                reader.angle = Some(inside);
            }
            ',' => reader.finish(),
            ':' if reader.angle.is_none() && !reader.text.contains('@') => reader.group(),
            ';' => {
                reader.finish();
                reader.out.push(Address::GroupEnd);
            }
            c => reader.text.push(c),
        }
    }
    reader.finish();
    reader.out
}

#[derive(Debug, Default)]
struct Reader {
    out: Vec<Address>,
    text: String,
    comment: Option<String>,
    angle: Option<String>,
}

impl Reader {
    /// A quoted string; in a display name without its quotes.
    fn quoted(&mut self, characters: &mut std::str::Chars<'_>) {
        while let Some(c) = characters.next() {
            match c {
                '"' => break,
                '\\' => self.text.extend(characters.next()),
                c => self.text.push(c),
            }
        }
    }

    /// A comment; the last one serves as the name of an address without one.
    fn comment(&mut self, characters: &mut std::str::Chars<'_>) {
        let mut depth = 1;
        let mut comment = String::new();
        while let Some(c) = characters.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => comment.extend(characters.next()),
                c => comment.push(c),
            }
            if depth == 0 {
                break;
            }
        }
        self.comment = Some(comment.trim().to_owned());
    }

    fn group(&mut self) {
        let name = std::mem::take(&mut self.text);
        self.comment = None;
        self.out.push(Address::GroupStart(name.trim().to_owned()));
    }

    fn finish(&mut self) {
        let text = std::mem::take(&mut self.text);
        let comment = self.comment.take();
        let (name, address) = match self.angle.take() {
            Some(address) => (
                Some(text.trim().to_owned()).filter(|name| !name.is_empty()),
                address,
            ),
            None => (None, text),
        };
        let name = name.or(comment).filter(|name| !name.is_empty());
        // A source route before the address is obsolete (RFC 5322 §4.4).
        let address = address
            .rsplit_once(':')
            .map_or(address.as_str(), |(_, last)| last)
            .trim();
        if address.is_empty() {
            return;
        }
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let (local, domain) = (local.trim().to_owned(), domain.trim().to_owned());
        self.out.push(Address::Mailbox {
            name,
            local,
            domain,
        });
    }
}

const MOST_ADDRESSES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(name: Option<&str>, local: &str, domain: &str) -> Address {
        let name = name.map(str::to_owned);
        Address::Mailbox {
            name,
            local: local.to_owned(),
            domain: domain.to_owned(),
        }
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let list = br#""Doe, Jane" <jane@example.com>, bob@example.org (Bob), =?utf-8?q?=C3=A9?= <e@x.fr>"#;
        assert_eq!(
            addresses(list),
            [
                mailbox(Some("Doe, Jane"), "jane", "example.com"),
                mailbox(Some("Bob"), "bob", "example.org"),
                mailbox(Some("=?utf-8?q?=C3=A9?="), "e", "x.fr"),
            ]
        );
    }

    #[test]
    fn groups_begin_and_end() {
        // RFC 5322 §A.1.3
        let list = b"A Group:Chris Jones <c@a.test>,joe@where.test;";
        assert_eq!(
            addresses(list),
            [
                Address::GroupStart("A Group".to_owned()),
                mailbox(Some("Chris Jones"), "c", "a.test"),
                mailbox(None, "joe", "where.test"),
                Address::GroupEnd,
            ]
        );
    }

    #[test]
    fn nonsense_is_borne() {
        assert_eq!(
            addresses(b",,;:<"),
            [Address::GroupEnd, Address::GroupStart(String::new())]
        );
        assert_eq!(addresses(b"\"open"), [mailbox(None, "open", "")]);
    }
}
