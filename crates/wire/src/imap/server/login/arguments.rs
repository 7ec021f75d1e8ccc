//! The arguments of LOGIN: two strings, in any of the forms that clients write.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// A LOGIN as it stands in its line and its literals (RFC 3501 §6.2.3). It is read here and not
/// by the codec, which refuses what clients send all the same: octets beyond ASCII in quoted
/// strings, and a backslash in a name that nobody quoted (`ada@contoso.com\shared`).
pub(in crate::imap::server) struct Login {
    /// The name and the password, if they could be read.
    pub(in crate::imap::server) arguments: Option<(String, SecretString)>,
}

impl Login {
    /// Reads what follows the tag; `None` if it is another command.
    pub(in crate::imap::server) fn read(command: &[u8]) -> Option<Self> {
        let (verb, rest) = command.split_at_checked(VERB.len())?;
        if !verb.eq_ignore_ascii_case(VERB)
            || !matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n'))
        {
            return None;
        }
        Some(Self {
            arguments: arguments(rest),
        })
    }
}

fn arguments(rest: &[u8]) -> Option<(String, SecretString)> {
    let (user, rest) = string(blanks(rest)?)?;
    let (password, rest) = string(blanks(rest)?)?;
    let ends = rest
        .iter()
        .all(|octet| matches!(octet, b' ' | b'\r' | b'\n'));
    let good = ends && !user.is_empty();
    good.then(|| (user.to_string(), SecretString::from(password.as_str())))
}

/// What follows the blanks, of which there is at least one.
fn blanks(octets: &[u8]) -> Option<&[u8]> {
    let rest = octets.strip_prefix(b" ")?;
    let begin = rest.iter().position(|octet| *octet != b' ');
    begin.map(|begin| &rest[begin..])
}

/// The string at the beginning, and what follows it.
fn string(octets: &[u8]) -> Option<(Zeroizing<String>, &[u8])> {
    let (found, rest) = match octets.first()? {
        b'"' => quoted(&octets[1..])?,
        b'{' => match literal(octets) {
            Some(found) => found,
            None => atom(octets)?,
        },
        _ => atom(octets)?,
    };
    let text = std::str::from_utf8(&found).ok()?;
    let good = !text.contains(['\0', '\r', '\n']);
    good.then(|| (Zeroizing::new(text.to_owned()), rest))
}

fn quoted(octets: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    // With room for everything, no copy is left behind by growing.
    let mut found = Zeroizing::new(Vec::with_capacity(octets.len()));
    let mut at = 0;
    loop {
        match octets.get(at)? {
            b'"' => return Some((found, &octets[at + 1..])),
            // It escapes a quote and itself. Before anything else it is taken as it stands: there are
            // clients that quote and do not escape.
            b'\\' if matches!(octets.get(at + 1), Some(b'"' | b'\\')) => {
                found.push(octets[at + 1]);
                at += 2;
            }
            octet => {
                found.push(*octet);
                at += 1;
            }
        }
    }
}

/// `{5}` or `{5+}`, the end of line, and so many octets.
fn literal(octets: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    let brace = memchr::memchr(b'}', octets)?;
    let digits = &octets[1..brace];
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let rest = &octets[brace + 1..];
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\n")?;
    let (found, rest) = rest.split_at_checked(length)?;
    Some((Zeroizing::new(found.to_vec()), rest))
}

/// Everything up to the next blank: what clients write there goes beyond what an atom may hold.
fn atom(octets: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    let end = octets
        .iter()
        .position(|octet| matches!(octet, b' ' | b'\r' | b'\n'))
        .unwrap_or(octets.len());
    let found = &octets[..end];
    (!found.is_empty()).then(|| (Zeroizing::new(found.to_vec()), &octets[end..]))
}

const VERB: &[u8] = b"LOGIN";

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn read(command: &str) -> Option<(String, String)> {
        let (user, password) = Login::read(command.as_bytes())
            .expect("it is a LOGIN")
            .arguments?;
        Some((user, password.expose_secret().to_owned()))
    }

    #[test]
    fn strings_come_in_every_form() {
        for (command, user, password) in [
            ("LOGIN me secret\r\n", "me", "secret"),
            ("login me secret \n", "me", "secret"),
            ("LOGIN  me  secret\r\n", "me", "secret"),
            ("LOGIN \"me\" \"two words\"\r\n", "me", "two words"),
            (r#"LOGIN me "a\"b\\c""#, "me", r#"a"b\c"#),
            (r#"LOGIN me "not\escaped""#, "me", r"not\escaped"),
            (
                r"LOGIN ada@x.test\team secret",
                r"ada@x.test\team",
                "secret",
            ),
            ("LOGIN {2}\r\nme {6+}\r\nse\"ret\r\n", "me", "se\"ret"),
            ("LOGIN {2+}\nme \"\"\r\n", "me", ""),
            ("LOGIN mé pässwörd", "mé", "pässwörd"),
            ("LOGIN \"mé\" \"pässwörd\"", "mé", "pässwörd"),
            ("LOGIN {3}\r\nmé {10}\r\npässwörd", "mé", "pässwörd"),
            ("LOGIN me (%*]{x", "me", "(%*]{x"),
            ("LOGIN me {x}", "me", "{x}"),
        ] {
            let found = read(command);
            let expected = (user.to_owned(), password.to_owned());
            assert_eq!(found, Some(expected), "{command:?}");
        }
    }

    #[test]
    fn what_is_no_pair_of_strings_is_refused() {
        for command in [
            "LOGIN",
            "LOGIN \r\n",
            "LOGIN me\r\n",
            "LOGIN me \r\n",
            "LOGIN \"\" secret",
            "LOGIN \"me secret",
            "LOGIN me secret more",
            "LOGIN me \"secret\"more",
            "LOGIN me sec\0ret",
            "LOGIN me {3}\r\na\0b",
            "LOGIN me {3}\r\na\nb",
        ] {
            assert_eq!(read(command), None, "{command:?}");
        }
        for octets in [b"LOGIN me \xff".as_slice(), b"LOGIN \"\xe4\" x"] {
            let login = Login::read(octets).expect("it is a LOGIN");
            assert!(login.arguments.is_none(), "{octets:?}");
        }
    }

    #[test]
    fn other_commands_are_none() {
        for command in ["LOGOUT\r\n", "LOGINX a b", "LOG", "NOOP", ""] {
            assert!(Login::read(command.as_bytes()).is_none(), "{command:?}");
        }
    }
}
