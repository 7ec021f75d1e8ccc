//! The file with the passwords that clients use, one account on each line.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::ImportError;

/// Reads lines of `address password` or `address:password`, whichever comes first, a blank or the
/// colon. After a colon the password is all that follows; blanks between are not part of one
/// after a blank. Empty lines, and those that begin with `#`, say nothing.
pub fn read(text: &str) -> Result<BTreeMap<String, SecretString>, ImportError> {
    let mut passwords = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |reason| ImportError::PasswordLine {
            line: index + 1,
            reason,
        };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(end) = line.find([' ', '\t', ':']) else {
            return Err(wrong("there is no password"));
        };
        let (address, rest) = line.split_at(end);
        let password = match rest.strip_prefix(':') {
            Some(password) => password,
            None => rest.trim_start_matches([' ', '\t']),
        };
        if address.is_empty() {
            return Err(wrong("there is no address"));
        }
        if password.is_empty() {
            return Err(wrong("there is no password"));
        }
        let password = SecretString::from(password);
        if passwords.insert(address.to_owned(), password).is_some() {
            return Err(wrong("the address is there already"));
        }
    }
    Ok(passwords)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn both_forms_are_read() {
        let read = read("# theirs\nada@x.y se:cret one\n\nbob@x.y: two \nc@x.y\t\tthree\n");
        let read = read.expect("it is well formed");
        let shown: Vec<_> = read
            .iter()
            .map(|(address, password)| (address.as_str(), password.expose_secret()))
            .collect();
        assert_eq!(
            shown,
            [
                ("ada@x.y", "se:cret one"),
                ("bob@x.y", " two "),
                ("c@x.y", "three")
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_without_the_line() {
        for (text, line) in [
            ("canary", 1),
            ("a@x.y \n", 1),
            ("a@x.y 1\na@x.y canary", 2),
            (":canary", 1),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.to_string().starts_with(&format!("line {line}: ")));
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
