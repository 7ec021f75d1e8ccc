//! The one place where the environment is read.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the others are sent to"
)]

use std::ffi::OsString;
use std::path::PathBuf;

/// The value of a variable; `None` if it is unset, empty or no Unicode.
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a variable as a path; `None` if it is unset or empty.
pub fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The few variables that a program we start may see: enough to find programs, speak the
/// person's language and find their home. Secrets live in other variables.
pub fn for_children() -> Vec<(OsString, OsString)> {
    CHILDREN_SEE
        .iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (OsString::from(name), value)))
        .collect()
}

const CHILDREN_SEE: &[&str] = &[
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
];
