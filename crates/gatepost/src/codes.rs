//! Every code a fault can have, with its page.

/// Code and page, by code: the folder `docs/codes`, embedded.
pub const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of `code`.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(name, _)| *name == code)
        .map(|(_, page)| *page)
}

/// The code that may be meant by `typed`.
pub fn nearest(typed: &str) -> Option<&'static str> {
    let near = PAGES
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(typed, name), *name))
        .min()?;
    (near.0 <= typed.len() / 3).then_some(near.1)
}

/// Whether an administrator of the tenant must act, as the page of `code` says.
pub fn is_for_an_administrator(code: &str) -> bool {
    let who = page(code).and_then(|page| page.split_once("\n## Who must act\n"));
    who.is_some_and(|(_, who)| {
        let who = who.trim_start();
        who.starts_with("An administrator of the Microsoft 365 tenant")
    })
}

/// `code` as one that lives as long as the program, if it has a page.
pub fn known(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(name, _)| *name == code)
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_must_act_is_what_the_page_says() {
        for (code, is_for_an_administrator) in [
            ("smtp_switched_off", true),
            ("smtp_not_connected", true),
            ("send_as_denied", true),
            ("graph_access_denied", true),
            ("mailbox_unavailable", false),
            ("consent_missing", true),
            ("message_waits", false),
            ("no_such_code", false),
        ] {
            assert_eq!(
                super::is_for_an_administrator(code),
                is_for_an_administrator,
                "{code}"
            );
        }
    }
}
