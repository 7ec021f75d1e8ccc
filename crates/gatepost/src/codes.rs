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

/// `code` as one that lives as long as the program, if it has a page.
pub fn known(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(name, _)| *name == code)
        .map(|(name, _)| *name)
}
