//! What Entra's refusals mean, as data: whose move it is, what is next, what to do.
//!
//! Microsoft asks clients to look at `error` and `suberror` first and warns that numbers may
//! change; so the words decide what the program does, and the number says it more exactly.

mod table;

use gatepost_fault::{Next, Owner};

use table::{NUMBERS, SUBERRORS, UNKNOWN, WORDS};

/// What a refusal means.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The stable name; `docs/codes/<code>.md` explains it.
    pub code: &'static str,
    /// Whose move it is.
    pub owner: Owner,
    /// What the program does next.
    pub next: Next,
    /// What is wrong, as part of a sentence.
    pub title: &'static str,
    /// What to do about it, as part of a sentence.
    pub advice: &'static str,
}

/// The verdict on a refusal.
pub fn verdict(error: &str, suberror: Option<&str>, aadsts: Option<u32>) -> &'static Verdict {
    let by_suberror = suberror.and_then(|word| find_word(SUBERRORS, word));
    let by_word = find_word(WORDS, error);
    let transient = by_word.filter(|verdict| verdict.next.is_retry());
    let by_number = aadsts.and_then(find_number);
    match (by_suberror.or(transient), by_number) {
        (Some(word), Some(number)) if word.next == number.next => number,
        (Some(word), _) => word,
        (None, Some(number)) => number,
        (None, None) => by_word.unwrap_or(&UNKNOWN),
    }
}

/// The verdict on a number alone, if the table has it.
pub fn of_number(number: u32) -> Option<&'static Verdict> {
    find_number(number)
}

/// The verdict on words and a number that nobody knows.
pub(super) fn unknown() -> &'static Verdict {
    &UNKNOWN
}

/// Every verdict there is, some more than once.
pub fn verdicts() -> impl Iterator<Item = &'static Verdict> {
    let numbers = NUMBERS.iter().map(|(_, verdict)| *verdict);
    let words = WORDS.iter().chain(SUBERRORS).map(|(_, verdict)| *verdict);
    numbers.chain(words).chain([&UNKNOWN])
}

fn find_word(table: &[(&str, &'static Verdict)], word: &str) -> Option<&'static Verdict> {
    table
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, verdict)| *verdict)
}

fn find_number(number: u32) -> Option<&'static Verdict> {
    NUMBERS
        .iter()
        .find(|(numbers, _)| numbers.contains(&number))
        .map(|(_, verdict)| *verdict)
}

/// The code of an assertion outside its time range, which a wrong clock explains.
pub(super) const NOT_IN_TIME: &str = "assertion_not_in_time";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for number in NUMBERS.iter().flat_map(|(numbers, _)| *numbers) {
            assert!(seen.insert(number), "AADSTS{number} stands twice");
        }
        assert!(seen.len() > 90, "the facts name more: {}", seen.len());
    }

    #[test]
    fn one_code_means_one_thing() {
        for one in verdicts() {
            for other in verdicts().filter(|other| other.code == one.code) {
                assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn every_code_of_the_table_is_listed() {
        let table: std::collections::BTreeSet<_> = verdicts().map(|verdict| verdict.code).collect();
        let listed: Vec<_> = table.into_iter().collect();
        assert_eq!(crate::answers::Refusal::CODES, listed);
    }

    #[test]
    fn words_decide_and_numbers_refine() {
        let code = |error, suberror, number| verdict(error, suberror, number).code;
        assert_eq!(
            code("invalid_grant", Some("basic_action"), Some(50_076)),
            "mfa_required"
        );
        assert_eq!(
            code("invalid_grant", Some("token_expired"), Some(7_000_215)),
            "sign_in_expired",
            "the suberror wins over a number that contradicts it"
        );
        assert_eq!(
            code("temporarily_unavailable", None, Some(7_000_215)),
            "sign_in_server_busy"
        );
        let frequency = code("invalid_grant", Some("token_expired"), Some(70_043));
        assert_eq!(frequency, "sign_in_frequency");
        assert_eq!(
            code("invalid_client", None, Some(7_000_215)),
            "secret_wrong"
        );
        assert_eq!(code("invalid_client", None, Some(1)), "client_refused");
        assert_eq!(code("never_heard", None, None), "token_refused");
    }
}
