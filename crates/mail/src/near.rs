//! Which folder may be meant by a name that none has.

use crate::FolderName;

/// Those of `folders` that may be meant by `typed`, the likeliest first: written almost alike, or
/// called so on another level. A few at most.
pub(crate) fn names(typed: &FolderName, folders: Vec<FolderName>) -> Vec<FolderName> {
    let mut near: Vec<(usize, FolderName)> = folders
        .into_iter()
        .filter_map(|folder| Some((distance(typed, &folder)?, folder)))
        .collect();
    near.sort();
    near.dedup();
    near.truncate(MOST);
    near.into_iter().map(|(_, folder)| folder).collect()
}

/// How many slips of the finger lie between the names or their last levels; `None` if too many.
fn distance(typed: &FolderName, folder: &FolderName) -> Option<usize> {
    let (typed, folder) = (lower(typed), lower(folder));
    let whole = slips(&typed, &folder);
    let last = slips(last_level(&typed), last_level(&folder)).map(|slips| slips + ELSEWHERE);
    whole.into_iter().chain(last).min()
}

/// Longer names may be misspelt more.
fn slips(typed: &str, name: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(typed, name);
    let bearable = (typed.chars().count() / 3).clamp(1, 3);
    (slips <= bearable).then_some(slips)
}

fn lower(name: &FolderName) -> String {
    let start = name.as_str().chars().take(LONGEST);
    start.flat_map(char::to_lowercase).collect()
}

fn last_level(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

const MOST: usize = 3;
/// The right name on another level is less likely than a slip in the whole name.
const ELSEWHERE: usize = 1;
/// A server may list names of any length, and comparing takes the product of two.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(typed: &str) -> Vec<String> {
        let folders = [
            "INBOX",
            "Archive",
            "Archive/2025",
            "Customers/Archiv",
            "Sent",
        ];
        let folders = folders.map(FolderName::new).to_vec();
        let names = names(&FolderName::new(typed), folders);
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_slip_another_case_and_another_level_are_understood() {
        assert_eq!(meant("archive")[0], "Archive");
        assert_eq!(meant("Archvie")[0], "Archive");
        assert_eq!(meant("2025"), ["Archive/2025"]);
        assert_eq!(meant("INBX"), ["INBOX"]);
        assert_eq!(meant("Invoices"), [""; 0]);
    }
}
