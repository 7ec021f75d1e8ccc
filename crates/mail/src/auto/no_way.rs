//! Every way to a mailbox is closed.

use std::error::Error;
use std::fmt;

use gatepost_fault::{Fault, Next, Owner};

/// Every way to a mailbox is closed, each for its own reason. To programs it is the reason of the
/// way that was tried first; people are told them all, in the alternate form a line each.
#[derive(Debug)]
pub struct NoWay<E> {
    mailbox: String,
    first: Box<E>,
    others: Vec<(&'static str, E)>,
    tried: &'static str,
}

impl<E: Fault> NoWay<E> {
    /// The ways that were tried, in their order, each with the reason. There is at least one.
    pub(super) fn of(mailbox: &str, closed: Vec<(&'static str, E)>) -> Self {
        let mut closed = closed.into_iter();
        let (tried, first) = closed.next().expect("there is at least one way");
        Self {
            mailbox: mailbox.to_owned(),
            first: Box::new(first),
            others: closed.collect(),
            tried,
        }
    }
}

impl<E: Fault> fmt::Display for NoWay<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mailbox,
            first,
            others,
            tried,
        } = self;
        write!(f, "every way to {mailbox} is closed:")?;
        let all = std::iter::once((tried, first.as_ref()));
        let all = all.chain(others.iter().map(|(way, error)| (way, error)));
        for (at, (way, error)) in all.enumerate() {
            let before = match (f.alternate(), at) {
                (true, _) => "\n    ",
                (false, 0) => " ",
                (false, _) => "; ",
            };
            write!(f, "{before}{way}: {error}")?;
        }
        Ok(())
    }
}

impl<E: Fault> Error for NoWay<E> {}

impl<E: Fault> Fault for NoWay<E> {
    fn code(&self) -> &'static str {
        self.first.code()
    }

    fn owner(&self) -> Owner {
        self.first.owner()
    }

    fn next(&self) -> Next {
        self.first.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MailError;

    #[test]
    fn every_reason_is_told_on_one_line_or_on_a_line_of_its_own() {
        let closed = ["imap", "graph"].map(|way| {
            let error = MailError::NotInPop3 {
                mailbox: "ada@contoso.com".into(),
                what: "flags",
            };
            (way, error)
        });
        let no_way = NoWay::of("ada@contoso.com", closed.into());
        let told = no_way.to_string();
        assert!(
            told.contains("closed: imap: ") && told.contains("; graph: "),
            "{told}"
        );
        assert!(!told.contains('\n'), "{told}");
        let told = format!("{no_way:#}");
        let lines: Vec<_> = told.lines().collect();
        assert!(
            matches!(lines[..], [_, imap, graph] if imap.starts_with("    imap: ") && graph.starts_with("    graph: ")),
            "{told}"
        );
    }
}
