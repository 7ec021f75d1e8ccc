//! What can be told from the name of a key: which one was meant, and whether it holds a secret.

/// The name among `known` that is nearest to `found`, if one is near at all.
pub(super) fn nearest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance <= near(found, name))
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean …?`, or the whole choice if nothing is near.
pub(super) fn advice<'a>(found: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(found, known.clone()) {
        return format!("; did you mean `{name}`?");
    }
    let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match known.as_slice() {
        [] => "; none is defined".to_owned(),
        [one] => format!("; there is only {one}"),
        many => format!("; there are {}", many.join(", ")),
    }
}

/// A line of the file, cut off where a key that looks as if it held a secret has its value typed
/// in: what was typed by mistake must not travel into logs and issue trackers.
pub(super) fn without_secret(line: &str) -> String {
    let typed = line.match_indices('=').find(|(at, _)| {
        let value = line[at + 1..].trim_start();
        !value.starts_with('{') && !value.is_empty() && looks_secret(&line[..*at])
    });
    match typed {
        Some((at, _)) => format!("{} = …", line[..at].trim_end()),
        None => without_password(line),
    }
}

/// The line, with the user and password of a URL replaced.
fn without_password(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else {
        return line.to_owned();
    };
    let authority = rest.find(['/', '"', '\'', '?']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{before}://…{}", &rest[at..]),
        None => line.to_owned(),
    }
}

/// Whether the last key in `before`, the text before an `=`, names a secret.
fn looks_secret(before: &str) -> bool {
    let last = before.rsplit(['.', '{', ',']).next().unwrap_or(before);
    let last = last.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    SECRET
        .iter()
        .any(|name| last.contains(name) || strsim::damerau_levenshtein(&last, name) <= 1)
}

/// Longer names may be misspelt more.
fn near(found: &str, name: &str) -> usize {
    (found.chars().count().max(name.chars().count()) / 3).clamp(1, 3)
}

const SECRET: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "token",
    "key",
    "pem",
    "certificate",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["tenant", "client_id", "secret", "certificate"];
        assert_eq!(nearest("tennant", known), Some("tenant"));
        assert_eq!(nearest("clientid", known), Some("client_id"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for line in [
            "secret = \"hunter2\"",
            "secert = 'hunter2'",
            "  client_secret=\"hunter2\"",
            "registration.x.secret = \"hunter2\"",
            "x = { secret = \"hunter2\" }",
            "key_password = \"\"\"hunter2",
            "secret = hunter2",
            "x = { secret = hunter2 }",
            "url = \"https://ada:hunter2@example.com/\"",
        ] {
            let shown = without_secret(line);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(
            without_secret("secret = { env = \"NAME\" }"),
            "secret = { env = \"NAME\" }"
        );
    }
}
