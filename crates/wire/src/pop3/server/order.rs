//! What a client wants, read from its line.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// A command as it was read. It may hold a password, which is never printed.
#[derive(Debug)]
pub(super) enum Order {
    Capa,
    Stls,
    User(String),
    Pass(SecretString),
    Auth(Auth),
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Top(u32, u32),
    Retr(u32),
    Dele(u32),
    Rset,
    Noop,
    Utf8,
    Quit,
}

/// AUTH in its three forms.
pub(super) enum Auth {
    /// Bare: which mechanisms are there?
    List,
    /// With a mechanism, and with its message if that came along.
    Begin {
        mechanism: Vec<u8>,
        initial: Option<Zeroizing<Vec<u8>>>,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List => "List",
            Self::Begin { .. } => "Begin",
        })
    }
}

impl Order {
    /// Reads a line without its end; `None` if it is no command or its arguments are wrong.
    ///
    /// PASS has one argument, so that blanks belong to the password (RFC 1939 §7), also at its
    /// beginning and its end.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let (verb, rest) = match memchr::memchr(b' ', line) {
            Some(space) => (&line[..space], Some(&line[space + 1..])),
            None => (line, None),
        };
        let mut words = rest
            .unwrap_or_default()
            .split(|octet| *octet == b' ')
            .filter(|word| !word.is_empty());
        let mut number =
            || -> Option<u32> { std::str::from_utf8(words.next()?).ok()?.parse().ok() };
        let order = match verb.to_ascii_uppercase().as_slice() {
            b"USER" => {
                let user = text(rest?)?.trim_ascii();
                return (!user.is_empty()).then(|| Self::User(user.to_owned()));
            }
            b"PASS" => return Some(Self::Pass(SecretString::from(text(rest?)?))),
            b"AUTH" => return auth(words).map(Self::Auth),
            b"CAPA" => Self::Capa,
            b"STLS" => Self::Stls,
            b"STAT" => Self::Stat,
            b"LIST" | b"UIDL" => {
                let one = match rest {
                    Some(rest) if !rest.trim_ascii().is_empty() => Some(number()?),
                    _ => None,
                };
                if verb.eq_ignore_ascii_case(b"LIST") {
                    Self::List(one)
                } else {
                    Self::Uidl(one)
                }
            }
            b"TOP" => Self::Top(number()?, number()?),
            b"RETR" => Self::Retr(number()?),
            b"DELE" => Self::Dele(number()?),
            b"RSET" => Self::Rset,
            b"NOOP" => Self::Noop,
            b"UTF8" => Self::Utf8,
            b"QUIT" => Self::Quit,
            _ => return None,
        };
        words.next().is_none().then_some(order)
    }
}

fn auth<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<Auth> {
    let Some(mechanism) = words.next() else {
        return Some(Auth::List);
    };
    let initial = words.next().map(|word| Zeroizing::new(word.to_vec()));
    words.next().is_none().then(|| Auth::Begin {
        mechanism: mechanism.to_vec(),
        initial,
    })
}

fn text(octets: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(octets).ok()?;
    (!text.contains(['\0', '\r'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn blanks_belong_to_the_password() {
        for password in ["two words", " first", "last ", "a  b", ""] {
            let line = format!("pass {password}");
            let Some(Order::Pass(read)) = Order::read(line.as_bytes()) else {
                panic!("a password");
            };
            assert_eq!(read.expose_secret(), password);
        }
    }

    #[test]
    fn blanks_behind_a_command_do_no_harm() {
        assert!(matches!(Order::read(b"LIST "), Some(Order::List(None))));
        assert!(matches!(Order::read(b"QUIT "), Some(Order::Quit)));
        assert!(matches!(
            Order::read(b"AUTH "),
            Some(Order::Auth(Auth::List))
        ));
        assert!(matches!(Order::read(b"top 1  0"), Some(Order::Top(1, 0))));
    }

    #[test]
    fn wrong_arguments_are_no_order() {
        for line in [
            "",
            " ",
            "STAT 1",
            "RETR",
            "RETR x",
            "RETR -1",
            "TOP 1",
            "LIST 1 2",
            "USER",
            "PASS",
            "AUTH a b c",
            "RETR 99999999999",
        ] {
            assert!(Order::read(line.as_bytes()).is_none(), "{line:?}");
        }
    }
}
