//! Which comparisons of a benchmark are made.

/// Whether the comparison of this name is made: all are if the command line names none. What
/// begins with a dash is cargo's.
pub fn is_chosen(comparison: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .peekable();
    named.peek().is_none() || named.any(|name| name == comparison)
}
