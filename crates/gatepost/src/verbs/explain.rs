//! `gatepost explain CODE`: prints the page of a code.

use gatepost_oauth::answers::aadsts as numbers;

use crate::failure::Failure;
use crate::usage::UsageError;
use crate::{codes, screen};

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The code, as messages name it, or a number of Microsoft's such as AADSTS700016; all codes if
    /// it is left away.
    code: Option<String>,
}

/// Prints the page of a code, or lists all codes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(code) = &arguments.code else {
        return codes::PAGES
            .iter()
            .try_for_each(|(code, _)| screen::line(code));
    };
    if let Some(page) = codes::page(code) {
        return screen::write(page.as_bytes());
    }
    if let Some(number) = aadsts(code) {
        return screen::write(numbered(number).as_bytes());
    }
    let advice = codes::nearest(code).map_or_else(
        || "; `gatepost explain` lists them all".to_owned(),
        |near| format!("; did you mean {near}?"),
    );
    Err(UsageError::UnknownCode {
        code: code.clone(),
        advice,
    }
    .into())
}

/// The number of `AADSTS700016`, with or without the word.
fn aadsts(code: &str) -> Option<u32> {
    let word = code
        .get(..6)
        .filter(|word| word.eq_ignore_ascii_case("AADSTS"));
    let digits = word.map_or(code, |_| &code[6..]);
    digits.parse().ok()
}

/// What a number means, with the page of the code that Gatepost makes of it.
fn numbered(number: u32) -> String {
    let page = format!("https://login.microsoftonline.com/error?code={number}");
    let Some(verdict) = numbers::of_number(number) else {
        return format!(
            "# AADSTS{number}\n\nGatepost does not know this number: what it does is decided by \
             the words that come with it. Microsoft says what it means: {page}\n"
        );
    };
    let (code, title) = (verdict.code, verdict.title);
    let known = codes::page(code).unwrap_or_default();
    format!(
        "# AADSTS{number}\n\n{title}. Gatepost calls it `{code}`. Microsoft's words: {page}\n\n{known}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_to_the_page_of_its_code_and_an_unknown_one_to_microsoft() {
        for typed in ["AADSTS700016", "aadsts700016", "700016"] {
            let number = aadsts(typed).expect("a number");
            let told = numbered(number);
            assert!(told.contains("`client_unknown`"), "{told}");
            assert!(told.contains("\n# client_unknown\n"), "{told}");
        }
        let told = numbered(1);
        assert!(
            told.contains("does not know") && told.contains("error?code=1\n"),
            "{told}"
        );
        for typed in [
            "AADSTS",
            "AADSTSx",
            "client_unknown",
            "-1",
            "AADSTS99999999999",
        ] {
            assert_eq!(aadsts(typed), None, "{typed}");
        }
    }
}
